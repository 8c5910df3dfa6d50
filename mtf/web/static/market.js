// The market view: a panel for each timeframe and the matrix, all painted from one state.

import { barsTable } from "./bars_table.js";
import { element } from "./dom.js";
import * as format from "./format.js";
import { Matrix, percentOf } from "./matrix.js";
import { Panel } from "./panel.js";

const PHONE = window.matchMedia("(max-width:700px)");

export class Market {
  constructor(host, app) {
    this.app = app;
    this.host = host;
    this.panels = new Map();
    this.root = element("div", { class: "market" });
    host.replaceChildren(this.root);
    this.rebuild = () => {
      this.build();
      app.reload();
    };
    PHONE.addEventListener("change", this.rebuild);
    this.build();
  }

  destroy() {
    PHONE.removeEventListener("change", this.rebuild);
    for (const panel of this.panels.values()) panel.destroy();
    this.panels.clear();
    this.host.replaceChildren();
  }

  // Panels in their order: the focused one first, then the others, then the matrix. Without a focus all are equal.
  build() {
    const { config, focus } = this.app;
    for (const panel of this.panels.values()) panel.destroy();
    this.panels.clear();
    const first = focus ?? (PHONE.matches ? config.timeframes[0].name : null);
    const ordered = [...config.timeframes].sort((a, b) => (a.name === first ? -1 : b.name === first ? 1 : 0));
    const made = ordered.map((timeframe) => new Panel({ app: this.app, market: this, timeframe, focus: timeframe.name === first }));
    this.matrix = new Matrix({ config, outputs: this.app.matrixOutputs(), focus: first, onChoose: (name) => this.app.setFocus(name) });
    this.tabs = new Map(config.timeframes.map((timeframe) => {
      const fill = element("i");
      const tab = element("button", { role: "tab", "aria-selected": String(timeframe.name === first), onclick: () => this.app.setFocus(timeframe.name) },
        element("span", {}, timeframe.name), element("span", { class: "bar" }, fill));
      return [timeframe.name, { tab, fill }];
    }));
    const tabs = PHONE.matches ? [element("div", { class: "tabs6", role: "tablist", "aria-label": "Timeframes" }, ...[...this.tabs.values()].map(({ tab }) => tab))] : [];
    const { length } = config.timeframes;
    this.root.className = first === null ? "market equal" : length > 6 && length % 2 ? "market odd" : "market";
    this.root.style.setProperty("--count", Math.max(6, length));
    this.root.style.setProperty("--rows", first === null ? Math.max(2, Math.ceil(length / 3)) : Math.max(3, Math.ceil(length / 2)));
    this.root.replaceChildren(...tabs, ...made.map((panel) => panel.root), this.matrix.root);
    this.tabs.get(first)?.tab.scrollIntoView({ block: "nearest", inline: "center" }); // on a phone there may be more than fit
    for (const panel of made) this.panels.set(panel.timeframe.name, panel);
  }

  // A chart is made when it has something to show: an empty one would be painted for nothing, and before it.
  load(name, answer, decimals) {
    const panel = this.panels.get(name);
    if (panel && !panel.chart) panel.draw(this.app.outputs(), PHONE.matches);
    panel?.load(answer, decimals);
  }

  // One animation frame for all of it.
  show(state) {
    this.decimals = state.decimals;
    for (const [name, panel] of this.panels) panel.show(state, state.tf[name]);
    this.matrix.show(state, (name) => this.panels.get(name)?.chart.bars.at(-1)?.c ?? null);
    if (PHONE.matches) for (const [name, { fill }] of this.tabs) format.fill(fill, percentOf(state.tf[name].partial));
    this.root.dataset.seq = state.seq;
    this.root.dataset.last = state.last;
  }

  setRejects(rejects) {
    const marked = rejects.map((reject) => ({ ...reject, time: format.milliseconds(reject.time_ns) / 1000 }));
    for (const { chart } of this.panels.values()) chart.setRejects(marked);
  }

  // The others mark their bar that contains the time; the readout is that of the bar under the pointer.
  crosshair(source, param) {
    const second = param.time === undefined ? null : source.chart.secondOf(param.time);
    for (const panel of this.panels.values()) {
      if (panel === source) continue;
      if (second === null) panel.chart.chart.clearCrosshairPosition();
      else panel.chart.showAt(second);
      panel.hovered = second === null ? null : panel.chart.barAt(second);
    }
    this.hoveredMoment = second === null ? null : source.chart.momentOf(param.time);
    const bar = second === null ? null : source.chart.barOn(param.time);
    source.hovered = bar;
    this.hoveredRejects = bar ? source.chart.rejectsIn(bar) : [];
    this.app.showTip(this.hoveredRejects, param.point, source.chart);
    if (this.app.state) for (const panel of this.panels.values()) if (panel.focus) panel.show({ ...this.app.state }, { ...this.app.state.tf[panel.timeframe.name], closed: [] });
  }

  restyle() {
    for (const { chart } of this.panels.values()) chart?.restyle();
  }

  fit() {
    for (const { chart } of this.panels.values()) chart?.fit();
  }

  zoom(factor) {
    (this.panels.get(this.app.focus) ?? [...this.panels.values()][0])?.chart?.zoom(factor);
  }

  toggleTable() {
    const panel = this.panels.get(this.app.focus) ?? [...this.panels.values()][0];
    if (!panel.chart) return undefined;
    const there = panel.root.querySelector(".bars-table");
    if (there) return there.remove();
    panel.root.append(barsTable(panel.chart, this.decimals));
    return panel.root.querySelector(".bars-table").focus();
  }

  describe(state) {
    for (const panel of this.panels.values()) panel.describe(state);
  }

  announce(state) {
    for (const panel of this.panels.values()) panel.announce(state);
  }
}
