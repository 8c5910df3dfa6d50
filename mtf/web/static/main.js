// The page: what is shown, of which moment, and the keys. One state at a time, painted in one frame.

import { chosenOutputs, matrixOutputs, readAddress, specsOf, wantedOutputs, writeAddress } from "./address.js";
import { chooseIndicators, showTip } from "./dialogs.js";
import { by, element, write, written } from "./dom.js";
import * as format from "./format.js";
import { Head } from "./head.js";
import { bindKeys } from "./keys.js";
import { Market } from "./market.js";
import { isTimed, longestOf } from "./matrix.js";
import { BARS, Live, get, getCharts, inPath } from "./net.js";
import { withValues } from "./panel.js";
import { start } from "./start.js";
import { Timeline } from "./timeline.js";
import { Trouble } from "./trouble.js";

const GLANCE_MS = 5000;
const GLANCE_SOON_MS = 700;
const GLANCE_BEHIND = 2000; // events
const DESCRIBE_MS = 5000;
const ANNOUNCE_MS = 1000;
const EMPTY_MS = 1000;
const REJECTS = 500;
const REST_MS = 100;

// Views that the first paint does not need; read once that is done.
const LATER = { symbols: () => import("./symbols.js").then((made) => made.Symbols), health: () => import("./health.js").then((made) => made.Health) };

// Whether no bar of a timeframe of activity can have closed from one state to the next: each tick went into one bar.
function isSameBar(before, state, name) {
  const was = before.tf[name].partial;
  const is = state.tf[name].partial;
  const ticks = state.ticks - before.ticks;
  return was && is ? is.ticks - was.ticks === ticks : !was && !is && ticks === 0;
}

class App {
  constructor() {
    Object.assign(this, { config: start.config, symbols: start.symbols, view: null, state: null, rejects: [], generation: 0, views: {}, typed: null });
    this.head = new Head();
    this.trouble = new Trouble({ retry: () => this.live.retry(), seq: () => this.state?.seq ?? null });
    this.timeline = new Timeline(by("timeline"), this);
    this.bind();
    this.live = new Live({
      onMessage: (message) => this.receive(message),
      onOpen: (again) => this.opened(again),
      onLost: (wait) => this.lost(wait),
    });
    this.fromAddress(true, start.charts);
    setInterval(() => this.loadGlance(), GLANCE_MS);
    setInterval(() => this.state && this.market?.describe(this.state), DESCRIBE_MS);
    setInterval(() => this.state && this.market?.announce(this.state), ANNOUNCE_MS);
  }

  async opened(again) {
    delete document.body.dataset.offline;
    this.trouble.settle();
    if (!again) return this.setChip();
    const before = this.config;
    try {
      this.config = await get("config");
      this.symbols = (await get("symbols")).symbols;
    } catch (error) {
      return this.trouble.say(error.message);
    }
    const other = before.run_id !== this.config.run_id;
    const changed = !other && JSON.stringify(before.settings) !== JSON.stringify(this.config.settings);
    if (other || changed) {
      this.fromAddress(false);
      this.trouble.note(other ? "The server shows another log now: everything was loaded again." : "The pipeline runs with another configuration now: everything was loaded again.");
    } else if (this.view === "market") this.reload();
    return this.setChip();
  }

  // What can wait until the charts are there: the other views, so that they open at once, all symbols, and the strip.
  async loadRest() {
    if (this.rested) return;
    this.rested = true;
    this.loadGlance();
    for (const [name, load] of Object.entries(LATER)) load().then((made) => (this.views[name] = made), () => null);
    const found = await get("symbols").catch(() => null);
    if (found) this.symbols = found.symbols;
  }

  lost(wait) {
    document.body.dataset.offline = "";
    this.live?.ask("watch", null); // what it had is loaded again
    this.waitingForBars = true;
    this.generation += 1;
    this.playing = false;
    this.setChip();
    this.trouble.offline(wait);
  }

  // The address holds what is shown.

  fromAddress(withMoment = true, charts = null) {
    const { view, ...shown } = readAddress(this.config, this.symbols, location);
    Object.assign(this, shown, { at: withMoment ? shown.at : null, playing: false });
    this.setView(view, false, charts);
  }

  toAddress(replace = true) {
    const address = writeAddress(this);
    if (address === location.pathname + location.search) return;
    history[replace ? "replaceState" : "pushState"](null, "", address);
  }

  setView(view, remember = true, charts = null) {
    this.view = view;
    this.typed = null;
    this.shown?.destroy();
    this.shown = this.market = null;
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
    if (view !== "market") this.showLater(view);
    else if (this.symbol === null) this.shown = this.waiting();
    else {
      this.shown = this.market = new Market(by("main"), this);
      this.reload(charts);
    }
    if (remember) this.toAddress(false);
    this.setChip();
  }

  async showLater(view) {
    this.unwatch();
    if (!this.views[view]) {
      try {
        this.typed = []; // meanwhile: for the view, once it is there
        this.views[view] = await LATER[view]();
      } catch (error) {
        this.typed = null;
        this.trouble.say(`This view could not be loaded: ${error.message}`);
      }
      if (this.view !== view || this.shown || !this.views[view]) return;
    }
    this.shown = new this.views[view](by("main"), this);
    const { typed } = this;
    this.typed = null;
    if (typed?.length) this.shown.type?.(typed);
    this.loadRest();
  }

  openSymbol(symbol, at = null) {
    this.symbol = symbol;
    this.at = at;
    this.playing = false;
    this.setView("market");
  }

  // Nothing is in the log: the page looks for a first symbol until there is one.
  waiting() {
    const command = element("code", {}, "mtf demo");
    by("main").replaceChildren(element("div", { class: "empty" }, element("div", {}, element("h2", {}, "Waiting for the first tick"),
      element("p", {}, "The log is empty. As soon as a tick is in it, all timeframes start with it, at the same seq."), element("p", {}, "To look around in a simulated market:"), command)));
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
    return chosenOutputs(this.config, this.chosen);
  }

  matrixOutputs() {
    return matrixOutputs(this.config, this.chosen);
  }

  wantedOutputs() {
    return wantedOutputs(this.config, this.chosen);
  }

  getCharts(at) {
    return getCharts(this.symbol, at, this.wantedOutputs());
  }

  // Everything of the moment that is shown: live, or as of `at`. *charts* is what was asked for already.
  async reload(charts = null) {
    const generation = ++this.generation;
    this.state = this.next = null;
    this.waitingForBars = true;
    this.live.ask("watch", null);
    if (!this.playing) this.live.say({ watch: [] });
    try {
      const answer = await (charts ?? this.getCharts(this.at));
      if (generation !== this.generation || !this.market) return;
      this.load(answer);
    } catch (error) {
      if (generation === this.generation) this.failed(error);
    }
    this.setChip();
    setTimeout(() => this.loadRest(), REST_MS); // the charts are painted first
  }

  // All of one answer. The present goes on from there: what comes next is counted from that seq and these bars.
  load({ state, charts, rejects, known_seq: known }) {
    const starts = {};
    for (const [name, chart] of Object.entries(charts)) {
      this.market.load(name, chart, state.decimals);
      if (chart.bars.length) starts[name] = chart.bars.at(-1).start_ns; // those of activity are counted by seq
    }
    this.rejects = rejects;
    this.market.setRejects(rejects);
    // Right after its start the server has not played the log up to here.
    if (known < state.seq) this.loadRejectsSoon(this.generation, state.seq);
    this.waitingForBars = false;
    this.lastSeq = state.seq;
    if (!state.as_of && !document.hidden) this.live.ask("watch", { watch: [this.symbol], outputs: this.wantedOutputs(), every_ms: 50, since: { seq: state.seq, starts } });
    this.next = null;
    this.show(state); // with the charts' own first frame, which is the next one
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
    const wanted = until ?? answer.seq;
    if (answer.known_seq < wanted) this.loadRejectsSoon(generation, wanted);
  }

  loadRejectsSoon(generation, until) {
    setTimeout(() => generation === this.generation && this.loadRejects(generation, until).catch(() => null), GLANCE_SOON_MS);
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
      return this.view === (message.type === "rows" ? "symbols" : "health") && this.shown?.show(message);
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
    if (this.at !== null || this.waitingForBars) return undefined;
    if (message.prev_seq !== null && message.prev_seq < this.lastSeq) return undefined; // sent before the bars were asked for
    if (message.prev_seq !== this.lastSeq) return this.reload();
    this.lastSeq = message.seq;
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
      const isOn = before?.as_of && state.seq >= before.seq;
      const answer = isOn ? null : await this.getCharts(state.seq);
      if (isOn) await this.closedSince(before, state);
      if (!this.market || this.at === null || state.symbol !== this.symbol) return;
      if (answer) this.load(answer);
      else this.paintSoon(state);
    } catch (error) {
      this.failed(error);
    } finally {
      this.pastBusy = false;
      const next = this.pastNext;
      this.pastNext = null;
      if (next && this.at !== null) this.showPast(next);
    }
    this.toAddress();
  }

  async closedSince(before, state) {
    const outputs = this.wantedOutputs();
    await Promise.all(Object.keys(state.tf).map(async (name) => {
      const timed = isTimed(this.config.timeframes.find((each) => each.name === name));
      const counted = this.config.outputs.some(({ timeframes }) => timeframes.includes(name));
      const isSame = (field) => state.tf[name][field] === before.tf[name][field];
      if (timed ? isSame("newest_ns") : counted ? isSame("bars_seen") : isSameBar(before, state, name)) return;
      const count = state.tf[name].bars_seen - before.tf[name].bars_seen || BARS; // without indicators they are not counted
      const shown = outputs.filter((output) => this.runsOn(output, name)).join(",");
      const last = timed ? Math.min(BARS, count + 1) : BARS;
      state.tf[name][timed ? "closed" : "all"] = withValues(await get(`bars/${inPath(this.symbol)}/${name}`, { last, at: state.seq, outputs: shown }));
    }));
    const rejected = ({ rejected: counts }) => Object.values(counts).reduce((sum, count) => sum + count, 0);
    if (rejected(state) !== rejected(before)) await this.loadRejects();
  }

  paintSoon(state) {
    if (this.next && !this.next.as_of && !state.as_of) {
      for (const [name, part] of Object.entries(state.tf)) part.closed = [...this.next.tf[name].closed, ...part.closed];
      state.rejects = [...this.next.rejects, ...state.rejects];
    }
    this.next = state;
    if (this.frame) return;
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
    const { chart, timeframe } = this.market.panels.get(longestOf(this.config.timeframes).name);
    return chart.bars.at(-1)?.c ?? state.tf[timeframe.name].partial?.o ?? null;
  }

  setChip() {
    const offline = document.body.dataset.offline !== undefined;
    const past = this.at !== null && this.view === "market";
    const live = this.view !== "market" || Boolean(this.state);
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

  // A request failed. Without a connection all do, and that is said already.
  failed(error) {
    if (!this.trouble.isOffline) this.trouble.say(error.message);
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
        this.unwatch();
        const { symbol } = this;
        const answer = await this.getCharts(seq);
        if (this.at === null || !this.market || symbol !== this.symbol) return;
        this.quiet();
        this.at = answer.state.seq;
        this.load(answer);
        this.toAddress();
      }
    } catch (error) {
      this.failed(error);
    } finally {
      this.seeking = false;
    }
  }

  async goToMoment(at) {
    this.stop();
    try {
      const state = await get(`state/${inPath(this.symbol)}`, { at, outputs: this.wantedOutputs().join(",") });
      this.goTo(state.seq);
    } catch (error) {
      this.failed(error);
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
        this.unwatch();
        if (!this.state.as_of) this.state = null;
        await this.showPast(state);
      }
    } catch (error) {
      this.failed(error);
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
    chooseIndicators(specsOf(this.config), this.chosen, (chosen) => {
      this.chosen = chosen;
      this.market?.build();
      this.reload();
      this.toAddress();
    });
  }

  // UTC, or the time of the symbol's exchange.
  toggleZone() {
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
    addEventListener("popstate", () => this.fromAddress());
    document.addEventListener("visibilitychange", () => this.seen());
    bindKeys(this);
  }

  unwatch() {
    this.live.ask("watch", null);
    this.live.say({ watch: [] });
  }

  // While nobody can see it nothing is sent; who comes back finds what is now.
  seen() {
    if (!this.market || this.at !== null) return;
    if (document.hidden) {
      this.unwatch();
    } else this.reload();
  }
}

window.mtf = new App();
