// What the library does not draw: the forming column, bands, gaps, trading days, marks of bars, and the lane of rejected ticks.

import { shade } from "./dom.js";

const LETTERS = { late: "L", closed: "C", price: "P", duplicate: "D", unfinished: "U" };
const LABEL_ROOM = 90;
const LANE = 18;
const DAY_SECONDS = 86_400;

export const letterOf = (reason) => LETTERS[reason] ?? "M";

export class Overlay {
  constructor(owner) {
    this.owner = owner;
    this.views = [
      { zOrder: () => "bottom", renderer: () => ({ draw: (target) => target.useMediaCoordinateSpace((space) => this.drawBelow(space)) }) },
      { zOrder: () => "top", renderer: () => ({ draw: (target) => target.useMediaCoordinateSpace((space) => this.drawAbove(space)) }) },
    ];
  }

  attached({ requestUpdate }) {
    this.request = requestUpdate;
  }

  update() {
    this.request?.();
  }

  paneViews() {
    return this.views;
  }

  // The completed bars in sight, with where they are: [bar, x, the one before, its x].
  *inSight() {
    const { bars, chart } = this.owner;
    const scale = chart.timeScale();
    const range = scale.getVisibleLogicalRange();
    if (!range) return;
    const first = Math.max(0, Math.floor(range.from));
    const last = Math.min(bars.length - 1, Math.ceil(range.to));
    let before = first > 0 ? scale.logicalToCoordinate(first - 1) : null;
    for (let k = first; k <= last; k += 1) {
      const x = scale.logicalToCoordinate(k);
      yield [bars[k], x, bars[k - 1], before];
      before = x;
    }
  }

  drawBelow({ context, mediaSize: size }) {
    const { colours: c, partial, chart, timeframe } = this.owner;
    const wide = chart.timeScale().options().barSpacing;
    this.drawBands(context, c);
    let free = 0;
    for (const [bar, x, before, beforeX] of this.inSight()) {
      if (bar.flags.includes("off_session")) {
        context.fillStyle = c.raise;
        context.fillRect(x - wide / 2, 0, wide, size.height);
      }
      if (!before || beforeX === null) continue;
      const middle = (x + beforeX) / 2;
      if (bar.gap) free = this.drawGap(context, middle, bar.gap, size, c, free);
      else if (bar.day !== before.day && timeframe.seconds < DAY_SECONDS) this.dashed(context, middle, 0, size.height, [1, 3], c.line2);
    }
    if (partial) this.drawForming(context, partial, size, Math.max(9, wide), c);
  }

  drawForming(context, partial, size, wide, c) {
    const x = this.owner.chart.timeScale().timeToCoordinate(partial.time);
    if (x === null) return;
    const top = size.height * (1 - Math.min(0.999, partial.progress ?? 0));
    context.fillStyle = shade(c.ink, c.column);
    context.fillRect(x - wide / 2, 0, wide, size.height);
    context.fillStyle = shade(c.ink, c.filled);
    context.fillRect(x - wide / 2, top, wide, size.height - top);
    context.fillStyle = c.ink2;
    context.fillRect(x - wide / 2, top, wide, 1);
  }

  // The room between the lower and the upper line of a band.
  drawBands(context, c) {
    const { bands, candles, partial, live, chart } = this.owner;
    for (const [lower, upper] of bands) {
      const low = [];
      const high = [];
      const add = (x, from, to) => {
        if (from === null || to === null || from === undefined || to === undefined) return;
        low.push([x, candles.priceToCoordinate(from)]);
        high.push([x, candles.priceToCoordinate(to)]);
      };
      for (const [bar, x] of this.inSight()) add(x, bar.values?.[lower], bar.values?.[upper]);
      if (partial) add(chart.timeScale().timeToCoordinate(partial.time), live?.[lower], live?.[upper]);
      if (low.length < 2) continue;
      context.fillStyle = shade(c.mid, 0.06);
      context.beginPath();
      for (const [x, y] of [...low, ...high.reverse()]) context.lineTo(x, y);
      context.fill();
    }
  }

  // Draw a gap in the middle of two bars; return up to where a label takes the room.
  drawGap(context, x, gap, size, c, free) {
    const hours = (Number(gap.closed_ns) + Number(gap.holiday_ns)) / 3.6e12;
    if (hours > 0) {
      this.hatched(context, x - 2.5, 5, size.height, c.ink3);
      const text = `${Number(gap.holiday_ns) > 0 ? "holiday" : "closed"} ${hours < 1 ? `${Math.round(hours * 60)} min` : `${Math.round(hours)} h`}`;
      const left = x - 8 - context.measureText(text).width;
      if (this.owner.mini || x - LABEL_ROOM < free || left < 4) return free;
      context.font = this.owner.font;
      context.textAlign = "left";
      context.fillStyle = c.panel;
      context.fillRect(left - 3, size.height - LANE - 18, x - 8 - left + 6, 16);
      context.fillStyle = c.ink2;
      context.fillText(text, left, size.height - LANE - 6);
      return x;
    }
    if (Number(gap.break_ns) > 0) this.dashed(context, x, 0, size.height, [4, 4], c.line2);
    else if (Number(gap.silence_ns) > 0) this.dashed(context, x, size.height - 20, size.height, [2, 2], c.ink3);
    return free;
  }

  hatched(context, left, wide, height, colour) {
    context.save();
    context.beginPath();
    context.rect(left, 0, wide, height);
    context.clip();
    context.beginPath();
    for (let y = -wide; y < height + wide; y += 5) {
      context.moveTo(left, y + wide);
      context.lineTo(left + wide, y);
    }
    context.strokeStyle = colour;
    context.stroke();
    context.restore();
  }

  dashed(context, x, top, foot, dash, colour) {
    context.save();
    context.setLineDash(dash);
    context.strokeStyle = colour;
    context.beginPath();
    context.moveTo(Math.round(x) + 0.5, top);
    context.lineTo(Math.round(x) + 0.5, foot);
    context.stroke();
    context.restore();
  }

  drawAbove({ context, mediaSize: size }) {
    const { rejects, colours: c, chart, candles, mini } = this.owner;
    const scale = chart.timeScale();
    const wide = scale.options().barSpacing;
    for (const [bar, x] of this.inSight()) {
      if (!bar.flags.includes("incomplete") || wide < 4) continue;
      const top = candles.priceToCoordinate(Math.max(bar.o, bar.c));
      const foot = candles.priceToCoordinate(Math.min(bar.o, bar.c));
      this.dashed(context, x - wide * 0.4, top - 2, foot + 2, [1, 2], c.panel);
    }
    if (!rejects.length || mini) return;
    const drawn = new Set();
    context.font = `600 ${this.owner.font}`;
    context.textAlign = "center";
    context.fillStyle = c.warn;
    for (const reject of rejects) {
      const bar = this.owner.barOf(reject);
      const x = bar ? scale.timeToCoordinate(bar.time) : null;
      if (x === null || drawn.has(bar.time)) continue;
      drawn.add(bar.time);
      context.fillText(wide < 9 ? "×" : letterOf(reject.reason), x, size.height - 6);
    }
  }
}
