// All symbols: found by name, ten thousand of them with sixty rows in the page.

import { drawSpark, element, paint, spark, write } from "./dom.js";
import * as format from "./format.js";
import { get, inPath } from "./net.js";

const ROW = 30;
const SPARK_MS = 150;
const LETTERS = { late: "L", closed: "C", price: "P", duplicate: "D", unfinished: "U" };

export class Symbols {
  constructor(host, app) {
    this.app = app;
    this.all = app.symbols;
    this.found = this.all;
    this.chosen = Math.max(0, this.all.indexOf(app.symbol));
    this.rows = new Map();
    this.known = new Map();
    this.sparks = new Map();
    this.input = element("input", { type: "search", placeholder: "Find a symbol", "aria-label": "Find a symbol", autocomplete: "off", spellcheck: "false" });
    this.total = element("span", { class: "dim" });
    this.sizer = element("div", { class: "sizer" });
    this.list = element("div", { class: "rows", role: "listbox", "aria-label": "Symbols", tabindex: "0" }, this.sizer);
    const heads = [["symbol", ""], ["last", ""], ["day", ""], ["last 40", ""], ["forming", "wide mid"], ["ticks", "mid"], ["last tick", "mid"], ["rejected", "mid"], ["state", ""]];
    this.preview = element("div", { class: "preview", "aria-live": "off" });
    host.replaceChildren(element("div", { class: "symbols" },
      element("div", { class: "list" }, element("div", { class: "finder" }, this.input, this.total),
        element("div", { class: "rowhead" }, ...heads.map(([name, kind]) => element("span", { class: kind }, name))), this.list),
      this.preview));
    this.host = host;
    this.input.addEventListener("input", () => this.filter());
    this.list.addEventListener("scroll", () => this.fill(), { passive: true });
    this.keys = (event) => this.key(event);
    host.addEventListener("keydown", this.keys);
    this.observer = new ResizeObserver(() => this.fill());
    this.observer.observe(this.list);
    this.filter();
    this.input.focus();
  }

  destroy() {
    this.observer.disconnect();
    this.host.removeEventListener("keydown", this.keys);
    this.app.live.ask("rows", null);
    this.app.live.say({ rows: [] });
    this.host.replaceChildren();
  }

  filter() {
    const wanted = this.input.value.trim().toLowerCase();
    const begins = [];
    const has = [];
    for (const name of this.all) {
      const at = name.toLowerCase().indexOf(wanted);
      if (at === 0) begins.push(name);
      else if (at > 0) has.push(name);
    }
    this.found = wanted ? [...begins, ...has] : this.all;
    this.chosen = Math.max(0, wanted ? 0 : this.all.indexOf(this.app.symbol));
    this.sizer.style.height = `${this.found.length * ROW}px`;
    write(this.total, this.found.length ? `${format.whole(this.found.length)} of ${format.whole(this.all.length)}` : "No symbol has that in its name");
    this.list.scrollTop = Math.max(0, this.chosen * ROW - this.list.clientHeight / 2);
    this.fill();
    this.choose(this.chosen);
  }

  fill() {
    const first = Math.max(0, Math.floor(this.list.scrollTop / ROW) - 4);
    const last = Math.min(this.found.length, first + Math.min(60, Math.ceil(this.list.clientHeight / ROW) + 8));
    const names = this.found.slice(first, last);
    for (const [name, row] of this.rows) {
      if (!names.includes(name)) {
        row.root.remove();
        this.rows.delete(name);
      }
    }
    names.forEach((name, k) => {
      let row = this.rows.get(name);
      if (!row) {
        row = this.row(name);
        this.rows.set(name, row);
        this.sizer.append(row.root);
        if (this.known.has(name)) this.showRow(this.known.get(name));
      }
      row.root.style.top = `${(first + k) * ROW}px`;
      row.root.setAttribute("aria-selected", String(this.found[this.chosen] === name));
    });
    this.app.live.ask("rows", { rows: names });
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.loadSparks(names), SPARK_MS);
  }

  async loadSparks(names) {
    const missing = names.filter((name) => !this.sparks.has(name));
    if (!missing.length) return;
    const answer = await get("spark", { symbols: missing.join(","), last: 40 }).catch(() => null);
    for (const [name, closes] of Object.entries(answer?.closes ?? {})) {
      this.sparks.set(name, closes);
      const row = this.rows.get(name);
      if (row) drawSpark(row.spark, closes);
    }
  }

  row(name) {
    const cell = (kind) => element("span", { class: kind });
    const row = { last: cell(""), day: cell(""), spark: spark(this.sparks.get(name) ?? []), fill: element("i"), ticks: cell("mid"), age: cell("mid"), rejects: cell("mid"), state: element("span", { class: "state" }) };
    row.root = element("div", { class: "row", role: "option", onclick: () => this.choose(this.found.indexOf(name)), ondblclick: () => this.app.openSymbol(name) },
      element("span", {}, name), row.last, row.day, row.spark, element("span", { class: "wide mid" }, element("span", { class: "bar" }, row.fill)), row.ticks, row.age, row.rejects, row.state);
    return row;
  }

  show(message) {
    for (const row of message.rows) {
      this.known.set(row.symbol, row);
      this.showRow(row);
    }
  }

  showRow(data) {
    const row = this.rows.get(data.symbol);
    if (!row || data.unknown) return;
    write(row.last, format.price(data.last, data.decimals));
    const change = data.ref ? data.last / data.ref - 1 : null;
    write(row.day, change === null ? "" : `${change < 0 ? "▼" : change > 0 ? "▲" : "·"} ${format.share(change)}`);
    paint(row.day, format.direction(change ?? 0));
    row.fill.style.transform = `scaleX(${data.p1m ? Math.min(0.99, data.p1m.progress) : 0})`;
    write(row.ticks, format.whole(data.ticks));
    const newest = this.app.state?.time_ns ?? data.last_ns;
    const age = data.last_ns && newest ? Math.max(0, Number(BigInt(newest) - BigInt(data.last_ns)) / 1e9) : null;
    write(row.age, age === null ? "–" : format.age(age));
    const rejects = Object.entries(data.rejects);
    write(row.rejects, rejects.length ? rejects.map(([reason, count]) => `${LETTERS[reason] ?? "M"} ${format.whole(count)}`).join(" ") : "0");
    paint(row.rejects, rejects.length ? "mid warn" : "mid dim");
    const state = rejects.length ? ["△", "rejecting"] : data.p1m ? ["●", "open"] : ["○", "silent"];
    row.state.replaceChildren(`${state[0]} `, element("span", {}, state[1]));
  }

  choose(index) {
    if (!this.found.length) {
      this.preview.replaceChildren();
      return;
    }
    this.chosen = Math.min(this.found.length - 1, Math.max(0, index));
    const top = this.chosen * ROW;
    if (top < this.list.scrollTop) this.list.scrollTop = top;
    if (top + ROW > this.list.scrollTop + this.list.clientHeight) this.list.scrollTop = top + ROW - this.list.clientHeight;
    for (const [name, row] of this.rows) row.root.setAttribute("aria-selected", String(name === this.found[this.chosen]));
    clearTimeout(this.previewTimer);
    this.previewTimer = setTimeout(() => this.showPreview(this.found[this.chosen]), 60);
  }

  async showPreview(name) {
    const outputs = this.app.matrixOutputs();
    const state = await get(`state/${inPath(name)}`, { outputs: outputs.map((output) => output.name).join(",") }).catch(() => null);
    if (!state || name !== this.found[this.chosen] || !this.preview.isConnected) return;
    const rows = Object.entries(state.tf).map(([timeframe, part]) => {
      const change = part.partial ? part.partial.c - part.partial.o : null;
      const bar = element("i");
      bar.style.transform = `scaleX(${part.partial ? Math.min(0.99, part.partial.progress) : 0})`;
      return element("tr", {}, element("th", { scope: "row" }, element("b", {}, timeframe)),
        element("td", { class: part.partial ? format.direction(change) : "dim" }, part.partial ? format.difference(change, state.decimals) : "no bar yet"),
        element("td", {}, element("span", { class: "bar" }, bar)),
        ...outputs.map((output) => element("td", {}, format.reading(part.live[output.name] ?? part.completed[output.name], output, state.decimals) ?? `${Math.min(part.bars_seen, output.warmup)}/${output.warmup}`)));
    });
    this.preview.replaceChildren(
      element("h2", {}, name, element("span", {}, format.price(state.last, state.decimals)), element("button", { onclick: () => this.app.openSymbol(name) }, "Open ⏎")),
      element("p", { class: "dim" }, `All at seq ${format.whole(state.seq)}${state.session ? ` · ${state.session.text}` : ""}`),
      element("div", { class: "matrix" }, element("table", {}, element("tbody", {}, ...rows))));
  }

  key(event) {
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      this.choose(this.chosen + (event.key === "ArrowDown" ? 1 : -1));
    } else if (event.key === "Enter" && this.found.length) {
      event.preventDefault();
      this.app.openSymbol(this.found[this.chosen]);
    } else if (event.key === "Escape") {
      this.app.setView("market");
    }
  }
}
