// The strip at the foot: how much happened when, and the way into the past.

import { element, shade, token, write } from "./dom.js";
import * as format from "./format.js";

const ICONS = {
  first: "M1 2h2v10H1zM13 2v10L4 7z", back: "M11 2v10L3 7z", play: "M3 1v12l9-6z", pause: "M3 2h3v10H3zM8 2h3v10H8z", next: "M3 2v10l8-5z", last: "M1 2v10l9-5zM11 2h2v10h-2z",
};
const SVG = "http://www.w3.org/2000/svg";

function drawn(icon) {
  const made = document.createElementNS(SVG, "svg");
  made.setAttribute("viewBox", "0 0 14 14");
  made.setAttribute("aria-hidden", "true");
  const path = document.createElementNS(SVG, "path");
  path.setAttribute("d", ICONS[icon]);
  made.append(path);
  return made;
}

const SPEEDS = [1, 10, 60, 600, 3600, "max"];

export class Timeline {
  constructor(host, app) {
    this.app = app;
    this.glance = null;
    this.speed = 2;
    this.canvas = element("canvas", { "aria-hidden": "true" });
    this.strip = element("div", { id: "strip", role: "slider", tabindex: "0", "aria-label": "Moment of the log", "aria-valuemin": "1" }, this.canvas);
    const button = (icon, label, act) => element("button", { "aria-label": label, title: label, onclick: act }, drawn(icon));
    this.play = button("play", "Play from here", () => app.togglePlay());
    this.unit = element("small", {});
    this.speedButton = element("button", { onclick: () => this.faster(1) });
    this.count = element("small");
    host.replaceChildren(
      element("div", { class: "transport" },
        element("div", { class: "buttons" }, button("first", "Previous close", () => app.step(app.focus, -1)), button("back", "Previous tick", () => app.step("tick", -1)),
          this.play, button("next", "Next tick", () => app.step("tick", 1)), button("last", "Next close", () => app.step(app.focus, 1))),
        this.unit),
      this.strip,
      element("div", { class: "speed" }, this.speedButton, this.count));
    new ResizeObserver(() => this.draw()).observe(this.strip);
    this.strip.addEventListener("pointerdown", (event) => {
      this.strip.setPointerCapture(event.pointerId);
      this.drag(event);
    });
    this.strip.addEventListener("pointermove", (event) => event.buttons && this.drag(event));
    this.showSpeed();
  }

  faster(step) {
    this.speed = (this.speed + step + SPEEDS.length) % SPEEDS.length;
    this.showSpeed();
    this.app.speedChanged();
  }

  get pace() {
    return SPEEDS[this.speed];
  }

  showSpeed() {
    write(this.speedButton, this.pace === "max" ? "speed max" : `speed ${this.pace}×`);
  }

  setGlance(glance) {
    this.glance = glance.first_ns === null ? null : glance;
    this.draw();
  }

  drag(event) {
    if (!this.glance) return;
    const box = this.strip.getBoundingClientRect();
    const share = Math.min(1, Math.max(0, (event.clientX - box.left) / box.width));
    const { seqs, seq } = this.glance;
    const k = share * (seqs.length - 1);
    const low = seqs[Math.floor(k)];
    const high = seqs[Math.min(seqs.length - 1, Math.floor(k) + 1)];
    const wanted = Math.max(1, Math.round(low + (high - low) * (k % 1)));
    if (wanted >= seq - 1 && share > 0.995) this.app.toLive();
    else this.app.goTo(wanted);
  }

  // *seq* and *time_ns* of the state that is shown, and whether it is of the past.
  show(seq, head, past, playing) {
    this.at = past ? seq : null;
    write(this.unit, `step ← → tick · ⇧ bar of ${this.app.focus}`);
    write(this.count, past ? `${format.whole(seq)} of ${format.whole(head)}` : `${format.whole(head)} events`);
    if (this.playing !== playing) {
      this.playing = playing;
      this.play.replaceChildren(drawn(playing ? "pause" : "play"));
      this.play.setAttribute("aria-label", playing ? "Stop" : "Play from here");
    }
    this.strip.setAttribute("aria-valuemax", head);
    this.strip.setAttribute("aria-valuenow", seq);
    this.draw();
  }

  place(seq) {
    const { seqs } = this.glance;
    let k = seqs.findIndex((each) => each >= seq);
    if (k < 0) k = seqs.length - 1;
    if (k === 0) return 0;
    const span = seqs[k] - seqs[k - 1] || 1;
    return (k - 1 + (seq - seqs[k - 1]) / span) / (seqs.length - 1);
  }

  draw() {
    cancelAnimationFrame(this.frame);
    this.frame = requestAnimationFrame(() => this.paint());
  }

  paint() {
    const { width, height } = this.strip.getBoundingClientRect();
    const ratio = window.devicePixelRatio || 1;
    const { canvas } = this;
    if (canvas.width !== Math.round(width * ratio) || canvas.height !== Math.round(height * ratio)) {
      canvas.width = Math.round(width * ratio);
      canvas.height = Math.round(height * ratio);
    }
    const context = canvas.getContext("2d");
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.clearRect(0, 0, width, height);
    context.font = "11px sans-serif";
    if (!this.glance) {
      context.fillStyle = token("ink3");
      context.fillText("the log is being read …", 12, height / 2);
      return;
    }
    const { counts, rejects, closed, first_ns: first, last_ns: last } = this.glance;
    const foot = height - 34;
    const top = 14;
    const most = Math.sqrt(Math.max(1, ...counts));
    const wide = width / counts.length;
    const at = this.at === null ? 1 : this.place(this.at);
    const grey = token("ink3");
    const violet = token("past");
    counts.forEach((count, k) => {
      const tall = count ? Math.max(1, (Math.sqrt(count) / most) * (foot - top)) : 0;
      const later = this.at !== null && k / counts.length >= at;
      context.fillStyle = later ? shade(grey, 0.22) : this.at === null ? grey : violet;
      context.fillRect(k * wide, foot - tall, Math.max(1, wide - 0.2), tall);
      if (rejects[k] && !later) {
        context.fillStyle = token("warn");
        context.fillRect(k * wide, foot + 3, Math.max(1.5, wide), 6);
      }
    });
    const from = Number(first);
    const span = Number(last) - from || 1;
    context.strokeStyle = token("line2");
    context.fillStyle = token("ink3");
    for (const [start, end] of closed) {
      const left = ((Number(start) - from) / span) * width;
      const right = ((Number(end) - from) / span) * width;
      if (right - left < 2) continue;
      context.save();
      context.beginPath();
      context.rect(left, top, right - left, foot - top);
      context.clip();
      context.beginPath();
      for (let x = left - foot; x < right; x += 7) {
        context.moveTo(x, foot);
        context.lineTo(x + foot - top, top);
      }
      context.stroke();
      context.restore();
      const text = `closed ${format.length((Number(end) - Number(start)) / 1e9)}`;
      if (right - left > 90) context.fillText(text, (left + right) / 2 - 30, (top + foot) / 2 + 4);
    }
    this.days(context, from, span, width, height);
    const x = Math.min(width - 1, at * width);
    context.fillStyle = this.at === null ? token("ok") : violet;
    context.fillRect(x - 1, 8, 2, foot - 8);
    context.beginPath();
    context.arc(x, 9, 4, 0, 7);
    context.fill();
    if (this.at !== null && x < width - 90) {
      context.fillStyle = violet;
      context.fillText("later: not shown", x + 8, 12);
    }
  }

  days(context, from, span, width, height) {
    const day = 86_400e9;
    const each = Math.max(1, Math.ceil((span / day) / Math.max(1, width / 96)));
    context.fillStyle = token("ink3");
    for (let at = Math.ceil(from / day) * day; at < from + span; at += day * each) {
      const x = ((at - from) / span) * width;
      if (x < width - 60) context.fillText(format.day(BigInt(Math.round(at))), x + 3, height - 8);
    }
  }
}
