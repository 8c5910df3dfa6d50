// The page: what is shown, of which moment, and the keys. One state at a time, painted in one frame.

import { chooseIndicators, help, showTip } from "./dialogs.js";
import { by, element, write, written } from "./dom.js";
import * as format from "./format.js";
import { Head } from "./head.js";
import { Health } from "./health.js";
import { Market } from "./market.js";
import { Live, get, inPath } from "./net.js";
import { withValues } from "./panel.js";
import { Symbols } from "./symbols.js";
import { Timeline } from "./timeline.js";
import { Trouble } from "./trouble.js";

const BARS = 600;
const GLANCE_MS = 5000;
const GLANCE_SOON_MS = 700;
const GLANCE_BEHIND = 2000; // events
const DESCRIBE_MS = 5000;
const ANNOUNCE_MS = 1000;
const EMPTY_MS = 1000;
const SWIPE_MS = 400;
const REJECTS = 500;

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
    this.head = new Head();
    this.trouble = new Trouble({ retry: () => this.live.retry(), seq: () => this.state?.seq ?? null });
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
    this.trouble.settle();
    const before = this.config;
    try {
      this.config = await get("config");
      this.symbols = (await get("symbols")).symbols;
    } catch (error) {
      return this.trouble.say(error.message);
    }
    const other = again && before && before.run_id !== this.config.run_id;
    const changed = again && before && !other && JSON.stringify(before.settings) !== JSON.stringify(this.config.settings);
    if (other || changed) {
      this.at = null;
      this.fromAddress(false);
      this.trouble.note(other ? "The server shows another log now: everything was loaded again." : "The pipeline runs with another configuration now: everything was loaded again.");
    } else if (!this.view) {
      this.fromAddress();
      this.loadGlance();
      setInterval(() => this.loadGlance(), GLANCE_MS);
      setInterval(() => this.state && this.market?.describe(this.state), DESCRIBE_MS);
      setInterval(() => this.state && this.market?.announce(this.state), ANNOUNCE_MS);
    } else if (this.view === "market") this.reload();
    this.setChip();
  }

  lost(wait) {
    document.body.dataset.offline = "";
    this.waitingForBars = true; // what comes first after this is not to be painted on the bars of before
    this.generation += 1;
    this.playing = false;
    this.setChip();
    this.trouble.offline(wait);
  }

  // The address holds what is shown.

  fromAddress(withMoment = true) {
    const words = new URLSearchParams(location.search);
    const path = decodeURIComponent(location.pathname.slice(1));
    const timeframes = this.config.timeframes.map((timeframe) => timeframe.name);
    this.focus = timeframes.includes(words.get("tf")) ? words.get("tf") : timeframes[Math.min(1, timeframes.length - 1)];
    if (words.get("tf") === "all") this.focus = null;
    this.at = withMoment && /^\d+$/.test(words.get("at") ?? "") ? Number(words.get("at")) : null;
    this.playing = false;
    const specs = [...new Set(this.config.outputs.map((output) => output.spec))];
    this.chosen = words.has("ind") ? chosenOf(words.get("ind"), specs) : specs.slice(0, 3);
    this.symbol = this.symbols.includes(path) ? path : this.symbols[0] ?? null;
    this.setView(path === "symbols" || path === "health" ? path : "market", false);
  }

  toAddress(replace = true) {
    const words = new URLSearchParams();
    if (this.view === "market") {
      words.set("tf", this.focus ?? "all");
      if (this.at !== null) words.set("at", this.at);
      words.set("ind", this.chosen.join(" "));
    }
    const path = this.view === "market" ? inPath(this.symbol ?? "") : this.view;
    const address = `/${path}${words.size ? `?${String(words).replaceAll("%3A", ":").replaceAll("%2C", ",")}` : ""}`;
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
    by("mark").setAttribute("aria-expanded", "false");
    by("timeline").hidden = view !== "market";
    document.title = view === "market" ? `${this.symbol ?? "mtf"} · mtf` : `${view} · mtf`;
    write(by("symbol"), view === "market" ? this.symbol ?? "" : "all symbols");
    document.body.dataset.view = view;
    if (view === "symbols") this.shown = new Symbols(by("main"), this);
    else if (view === "health") this.shown = new Health(by("main"), this);
    else if (this.symbol === null) this.shown = this.waiting();
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

  // Nothing is in the log: the page looks for a first symbol until there is one.
  waiting() {
    const command = element("code", {}, "mtf run synthetic --data demo/ && mtf serve demo/");
    by("main").replaceChildren(element("div", { class: "empty" }, element("div", {}, element("h2", {}, "Waiting for the first tick"),
      element("p", {}, "The log is empty. As soon as a tick is in it, all timeframes start with it, at the same seq."), element("p", {}, "To look around in a made-up market:"), command)));
    const timer = setInterval(async () => {
      const found = await get("symbols").catch(() => null);
      if (!found?.symbols.length || this.symbol !== null) return;
      this.symbols = found.symbols;
      [this.symbol] = found.symbols;
      this.setView("market");
    }, EMPTY_MS);
    return { destroy: () => clearInterval(timer), show() {} };
  }

  get stepUnit() {
    return this.focus ?? this.config.timeframes[0].name;
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
    const wanted = (output) => !this.chosen?.includes(output.spec);
    const ordered = [...firsts].sort((a, b) => wanted(a) - wanted(b));
    const line = ordered.find((output) => output.pane === "price");
    const own = ordered.find((output) => output.pane === "own");
    return [...new Set([line, own, ...ordered])].filter(Boolean).slice(0, 2);
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
      await this.loadRejects(generation);
      const first = state ?? this.held;
      if (first) this.paintSoon(first);
    } catch (error) {
      if (generation === this.generation) this.trouble.say(error.message);
    }
    this.setChip();
  }

  runsOn(name, timeframe) {
    return this.config.outputs.some((output) => output.name === name && output.timeframes.includes(timeframe));
  }

  // What was rejected up to the moment that is shown.
  async loadRejects(generation = this.generation, until = null) {
    const answer = await get(`rejects/${inPath(this.symbol)}`, { last: REJECTS, at: this.at });
    if (generation !== this.generation || !this.market) return;
    this.rejects = answer.rejects;
    this.market.setRejects(this.rejects);
    // Right after its start the server has not played the log up to here.
    const wanted = until ?? answer.seq;
    if (answer.known_seq < wanted) setTimeout(() => this.loadRejects(generation, wanted).catch(() => null), GLANCE_SOON_MS);
  }

  async loadGlance() {
    const glance = await get("log", { buckets: 1000, symbol: this.symbol }).catch(() => null);
    if (glance) this.timeline.setGlance(glance);
    // The server plays the log once for this; until it has, ask soon again.
    if (glance && this.state && glance.seq < this.state.seq - GLANCE_BEHIND) setTimeout(() => this.loadGlance(), GLANCE_SOON_MS);
  }

  receive(message) {
    if (message.type === "rows" || message.type === "health") {
      this.head.showAll(message);
      return this.view === (message.type === "rows" ? "symbols" : "health") && this.shown.show(message);
    }
    if (message.type === "error") return this.trouble.say(message.error);
    if (message.type === "failure") return this.trouble.say(message.error, message.command);
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
    state.rejected_total = Object.values(state.rejected).reduce((sum, count) => sum + count, 0);
    if (this.pastBusy) {
      this.pastNext = state;
      return;
    }
    this.pastBusy = true;
    try {
      const back = !before || !before.as_of || state.seq < before.seq;
      await Promise.all(this.config.timeframes.map(async (timeframe) => {
        const name = timeframe.name;
        if (before && before.tf[name].bars_seen === state.tf[name].bars_seen) return;
        const chart = this.market.panels.get(name)?.chart;
        const fresh = back || !chart ? BARS : Math.min(BARS, state.tf[name].bars_seen - before.tf[name].bars_seen + 1);
        const outputs = this.wantedOutputs().filter((output) => this.runsOn(output, name)).join(",");
        const answer = await get(`bars/${inPath(this.symbol)}/${name}`, { last: fresh, at: state.seq, outputs });
        if (back) this.market?.load(name, answer);
        else {
          state.tf[name].closed = withValues(answer);
        }
      }));
      if (back || state.rejected_total !== before.rejected_total) await this.loadRejects();
      this.paintSoon(state);
    } catch (error) {
      this.trouble.say(error.message);
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
    written.texts = 0;
    this.state = state;
    if (state.rejects.length) {
      const newest = this.rejects.at(-1)?.seq ?? 0;
      this.rejects = [...this.rejects, ...state.rejects.filter((reject) => reject.seq > newest)].slice(-REJECTS);
      this.market.setRejects(this.rejects);
    }
    this.market.show(state);
    this.head.show(state, this.reference(state), this.timeline.pace);
    this.timeline.show(state.seq, state.as_of ? state.seq + state.later : state.seq, Boolean(state.as_of), this.playing, state.time_ns);
    this.setChip();
    window.mtfWrites = written.texts;
    window.mtfUpdates = (window.mtfUpdates ?? 0) + 1;
    (window.mtfScriptMs ??= []).push(performance.now() - begun);
    if (window.mtfScriptMs.length > 2000) window.mtfScriptMs.splice(0, 1000);
  }

  // The close that the day's change is counted from: the last one of the longest timeframe, or its first price.
  reference(state) {
    const { chart, timeframe } = this.market.panels.get("1d") ?? this.market.panels.get(this.config.timeframes.at(-1).name);
    return chart.bars.at(-1)?.c ?? state.tf[timeframe.name].partial?.o ?? null;
  }

  setChip() {
    const offline = document.body.dataset.offline !== undefined;
    const past = this.at !== null && this.view === "market";
    const live = this.view === "market" ? Boolean(this.state) : Boolean(this.config);
    this.head.chip(offline ? "offline" : past ? "past" : live ? "live" : "waiting");
    this.head.band(past, this.state);
  }

  // The time machine.

  goTo(seq) {
    this.stop();
    this.wanted = Math.max(1, seq);
    this.leaveLive(this.wanted);
    if (this.seeking) return;
    this.seek();
  }

  // The first step into the past is one to come back from.
  leaveLive(seq) {
    const fresh = this.at === null;
    this.at = seq;
    if (fresh) this.toAddress(false);
  }

  // What was said of an earlier wish is over.
  quiet() {
    if (!this.trouble.isOffline) this.trouble.settle();
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
        this.quiet();
        if (!this.state?.as_of) this.state = null;
        await this.showPast(state);
      }
    } catch (error) {
      this.trouble.say(error.message);
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
      this.trouble.say(error.message);
    }
  }

  async step(unit, direction) {
    if (!this.market || !this.state || this.stepping) return;
    this.stop();
    this.stepping = true;
    try {
      const state = await get(`step/${inPath(this.symbol)}`, { at: this.state.seq, unit, dir: direction, outputs: this.wantedOutputs().join(",") });
      if (state.end) this.trouble.note(direction > 0 ? "That is the newest one in the log." : "That is the first one in the log.");
      else {
        this.quiet();
        this.leaveLive(state.seq);
        this.live.ask("watch", null);
        this.live.say({ watch: [] });
        if (!this.state.as_of) this.state = null;
        await this.showPast(state);
      }
    } catch (error) {
      this.trouble.say(error.message);
    } finally {
      this.stepping = false;
    }
  }

  togglePlay() {
    if (!this.market || !this.state) return;
    if (this.playing) return this.stop();
    const seq = this.at ?? Math.max(1, this.state.seq - 1000);
    this.leaveLive(seq);
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
    showTip(rejects, point, chart, this.state?.decimals ?? 5);
  }

  chooseIndicators() {
    const specs = [...new Set(this.config.outputs.map((output) => output.spec))];
    chooseIndicators(specs, this.chosen, (chosen) => {
      this.chosen = chosen;
      this.market?.build();
      this.reload();
      this.toAddress();
    });
  }

  // UTC, or the time of the symbol's exchange.
  toggleZone() {
    if (!this.config) return;
    this.zoned = !this.zoned;
    format.setZone(this.zoned ? this.config.zone : null);
    this.market?.restyle();
    this.timeline.redraw();
    if (this.state) this.paintSoon({ ...this.state, rejects: [], tf: Object.fromEntries(Object.entries(this.state.tf).map(([name, part]) => [name, { ...part, closed: [] }])) });
  }

  toggle(name, on, off) {
    const root = document.documentElement;
    if (root.dataset[name] === on) root.dataset[name] = off;
    else root.dataset[name] = on;
    localStorage.setItem(`mtf-${name}`, root.dataset[name]);
    this.market?.restyle();
    this.shown?.restyle?.();
    this.timeline.redraw();
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
    by("mark").addEventListener("click", () => by("mark").setAttribute("aria-expanded", by("tabs").classList.toggle("open")));
    by("find").addEventListener("click", () => this.setView("symbols"));
    by("to-live").addEventListener("click", () => this.toLive());
    addEventListener("popstate", () => this.config && this.fromAddress());
    addEventListener("keydown", (event) => this.key(event));
    document.addEventListener("visibilitychange", () => !document.hidden && this.next && this.paintSoon(this.next));
    this.swipe();
  }

  swipe() {
    let from = null;
    by("main").addEventListener("touchstart", (event) => {
      const [touch] = event.touches;
      from = event.touches.length === 1 && event.target.closest(".panel.focus,.tabs6") ? { x: touch.clientX, y: touch.clientY, at: event.timeStamp } : null;
    }, { passive: true });
    by("main").addEventListener("touchend", (event) => {
      if (!this.market || !from || event.timeStamp - from.at > SWIPE_MS) return; // longer is the crosshair
      const [touch] = event.changedTouches;
      const moved = touch.clientX - from.x;
      if (Math.abs(moved) < 60 || Math.abs(moved) < 2 * Math.abs(touch.clientY - from.y)) return;
      const names = this.config.timeframes.map((timeframe) => timeframe.name);
      const next = names[names.indexOf(this.focus) + (moved < 0 ? 1 : -1)];
      if (next) this.setFocus(next);
    });
  }

  key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || by("dialog").open) return;
    if (event.target.closest("input,textarea,select")) return;
    if ((event.key === "Enter" || event.key === " ") && event.target.closest("button,a")) return;
    if (event.key.startsWith("Arrow") && event.target.closest(".bars-table,.rows")) return;
    const acts = {
      "/": () => this.setView("symbols"), i: () => this.config && this.chooseIndicators(), m: () => this.setView("market"), y: () => this.setView("symbols"), h: () => this.setView("health"),
      L: () => this.toLive(), l: () => this.toLive(), "[": () => this.timeline.faster(-1), "]": () => this.timeline.faster(1), " ": () => this.togglePlay(),
      ArrowLeft: () => this.step(event.shiftKey ? this.stepUnit : "tick", -1), ArrowRight: () => this.step(event.shiftKey ? this.stepUnit : "tick", 1),
      "+": () => this.market?.zoom(1.25), "-": () => this.market?.zoom(0.8), f: () => this.market?.fit(), d: () => this.toggle("theme", "light", "dark"),
      c: () => this.toggle("colour", "free", "full"), v: () => this.market?.toggleTable(), "?": () => help(this.config?.version), z: () => this.toggleZone(), 0: () => this.setFocus(null), "−": () => this.market?.zoom(0.8),
      r: () => this.trouble.isOffline && this.live.retry(), Enter: () => this.market?.hoveredRejects?.length && this.goTo(this.market.hoveredRejects.at(-1).seq),
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

// The specs that a text names: parted by blanks or plus signs, or by commas, which are also in specs.
function chosenOf(text, specs) {
  const found = [];
  for (const word of text.split(/[ +]/).filter(Boolean)) {
    if (specs.includes(word)) found.push(word);
    else {
      let joined = "";
      for (const piece of word.split(",")) {
        joined = joined && !specs.includes(joined) ? `${joined},${piece}` : piece;
        if (specs.includes(joined)) found.push(joined);
        else if (specs.includes(`${found.at(-1)},${piece}`)) found.splice(-1, 1, `${found.at(-1)},${piece}`);
      }
    }
  }
  return [...new Set(found)];
}

window.mtf = new App();
