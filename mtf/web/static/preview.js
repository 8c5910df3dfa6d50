// The symbol that is chosen in the list: a small chart of each timeframe and the matrix, at one seq.

import { Chart } from "./chart.js";
import { element, paint, write } from "./dom.js";
import * as format from "./format.js";
import { Matrix, absent, longestOf, shownSign } from "./matrix.js";
import { getCharts } from "./net.js";
import { prepared, withValues } from "./panel.js";

const BARS = 60;

export class Preview {
  constructor(app) {
    const { config } = app;
    this.app = app;
    this.outputs = app.matrixOutputs();
    this.name = element("b", { class: "name" });
    this.last = element("b", { class: "last" });
    this.change = element("span");
    this.session = element("span", { class: "dim" });
    this.open = element("button", { onclick: () => app.openSymbol(this.symbol) }, "Open ", element("kbd", { "aria-hidden": "true" }, "⏎"));
    this.minis = config.timeframes.map((timeframe, k) => {
      const mini = { timeframe, change: element("span"), plot: element("div", { class: "plot", role: "img", "aria-label": timeframe.name }) };
      mini.root = element("div", { class: "mini" }, element("h3", {}, element("kbd", {}, String(k + 1)), element("b", {}, timeframe.name), mini.change), mini.plot);
      return mini;
    });
    this.matrix = new Matrix({ config, outputs: this.outputs });
    this.root = element("section", { class: "preview", "aria-label": "Chosen symbol", hidden: true },
      element("h2", {}, this.name, this.last, this.change, this.session, this.open), element("div", { class: "minis" }, ...this.minis.map((mini) => mini.root)), this.matrix.root);
  }

  destroy() {
    for (const { chart } of this.minis) chart?.destroy();
  }

  restyle() {
    for (const { chart } of this.minis) chart?.restyle();
  }

  clear() {
    this.symbol = null;
    this.root.hidden = true;
  }

  async show(symbol) {
    this.symbol = symbol;
    const outputs = this.outputs.map((output) => output.name);
    const lines = this.outputs.filter((output) => output.pane === "price");
    const answer = await getCharts(symbol, null, outputs, BARS).catch(() => null);
    if (!answer || this.symbol !== symbol || !this.root.isConnected) return;
    const { state, charts } = answer;
    this.root.hidden = false;
    write(this.name, symbol);
    write(this.last, format.price(state.last, state.decimals));
    write(this.session, state.session?.text ?? "");
    this.minis.forEach((mini) => this.showMini(mini, state, charts[mini.timeframe.name], lines));
    this.matrix.show(state, (name) => charts[name].bars.at(-1)?.c ?? null);
    const forming = this.minis.map(({ timeframe }) => timeframe).filter(({ name }) => state.tf[name].partial);
    const day = forming.length ? state.tf[longestOf(forming).name].partial : null;
    const change = day ? day.c - day.o : null;
    write(this.change, change === null ? "" : `${change < 0 ? "▼" : change > 0 ? "▲" : "·"} ${format.share(change / day.o)}`);
    paint(this.change, format.direction(change ?? 0));
  }

  showMini(mini, state, chart, lines) {
    const part = state.tf[mini.timeframe.name];
    const partial = prepared(part.partial);
    if (!mini.chart) {
      mini.chart = new Chart(mini.plot, { timeframe: mini.timeframe, mini: true });
      mini.chart.setOutputs(lines);
    }
    mini.chart.load(withValues(chart).map(prepared), state.decimals);
    mini.chart.update([], partial, part.live, state.last);
    write(mini.change, partial ? format.difference(partial.c - partial.o, state.decimals) : absent(part));
    paint(mini.change, partial ? format.direction(shownSign(partial.c - partial.o, state.decimals)) : "dim");
    mini.plot.setAttribute("aria-label", `${state.symbol} ${mini.timeframe.name}, ${partial ? `${format.price(partial.c, state.decimals)}, ${partial.c >= partial.o ? "up" : "down"}` : "no forming bar"}`);
  }
}
