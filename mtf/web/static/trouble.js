// The red band: what is wrong in one line, and what helps.

import { by, element, write } from "./dom.js";
import * as format from "./format.js";

export class Trouble {
  constructor({ retry, seq }) {
    this.retry = retry;
    this.seq = seq;
    this.timer = null;
  }

  // Something went wrong; *command* is what to type.
  say(text, command = null) {
    this.settle();
    if (!text) return;
    this.show(element("b", {}, text), command ? element("code", {}, command) : null);
  }

  // Something is to be known, and nothing is wrong.
  note(text) {
    this.say(text);
    by("trouble").dataset.kind = "note";
  }

  // No connection: what is shown stays, and the time of the next try is counted down.
  offline(waitMs) {
    this.since ??= Date.now();
    const due = Date.now() + waitMs;
    clearInterval(this.timer);
    const sentence = element("b");
    const more = element("span");
    const count = () => {
      const gone = Math.floor((Date.now() - this.since) / 1000);
      const left = Math.ceil((due - Date.now()) / 1000);
      const seq = this.seq();
      write(sentence, gone < 2 ? "No connection to mtf serve." : `No connection to mtf serve for ${format.age(gone)}.`);
      write(more, `${seq === null ? "" : `What you see is seq ${format.whole(seq)}, and stays so. `}${left > 0 ? `Next try in ${left} s.` : "Trying now."}`);
    };
    count();
    this.timer = setInterval(count, 1000);
    const now = element("button", { onclick: () => this.retry() }, "Try now ", element("kbd", { "aria-hidden": "true" }, "r"));
    this.show(sentence, more, now);
    this.isOffline = true;
  }

  show(...parts) {
    const band = by("trouble");
    delete band.dataset.kind;
    band.replaceChildren(element("i", { "aria-hidden": "true" }, "✕"), ...parts.filter(Boolean));
    band.hidden = false;
  }

  settle() {
    clearInterval(this.timer);
    this.since = null;
    this.isOffline = false;
    by("trouble").hidden = true;
  }
}
