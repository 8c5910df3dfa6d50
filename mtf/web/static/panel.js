// One timeframe: its head, its legend, and its chart.

import { Chart } from "./chart.js";
import { element, paint, write } from "./dom.js";
import * as format from "./format.js";
import { absent, isTimed, percentOf, shownSign } from "./matrix.js";

const FIELDS = ["o", "h", "l", "c"];

// The bars of an answer, each with its own values.
export const withValues = ({ bars, values }) => bars.map((bar, k) => ({ ...bar, values: Object.fromEntries(Object.entries(values).map(([output, all]) => [output, all[k]])) }));
export const prepared = (bar) => bar && { ...bar, time: format.seconds(bar.start_ns), end: format.seconds(bar.end_ns), begin: Number(bar.start_ns) / 1e9 };

export class Panel {
  constructor({ app, market, timeframe, focus }) {
    Object.assign(this, { app, market, timeframe, focus, hovered: null });
    const { name } = timeframe;
    const number = app.config.timeframes.indexOf(timeframe) + 1;
    this.change = element("span", { "data-field": "change" });
    this.since = element("span", { class: "note" });
    this.percent = element("span", { class: "dim" });
    this.fill = element("i");
    this.left = element("span", { class: "left" });
    this.bar = element("span", { class: "bar", role: "progressbar", "aria-label": `${name} bar`, "aria-valuemin": "0", "aria-valuemax": "100" }, this.fill);
    this.ohlc = FIELDS.map((field) => element("b", { "data-field": field }));
    this.legend = element("div", { class: "legend" });
    this.plot = element("div", { class: "plot", role: "img", "aria-label": name });
    const focusButton = element("button", { class: "plain", "aria-pressed": String(focus) }, element("kbd", {}, String(number)), element("b", {}, name));
    const head = element("h2", { onclick: () => app.setFocus(name), title: focus ? null : `Focus ${name}` }, focusButton, this.change, focus ? this.since : null,
      element("span", { class: "right" }, focus ? this.percent : null, this.bar, this.left));
    const credit = focus ? element("a", { class: "credit", href: "https://www.tradingview.com/", rel: "noreferrer noopener" }, "Charts: TradingView Lightweight Charts™") : null;
    this.now = element("button", { class: "nowlink", hidden: true, onclick: () => this.chart.fit() }, "now ›");
    this.root = element("section", { class: focus ? "panel focus" : "panel", "data-tf": name, "aria-label": name }, head, this.legend, this.plot, credit, this.now);
  }

  // The chart needs its place in the page, so it is made once the panel is there.
  draw(outputs, touch) {
    this.chart = new Chart(this.plot, {
      timeframe: this.timeframe, focus: this.focus, touch,
      onDouble: (moment) => this.app.goToMoment(moment),
      onCrosshair: (source, param) => this.market.crosshair(this, param),
    });
    this.chart.setOutputs(outputs);
    this.buildLegend();
    this.sized = new ResizeObserver(() => this.placeLegends());
    this.sized.observe(this.plot);
  }

  destroy() {
    this.sized?.disconnect();
    this.chart?.destroy();
  }

  // A line of text for each indicator: those on the price at the top, those below at the top of their own pane.
  buildLegend() {
    const specs = new Map();
    for (const { output } of this.chart.lines.values()) specs.set(output.spec, [...(specs.get(output.spec) ?? []), output]);
    const top = element("div", { class: "entries" });
    this.lines = [];
    const own = [];
    for (const [spec, outputs] of specs) {
      const onPrice = outputs[0].pane === "price";
      const edges = outputs.filter((output) => output.draw === "band");
      const line = { outputs: edges.length === 2 ? [...edges].sort((a, b) => (a.name.endsWith("_lower") ? -1 : b.name.endsWith("_lower") ? 1 : 0)) : outputs, band: edges.length === 2, onPrice, name: element("span"), value: element("b"), more: element("span", { class: "dim" }) };
      line.label = format.specName(spec);
      line.root = element("span", { class: onPrice ? "line" : "own" }, onPrice ? element("i", { class: line.band ? "key thin" : "key", "aria-hidden": "true" }) : null, line.name, line.value, line.more);
      this.lines.push(line);
      if (onPrice) top.append(line.root);
      else own.push(element("div", { class: "legend own-legend" }, line.root));
    }
    const first = this.focus ? element("div", { class: "entries ohlc" }, ...FIELDS.map((field, k) => element("span", {}, `${field.toUpperCase()} `, this.ohlc[k]))) : null;
    this.legend.replaceChildren(...[first, top].filter(Boolean));
    for (const each of this.root.querySelectorAll(".own-legend")) each.remove();
    this.ownLegends = own;
    this.root.append(...own);
    this.placeLegends();
  }

  placeLegends() {
    requestAnimationFrame(() => {
      if (!this.chart?.chart || !this.root.isConnected || !this.ownLegends.length) return;
      let top = this.plot.offsetTop + 6;
      this.chart.chart.panes().forEach((pane, k) => {
        if (k) this.ownLegends[k - 1]?.style.setProperty("top", `${top}px`);
        top += pane.getHeight() + 1;
      });
    });
  }

  load(answer, decimals) {
    this.chart.load(withValues(answer).map(prepared), decimals);
    this.placeLegends();
  }

  show(state, part) {
    const partial = prepared(part.partial);
    const { decimals } = state;
    const timed = isTimed(this.timeframe);
    this.chart.decimals = decimals;
    if (part.all) this.chart.replace(part.all.map(prepared));
    part.all = null; // once
    this.chart.update(part.closed.map(prepared), partial, part.live, state.last);
    this.root.dataset.seq = state.seq;
    write(this.change, partial ? format.difference(partial.c - partial.o, decimals) : absent(part));
    paint(this.change, partial ? format.direction(shownSign(partial.c - partial.o, decimals)) : "dim");
    const percent = percentOf(partial);
    format.fill(this.fill, percent);
    write(this.left, !partial ? "" : timed ? `${format.length(partial.end - Number(state.time_ns) / 1e9)} left` : `${percent} % full`);
    if (this.focus) {
      write(this.since, partial ? `forming since ${timed ? format.minute(partial.start_ns) : format.clock(partial.start_ns, false)} · ${format.plural(partial.ticks, "tick")}` : "");
      write(this.percent, partial && timed ? `${percent} %` : "");
      const shown = this.hovered ?? partial ?? this.chart.bars.at(-1);
      FIELDS.forEach((field, k) => write(this.ohlc[k], shown ? format.price(shown[field], decimals) : "–"));
    }
    for (const line of this.lines) this.showLine(line, part, decimals);
    this.plot.dataset.partial = partial ? `${partial.o} ${partial.h} ${partial.l} ${partial.c}` : "";
    this.plot.dataset.live = Object.entries(part.live).map(([name, value]) => `${name}=${value}`).join(" ");
    const { atEnd } = this.chart;
    if (this.now.hidden !== atEnd) this.now.hidden = atEnd;
  }

  // In a small chart only what is missing is said: the numbers are in the matrix.
  showLine(line, part, decimals) {
    const { outputs } = line;
    const read = (values) => outputs.map((output) => format.reading(values[output.name], output, decimals)).filter((text) => text !== null).join(line.band ? " – " : " · ");
    const live = part.partial ? read(part.live) : "";
    const last = read(part.completed);
    const [{ warmup }] = outputs;
    if (!live && !last) {
      write(line.name, `${line.label} after ${format.plural(warmup, "bar")}, ${Math.min(part.bars_seen, warmup)} so far`);
      write(line.value, "");
      write(line.more, "");
    } else {
      write(line.name, this.focus ? `${line.label} ` : "");
      write(line.value, this.focus ? live || last : "");
      write(line.more, !this.focus ? "" : !live ? " at last close" : line.onPrice ? "" : ` live · ${last || "–"} at last close`);
    }
    const bare = !this.focus && Boolean(live || last);
    if (line.root.hidden !== bare) line.root.hidden = bare;
  }

  describe(state) {
    const { partial } = state.tf[this.timeframe.name];
    const text = partial
      ? `${state.symbol} ${this.timeframe.name}, forming, ${percentOf(partial)} percent, ${format.price(partial.c, state.decimals)}, ${partial.c >= partial.o ? "up" : "down"}`
      : `${state.symbol} ${this.timeframe.name}, no forming bar`;
    this.plot.setAttribute("aria-label", text);
  }

  // What a reader of the screen hears of the bar's progress: once a second, not at each tick.
  announce(state) {
    this.bar.setAttribute("aria-valuenow", percentOf(state.tf[this.timeframe.name].partial));
  }
}
