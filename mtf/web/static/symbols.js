// All symbols: found by name, ten thousand of them with sixty rows in the page.

import { drawSpark, element, paint, spark, write } from "./dom.js";
import * as format from "./format.js";
import { percentOf } from "./matrix.js";
import { get } from "./net.js";
import { letterOf } from "./overlay.js";
import { Preview } from "./preview.js";

const PHONE = window.matchMedia("(max-width:700px)");
const SPARK_MS = 150;
const STATES_MS = 5000;
const SHAPES = { open: "●", silent: "○", closed: "─", rejecting: "△" };
const ORDERS = [["most ticks first", "ticks"], ["by name", "name"], ["as they came", "came"]];
const SCALE = 0.015; // of the bars of the day: this change fills a half

export class Symbols {
  constructor(host, app) {
    this.app = app;
    this.all = app.symbols;
    this.found = this.all;
    this.chosen = 0;
    this.order = 0;
    this.wantedState = null;
    this.tall = PHONE.matches ? 40 : 30; // a row, as in the style sheet
    this.states = new Map(); // by name what it is doing
    this.ticks = new Map();
    this.rows = new Map();
    this.known = new Map();
    this.sparks = new Map();
    this.input = element("input", { type: "search", placeholder: "Find a symbol", "aria-label": "Find a symbol", autocomplete: "off", spellcheck: "false" });
    this.filters = new Map([null, "open", "closed", "silent", "rejecting"].map((state) => {
      const count = element("b");
      const button = element("button", { class: "filter", "aria-pressed": String(state === null), onclick: () => this.filterState(state) }, `${state === null ? "All" : state[0].toUpperCase() + state.slice(1)} `, count);
      return [state, { button, count }];
    }));
    this.total = element("span", { class: "dim total", role: "status" });
    this.orderWord = element("span");
    this.sorter = element("button", { class: "plain dim sorter", onclick: () => this.reorder() }, this.orderWord, " ", element("kbd", { "aria-hidden": "true" }, "s"));
    this.none = element("p", { class: "none", hidden: true });
    this.sizer = element("div", { class: "sizer" });
    this.list = element("div", { class: "rows", role: "listbox", "aria-label": "Symbols", tabindex: "0" }, this.sizer);
    const shortest = app.config.timeframes[0].name;
    const heads = [["symbol", ""], ["last", ""], ["day", ""], ["", "wide mid"], [`last 40 × ${shortest}`, "left"], [`forming ${shortest}`, "wide mid left"], ["ticks", "mid"], ["last tick", "mid"], ["rejected", "mid"], ["state", "left"]];
    this.preview = new Preview(app);
    host.replaceChildren(element("div", { class: "symbols" },
      element("div", { class: "list" }, element("div", { class: "finder" }, element("div", { class: "search" }, this.input, element("kbd", { "aria-hidden": "true" }, "/")),
        element("div", { class: "filters", role: "group", "aria-label": "Show" }, ...[...this.filters.values()].map(({ button }) => button)), this.total, this.sorter),
        element("div", { class: "rowhead" }, ...heads.map(([name, kind]) => element("span", { class: kind || null }, name))), this.none, this.list),
      this.preview.root));
    this.host = host;
    this.input.addEventListener("input", () => this.filter());
    this.list.addEventListener("scroll", () => this.fill(), { passive: true });
    this.keys = (event) => this.key(event);
    host.addEventListener("keydown", this.keys);
    this.observer = new ResizeObserver(() => this.fill());
    this.observer.observe(this.list);
    this.showOrder();
    this.filter();
    this.loadStates();
    this.stateTimer = setInterval(() => this.loadStates(), STATES_MS);
    if (!matchMedia("(pointer:coarse)").matches) this.input.focus();
  }

  destroy() {
    this.observer.disconnect();
    clearInterval(this.stateTimer);
    clearTimeout(this.timer);
    clearTimeout(this.previewTimer);
    this.preview.destroy();
    this.host.removeEventListener("keydown", this.keys);
    this.app.live.ask("rows", null);
    this.app.live.say({ rows: [] });
    this.host.replaceChildren();
  }

  restyle() {
    this.preview.restyle();
  }

  async loadStates() {
    const answer = await get("symbols", { states: 1 }).catch(() => null);
    if (!answer || !this.list.isConnected) return;
    const counts = new Map([[null, answer.symbols.length]]);
    answer.symbols.forEach((name, k) => {
      const state = answer.words[answer.states[k]];
      this.states.set(name, state);
      this.ticks.set(name, answer.ticks[k]);
      counts.set(state, (counts.get(state) ?? 0) + 1);
    });
    const first = this.known.size === 0 || this.all.length !== answer.symbols.length || !this.sorted;
    this.app.symbols = answer.symbols;
    for (const [state, { count }] of this.filters) write(count, format.whole(counts.get(state) ?? 0));
    if (first) this.sort();
  }

  // The order stays while ticks come in: rows that move cannot be read.
  sort() {
    this.sorted = this.ticks.size > 0;
    const [, by] = ORDERS[this.order];
    this.all = [...this.app.symbols];
    if (by === "name") this.all.sort();
    if (by === "ticks") this.all.sort((a, b) => (this.ticks.get(b) ?? 0) - (this.ticks.get(a) ?? 0));
    this.filter();
  }

  reorder() {
    this.order = (this.order + 1) % ORDERS.length;
    this.showOrder();
    this.sort();
  }

  showOrder() {
    write(this.orderWord, ORDERS[this.order][0]);
  }

  filterState(state) {
    this.wantedState = state;
    for (const [each, { button }] of this.filters) button.setAttribute("aria-pressed", String(each === state));
    this.filter();
  }

  filter() {
    const before = this.found[this.chosen] ?? this.app.symbol;
    const wanted = this.input.value.trim().toLowerCase();
    const begins = [];
    const has = [];
    for (const name of this.all) {
      if (this.wantedState !== null && this.states.get(name) !== this.wantedState) continue;
      const at = name.toLowerCase().indexOf(wanted);
      if (at === 0) begins.push(name);
      else if (at > 0) has.push(name);
    }
    this.found = [...begins, ...has];
    this.chosen = wanted ? 0 : Math.max(0, this.found.indexOf(before));
    this.sizer.style.height = `${this.found.length * this.tall}px`;
    write(this.total, wanted || this.wantedState !== null ? `${format.whole(this.found.length)} of ${format.whole(this.all.length)}` : "");
    this.none.hidden = this.found.length > 0;
    if (!this.found.length) {
      this.none.replaceChildren(wanted ? `No symbol${this.wantedState ? ` that is ${this.wantedState}` : ""} contains “${this.input.value.trim()}”. There are ${format.whole(this.all.length)}. ` : `No symbol is ${this.wantedState} now. There are ${format.whole(this.all.length)}. `,
        element("kbd", {}, "esc"), wanted ? " clears the search." : " shows all.");
    }
    this.list.scrollTop = Math.max(0, this.chosen * this.tall - this.list.clientHeight / 2);
    this.fill();
    this.choose(this.chosen);
  }

  fill() {
    const first = Math.max(0, Math.floor(this.list.scrollTop / this.tall) - 4);
    const last = Math.min(this.found.length, first + Math.min(60, Math.ceil(this.list.clientHeight / this.tall) + 8));
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
      row.root.style.top = `${(first + k) * this.tall}px`;
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
    const row = { last: cell(""), day: cell(""), swing: element("i"), spark: spark(this.sparks.get(name) ?? []), fill: element("i"), ticks: cell("mid"), age: cell("mid"), rejects: cell("mid"), state: element("span", { class: "state" }) };
    row.root = element("div", { class: "row", role: "option", onclick: () => this.choose(this.found.indexOf(name)), ondblclick: () => this.app.openSymbol(name) },
      element("span", {}, name), row.last, row.day, element("span", { class: "wide mid swing" }, row.swing), row.spark, element("span", { class: "wide mid" }, element("span", { class: "bar" }, row.fill)), row.ticks, row.age, row.rejects, row.state);
    return row;
  }

  show(message) {
    this.time_ns = message.time_ns;
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
    row.swing.style.transform = `scaleX(${Math.max(-1, Math.min(1, (change ?? 0) / SCALE))})`;
    paint(row.swing, format.direction(change ?? 0));
    format.fill(row.fill, percentOf(data.p1m));
    write(row.ticks, format.whole(data.ticks));
    const newest = this.time_ns;
    const age = data.last_ns && newest ? Math.max(0, Number(BigInt(newest) - BigInt(data.last_ns)) / 1e9) : null;
    write(row.age, age === null ? "–" : format.age(age));
    const rejects = Object.entries(data.rejects).sort(([, a], [, b]) => b - a);
    write(row.rejects, rejects.length ? `${letterOf(rejects[0][0])} ${format.whole(rejects[0][1])}${rejects.length > 1 ? " …" : ""}` : "0");
    paint(row.rejects, rejects.length ? "mid warn" : "mid dim");
    if (row.state.dataset.state !== data.state) {
      row.state.dataset.state = data.state;
      row.state.replaceChildren(element("i", { "aria-hidden": "true" }, SHAPES[data.state]), element("span", {}, data.state));
    }
  }

  choose(index) {
    clearTimeout(this.previewTimer);
    if (!this.found.length) {
      this.preview.clear();
      return;
    }
    this.chosen = Math.min(this.found.length - 1, Math.max(0, index));
    const top = this.chosen * this.tall;
    if (top < this.list.scrollTop) this.list.scrollTop = top;
    if (top + this.tall > this.list.scrollTop + this.list.clientHeight) this.list.scrollTop = top + this.tall - this.list.clientHeight;
    for (const [name, row] of this.rows) row.root.setAttribute("aria-selected", String(name === this.found[this.chosen]));
    const name = this.found[this.chosen];
    this.previewTimer = setTimeout(() => this.preview.show(name), 60);
  }

  // Keys that were pressed before the view was there.
  type(keys) {
    for (const key of keys) {
      if (key !== "Enter") this.input.value += key;
      else if (this.filter(), this.found.length) return this.app.openSymbol(this.found[this.chosen]);
    }
    this.filter();
  }

  key(event) {
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      this.choose(this.chosen + (event.key === "ArrowDown" ? 1 : -1));
    } else if (event.key === "Enter" && this.found.length && !event.target.closest("button")) {
      event.preventDefault();
      this.app.openSymbol(this.found[this.chosen]);
    } else if (event.key === "Escape") {
      if (this.input.value || this.wantedState !== null) {
        this.input.value = "";
        this.filterState(null);
      } else this.app.setView("market");
    } else if (event.key === "s" && event.target !== this.input && !event.ctrlKey && !event.metaKey) {
      this.reorder();
    }
  }
}
