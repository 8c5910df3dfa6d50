// The market view: a chart for each timeframe and the matrix, all painted from one state.

import { Chart } from "./chart.js";
import { element, paint, write } from "./dom.js";
import * as format from "./format.js";

const prepared = (bar) => bar && { ...bar, time: format.seconds(bar.start_ns), end: format.seconds(bar.end_ns) };

// The sign of a change as it is shown: what rounds to nothing has none.
const shownSign = (change, decimals) => (/[1-9]/.test(format.price(Math.abs(change), decimals)) ? change : 0);

export class Market {
  constructor(host, app) {
    this.app = app;
    this.host = host;
    this.panels = new Map();
    this.root = element("div", { class: "market" });
    host.replaceChildren(this.root);
    this.build();
  }

  destroy() {
    for (const { chart } of this.panels.values()) chart.destroy();
    this.panels.clear();
    this.host.replaceChildren();
  }

  // Panels in their order: the focused one first, then the others, then the matrix.
  build() {
    const { config, focus } = this.app;
    for (const { chart } of this.panels.values()) chart.destroy();
    this.panels.clear();
    const ordered = [...config.timeframes].sort((a, b) => (a.name === focus ? -1 : b.name === focus ? 1 : 0));
    this.tabs = element("div", { class: "tabs6", role: "tablist" }, ...config.timeframes.map((timeframe) =>
      element("button", { role: "tab", "aria-selected": String(timeframe.name === focus), onclick: () => this.app.setFocus(timeframe.name) },
        timeframe.name, element("span", { class: "bar" }, element("i")))));
    const made = ordered.map((timeframe) => this.panel(timeframe, timeframe.name === focus));
    this.matrix = this.matrixPanel();
    this.root.replaceChildren(...made.map((panel) => panel.root).slice(0, 1), ...made.slice(1).map((panel) => panel.root), this.matrix.root);
    this.root.prepend(this.tabs);
    if (window.matchMedia("(min-width:701px)").matches) this.tabs.remove();
    for (const panel of made) {
      panel.chart = new Chart(panel.plot, {
        timeframe: panel.timeframe, focus: panel.focus,
        onClick: (param, twice) => twice && this.app.goToSecond(param.time),
        onCrosshair: (source, param) => this.crosshair(source, param),
      });
      panel.chart.setOutputs(this.app.outputs());
      this.panels.set(panel.timeframe.name, panel);
    }
  }

  panel(timeframe, focus) {
    const number = this.app.config.timeframes.indexOf(timeframe) + 1;
    const parts = {
      change: element("span", { "data-field": "change" }), note: element("span", { class: "note" }),
      percent: element("span", { class: "dim" }), fill: element("i"), left: element("span", { class: "left" }),
      legend: element("div", { class: "legend" }), plot: element("div", { class: "plot" }),
    };
    parts.bar = element("span", { class: "bar", role: "progressbar", "aria-valuemin": "0", "aria-valuemax": "100" }, parts.fill);
    parts.ohlc = element("div");
    parts.lines = element("div");
    parts.legend.append(parts.ohlc, parts.lines);
    const head = element("h2", { onclick: () => this.app.setFocus(timeframe.name), title: `Focus ${timeframe.name}` },
      element("kbd", {}, String(number)), element("b", {}, timeframe.name), parts.change, focus ? parts.note : null,
      element("span", { class: "right" }, focus ? parts.percent : null, parts.bar, parts.left));
    const credit = focus ? element("a", { class: "credit", href: "https://www.tradingview.com/", rel: "noreferrer noopener" }, "Charts: TradingView Lightweight Charts™") : null;
    const now = element("button", { class: "nowlink", hidden: true, onclick: () => this.fit(timeframe.name) }, "now ›");
    const root = element("section", { class: focus ? "panel focus" : "panel", "data-tf": timeframe.name, "aria-label": timeframe.name },
      head, parts.legend, parts.plot, credit, now);
    parts.plot.setAttribute("role", "img");
    return { root, timeframe, focus, now, chart: null, ...parts };
  }

  matrixPanel() {
    const seq = element("span");
    const title = element("b");
    const shown = this.app.matrixOutputs();
    const rows = new Map();
    const body = element("tbody");
    for (const timeframe of this.app.config.timeframes) {
      const cells = { change: element("td"), fill: element("i"), close: element("td", { class: "lastclose" }), values: shown.map(() => element("td")) };
      cells.row = element("tr", { onclick: () => this.app.setFocus(timeframe.name), "data-tf": timeframe.name, "aria-current": timeframe.name === this.app.focus ? "true" : null },
        element("th", { scope: "row" }, element("b", {}, timeframe.name)), cells.change,
        element("td", {}, element("span", { class: "bar" }, cells.fill)), cells.close, ...cells.values);
      rows.set(timeframe.name, cells);
      body.append(cells.row);
    }
    const head = element("tr", {}, element("th", { scope: "col" }, ""), ...["forming", "progress", "last close", ...shown.map((output) => output.name.replaceAll("_", " "))].map((name) => element("th", { scope: "col" }, name)));
    const root = element("section", { class: "panel matrix", "aria-label": "All timeframes" },
      element("h2", {}, title, seq), element("table", {}, element("thead", {}, head), body));
    return { root, title, note: seq, rows, shown };
  }

  load(name, answer) {
    const panel = this.panels.get(name);
    if (!panel) return;
    const bars = answer.bars.map((bar, k) => ({
      ...prepared(bar), values: Object.fromEntries(Object.entries(answer.values).map(([output, values]) => [output, values[k]])),
    }));
    panel.chart.load(bars, answer.decimals);
  }

  // One animation frame for all of it.
  show(state) {
    this.decimals = state.decimals;
    for (const [name, panel] of this.panels) this.showPanel(panel, state, state.tf[name]);
    this.showMatrix(state);
    this.root.dataset.seq = state.seq;
  }

  showPanel(panel, state, part) {
    const partial = prepared(part.partial);
    panel.chart.decimals = state.decimals;
    panel.chart.update(part.closed.map(prepared), partial, part.live, state.last);
    panel.root.dataset.seq = state.seq;
    const change = partial ? partial.c - partial.o : null;
    write(panel.change, partial ? format.difference(change, state.decimals) : "no forming bar");
    paint(panel.change, partial ? format.direction(shownSign(change, state.decimals)) : "dim");
    const percent = partial ? Math.min(99, Math.floor(partial.progress * 100)) : 0;
    panel.fill.style.transform = `scaleX(${percent / 100})`;
    panel.bar.setAttribute("aria-valuenow", percent);
    const left = partial ? partial.end - Number(state.time_ns) / 1e9 : null;
    write(panel.left, left === null ? "" : `${format.length(left)} left`);
    if (panel.focus) {
      write(panel.note, partial ? `forming since ${format.minute(partial.start_ns)} · ${format.whole(partial.ticks)} ticks` : "");
      write(panel.percent, partial ? `${percent} %` : "");
    }
    this.showLegend(panel, state, part, partial);
    panel.now.hidden = panel.chart.atEnd;
  }

  showLegend(panel, state, part, partial) {
    const lines = [...panel.chart.lines.values()].map(({ output }) => output);
    if (panel.focus) {
      const shown = this.hovered ?? partial;
      write(panel.ohlc, shown ? ["o", "h", "l", "c"].map((field) => `${field.toUpperCase()} ${format.price(shown[field], state.decimals)}`).join("   ") : "");
    }
    const text = lines.filter((output) => panel.focus || (part.live[output.name] ?? null) === null).map((output) => this.lineText(output, part, state, panel)).filter(Boolean).join("\n");
    if (panel.linesText !== text) {
      panel.linesText = text;
      panel.lines.replaceChildren(...text.split("\n").filter(Boolean).map((line) => element("div", {}, line)));
    }
    panel.plot.dataset.partial = partial ? `${partial.o} ${partial.h} ${partial.l} ${partial.c}` : "";
    panel.plot.dataset.live = Object.entries(part.live).map(([name, value]) => `${name}=${value}`).join(" ");
  }

  lineText(output, part, state) {
    const live = format.reading(part.live[output.name], output, state.decimals);
    const last = format.reading(part.completed[output.name], output, state.decimals);
    const name = output.name.replaceAll("_", " ");
    if (live === null && last === null) return `${name} after ${output.warmup} bars, ${Math.min(part.bars_seen, output.warmup)} so far`;
    if (live === null || !part.partial) return `${name} ${last ?? "–"} at last close`;
    return `${name} ${live} live · ${last ?? "–"} at last close`;
  }

  showMatrix(state) {
    const { title, note, rows, shown } = this.matrix;
    write(title, `All ${["no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"][rows.size] ?? rows.size} at seq ${format.whole(state.seq)}`);
    write(note, "live values");
    for (const [name, cells] of rows) {
      const part = state.tf[name];
      const change = part.partial ? part.partial.c - part.partial.o : null;
      write(cells.change, part.partial ? format.difference(change, state.decimals) : "no bar yet");
      paint(cells.change, part.partial ? format.direction(shownSign(change, state.decimals)) : "dim");
      const percent = part.partial ? Math.min(99, Math.floor(part.partial.progress * 100)) : 0;
      cells.fill.style.transform = `scaleX(${percent / 100})`;
      const closes = this.panels.get(name)?.chart.bars;
      write(cells.close, closes?.length ? format.price(closes.at(-1).c, state.decimals) : "–");
      shown.forEach((output, k) => {
        const cell = cells.values[k];
        const text = format.reading(part.live[output.name] ?? part.completed[output.name], output, state.decimals);
        write(cell, text ?? `${Math.min(part.bars_seen, output.warmup)}/${output.warmup}`);
        paint(cell, text === null ? "dim" : "");
      });
      const tab = this.tabs.children[[...rows.keys()].indexOf(name)];
      tab.querySelector("i").style.transform = `scaleX(${percent / 100})`;
    }
  }

  setRejects(rejects) {
    const marked = rejects.map((reject) => ({ ...reject, time: Number(reject.time_ns) / 1e9 }));
    for (const { chart } of this.panels.values()) chart.setRejects(marked);
  }

  crosshair(source, param) {
    const second = param.time ?? null;
    for (const { chart } of this.panels.values()) {
      if (chart === source) continue;
      if (second === null) chart.chart.clearCrosshairPosition();
      else chart.showAt(second);
    }
    this.hoveredSecond = second;
    const bar = second === null ? null : source.barAt(second);
    this.hovered = source.focus ? bar : null;
    this.app.showTip(bar ? source.rejectsIn(bar) : [], param.point, source);
  }

  restyle() {
    for (const { chart } of this.panels.values()) chart.restyle();
  }

  fit(name) {
    for (const [each, { chart }] of this.panels) if (!name || each === name) chart.fit();
  }

  zoom(factor) {
    this.panels.get(this.app.focus)?.chart.zoom(factor);
  }

  // The bars of the focused chart as a table, with the same numbers.
  toggleTable() {
    const panel = this.panels.get(this.app.focus);
    const there = panel.root.querySelector(".bars-table");
    if (there) return there.remove();
    const words = ["start", "open", "high", "low", "close", "volume", "ticks", "gap", "flags", "rejected"];
    const all = [...panel.chart.bars.slice(-200), ...(panel.chart.partial ? [{ ...panel.chart.partial, forming: true }] : [])].reverse();
    const rows = all.map((bar) => {
      const gap = bar.gap ? ["closed", "holiday", "break", "silence"].filter((kind) => Number(bar.gap[`${kind}_ns`]) > 0).map((kind) => `${kind} ${format.length(Number(bar.gap[`${kind}_ns`]) / 1e9)}`).join(", ") : "";
      const rejects = panel.chart.rejectsIn(bar).map((reject) => `${reject.reason} at ${format.whole(reject.seq)}`).join(", ");
      return element("tr", {}, element("th", { scope: "row" }, `${format.day(bar.start_ns)} ${format.minute(bar.start_ns)}`),
        ...["o", "h", "l", "c"].map((field) => element("td", {}, format.price(bar[field], this.decimals))),
        element("td", {}, String(bar.v)), element("td", {}, format.whole(bar.ticks)), element("td", {}, gap),
        element("td", {}, [...bar.flags, ...(bar.forming ? ["forming"] : [])].join(", ").replaceAll("_", " ")), element("td", {}, rejects));
    });
    panel.root.append(element("div", { class: "bars-table", tabindex: "0" }, element("table", {},
      element("thead", {}, element("tr", {}, ...words.map((word) => element("th", { scope: "col" }, word)))), element("tbody", {}, ...rows))));
  }

  describe(state) {
    for (const [name, panel] of this.panels) {
      const partial = state.tf[name].partial;
      const text = partial
        ? `${state.symbol} ${name}, forming, ${Math.floor(partial.progress * 100)} percent, ${format.price(partial.c, state.decimals)}, ${partial.c >= partial.o ? "up" : "down"}`
        : `${state.symbol} ${name}, no forming bar`;
      panel.plot.setAttribute("aria-label", text);
    }
  }
}
