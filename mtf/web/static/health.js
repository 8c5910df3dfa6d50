// How it is going: one sentence first, then numbers, then what was rejected.

import { element, write } from "./dom.js";
import * as format from "./format.js";

const WORDS = { closed: "tick in closed hours", late: "older than the symbol's clock", price: "not a possible price", duplicate: "id seen before", unfinished: "a bar that still formed" };
const LETTERS = { late: "L", closed: "C", price: "P", duplicate: "D", unfinished: "U" };

export class Health {
  constructor(host, app) {
    this.app = app;
    this.host = host;
    this.root = element("div", { class: "health", tabindex: "0" }, element("p", { class: "dim" }, "Waiting for the first report …"));
    host.replaceChildren(this.root);
    app.live.ask("health", { health: true });
  }

  destroy() {
    this.app.live.ask("health", null);
    this.app.live.say({ health: false });
    this.host.replaceChildren();
  }

  show(report) {
    const { config } = this.app;
    const number = (title, value, unit, note) => element("div", {}, element("dt", {}, title), element("dd", {}, element("b", {}, value), ` ${unit}`), element("dd", {}, note));
    const total = Object.values(report.rejects.by_reason).reduce((sum, count) => sum + count, 0);
    const most = Math.max(1, ...Object.values(report.rejects.by_reason));
    const reasons = Object.entries({ closed: 0, late: 0, price: 0, duplicate: 0, unfinished: 0, ...report.rejects.by_reason }).map(([reason, count]) => {
      const meter = element("i", { class: "meter" });
      meter.style.transform = `scaleX(${count / most})`;
      return element("tr", {}, element("th", { scope: "row", class: "warn" }, LETTERS[reason] ?? "M"), element("td", {}, reason, element("span", { class: "dim" }, ` ${WORDS[reason] ?? ""}`)),
        element("td", { class: "num" }, format.whole(count)), element("td", {}, meter));
    });
    const newest = [...report.rejects.newest].reverse().slice(0, 20).map((reject) => element("tr", {},
      element("td", {}, element("button", { onclick: () => this.app.openSymbol(reject.symbol, reject.seq) }, format.whole(reject.seq))),
      element("td", {}, format.clock(reject.time_ns)), element("td", {}, reject.symbol), element("td", {}, reject.price === null ? "–" : String(reject.price)),
      element("td", { class: "warn" }, `${LETTERS[reject.reason] ?? "M"} ${reject.reason}`)));
    const facts = [
      ["directory", config.directory], ["timeframes", config.timeframes.map((timeframe) => timeframe.name).join(" ")],
      ["indicators", config.timeframes[0].indicators.join(" ") || "none"], ["digest", report.digest], ["build", `${config.build}, mtf ${config.version}`], ["run", config.run_id],
    ];
    const table = (heads, rows) => element("table", {}, element("thead", {}, element("tr", {}, ...heads.map((head) => element("th", { scope: "col" }, head)))), element("tbody", {}, ...rows));
    this.root.replaceChildren(
      element("p", { class: "sentence" }, element("span", { class: report.failure ? "err" : "" }, report.failure ? "✕" : "●"), element("b", {}, report.sentence)),
      element("dl", { class: "numbers" },
        number("events per second", format.whole(Math.round(report.events_per_second)), "", report.idle_s === null ? "none since this page's server started" : `newest ${format.age(report.idle_s)} ago`),
        number("log", format.whole(report.seq), "events", "as of now"),
        number("symbols", format.whole(report.symbols), "", ""),
        number("rejected", format.whole(total), "", `of ${format.whole(report.seq)} events`),
        number("time machine", format.whole(report.keyframes_seq), "events", "have keyframes"),
        number("viewers", format.whole(report.viewers ?? 1), "", "of this page")),
      ...(report.consumers?.length ? [this.consumers(report.consumers)] : []),
      element("div", { class: "two" },
        element("section", {}, element("h2", {}, "Newest rejects ", element("span", {}, "a click goes to that seq")), table(["seq", "time", "symbol", "price", "reason"], newest)),
        element("section", {}, element("h2", {}, "Rejected ", element("span", {}, `${format.whole(total)} of ${format.whole(report.seq)} events, each with its reason`)), table(["", "reason", "", ""], reasons))),
      element("section", {}, element("h2", {}, "This pipeline"), element("table", {}, element("tbody", {}, ...facts.map(([name, value]) =>
        element("tr", {}, element("th", { scope: "row" }, name), element("td", { class: name === "digest" ? "mono" : "" }, value)))))));
  }

  consumers(all) {
    const rows = all.map((each) => element("tr", {}, element("th", { scope: "row" }, each.name), element("td", {}, each.policy ?? "wait"),
      element("td", { class: "num" }, each.lag_ms === undefined ? "–" : `${each.lag_ms} ms`), element("td", { class: "num" }, String(each.behind ?? "–")), element("td", { class: "num" }, String(each.restarts ?? 0)), element("td", {}, each.state ?? "running")));
    return element("section", {}, element("h2", {}, "Consumers"), element("table", {}, element("thead", {}, element("tr", {}, ...["name", "policy", "lag", "behind", "restarts", "state"].map((head) => element("th", { scope: "col" }, head)))), element("tbody", {}, ...rows)));
  }
}
