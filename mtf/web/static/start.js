// What the page was served with, and the request for its charts: made while the other scripts are still being read.

import { readAddress, wantedOutputs } from "./address.js";
import { getCharts } from "./net.js";

const { config, symbols } = JSON.parse(document.getElementById("start").textContent);
const { view, symbol, at, chosen } = readAddress(config, symbols, location);

export const start = { config, symbols, charts: view === "market" && symbol !== null ? getCharts(symbol, at, wantedOutputs(config, chosen)) : null };
start.charts?.catch(() => null); // whoever waits for it says so
