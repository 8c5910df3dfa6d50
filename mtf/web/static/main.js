// The page: what is shown, of which moment, and the keys. One state at a time, painted in one frame.

import { by, element, paint, write } from "./dom.js";
import * as format from "./format.js";
import { Health } from "./health.js";
import { Market } from "./market.js";
import { Live, get, inPath } from "./net.js";
import { Symbols } from "./symbols.js";
import { Timeline } from "./timeline.js";

const BARS = 600;
const GLANCE_MS = 5000;
const DESCRIBE_MS = 5000;
const KEYS = [
  ["1 … 9", "focus that timeframe"], ["/", "find a symbol"], ["i", "indicators"], ["← →", "previous, next tick"], ["⇧← ⇧→", "previous, next close of the focused timeframe"],
  ["space  [  ]", "play, slower, faster"], ["g", "time machine at the crosshair"], ["L", "back to live"], ["m y h", "market, symbols, health"], ["+ − f", "zoom, fit"],
  ["d  c", "dark or light, without colour"], ["v", "the bars as a table"], ["?", "this"],
];

class App {
  constructor() {
    this.view = null;
    this.symbol = null;
    this.focus = null;
    this.at = null;
    this.playing = false;
    this.chosen = null;
    this.state = null;
    this.rejects = [];
    this.generation = 0;
    this.lags = [];
    this.timeline = new Timeline(by("timeline"), this);
    this.bind();
    this.live = new Live({
      onMessage: (message) => this.receive(message),
      onOpen: (again) => this.opened(again),
      onLost: (wait) => this.lost(wait),
    });
  }

  async opened(again) {
    delete document.body.dataset.offline;
    by("trouble").hidden = true;
    const before = this.config?.run_id;
    try {
      this.config = await get("config");
      this.symbols = (await get("symbols")).symbols;
    } catch (error) {
      return this.trouble(error.message);
    }
    if (again && before !== this.config.run_id) this.trouble("The server shows another log now.");
    if (!this.view) {
      this.fromAddress();
      this.loadGlance();
      setInterval(() => this.loadGlance(), GLANCE_MS);
      setInterval(() => this.state && this.market?.describe(this.state), DESCRIBE_MS);
    } else if (this.view === "market") this.reload();
    this.setChip();
  }

  lost(wait) {
    document.body.dataset.offline = "";
    this.playing = false;
    this.setChip();
    const seq = this.state ? `What you see is seq ${format.whole(this.state.seq)}, and stays so. ` : "";
    this.trouble(`${seq}The server does not answer. Next try in ${Math.round(wait / 1000) || "half a"} s.`);
  }

  trouble(text) {
    by("trouble").hidden = !text;
    write(by("trouble"), text);
  }

  // The address holds what is shown.

  fromAddress() {
    const words = new URLSearchParams(location.search);
    const path = decodeURIComponent(location.pathname.slice(1));
    const timeframes = this.config.timeframes.map((timeframe) => timeframe.name);
    this.focus = timeframes.includes(words.get("tf")) ? words.get("tf") : timeframes[Math.min(1, timeframes.length - 1)];
    this.at = /^\d+$/.test(words.get("at") ?? "") ? Number(words.get("at")) : null;
    const specs = words.get("ind");
    this.chosen = specs === null ? this.config.outputs.filter((output, k, all) => [...new Set(all.map((each) => each.spec))].slice(0, 2).includes(output.spec)).map((output) => output.spec) : specs.split("+").filter(Boolean);
    this.symbol = this.symbols.includes(path) ? path : this.symbols[0] ?? null;
    this.setView(path === "symbols" || path === "health" ? path : "market", false);
  }

  toAddress(replace = true) {
    const words = new URLSearchParams();
    if (this.view === "market") {
      words.set("tf", this.focus);
      if (this.at !== null) words.set("at", this.at);
      words.set("ind", [...new Set(this.chosen)].join("+"));
    }
    const path = this.view === "market" ? inPath(this.symbol ?? "") : this.view;
    const address = `/${path}${words.size ? `?${words}` : ""}`;
    if (address === location.pathname + location.search) return;
    history[replace ? "replaceState" : "pushState"](null, "", address);
  }

  setView(view, remember = true) {
    this.view = view;
    this.shown?.destroy();
    this.market = null;
    for (const tab of by("tabs").children) {
      if (tab.dataset.view === view) tab.setAttribute("aria-current", "page");
      else tab.removeAttribute("aria-current");
    }
    by("tabs").classList.remove("open");
    by("timeline").hidden = view !== "market";
    document.title = view === "market" ? `${this.symbol ?? "mtf"} · mtf` : `${view} · mtf`;
    write(by("symbol"), view === "market" ? this.symbol ?? "" : "all symbols");
    document.body.dataset.view = view;
    if (view === "symbols") this.shown = new Symbols(by("main"), this);
    else if (view === "health") this.shown = new Health(by("main"), this);
    else if (this.symbol === null) by("main").replaceChildren(element("div", { class: "empty" }, element("p", {}, "Nothing has come yet. As soon as an event is in the log, it is here.")));
    else {
      this.shown = this.market = new Market(by("main"), this);
      this.reload();
    }
    if (remember) this.toAddress(false);
    this.setChip();
  }

  openSymbol(symbol, at = null) {
    this.symbol = symbol;
    this.at = at;
    this.playing = false;
    this.setView("market");
  }

  setFocus(name) {
    if (!this.market || name === this.focus) return;
    this.focus = name;
    this.market.build();
    this.reload();
    this.toAddress();
  }

  outputs() {
    return this.config.outputs.filter((output) => this.chosen.includes(output.spec));
  }

  matrixOutputs() {
    const firsts = [];
    for (const output of this.config.outputs) if (!firsts.some((each) => each.spec === output.spec)) firsts.push(output);
    const chosen = firsts.filter((output) => this.chosen?.includes(output.spec));
    return [...chosen, ...firsts.filter((output) => !chosen.includes(output))].slice(0, 2);
  }

  wantedOutputs() {
    return [...new Set([...this.outputs(), ...this.matrixOutputs()].map((output) => output.name))];
  }

  // Everything of the moment that is shown: live, or as of `at`.
  async reload() {
    const generation = ++this.generation;
    const outputs = this.wantedOutputs();
    this.state = null;
    this.waitingForBars = true;
    this.held = null;
    if (this.at === null) this.live.ask("watch", { watch: [this.symbol], outputs, every_ms: 50 });
    else {
      this.live.ask("watch", null);
      if (!this.playing) this.live.say({ watch: [] });
    }
    try {
      const at = this.at;
      const state = at === null ? null : await get(`state/${inPath(this.symbol)}`, { at, outputs: outputs.join(",") });
      const answers = await Promise.all(this.config.timeframes.map((timeframe) =>
        get(`bars/${inPath(this.symbol)}/${timeframe.name}`, { last: BARS, at, outputs: outputs.filter((name) => this.runsOn(name, timeframe.name)).join(",") })));
      if (generation !== this.generation || !this.market) return;
      this.config.timeframes.forEach((timeframe, k) => this.market.load(timeframe.name, answers[k]));
      this.waitingForBars = false;
      this.loadRejects();
      const first = state ?? this.held;
      if (first) this.paintSoon(first);
    } catch (error) {
      if (generation === this.generation) this.trouble(error.message);
    }
    this.setChip();
  }

  runsOn(name, timeframe) {
    return this.config.outputs.some((output) => output.name === name && output.timeframes.includes(timeframe));
  }

  async loadRejects() {
    this.rejects = [];
    this.market?.setRejects([]);
  }

  async loadGlance() {
    const glance = await get("log", { buckets: 1000, symbol: this.symbol }).catch(() => null);
    if (glance) this.timeline.setGlance(glance);
  }

  receive(message) {
    if (message.type === "rows" || message.type === "health") {
      write(by("fact-seq").querySelector("dd"), format.whole(message.seq));
      return this.view === (message.type === "rows" ? "symbols" : "health") && this.shown.show(message);
    }
    if (message.type === "error") return this.trouble(message.error);
    if (message.type === "played") {
      this.playing = false;
      return this.setChip();
    }
    if (message.type !== "state" || message.symbol !== this.symbol || !this.market) return undefined;
    if (message.as_of) {
      if (!this.playing) return undefined;
      return this.showPast(message);
    }
    if (this.at !== null) return undefined;
    if (message.sent_ns) this.lags.push(Date.now() - Number(message.sent_ns) / 1e6);
    if (this.state && message.prev_seq !== null && message.prev_seq !== this.lastSeq) return this.reload();
    this.lastSeq = message.seq;
    if (this.waitingForBars) {
      this.held = message;
      return undefined;
    }
    return this.paintSoon(message);
  }

  // A state of the past by itself: bars that closed since the one before are loaded, unless it went back.
  async showPast(state) {
    const before = this.state;
    this.at = state.seq;
    if (this.pastBusy) {
      this.pastNext = state;
      return;
    }
    this.pastBusy = true;
    try {
      const back = !before || !before.as_of || state.seq < before.seq;
      await Promise.all(this.config.timeframes.map(async (timeframe) => {
        const name = timeframe.name;
        if (!back && before.tf[name].bars_seen === state.tf[name].bars_seen) return;
        const chart = this.market.panels.get(name)?.chart;
        const fresh = back || !chart ? BARS : Math.min(BARS, state.tf[name].bars_seen - before.tf[name].bars_seen + 1);
        if (back && before && before.tf[name].bars_seen === state.tf[name].bars_seen) return;
        const outputs = this.wantedOutputs().filter((output) => this.runsOn(output, name)).join(",");
        const answer = await get(`bars/${inPath(this.symbol)}/${name}`, { last: fresh, at: state.seq, outputs });
        if (back) this.market?.load(name, answer);
        else {
          state.tf[name].closed = answer.bars.map((bar, k) => ({ ...bar, values: Object.fromEntries(Object.entries(answer.values).map(([output, values]) => [output, values[k]])) }));
        }
      }));
      this.paintSoon(state);
    } catch (error) {
      this.trouble(error.message);
    } finally {
      this.pastBusy = false;
      const next = this.pastNext;
      this.pastNext = null;
      if (next && this.at !== null) this.showPast(next);
    }
    this.toAddress();
  }

  paintSoon(state) {
    if (this.next && !this.next.as_of && !state.as_of) {
      for (const [name, part] of Object.entries(state.tf)) part.closed = [...this.next.tf[name].closed, ...part.closed];
      state.rejects = [...this.next.rejects, ...state.rejects];
    }
    this.next = state;
    if (document.hidden || this.frame) return;
    this.frame = requestAnimationFrame(() => {
      this.frame = null;
      const shown = this.next;
      this.next = null;
      if (shown && this.market) this.show(shown);
    });
  }

  show(state) {
    const begun = performance.now();
    this.state = state;
    if (state.rejects.length) {
      this.rejects = [...this.rejects, ...state.rejects].slice(-500);
      this.market.setRejects(this.rejects);
    }
    this.market.show(state);
    this.showHead(state);
    this.timeline.show(state.seq, state.as_of ? state.seq + state.later : state.seq, Boolean(state.as_of), this.playing);
    this.setChip();
    window.mtfUpdates = (window.mtfUpdates ?? 0) + 1;
    (window.mtfScriptMs ??= []).push(performance.now() - begun);
    if (window.mtfScriptMs.length > 2000) window.mtfScriptMs.splice(0, 1000);
  }

  showHead(state) {
    write(by("last"), format.price(state.last, state.decimals));
    const day = this.market.panels.get("1d") ?? [...this.market.panels.values()].at(-1);
    const closes = day.chart.bars;
    const reference = closes.length ? closes.at(-1).c : state.tf[day.timeframe.name].partial?.o ?? null;
    const change = reference === null || state.last === null ? null : state.last - reference;
    write(by("change-abs"), change === null ? "" : format.difference(change, state.decimals));
    write(by("change-share"), change === null ? "" : format.share(change / reference));
    paint(by("change"), `market-only ${format.direction(change ?? 0)}`);
    const quote = by("fact-quote");
    const [bid, ask] = quote.querySelectorAll("span");
    write(bid, format.price(state.bid, state.decimals));
    write(ask, format.price(state.ask, state.decimals));
    write(quote.querySelector("dt"), state.bid !== null && state.ask !== null ? `bid / ask · spread ${format.price(state.ask - state.bid, state.decimals)}` : "bid / ask");
    const [what, until = ""] = (state.session?.text ?? "").split(", ");
    write(by("fact-session").querySelector("dd"), what || "–");
    write(by("fact-session").querySelector("dt"), until);
    write(by("fact-seq").querySelector("dd"), format.whole(state.seq));
    write(by("fact-time").querySelector("dd"), state.time_ns ? format.clock(state.time_ns) : "–");
    write(by("fact-time").querySelector("dt"), state.time_ns ? `${format.day(state.time_ns)} UTC` : "");
    this.showRate(state);
  }

  showRate(state) {
    const lag = by("fact-lag").querySelector("dd");
    const rate = by("fact-rate").querySelector("dd");
    const now = performance.now();
    if (state.as_of) {
      write(lag, "–");
      write(rate, this.timeline.pace === "max" ? "max" : `${this.timeline.pace}×`);
      write(by("fact-rate").querySelector("dt"), "speed");
      return;
    }
    write(by("fact-rate").querySelector("dt"), "events/s");
    if (!this.rated || now - this.rated.now > 1000) {
      if (this.rated && state.seq >= this.rated.seq) write(rate, format.whole(Math.round((state.seq - this.rated.seq) / ((now - this.rated.now) / 1000))));
      this.rated = { now, seq: state.seq };
      const sorted = this.lags.sort((a, b) => a - b);
      const median = sorted[sorted.length >> 1];
      this.lags = [];
      write(lag, median === undefined ? "–" : `${median > 1000 ? "▲ " : ""}${Math.max(0, median).toFixed(1)} ms`);
      paint(lag, median > 1000 ? "warn" : "");
    }
  }

  setChip() {
    const live = this.view === "market" ? Boolean(this.state) : Boolean(this.config);
    const state = document.body.dataset.offline !== undefined ? "offline" : this.at !== null && this.view === "market" ? "past" : live ? "live" : "waiting";
    const words = { live: "Live", past: "Past", waiting: "Waiting", offline: "Offline" };
    if (by("chip").dataset.state !== state) {
      by("chip").dataset.state = state;
      write(by("chip").querySelector("span"), words[state]);
    }
    const past = this.at !== null && this.view === "market";
    document.body.toggleAttribute("data-past", past);
    by("band").hidden = !past;
    if (past && this.state?.as_of) {
      const { seq, time_ns: time, later } = this.state;
      write(by("band").querySelector("p b"), `As of seq ${format.whole(seq)}${time ? `, ${format.day(time)} ${format.clock(time)} UTC` : ""}.`);
      write(by("band").querySelector("p span"), "Nothing later is shown or used.");
      write(by("band").querySelector("em"), later ? `${format.whole(later)} later events are in the log` : "no later event is in the log");
    }
  }

  // The time machine.

  goTo(seq) {
    this.stop();
    this.wanted = Math.max(1, seq);
    this.at = this.wanted;
    if (this.seeking) return;
    this.seek();
  }

  async seek() {
    this.seeking = true;
    try {
      while (this.wanted !== null) {
        const seq = this.wanted;
        this.wanted = null;
        this.live.ask("watch", null);
        this.live.say({ watch: [] });
        const state = await get(`state/${inPath(this.symbol)}`, { at: seq, outputs: this.wantedOutputs().join(",") });
        if (this.at === null) return;
        this.trouble("");
        if (!this.state?.as_of) this.state = null;
        await this.showPast(state);
      }
    } catch (error) {
      this.trouble(error.message);
    } finally {
      this.seeking = false;
    }
  }

  async goToSecond(second) {
    this.stop();
    try {
      const state = await get(`state/${inPath(this.symbol)}`, { at: new Date(second * 1000).toISOString(), outputs: this.wantedOutputs().join(",") });
      this.goTo(state.seq);
    } catch (error) {
      this.trouble(error.message);
    }
  }

  async step(unit, direction) {
    if (!this.market || !this.state || this.stepping) return;
    this.stop();
    this.stepping = true;
    try {
      const state = await get(`step/${inPath(this.symbol)}`, { at: this.state.seq, unit, dir: direction, outputs: this.wantedOutputs().join(",") });
      if (state.end) this.trouble(direction > 0 ? "That is the newest one in the log." : "That is the first one in the log.");
      else {
        this.trouble("");
        this.at = state.seq;
        this.live.ask("watch", null);
        this.live.say({ watch: [] });
        if (!this.state.as_of) this.state = null;
        await this.showPast(state);
      }
    } catch (error) {
      this.trouble(error.message);
    } finally {
      this.stepping = false;
    }
  }

  togglePlay() {
    if (!this.market || !this.state) return;
    if (this.playing) return this.stop();
    const seq = this.at ?? Math.max(1, this.state.seq - 1000);
    this.at = seq;
    this.playing = true;
    if (!this.state.as_of) this.state = null;
    this.live.ask("watch", null);
    this.live.say({ play: { symbol: this.symbol, from: seq, speed: this.timeline.pace }, outputs: this.wantedOutputs() });
    this.setChip();
  }

  speedChanged() {
    if (this.playing && this.state) this.live.say({ play: { symbol: this.symbol, from: this.state.seq, speed: this.timeline.pace }, outputs: this.wantedOutputs() });
  }

  stop() {
    if (!this.playing) return;
    this.playing = false;
    this.live.say({ play: null });
  }

  toLive() {
    if (this.at === null) return;
    this.stop();
    this.wanted = null;
    this.at = null;
    this.state = null;
    this.toAddress();
    this.reload();
  }

  // What is open over the page.

  showTip(rejects, point, chart) {
    const tip = by("tip");
    tip.hidden = !rejects.length || !point;
    if (tip.hidden) return;
    tip.replaceChildren(element("b", {}, `${rejects.length} rejected in this bar`), ...rejects.slice(0, 8).map((reject) =>
      element("div", {}, `${reject.reason} · seq ${format.whole(reject.seq)} · ${format.clock(reject.time_ns)} · ${reject.price ?? "–"}`)));
    const box = chart.chart.chartElement().getBoundingClientRect();
    tip.style.left = `${Math.min(innerWidth - 330, box.left + point.x + 12)}px`;
    tip.style.top = `${Math.min(innerHeight - 120, box.top + point.y + 12)}px`;
  }

  dialog(title, ...content) {
    const dialog = by("dialog");
    dialog.replaceChildren(element("h2", {}, title), ...content, element("p", {}, element("button", { onclick: () => dialog.close() }, "Close")));
    dialog.showModal();
  }

  chooseIndicators() {
    const specs = [...new Set(this.config.outputs.map((output) => output.spec))];
    if (!specs.length) return this.dialog("Indicators", element("p", {}, "None run here: give mtf run --indicators."));
    const rows = specs.map((spec) => element("li", {}, element("label", {}, element("input", {
      type: "checkbox", checked: this.chosen.includes(spec), onchange: (event) => {
        this.chosen = event.target.checked ? [...this.chosen, spec] : this.chosen.filter((each) => each !== spec);
        this.market?.build();
        this.reload();
        this.toAddress();
      },
    }), spec)));
    return this.dialog("Indicators that run here", element("ul", {}, ...rows));
  }

  async help() {
    const notice = await fetch("/static/vendor/NOTICE-lightweight-charts.txt").then((answer) => answer.text()).catch(() => "");
    this.dialog("Keys", element("div", { class: "keys" }, ...KEYS.flatMap(([key, what]) => [element("kbd", {}, key), element("span", {}, what)])),
      element("p", { class: "dim" }, `mtf ${this.config?.version ?? ""}`), element("pre", { class: "dim" }, notice));
  }

  toggle(name, on, off) {
    const root = document.documentElement;
    if (root.dataset[name] === on) root.dataset[name] = off;
    else root.dataset[name] = on;
    localStorage.setItem(`mtf-${name}`, root.dataset[name]);
    this.market?.restyle();
    this.timeline.draw();
  }

  bind() {
    const light = window.matchMedia("(prefers-color-scheme: light)").matches ? "light" : "dark";
    document.documentElement.dataset.theme = localStorage.getItem("mtf-theme") ?? light;
    document.documentElement.dataset.colour = localStorage.getItem("mtf-colour") ?? "full";
    for (const tab of by("tabs").children) {
      tab.addEventListener("click", (event) => {
        event.preventDefault();
        this.setView(tab.dataset.view);
      });
    }
    by("mark").addEventListener("click", () => by("tabs").classList.toggle("open"));
    by("find").addEventListener("click", () => this.setView("symbols"));
    by("to-live").addEventListener("click", () => this.toLive());
    addEventListener("popstate", () => this.config && this.fromAddress());
    addEventListener("keydown", (event) => this.key(event));
    document.addEventListener("visibilitychange", () => !document.hidden && this.next && this.paintSoon(this.next));
    this.swipe();
  }

  swipe() {
    let from = null;
    by("main").addEventListener("touchstart", (event) => (from = event.touches.length === 1 && event.target.closest("h2,.tabs6") ? event.touches[0].clientX : null), { passive: true });
    by("main").addEventListener("touchend", (event) => {
      const moved = from === null ? 0 : event.changedTouches[0].clientX - from;
      if (!this.market || Math.abs(moved) < 60) return;
      const names = this.config.timeframes.map((timeframe) => timeframe.name);
      const next = names[names.indexOf(this.focus) + (moved < 0 ? 1 : -1)];
      if (next) this.setFocus(next);
    });
  }

  key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || by("dialog").open) return;
    if (event.target.closest("input,textarea,select")) return;
    const acts = {
      "/": () => this.setView("symbols"), i: () => this.chooseIndicators(), m: () => this.setView("market"), y: () => this.setView("symbols"), h: () => this.setView("health"),
      L: () => this.toLive(), l: () => this.toLive(), "[": () => this.timeline.faster(-1), "]": () => this.timeline.faster(1), " ": () => this.togglePlay(),
      ArrowLeft: () => this.step(event.shiftKey ? this.focus : "tick", -1), ArrowRight: () => this.step(event.shiftKey ? this.focus : "tick", 1),
      "+": () => this.market?.zoom(1.25), "-": () => this.market?.zoom(0.8), f: () => this.market?.fit(), d: () => this.toggle("theme", "light", "dark"),
      c: () => this.toggle("colour", "free", "full"), v: () => this.market?.toggleTable(), "?": () => this.help(),
      g: () => this.market?.hoveredSecond && this.goToSecond(this.market.hoveredSecond),
    };
    const number = Number(event.key);
    if (this.config && number >= 1 && number <= this.config.timeframes.length && this.view === "market") {
      event.preventDefault();
      this.setFocus(this.config.timeframes[number - 1].name);
    } else if (acts[event.key] && (this.view === "market" || !event.key.startsWith("Arrow"))) {
      event.preventDefault();
      acts[event.key]();
    }
  }
}

window.mtf = new App();
