// What is open over the page: indicators to choose, keys and notice, and the tip of rejected ticks.

import { by, element } from "./dom.js";
import * as format from "./format.js";
import { letterOf } from "./overlay.js";

const TIP_WIDE = 330;
const TIP_TALL = 140;
const LISTED = 8;
const KEYS = [
  ["1 … 9", "focus that timeframe"], ["0", "all charts of one size"], ["/", "find a symbol"], ["i", "indicators"], ["← →", "previous, next tick"],
  ["⇧← ⇧→", "previous, next close of the focused timeframe"], ["space  [  ]", "play, slower, faster"], ["g", "time machine at the crosshair; also a double click"],
  ["⏎", "to the rejected tick under the crosshair"], ["L", "back to live"], ["m y h", "market, symbols, health"], ["+ − f", "zoom, fit"],
  ["d  c", "dark or light, without colour"], ["z", "UTC or the exchange's time"], ["v", "the bars as a table"], ["s", "in the list of symbols: its order"], ["r", "try to connect now"], ["?", "this"],
];

function open(title, ...content) {
  const dialog = by("dialog");
  dialog.setAttribute("aria-label", title);
  dialog.replaceChildren(element("h2", {}, title), ...content, element("p", {}, element("button", { onclick: () => dialog.close() }, "Close")));
  dialog.showModal();
}

// *onChange* is given the specs that are chosen.
export function chooseIndicators(specs, chosen, onChange) {
  if (!specs.length) return open("Indicators", element("p", {}, "None run here. They are chosen where the log is written: mtf run --indicators sma:20,rsi:14"));
  const boxes = specs.map((spec) => element("input", { type: "checkbox", checked: chosen.includes(spec), value: spec, onchange: () => onChange(boxes.filter((box) => box.checked).map((box) => box.value)) }));
  return open("Indicators that run here", element("ul", {}, ...boxes.map((box, k) => element("li", {}, element("label", {}, box, format.specName(specs[k]))))));
}

export async function help(version) {
  const notice = await fetch("/static/vendor/NOTICE-lightweight-charts.txt").then((answer) => answer.text()).catch(() => "");
  open("Keys", element("div", { class: "keys" }, ...KEYS.flatMap(([key, what]) => [element("kbd", {}, key), element("span", {}, what)])),
    element("p", { class: "dim" }, `mtf ${version ?? ""}. Charts: `, element("a", { href: "https://www.tradingview.com/", rel: "noreferrer noopener" }, "TradingView Lightweight Charts™"), ", Apache License 2.0."),
    element("pre", { class: "dim" }, notice));
}

export function showTip(rejects, point, chart, decimals) {
  const tip = by("tip");
  tip.hidden = !rejects.length || !point;
  if (tip.hidden) return;
  const newest = rejects.slice(-LISTED);
  tip.replaceChildren(element("b", {}, `${format.whole(rejects.length)} rejected in this bar`), ...newest.map((reject) => element("div", {},
    element("span", { class: "warn" }, `${letterOf(reject.reason)} ${reject.reason}`), ` seq ${format.whole(reject.seq)} · ${format.clock(reject.time_ns)} · ${format.price(reject.price, decimals)}`)));
  if (rejects.length > newest.length) tip.append(element("div", { class: "dim" }, `and ${format.whole(rejects.length - newest.length)} before`));
  const box = chart.chart.chartElement().getBoundingClientRect();
  tip.style.left = `${Math.max(4, Math.min(innerWidth - TIP_WIDE, box.left + point.x + 12))}px`;
  tip.style.top = `${Math.max(4, Math.min(innerHeight - TIP_TALL, box.top + point.y + 12))}px`;
}
