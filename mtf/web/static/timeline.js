// The strip at the foot: how much happened when, and the way into the past.

import { element, fontFamily, shade, token, write } from "./dom.js";
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

const MARGIN = 14;
const font = () => `11px ${fontFamily()}`;

const SPEEDS = [1, 10, 60, 600, 3600, "max"];

export class Timeline {
  constructor(host, app) {
    this.app = app;
    this.glance = null;
    this.speed = 2;
    this.canvas = element("canvas", { "aria-hidden": "true" });
    this.strip = element("div", { id: "strip", role: "slider", tabindex: "0", "aria-label": "Moment of the log", "aria-valuemin": "1", "aria-valuemax": "1", "aria-valuenow": "1" }, this.canvas);
    const button = (icon, label, act) => element("button", { "aria-label": label, title: label, onclick: act }, drawn(icon));
    this.play = button("play", "Play from here", () => app.togglePlay());
    this.unit = element("span");
    this.paceText = element("span");
    this.speedButton = element("button", { class: "pace", onclick: () => this.faster(1) }, element("span", { class: "wide-only" }, "speed "), this.paceText,
      element("kbd", { "aria-hidden": "true" }, "["), element("kbd", { "aria-hidden": "true" }, "]"));
    this.count = element("small");
    this.liveButton = element("button", { class: "phone-only golive", onclick: () => app.toLive() }, "Live");
    const key = (text) => element("kbd", {}, text);
    host.replaceChildren(
      element("div", { class: "transport" },
        element("div", { class: "buttons" }, button("first", "Previous close", () => app.step(app.stepUnit, -1)), button("back", "Previous tick", () => app.step("tick", -1)),
          this.play, button("next", "Next tick", () => app.step("tick", 1)), button("last", "Next close", () => app.step(app.stepUnit, 1))),
        element("small", { "aria-hidden": "true" }, "step ", key("←"), " ", key("→"), " tick ", key("⇧"), " ", this.unit)),
      this.strip,
      element("div", { class: "speed" }, this.speedButton, this.count, this.liveButton));
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
    write(this.paceText, this.pace === "max" ? "max" : `${this.pace}×`);
  }

  setGlance(glance) {
    this.known = true;
    this.version = (this.version ?? 0) + 1;
    this.glance = glance.first_ns === null ? null : glance;
    this.draw();
  }

  drag(event) {
    if (!this.glance) return;
    const box = this.strip.getBoundingClientRect();
    const share = Math.min(1, Math.max(0, (event.clientX - box.left - MARGIN) / (box.width - 2 * MARGIN)));
    const { seqs, seq } = this.glance;
    const k = share * (seqs.length - 1);
    const low = seqs[Math.floor(k)];
    const high = seqs[Math.min(seqs.length - 1, Math.floor(k) + 1)];
    const wanted = Math.max(1, Math.round(low + (high - low) * (k % 1)));
    if (wanted >= seq - 1 && share > 0.995) this.app.toLive();
    else this.app.goTo(wanted);
  }

  // *seq* and *time_ns* of the state that is shown, and whether it is of the past.
  show(seq, head, past, playing, time_ns) {
    this.at = past ? seq : null;
    this.time_ns = time_ns;
    write(this.unit, `bar of ${this.app.focus ?? this.app.config.timeframes[0].name}`);
    write(this.count, past ? `${format.whole(seq)} of ${format.whole(head)}` : `${format.whole(head)} events`);
    if (this.playing !== playing) {
      this.playing = playing;
      this.play.replaceChildren(drawn(playing ? "pause" : "play"));
      this.play.setAttribute("aria-label", playing ? "Stop" : "Play from here");
    }
    const now = performance.now();
    if (past || now - (this.said ?? 0) > 1000) {
      this.said = now;
      this.strip.setAttribute("aria-valuemax", head);
      this.strip.setAttribute("aria-valuenow", seq);
      this.strip.setAttribute("aria-valuetext", `seq ${format.whole(seq)}${past ? ", the past" : ", now"}`);
    }
    if (past || this.wasPast !== past) this.draw();
    this.wasPast = past;
  }

  place(seq) {
    const { seqs } = this.glance;
    let k = seqs.findIndex((each) => each >= seq);
    if (k < 0) k = seqs.length - 1;
    if (k === 0) return 0;
    const span = seqs[k] - seqs[k - 1] || 1;
    return (k - 1 + (seq - seqs[k - 1]) / span) / (seqs.length - 1);
  }

  redraw() {
    this.version = (this.version ?? 0) + 1;
    this.draw();
  }

  draw() {
    if (this.frame) return;
    this.frame = requestAnimationFrame(() => {
      this.frame = null;
      this.paint();
    });
  }

  // What is drawn changes with the log, the size and the colours: it is kept as two pictures, one for what has been
  // and one for what is later; each state only puts them together at its playhead.
  layers(width, height, ratio, past) {
    const key = [width, height, ratio, past, this.version, document.documentElement.dataset.theme].join();
    if (this.layersKey === key) return this.kept;
    const layer = (colour, later) => {
      const canvas = document.createElement("canvas");
      canvas.width = Math.round(width * ratio);
      canvas.height = Math.round(height * ratio);
      const context = canvas.getContext("2d");
      context.scale(ratio, ratio);
      this.paintLog(context, width, height, colour, later);
      return canvas;
    };
    this.layersKey = key;
    this.kept = [layer(past ? token("past") : token("ink3"), false), past ? layer(shade(token("ink3"), 0.22), true) : null];
    return this.kept;
  }

  paint() {
    const { clientWidth: width, clientHeight: height } = this.strip;
    if (!width || !height) return;
    const ratio = window.devicePixelRatio || 1;
    const { canvas } = this;
    if (canvas.width !== Math.round(width * ratio) || canvas.height !== Math.round(height * ratio)) {
      canvas.width = Math.round(width * ratio);
      canvas.height = Math.round(height * ratio);
    }
    const context = canvas.getContext("2d");
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.clearRect(0, 0, width, height);
    context.font = font();
    context.textAlign = "left";
    if (!this.glance) {
      context.fillStyle = token("ink3");
      context.textAlign = "center";
      context.fillText(this.known ? "the log is empty" : "the log is being read …", width / 2, height / 2 + 4);
      return;
    }
    const past = this.at !== null;
    const [before, after] = this.layers(width, height, ratio, past);
    const x = past ? this.xOf(this.place(this.at), width) : width - MARGIN;
    const part = (layer, left, right) => right > left && context.drawImage(layer, left * ratio, 0, (right - left) * ratio, height * ratio, left, 0, right - left, height);
    part(before, 0, past ? x : width);
    if (after) part(after, x, width);
    this.paintHead(context, x, width, height, past);
  }

  paintHead(context, x, width, height, past) {
    const colour = past ? token("past") : document.body.dataset.offline === undefined ? token("ok") : token("ink3");
    context.fillStyle = colour;
    context.fillRect(x - 1, 8, 2, this.foot(height) - 8);
    context.beginPath();
    context.arc(x, 8, 4.5, 0, 7);
    context.fill();
    if (!past) return;
    const text = this.time_ns ? format.clock(this.time_ns, false) : "";
    context.font = `600 ${font()}`;
    const wide = context.measureText(text).width + 12;
    const left = x - wide - 10 > 0 ? x - wide - 10 : x + 10;
    context.beginPath();
    context.roundRect(left, 1, wide, 18, 3);
    context.fill();
    context.fillStyle = token("panel");
    context.fillText(text, left + 6, 14);
    context.font = font();
    context.fillStyle = colour;
    const later = "later: not shown";
    if (left < x && x + 12 + context.measureText(later).width < width) context.fillText(later, x + 10, 14);
  }

  foot(height) {
    return height < 70 ? height - 18 : height - 34;
  }

  xOf(share, width) {
    return MARGIN + share * (width - 2 * MARGIN);
  }

  paintLog(context, width, height, colour, later) {
    const { counts, rejects, closed, first_ns: first, last_ns: last } = this.glance;
    const small = height < 70;
    const foot = this.foot(height);
    const top = small ? 8 : 18;
    const room = width - 2 * MARGIN;
    context.font = font();
    this.paintHours(context, closed, Number(first), Number(last) - Number(first) || 1, width, top, foot);
    // One column a pixel at most: with more buckets than pixels each column is the mean of its buckets.
    const columns = Math.min(counts.length, Math.floor(room));
    const sums = new Float64Array(columns);
    const bad = new Float64Array(columns);
    const parts = new Float64Array(columns);
    counts.forEach((count, k) => {
      const column = Math.floor((k * columns) / counts.length);
      sums[column] += count;
      parts[column] += 1;
      bad[column] += rejects[k];
    });
    for (let k = 0; k < columns; k += 1) sums[k] /= parts[k]; // some columns have a bucket more than others
    const most = Math.sqrt(Math.max(1e-9, ...sums));
    const wide = room / columns;
    context.fillStyle = colour;
    for (let k = 0; k < columns; k += 1) {
      const tall = sums[k] ? Math.max(1, (Math.sqrt(sums[k]) / most) * (foot - top)) : 0;
      if (tall) context.fillRect(MARGIN + k * wide, foot - tall, Math.max(1, wide - 0.2), tall);
    }
    context.fillStyle = token("line2");
    context.fillRect(MARGIN, foot, room, 1);
    if (!small) {
      context.fillStyle = token("warn");
      if (!later) for (let k = 0; k < columns; k += 1) if (bad[k]) context.fillRect(MARGIN + k * wide, foot + 3, 1.5, 7);
      const step = format.span(Number(this.glance.bucket_ns) / 1e9);
      context.fillStyle = token("ink3");
      const text = `events per ${step}`;
      context.fillText(text, MARGIN, 12);
      const after = MARGIN + context.measureText(text).width + 16;
      context.fillText("rejected", after + 6, 12);
      context.fillStyle = token("warn");
      context.fillRect(after, 4, 1.5, 9);
    }
    this.paintDays(context, Number(first), Number(last) - Number(first) || 1, width, height);
  }

  paintHours(context, closed, from, span, width, top, foot) {
    for (const [start, end] of closed) {
      const left = this.xOf((Number(start) - from) / span, width);
      const right = this.xOf((Number(end) - from) / span, width);
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
      context.strokeStyle = token("line2");
      context.stroke();
      context.restore();
      const text = `closed ${Math.round((Number(end) - Number(start)) / 3.6e12)} h`;
      const wide = context.measureText(text).width;
      if (right - left < 90) continue;
      const middle = (top + foot) / 2;
      context.fillStyle = token("panel");
      context.fillRect((left + right - wide) / 2 - 6, middle - 9, wide + 12, 18);
      context.fillStyle = token("ink2");
      context.fillText(text, (left + right - wide) / 2, middle + 4);
    }
  }

  paintDays(context, from, span, width, height) {
    const day = 86_400e9;
    const each = Math.max(1, Math.ceil((span / day) / Math.max(1, width / 96)));
    for (let at = Math.ceil(from / day) * day; at < from + span; at += day * each) {
      const x = this.xOf((at - from) / span, width);
      const text = format.day(BigInt(Math.round(at)));
      context.fillStyle = token("line2");
      context.fillRect(x, this.foot(height), 1, 5);
      context.fillStyle = token("ink3");
      if (x + 4 + context.measureText(text).width < width) context.fillText(text, x + 4, height - (height < 70 ? 3 : 8));
    }
  }
}
