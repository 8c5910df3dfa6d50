// Every timeframe in a row of numbers, as of one seq.

import { element, paint, write } from "./dom.js";
import * as format from "./format.js";

const NUMBERS = ["No", "One", "Two", "Three", "Four", "Five", "Six", "Seven", "Eight", "Nine"];

// The sign of a change as it is shown: what rounds to nothing has none.
export const shownSign = (change, decimals) => (/[1-9]/.test(format.price(Math.abs(change), decimals)) ? change : 0);

// Whether time closes the bars of a timeframe: otherwise the tick that fills one does.
export const isTimed = (timeframe) => timeframe.seconds !== null;

// The timeframe by which changes are measured: the day, or the longest one of time.
export const longestOf = (timeframes) => timeframes.find(({ name }) => name === "1d") ?? timeframes.findLast(isTimed) ?? timeframes.at(-1);

// Progress is floored: 100 % is never shown.
export const percentOf = (partial) => (partial ? Math.min(99, Math.floor(partial.progress * 100)) : 0);

// What is said in place of a forming bar: none follows one that was filled until the next tick.
export const absent = (part) => (part.newest_ns ? "no forming bar" : "no bar yet");

export class Matrix {
  constructor({ config, outputs, focus = null, onChoose = null }) {
    this.outputs = outputs;
    this.title = element("b");
    this.note = element("span", {}, "live values");
    this.rows = new Map();
    const body = element("tbody");
    for (const timeframe of config.timeframes) {
      const cells = {
        change: element("td", { "data-field": "change" }), fill: element("i"), close: element("td", { class: "lastclose", "data-field": "close" }),
        values: outputs.map((output) => element("td", { "data-field": output.name })),
      };
      const name = onChoose ? element("button", { class: "plain" }, element("b", {}, timeframe.name)) : element("b", {}, timeframe.name);
      cells.row = element("tr", { onclick: onChoose && (() => onChoose(timeframe.name)), "data-tf": timeframe.name, "aria-current": timeframe.name === focus ? "true" : null },
        element("th", { scope: "row" }, name), cells.change, element("td", { class: "progress" }, element("span", { class: "bar" }, cells.fill)), cells.close, ...cells.values);
      this.rows.set(timeframe.name, cells);
      body.append(cells.row);
    }
    const heads = [["forming", ""], ["progress", "progress"], ["last close", "lastclose"], ...outputs.map((output) => [format.outputName(output), ""])];
    const head = element("tr", {}, element("th", { scope: "col" }, element("span", { class: "unseen" }, "timeframe")), ...heads.map(([name, kind]) => element("th", { scope: "col", class: kind || null }, name)));
    this.credit = element("a", { class: "credit-small", href: "https://www.tradingview.com/", rel: "noreferrer noopener" }, "Charts: TradingView");
    this.root = element("section", { class: "panel matrix", "aria-label": "All timeframes" },
      element("h2", {}, this.title, this.note, this.credit), element("table", {}, element("thead", {}, head), body));
  }

  // *closeOf* gives by timeframe the close of its newest completed bar, or null.
  show(state, closeOf) {
    write(this.title, `${this.rows.size === 1 ? "The one" : `All ${(NUMBERS[this.rows.size] ?? String(this.rows.size)).toLowerCase()}`} at seq ${format.whole(state.seq)}`);
    for (const [name, cells] of this.rows) {
      const part = state.tf[name];
      const { partial } = part;
      write(cells.change, partial ? format.difference(partial.c - partial.o, state.decimals) : part.newest_ns ? "none yet" : "no bar yet");
      paint(cells.change, partial ? format.direction(shownSign(partial.c - partial.o, state.decimals)) : "dim");
      format.fill(cells.fill, percentOf(partial));
      write(cells.close, format.price(closeOf(name), state.decimals));
      this.outputs.forEach((output, k) => {
        const text = format.reading(part.live[output.name] ?? part.completed[output.name], output, state.decimals);
        write(cells.values[k], text ?? `${Math.min(part.bars_seen, output.warmup)}/${output.warmup}`);
        paint(cells.values[k], text === null ? "dim" : "");
      });
    }
  }
}
