// The address of the page holds what it shows: view or symbol, focused timeframe, moment and indicators.

import { inPath } from "./net.js";

export const specsOf = (config) => [...new Set(config.outputs.map((output) => output.spec))];

// What an address says, of the *symbols* that are known.
export function readAddress(config, symbols, { pathname, search }) {
  const words = new URLSearchParams(search);
  const path = decodeURIComponent(pathname.slice(1));
  const timeframes = config.timeframes.map((timeframe) => timeframe.name);
  const specs = specsOf(config);
  const focus = words.get("tf") === "all" ? null : timeframes.includes(words.get("tf")) ? words.get("tf") : timeframes[Math.min(1, timeframes.length - 1)];
  return {
    view: path === "symbols" || path === "health" ? path : "market",
    symbol: symbols.includes(path) ? path : symbols[0] ?? null,
    focus,
    at: /^\d+$/.test(words.get("at") ?? "") ? Number(words.get("at")) : null,
    chosen: words.has("ind") ? chosenOf(words.get("ind"), specs) : specs.slice(0, 3),
  };
}

export function writeAddress({ view, symbol, focus, at, chosen }) {
  const words = new URLSearchParams();
  if (view === "market") {
    words.set("tf", focus ?? "all");
    if (at !== null) words.set("at", at);
    words.set("ind", chosen.join(" "));
  }
  const path = view === "market" ? inPath(symbol ?? "") : view;
  return `/${path}${words.size ? `?${String(words).replaceAll("%3A", ":").replaceAll("%2C", ",")}` : ""}`;
}

// The outputs of the indicators that are chosen.
export const chosenOutputs = (config, chosen) => config.outputs.filter((output) => chosen.includes(output.spec));

// The two outputs that have a column in the matrix: one on the price and one below it, chosen ones first.
export function matrixOutputs(config, chosen) {
  const firsts = [];
  for (const output of config.outputs) if (!firsts.some((each) => each.spec === output.spec)) firsts.push(output);
  const wanted = (output) => !chosen.includes(output.spec);
  const ordered = [...firsts].sort((a, b) => wanted(a) - wanted(b));
  const line = ordered.find((output) => output.pane === "price");
  const own = ordered.find((output) => output.pane === "own");
  return [...new Set([line, own, ...ordered])].filter(Boolean).slice(0, 2);
}

// The names of all outputs that are shown somewhere.
export const wantedOutputs = (config, chosen) => [...new Set([...chosenOutputs(config, chosen), ...matrixOutputs(config, chosen)].map((output) => output.name))];

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
