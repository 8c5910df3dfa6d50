// One timeframe: its bars, the one that forms, indicator lines, gaps and rejected ticks. Painted from one state.

import {
  CandlestickSeries, ColorType, CrosshairMode, HistogramSeries, LineSeries, LineStyle, createChart,
} from "./vendor/lightweight-charts.mjs";
import { shade, token } from "./dom.js";
import * as format from "./format.js";

const BARS_MAX = 2000;
const BARS_KEPT = 1500;
const REASONS = { late: "L", closed: "C", price: "P", duplicate: "D", unfinished: "U" };

export function colours() {
  const names = ["panel", "line", "line2", "ink", "ink2", "ink3", "mid", "up", "down", "warn", "raise"];
  return {
    ...Object.fromEntries(names.map((name) => [name, token(name)])),
    column: Number(token("column")),
    filled: Number(token("filled")),
    free: document.documentElement.dataset.colour === "free",
  };
}

export class Chart {
  constructor(host, { timeframe, focus, onClick, onCrosshair }) {
    this.timeframe = timeframe;
    this.seconds = timeframe.seconds;
    this.focus = focus;
    this.bars = [];
    this.partial = null;
    this.rejects = [];
    this.lines = new Map();
    this.decimals = 5;
    this.colours = colours();
    this.chart = createChart(host, {
      autoSize: true,
      layout: { attributionLogo: false, panes: { enableResize: false } },
      timeScale: {
        rightOffset: focus ? 4 : 2, timeVisible: true, secondsVisible: false, borderVisible: false,
        tickMarkFormatter: format.axisTime, barSpacing: focus ? 8 : 6, minBarSpacing: 1,
      },
      rightPriceScale: { borderVisible: false, minimumWidth: focus ? 64 : 58, scaleMargins: { top: 0.12, bottom: 0.1 } },
      crosshair: { mode: CrosshairMode.Normal },
      localization: { timeFormatter: (second) => `${format.day(String(second) + "000000000")} ${format.axisTime(second, 3)}` },
    });
    this.candles = this.chart.addSeries(CandlestickSeries, { lastValueVisible: false, priceLineVisible: false });
    this.overlay = new Overlay(this);
    this.candles.attachPrimitive(this.overlay);
    this.line = this.candles.createPriceLine({
      price: 0, lineStyle: LineStyle.Dotted, lineWidth: 1, axisLabelVisible: true, lineVisible: false,
    });
    this.chart.subscribeClick((param) => param.time && onClick?.(param));
    this.chart.subscribeDblClick((param) => param.time && onClick?.(param, true));
    this.chart.subscribeCrosshairMove((param) => param.sourceEvent && onCrosshair?.(this, param));
    this.restyle();
  }

  destroy() {
    this.chart.remove();
  }

  restyle() {
    const c = (this.colours = colours());
    this.chart.applyOptions({
      layout: {
        background: { type: ColorType.Solid, color: c.panel }, textColor: c.ink3, fontSize: 11,
        fontFamily: getComputedStyle(document.body).fontFamily,
        panes: { separatorColor: c.line, separatorHoverColor: c.line },
      },
      grid: { vertLines: { visible: false }, horzLines: { color: shade(c.line, 0.6) } },
      crosshair: { vertLine: { color: c.line2, labelBackgroundColor: c.raise }, horzLine: { color: c.line2, labelBackgroundColor: c.raise } },
    });
    this.candles.applyOptions({
      upColor: c.free ? c.panel : c.up, downColor: c.free ? c.mid : c.down, borderUpColor: c.free ? c.mid : c.up,
      borderDownColor: c.free ? c.mid : c.down, wickUpColor: c.free ? c.mid : c.up, wickDownColor: c.free ? c.mid : c.down,
    });
    this.line.applyOptions({ color: c.ink, axisLabelColor: c.ink, axisLabelTextColor: c.panel });
    for (const { series, tail, output } of this.lines.values()) {
      const options = { color: this.lineColour(output) };
      series.applyOptions(options);
      tail.applyOptions(options);
    }
    if (this.bars.length) this.setAll();
  }

  lineColour(output) {
    return output.draw === "band" ? shade(this.colours.mid, 0.5) : this.colours.mid;
  }

  // The outputs that are drawn; those in a pane of their own only in the focused chart.
  setOutputs(outputs) {
    const wanted = outputs.filter(
      (output) => output.timeframes.includes(this.timeframe.name) && (output.pane === "price" || this.focus),
    );
    for (const [name, { series, tail }] of this.lines) {
      if (wanted.some((output) => output.name === name)) continue;
      this.chart.removeSeries(series);
      this.chart.removeSeries(tail);
      this.lines.delete(name);
    }
    const panes = [...new Set(wanted.filter((output) => output.pane === "own").map((output) => output.spec))];
    for (const output of wanted) {
      if (this.lines.has(output.name)) continue;
      const pane = output.pane === "price" ? 0 : 1 + panes.indexOf(output.spec);
      const common = {
        lineWidth: output.draw === "band" ? 1 : this.focus ? 2 : 1, lastValueVisible: false, priceLineVisible: false,
        crosshairMarkerVisible: false, color: this.lineColour(output),
        priceFormat: { type: "custom", minMove: 1e-8, formatter: (value) => format.reading(value, output, this.decimals) },
      };
      if (output.draw === "dots") Object.assign(common, { lineVisible: false, pointMarkersVisible: true, pointMarkersRadius: 1.5 });
      if (output.pane === "own" && (output.low !== null || output.high !== null)) {
        common.autoscaleInfoProvider = (original) => {
          const found = original();
          if (!found) return found;
          const range = found.priceRange;
          return { priceRange: { minValue: Math.min(range.minValue, output.low ?? range.minValue), maxValue: Math.max(range.maxValue, output.high ?? range.maxValue) } };
        };
      }
      const series = this.chart.addSeries(output.draw === "histogram" ? HistogramSeries : LineSeries, common, pane);
      const tail = this.chart.addSeries(LineSeries, { ...common, lineStyle: LineStyle.Dotted }, pane);
      if (output.pane === "own") {
        for (const guide of output.guides) {
          series.createPriceLine({ price: guide, color: this.colours.line2, lineWidth: 1, lineStyle: LineStyle.Dotted, axisLabelVisible: false });
        }
      }
      this.lines.set(output.name, { series, tail, output });
    }
    this.chart.panes().forEach((pane, k) => pane.setStretchFactor(k ? 1 : 4.4));
    if (this.bars.length) this.setAll();
  }

  // Everything anew: *bars* oldest first with values by output name.
  load(bars, decimals) {
    this.bars = bars.slice(-BARS_KEPT);
    this.decimals = decimals;
    this.partial = null;
    this.candles.applyOptions({ priceFormat: { type: "custom", minMove: 10 ** -decimals, formatter: (value) => format.price(value, decimals) } });
    this.setAll();
    this.fit();
  }

  setAll() {
    this.candles.setData([...this.bars.map((bar) => this.candle(bar)), ...(this.partial ? [this.candle(this.partial, true)] : [])]);
    for (const [name, { series }] of this.lines) {
      series.setData(this.bars.filter((bar) => (bar.values?.[name] ?? null) !== null).map((bar) => ({ time: bar.time, value: bar.values[name] })));
    }
    this.setTails();
    this.overlay.update();
  }

  setTails() {
    const last = this.bars.at(-1);
    for (const [name, { tail, output }] of this.lines) {
      const from = last?.values?.[name] ?? null;
      const to = this.live?.[name] ?? null;
      const drawn = this.partial && from !== null && to !== null && output.draw !== "histogram";
      tail.setData(drawn ? [{ time: last.time, value: from }, { time: this.partial.time, value: to }] : []);
    }
  }

  candle(bar, forming = false) {
    const drawn = { time: bar.time, open: bar.o, high: bar.h, low: bar.l, close: bar.c };
    if (!forming) return drawn;
    const c = this.colours;
    const edge = c.free ? c.mid : bar.c >= bar.o ? c.up : c.down;
    return { ...drawn, color: shade(c.panel, 0.85), borderColor: edge, wickColor: edge };
  }

  // One state: *closed* bars since the last one, the forming bar and its live values.
  update(closed, partial, live, last) {
    const newest = this.bars.at(-1)?.time ?? -Infinity;
    const added = closed.filter((bar) => bar.time > newest);
    const moved = partial?.time !== this.partial?.time;
    for (const bar of added) {
      this.bars.push(bar);
      this.candles.update(this.candle(bar));
      for (const [name, { series }] of this.lines) {
        const value = bar.values?.[name] ?? null;
        if (value !== null) series.update({ time: bar.time, value });
      }
    }
    const gone = this.partial && !partial && !added.some((bar) => bar.time === this.partial.time);
    this.partial = partial;
    this.live = live;
    if (gone || this.bars.length > BARS_MAX) {
      this.bars = this.bars.slice(-BARS_KEPT);
      this.setAll();
    } else {
      if (partial) this.candles.update(this.candle(partial, true));
      if (moved || added.length) this.setTails();
      else if (partial) {
        for (const [name, { tail, output }] of this.lines) {
          const value = live?.[name] ?? null;
          if (value !== null && output.draw !== "histogram" && (this.bars.at(-1)?.values?.[name] ?? null) !== null) tail.update({ time: partial.time, value });
        }
      }
    }
    if (last !== null) this.line.applyOptions({ price: last, lineVisible: true });
    this.overlay.update();
  }

  setRejects(rejects) {
    this.rejects = rejects;
    this.overlay.update();
  }

  fit() {
    const width = this.chart.timeScale().width();
    if (!width) return requestAnimationFrame(() => this.chart && this.fit());
    const count = this.bars.length + (this.partial ? 1 : 0);
    const most = this.focus ? (width > 700 ? 112 : 92) : width > 300 ? 54 : 46;
    const shown = Math.max(Math.min(count, most), Math.ceil(most * 0.42));
    const offset = this.focus ? 4 : 2;
    this.chart.timeScale().applyOptions({ barSpacing: width / (shown + offset), rightOffset: offset });
    this.chart.timeScale().scrollToPosition(offset, false);
  }

  get atEnd() {
    return this.chart.timeScale().scrollPosition() > -1;
  }

  zoom(factor) {
    const scale = this.chart.timeScale();
    scale.applyOptions({ barSpacing: Math.min(60, Math.max(1, scale.options().barSpacing * factor)) });
  }

  // The bar that contains *second*, for a crosshair shared by all.
  showAt(second) {
    const bar = this.barAt(second);
    const range = this.chart.timeScale().getVisibleLogicalRange();
    if (!bar || !range) return this.chart.clearCrosshairPosition();
    const index = this.chart.timeScale().timeToIndex(bar.time, true);
    if (index === null || index < range.from || index > range.to) return this.chart.clearCrosshairPosition();
    this.chart.setCrosshairPosition(bar.c, bar.time, this.candles);
  }

  barAt(second) {
    const all = this.partial ? [...this.bars, this.partial] : this.bars;
    for (let k = all.length - 1; k >= 0; k -= 1) {
      if (all[k].time <= second) return second < all[k].end ? all[k] : null;
    }
    return null;
  }

  rejectsIn(bar) {
    return this.rejects.filter((reject) => reject.time >= bar.time && reject.time < bar.end);
  }
}

// What the library does not draw: the forming column, gaps, and the lane of rejected ticks.
class Overlay {
  constructor(owner) {
    this.owner = owner;
    this.below = { zOrder: () => "bottom", renderer: () => ({ draw: (target) => this.drawBelow(target) }) };
    this.above = { zOrder: () => "top", renderer: () => ({ draw: (target) => this.drawAbove(target) }) };
  }

  attached({ requestUpdate }) {
    this.request = requestUpdate;
  }

  update() {
    this.request?.();
  }

  paneViews() {
    return [this.below, this.above];
  }

  drawBelow(target) {
    const { partial, colours: c, chart, bars } = this.owner;
    target.useMediaCoordinateSpace(({ context, mediaSize }) => {
      const scale = chart.timeScale();
      const wide = Math.max(9, scale.options().barSpacing);
      for (let k = 1; k < bars.length; k += 1) {
        const gap = bars[k].gap;
        if (!gap) continue;
        const left = scale.timeToCoordinate(bars[k - 1].time);
        const right = scale.timeToCoordinate(bars[k].time);
        if (left === null || right === null || right < 0 || left > mediaSize.width) continue;
        this.drawGap(context, (left + right) / 2, gap, mediaSize, c);
      }
      if (!partial) return;
      const x = scale.timeToCoordinate(partial.time);
      if (x === null) return;
      const share = Math.min(0.999, partial.progress ?? 0);
      context.fillStyle = shade(c.ink, c.column);
      context.fillRect(x - wide / 2, 0, wide, mediaSize.height);
      context.fillStyle = shade(c.ink, c.filled);
      const top = mediaSize.height * (1 - share);
      context.fillRect(x - wide / 2, top, wide, mediaSize.height - top);
      context.fillStyle = c.ink2;
      context.fillRect(x - wide / 2, top, wide, 1);
    });
  }

  drawGap(context, x, gap, size, c) {
    const off = Number(gap.closed_ns) + Number(gap.holiday_ns);
    context.save();
    context.strokeStyle = c.line2;
    if (off > 0) {
      context.beginPath();
      context.rect(x - 2.5, 0, 5, size.height);
      context.clip();
      for (let y = -6; y < size.height + 6; y += 5) {
        context.moveTo(x - 3, y + 5);
        context.lineTo(x + 3, y);
      }
      context.stroke();
      context.restore();
      context.save();
      const hours = Math.round(off / 3.6e12);
      const text = `${Number(gap.holiday_ns) > 0 ? "holiday" : "closed"} ${hours} h`;
      context.font = "11px sans-serif";
      context.fillStyle = c.ink3;
      if (context.measureText(text).width < x - 4 && hours >= 24) context.fillText(text, x - 8 - context.measureText(text).width, size.height - 24);
    } else if (Number(gap.break_ns) > 0) {
      context.setLineDash([4, 4]);
      context.beginPath();
      context.moveTo(x, 0);
      context.lineTo(x, size.height);
      context.stroke();
    } else if (Number(gap.silence_ns) > 0) {
      context.setLineDash([2, 2]);
      context.beginPath();
      context.moveTo(x, size.height - 20);
      context.lineTo(x, size.height);
      context.stroke();
    }
    context.restore();
  }

  drawAbove(target) {
    const { rejects, colours: c, chart } = this.owner;
    if (!rejects.length) return;
    target.useMediaCoordinateSpace(({ context, mediaSize }) => {
      const scale = chart.timeScale();
      const wide = scale.options().barSpacing;
      const drawn = new Set();
      context.font = "600 10px sans-serif";
      context.textAlign = "center";
      context.fillStyle = c.warn;
      for (const reject of rejects) {
        const bar = this.owner.barAt(reject.time) ?? this.owner.bars.findLast((each) => each.time <= reject.time);
        const x = bar ? scale.timeToCoordinate(bar.time) : null;
        if (x === null || drawn.has(bar.time)) continue;
        drawn.add(bar.time);
        context.fillText(wide < 9 ? "×" : REASONS[reject.reason] ?? "M", x, mediaSize.height - 6);
      }
    });
  }
}
