// The header and the band of the past: what moment is shown, and what the market is at there.

import { by, paint, write } from "./dom.js";
import * as format from "./format.js";

const WORDS = { live: "Live", past: "Past", waiting: "Waiting", offline: "Offline" };
const SLOW_MS = 1000;
const SAID_MS = 1000;

export class Head {
  constructor() {
    const fact = (name) => by(`fact-${name}`);
    const [bid, ask] = fact("quote").querySelectorAll("span");
    this.bid = bid;
    this.ask = ask;
    this.parts = Object.fromEntries(["quote", "session", "lag", "rate", "seq", "time"].map((name) => [name, { value: fact(name).querySelector("dd"), what: fact(name).querySelector("dt") }]));
    [this.clock, this.fraction] = fact("time").querySelectorAll("dd span");
    this.lags = [];
    this.rated = null;
    this.saidAt = 0;
  }

  // One state of the symbol; *reference* is the price that its change is counted from, *pace* how fast the past plays.
  show(state, reference, pace) {
    const { decimals } = state;
    write(by("last"), format.price(state.last, decimals));
    const change = reference === null || state.last === null ? null : state.last - reference;
    write(by("change-abs"), change === null ? "" : format.difference(change, decimals));
    write(by("change-share"), change === null ? "" : format.share(change / reference));
    paint(by("change"), `market-only ${format.direction(change ?? 0)}`);
    write(this.bid, format.price(state.bid, decimals));
    write(this.ask, format.price(state.ask, decimals));
    write(this.parts.quote.what, state.bid !== null && state.ask !== null ? `bid / ask · spread ${format.price(state.ask - state.bid, decimals)}` : "bid / ask");
    const [what, until = ""] = (state.session?.text ?? "unknown, session").split(", ");
    write(this.parts.session.value, what);
    write(this.parts.session.what, until);
    this.moment(state);
    if (state.as_of) {
      write(this.parts.lag.value, "–");
      paint(this.parts.lag.value, "");
      write(this.parts.rate.value, pace === "max" ? "max" : `${pace}×`);
      write(this.parts.rate.what, "speed");
    } else this.rates(state.seq, state.prev_seq === null ? null : state.sent_ns); // the first one may have been made for another viewer
  }

  // A message about all symbols.
  showAll(message) {
    this.moment(message);
    this.rates(message.seq, message.sent_ns, message.rate);
  }

  moment({ seq, time_ns: time }) {
    write(this.parts.seq.value, format.whole(seq));
    const text = time ? format.clock(time) : "–";
    write(this.clock, text.slice(0, 8));
    write(this.fraction, text.slice(8));
    write(this.parts.time.what, time ? `${format.day(time)} ${format.zoneWord()}` : "");
  }

  // Lag and rate change once a second: the median of what was seen in it.
  rates(seq, sentNs, rate = null) {
    const now = performance.now();
    if (sentNs) this.lags.push(Date.now() - Number(BigInt(sentNs) / 1000n) / 1000);
    write(this.parts.rate.what, "events/s");
    if (this.rated && now - this.rated.now < 1000) return;
    const counted = rate ?? (this.rated && seq >= this.rated.seq ? (seq - this.rated.seq) / ((now - this.rated.now) / 1000) : 0);
    write(this.parts.rate.value, format.whole(counted >= 100 || Number.isInteger(counted) ? Math.round(counted) : counted.toFixed(1)));
    this.rated = { now, seq };
    const median = this.lags.sort((a, b) => a - b)[this.lags.length >> 1];
    this.lags = [];
    const shown = Math.max(0, median);
    write(this.parts.lag.value, median === undefined ? "–" : shown >= SLOW_MS ? `▲ ${(shown / 1000).toFixed(1)} s` : `${shown.toFixed(1)} ms`);
    paint(this.parts.lag.value, median > SLOW_MS ? "warn" : "");
  }

  chip(state) {
    if (by("chip").dataset.state === state) return;
    by("chip").dataset.state = state;
    write(by("chip").querySelector("span"), WORDS[state]);
  }

  // The band shows the moment of the past; while it plays, it is announced to screen readers once a second at most.
  band(past, state) {
    document.body.toggleAttribute("data-past", past);
    by("band").hidden = !past;
    if (!past || !state?.as_of) return;
    const { seq, time_ns: time, later } = state;
    write(by("band-moment"), `As of seq ${format.whole(seq)}${time ? `, ${format.day(time)} ${format.clock(time)} ${format.zoneWord()}` : ""}.`);
    write(by("band-later"), later ? `${format.plural(later, "later event")} ${later === 1 ? "is" : "are"} in the log` : "no later event is in the log");
    const now = performance.now();
    if (now - this.saidAt < SAID_MS) return;
    this.saidAt = now;
    write(by("said"), `As of seq ${format.whole(seq)}${time ? `, ${format.clock(time, false)}` : ""}`);
  }
}
