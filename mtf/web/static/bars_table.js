// The bars of a chart as a table, with the same numbers: for those who cannot see the chart, and to read one off.

import { element } from "./dom.js";
import * as format from "./format.js";

const HEADS = ["start", "open", "high", "low", "close", "volume", "ticks", "gap", "flags", "rejected"];
const KINDS = ["closed", "holiday", "break", "silence"];
const ROWS = 200;

export function barsTable(chart, decimals) {
  const forming = chart.partial ? [{ ...chart.partial, forming: true }] : [];
  const rows = [...chart.bars.slice(-ROWS), ...forming].reverse().map((bar) => row(bar, chart, decimals));
  return element("div", { class: "bars-table", tabindex: "0", role: "region", "aria-label": "Bars, newest first" }, element("table", {},
    element("thead", {}, element("tr", {}, ...HEADS.map((head) => element("th", { scope: "col" }, head)))), element("tbody", {}, ...rows)));
}

function row(bar, chart, decimals) {
  const lengthOf = (kind) => Number(bar.gap[`${kind}_ns`]) / 1e9;
  const gap = bar.gap ? KINDS.filter((kind) => lengthOf(kind) > 0).map((kind) => `${kind} ${format.length(lengthOf(kind))}`).join(", ") : "";
  const rejects = chart.rejectsIn(bar).map((reject) => `${reject.reason} at ${format.whole(reject.seq)}`).join(", ");
  const flags = [...bar.flags, ...(bar.forming ? ["forming"] : [])].join(", ").replaceAll("_", " ");
  return element("tr", {}, element("th", { scope: "row" }, `${format.day(bar.start_ns)} ${chart.timed ? format.minute(bar.start_ns) : format.clock(bar.start_ns)}`),
    ...["o", "h", "l", "c"].map((field) => element("td", {}, format.price(bar[field], decimals))),
    ...[String(bar.v), format.whole(bar.ticks), gap, flags, rejects].map((text) => element("td", {}, text)));
}
