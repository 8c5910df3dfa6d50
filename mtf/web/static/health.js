// How it is going: one sentence first, then numbers, then who is behind and what was rejected.

import { drawSpark, element, paint, spark, write } from "./dom.js";
import * as format from "./format.js";
import { letterOf } from "./overlay.js";

const WORDS = { closed: "tick in closed hours", late: "older than the symbol’s clock", price: "not a possible price", duplicate: "id seen before", unfinished: "a bar that still formed" };
const KEPT = 60; // of each number, a second apart
const NEWEST = 20;
const COUNTED = ["messages", "duplicates", "malformed", "missing", "outages", "failures", "stalls"]; // of each feed
const SHAPES = { running: ["●", "ok"], behind: ["△", "warn"], ended: ["✕", "err"], failed: ["✕", "err"] };

const bytes = (count) => (count >= 1e9 ? `${(count / 1e9).toFixed(2)} GB` : count >= 1e6 ? `${(count / 1e6).toFixed(1)} MB` : `${Math.round(count / 1e3)} kB`).split(" ");
const table = (heads, rows) => element("table", {}, element("thead", {}, element("tr", {}, ...heads.map(([head, kind]) => element("th", { scope: "col", class: kind || null }, head)))), element("tbody", {}, ...rows));
const heading = (title, note) => element("h2", {}, title, " ", note);

export class Health {
  constructor(host, app) {
    this.app = app;
    this.host = host;
    this.numbers = new Map();
    this.drawn = {};
    this.shape = element("span", { "aria-hidden": "true" });
    this.sentence = element("b");
    this.advice = element("code", { hidden: true });
    this.list = element("dl", { class: "numbers" });
    this.service = element("dl", { class: "numbers", hidden: true });
    this.feeds = element("section", { hidden: true });
    this.consumers = element("section", { hidden: true });
    this.newest = element("section");
    this.reasons = element("section");
    this.facts = element("section");
    this.root = element("div", { class: "health", tabindex: "0", role: "region", "aria-label": "Health" }, element("p", { class: "dim" }, "Waiting for the first report …"));
    host.replaceChildren(this.root);
    app.live.ask("health", { health: true });
  }

  destroy() {
    this.app.live.ask("health", null);
    this.app.live.say({ health: false });
    this.host.replaceChildren();
  }

  build() {
    this.root.replaceChildren(
      element("p", { class: "sentence", role: "status" }, this.shape, this.sentence, this.advice), this.list, this.service, this.feeds, this.consumers,
      element("div", { class: "two" }, this.newest, this.reasons), this.facts);
  }

  show(report) {
    if (!this.list.isConnected) this.build();
    const { config } = this.app;
    write(this.shape, report.trouble ? "✕" : report.idle_s === null || report.idle_s > 60 ? "○" : "●");
    paint(this.shape, report.trouble ? "err" : "ok");
    write(this.sentence, report.sentence);
    this.advice.hidden = !report.failure;
    write(this.advice, report.failure ? `mtf verify ${config.directory}` : "");
    const total = Object.values(report.rejects.by_reason).reduce((sum, count) => sum + count, 0);
    const [size, unit] = bytes(report.log_bytes ?? 0);
    const [memory, memoryUnit] = bytes(report.memory_bytes ?? 0);
    this.number("events per second", report.events_per_second, format.whole(Math.round(report.events_per_second)), "", report.idle_s === null ? "none since the server’s start" : `newest ${format.age(report.idle_s)}${report.idle_s < 1 ? "" : " ago"}`);
    this.number("log", report.seq, size, unit, `${format.plural(report.seq, "event")}${report.seq ? `, ${Math.round((report.log_bytes ?? 0) / report.seq)} B each` : ""}`);
    this.number("symbols", report.symbols, format.whole(report.symbols), "", `${config.timeframes.length} timeframes each`);
    this.number("rejected", total, format.whole(total), "", report.seq ? `${((total / report.seq) * 100).toFixed(3)} % of the events` : "of no events");
    this.number("time machine", report.keyframes_seq, report.seq ? `${Math.floor((report.keyframes_seq / report.seq) * 100)}` : "0", "% ready", `up to seq ${format.whole(report.keyframes_seq)}`);
    this.number("memory", report.memory_bytes ?? 0, memory, memoryUnit, `at most so far; ${format.plural(report.viewers ?? 1, "viewer")}`);
    this.part("service", report.service ?? null, (service) => this.showService(service));
    this.part("feeds", report.service?.feeds ?? [], (all) => this.showFeeds(all));
    this.part("consumers", report.consumers ?? [], (all) => this.showConsumers(all));
    this.part("newest", report.rejects.newest, (all) => this.showNewest(all));
    this.part("reasons", report.rejects.by_reason, (counts) => this.showReasons(counts, total, report.seq));
    this.part("facts", report.digest, (digest) => this.showFacts(config, digest));
  }

  // A part is made again only when it differs, so that what has the focus keeps it.
  part(name, data, make) {
    const text = JSON.stringify(data);
    if (this.drawn[name] === text) return;
    this.drawn[name] = text;
    make(data);
  }

  number(title, value, text, unit, note) {
    let parts = this.numbers.get(title);
    if (!parts) {
      parts = { value: element("b"), unit: element("span"), note: element("dd"), spark: spark([], 180, 24), values: [] };
      this.numbers.set(title, parts);
      this.list.append(element("div", {}, element("dt", {}, title), element("dd", {}, parts.value, " ", parts.unit), parts.note, element("dd", { "aria-hidden": "true" }, parts.spark)));
    }
    write(parts.value, text);
    write(parts.unit, unit);
    write(parts.note, note);
    parts.values = [...parts.values, value].slice(-KEPT);
    drawSpark(parts.spark, parts.values, 180, 24);
  }

  // What only the process of a service knows: its lag, checkpoints and log.
  showService(report) {
    this.service.hidden = !report;
    if (!report) return;
    const number = (title, value, unit, note) => element("div", {}, element("dt", {}, title), element("dd", {}, element("b", {}, value), " ", element("span", {}, unit)), element("dd", {}, note));
    const lag = (value) => (value === null ? "–" : `≤ ${value}`);
    const { checkpoint, log } = report;
    this.service.replaceChildren(
      number("lag", lag(report.lag_median_ms), "ms", `of half of the live ticks; of 99 %: ${lag(report.lag_p99_ms)} ms`),
      ...(checkpoint ? [number("checkpoint", format.whole(checkpoint.behind), "events ago", `${format.age(checkpoint.age_ns / 1e9)} ago, ${format.whole(checkpoint.written)} written, ${format.whole(checkpoint.failed)} failed`)] : []),
      ...(log ? [number("log on disk", ...bytes(log.bytes), `synced up to ${format.whole(log.durable_seq)}`)] : []));
  }

  showFeeds(all) {
    this.feeds.hidden = !all.length;
    const rows = all.map((each) => element("tr", {}, element("th", { scope: "row" }, each.name),
      element("td", { class: each.connected ? "ok" : "err" }, each.connected ? "connected" : `down: ${each.last_error || "not yet connected"}`),
      element("td", {}, each.last_message_ns === null ? "–" : format.clock(each.last_message_ns)),
      ...COUNTED.map((name) => element("td", { class: "num" }, format.whole(each[name])))));
    this.feeds.replaceChildren(heading("Feeds", element("span", {}, "what each connection has brought")),
      table([["name"], ["state"], ["newest"], ...COUNTED.map((name) => [name, "num"])], rows));
  }

  showConsumers(all) {
    this.consumers.hidden = !all.length;
    const rows = all.map((each) => {
      const [shape, kind] = SHAPES[each.state ?? "running"] ?? SHAPES.running;
      return element("tr", {}, element("th", { scope: "row" }, each.name), element("td", {}, each.policy ?? "wait"),
        ...[each.lag_ms === undefined ? "–" : `${each.lag_ms} ms`, each.behind ?? "–", each.passed_over ?? each.dropped ?? "–", each.restarts ?? 0].map((value) => element("td", { class: "num" }, String(value))),
        element("td", { class: kind }, `${shape} ${each.error ? `${each.state}: ${each.error}` : each.reason ?? each.state ?? "running"}`));
    });
    this.consumers.replaceChildren(heading("Consumers", element("span", {}, "who is shown what, and how far behind")),
      table([["name"], ["policy"], ["lag", "num"], ["behind", "num"], ["passed over", "num"], ["restarts", "num"], ["state"]], rows));
  }

  showNewest(all) {
    const rows = [...all].reverse().slice(0, NEWEST).map((reject) => element("tr", {},
      element("td", {}, element("button", { class: "link", "aria-label": `Go to seq ${format.whole(reject.seq)}`, onclick: () => this.app.openSymbol(reject.symbol, reject.seq) }, format.whole(reject.seq))),
      element("td", {}, `${format.day(reject.time_ns)} ${format.clock(reject.time_ns)}`), element("td", {}, reject.symbol), element("td", {}, format.bare(reject.price)),
      element("td", { class: "warn" }, element("b", {}, letterOf(reject.reason)), ` ${reject.reason}`)));
    this.newest.replaceChildren(heading("Newest rejects", element("span", {}, all.length ? "click to go to that seq in the time machine" : "none yet")),
      table([["seq"], ["time"], ["symbol"], ["price"], ["reason"]], rows));
  }

  showReasons(counts, total, seq) {
    const all = Object.entries({ closed: 0, late: 0, price: 0, duplicate: 0, unfinished: 0, ...counts }).sort(([, a], [, b]) => b - a);
    const most = Math.max(1, ...all.map(([, count]) => count));
    const rows = all.map(([reason, count]) => {
      const meter = element("i", { class: "meter" });
      meter.style.transform = `scaleX(${count / most})`;
      return element("tr", {}, element("th", { scope: "row", class: "warn" }, letterOf(reason)), element("td", {}, reason, " ", element("span", { class: "dim" }, WORDS[reason] ?? "")),
        element("td", { class: "num" }, format.whole(count)), element("td", { class: "metered" }, meter));
    });
    this.reasons.replaceChildren(heading("Rejected", element("span", {}, `${format.whole(total)} of ${format.plural(seq, "event")}, each counted with its reason`)),
      table([["letter", "unseen-text"], ["reason"], ["count", "num"], ["share", "unseen-text"]], rows));
  }

  showFacts(config, digest) {
    const facts = [
      ["directory", config.directory], ["timeframes", config.timeframes.map((timeframe) => timeframe.name).join(" ")],
      ["indicators", config.timeframes[0].indicators.join(" ") || "none"], ["digest", digest], ["build", `${config.build}, mtf ${config.version}`], ["run", config.run_id],
    ];
    this.facts.replaceChildren(heading("This pipeline", ""), element("table", { class: "facts" }, element("tbody", {}, ...facts.map(([name, value]) =>
      element("tr", {}, element("th", { scope: "row" }, name), element("td", { class: name === "digest" || name === "run" ? "mono" : null }, value))))));
  }
}
