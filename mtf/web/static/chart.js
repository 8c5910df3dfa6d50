// One timeframe: its bars, the one that forms, indicator lines, gaps and rejected ticks. Painted from one state.
//
// `time` of a bar is its place on the axis, in seconds. Of bars of time it is when they start. Bars of activity may start
// in one second, or at one instant, and the axis wants times that rise: each stands a second after the one before at
// least. So their place is not their time: labels, crosshair and the time machine go by the bar itself.

import {
  CandlestickSeries, ColorType, CrosshairMode, HistogramSeries, LineSeries, LineStyle, createChart,
} from "./vendor/lightweight-charts.mjs";
import { fontFamily, shade, token } from "./dom.js";
import * as format from "./format.js";
import { isTimed } from "./matrix.js";
import { Overlay } from "./overlay.js";

const BARS_MAX = 2000;
const BARS_KEPT = 1500;

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
  constructor(host, { timeframe, focus = false, mini = false, touch = false, onDouble, onCrosshair }) {
    this.timeframe = timeframe;
    this.seconds = timeframe.seconds;
    this.timed = isTimed(timeframe);
    this.focus = focus;
    this.mini = mini;
    this.host = host;
    this.axis = focus ? 64 : 58;
    this.fitted = 0;
    this.bands = [];
    this.font = `11px ${fontFamily()}`;
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
        rightOffset: focus ? 4 : 2, timeVisible: true, secondsVisible: !this.timed, borderVisible: false,
        tickMarkFormatter: (place, kind) => format.axisTime(this.secondOf(place), this.kindOf(place, kind)), barSpacing: focus ? 8 : 6, minBarSpacing: 1, visible: !mini,
      },
      rightPriceScale: { borderVisible: false, visible: !mini, minimumWidth: this.axis, scaleMargins: { top: 0.12, bottom: 0.1 } },
      handleScroll: mini ? false : { horzTouchDrag: !touch, vertTouchDrag: false }, handleScale: !mini,
      crosshair: { mode: CrosshairMode.Normal },
      localization: { timeFormatter: (place) => format.axisLabel(this.secondOf(place), !this.timed) },
    });
    this.candles = this.chart.addSeries(CandlestickSeries, { lastValueVisible: false, priceLineVisible: false });
    this.overlay = new Overlay(this);
    this.candles.attachPrimitive(this.overlay);
    this.line = this.candles.createPriceLine({
      price: 0, lineStyle: LineStyle.Dotted, lineWidth: 1, axisLabelVisible: !mini, lineVisible: false,
    });
    this.chart.subscribeDblClick((param) => param.time && onDouble?.(this.momentOf(param.time)));
    this.chart.subscribeCrosshairMove((param) => param.sourceEvent && onCrosshair?.(this, param));
    this.restyle();
  }

  destroy() {
    this.chart.remove();
    this.chart = null;
  }

  restyle() {
    const c = (this.colours = colours());
    this.chart.applyOptions({
      layout: {
        background: { type: ColorType.Solid, color: c.panel }, textColor: c.ink3, fontSize: 11,
        fontFamily: fontFamily(),
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
    return output.draw === "band" ? shade(this.colours.mid, 0.45) : this.colours.mid;
  }

  // The outputs that are drawn; those in a pane of their own only in the focused chart.
  setOutputs(outputs) {
    const wanted = outputs.filter(
      (output) => output.timeframes.includes(this.timeframe.name) && (output.pane === "price" || this.focus),
    ).filter((output, _, all) => this.focus || !edged(output, all) || all.every((each) => edged(each, all)));
    this.bands = bandsOf(wanted);
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
        lineWidth: output.draw === "band" ? 1 : this.focus && output.pane === "price" ? 2 : 1, lastValueVisible: false, priceLineVisible: false,
        crosshairMarkerVisible: false, color: this.lineColour(output),
        priceFormat: { type: "custom", minMove: 1e-8, formatter: (value) => (output.pane === "own" && (Math.abs(value) >= 10 || value === 0) ? String(Math.round(value)) : format.reading(value, output, this.decimals)) },
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

  // All of it from the start: *bars* oldest first with values by output name.
  load(bars, decimals) {
    this.bars = this.placed(bars.slice(-BARS_KEPT));
    this.decimals = decimals;
    this.partial = null;
    this.candles.applyOptions({ priceFormat: { type: "custom", minMove: 10 ** -decimals, formatter: (value) => format.price(value, decimals) } });
    this.setAll();
    this.fit();
  }

  // Other bars of the same series, oldest first, in place of those that are there.
  replace(bars) {
    this.bars = this.placed(bars.slice(-BARS_KEPT));
    this.partial = null;
    this.setAll();
  }

  // *bars* with their places on the axis, after the place *before*.
  placed(bars, before = -Infinity) {
    if (this.timed) return bars;
    let place = before;
    return bars.map((bar) => ({ ...bar, time: (place = Math.max(bar.time, place + 1)) }));
  }

  setAll() {
    // Version 5.2.1 of the library mixes up its points when its only series with data is given the same times again.
    const scale = this.chart.timeScale();
    const isAlone = [...this.lines.values()].every(({ series }) => !series.data().length);
    const position = scale.scrollPosition();
    if (isAlone) this.candles.setData([]);
    this.candles.setData([...this.bars.map((bar) => this.candle(bar)), ...(this.partial ? [this.candle(this.partial, true)] : [])]);
    for (const [name, { series }] of this.lines) {
      series.setData(this.bars.filter((bar) => (bar.values?.[name] ?? null) !== null).map((bar) => ({ time: bar.time, value: bar.values[name] })));
    }
    this.setTails();
    if (isAlone) scale.scrollToPosition(position, false);
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
    const body = c.free && bar.c < bar.o ? shade(c.mid, 0.5) : shade(c.panel, 0.85);
    return { ...drawn, color: body, borderColor: edge, wickColor: edge };
  }

  // One state: *closed* bars since the last one, the forming bar and its live values.
  update(closed, forming, live, last) {
    const newest = this.bars.at(-1)?.time;
    const added = this.timed ? closed.filter((bar) => bar.time > (newest ?? -Infinity)) : this.placed(closed, newest);
    const [partial] = forming ? this.placed([forming], added.at(-1)?.time ?? newest) : [null];
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
    this.candles.priceScale().applyOptions({ scaleMargins: { top: 0.12, bottom: rejects.length && !this.mini ? 0.14 : 0.1 } });
    this.overlay.update();
  }

  // As many bars as the chart is meant to show. The library knows how wide it is once it has drawn: until then the axis
  // is taken to have its least width, and nearly always it has.
  fit() {
    const scale = this.chart.timeScale();
    const known = scale.width();
    if (!known) requestAnimationFrame(() => this.chart && this.refit());
    const width = known || Math.max(1, this.host.clientWidth - (this.mini ? 0 : this.axis));
    const count = this.bars.length + (this.partial ? 1 : 0);
    const most = this.mini ? 34 : this.focus ? (width > 700 ? 112 : width > 400 ? 92 : 62) : width > 300 ? 54 : 46;
    const shown = Math.max(Math.min(count, most), Math.ceil(most * 0.42));
    const offset = this.focus ? 4 : 2;
    this.fitted = width;
    scale.applyOptions({ barSpacing: width / (shown + offset), rightOffset: offset });
    scale.scrollToPosition(offset, false);
  }

  refit() {
    if (this.chart.timeScale().width() !== this.fitted) this.fit();
  }

  get atEnd() {
    return this.chart.timeScale().scrollPosition() > -1;
  }

  zoom(factor) {
    const scale = this.chart.timeScale();
    scale.applyOptions({ barSpacing: Math.min(60, Math.max(1, scale.options().barSpacing * factor)) });
  }

  // The bar that contains *second*, for a crosshair shared by all; of activity, the newest that had begun by then.
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
      if (this.begin(all[k]) <= second) return !this.timed || second < all[k].end ? all[k] : null;
    }
    return null;
  }

  begin(bar) {
    return this.timed ? bar.time : bar.begin;
  }

  // The bar at a place of the axis.
  barOn(place) {
    return this.partial?.time === place ? this.partial : this.bars[lowerBound(this.bars, place)] ?? null;
  }

  // When the bar at a place of the axis began, in seconds.
  secondOf(place) {
    return this.timed ? place : this.barOn(place)?.begin ?? place;
  }

  // What a label of the axis says, of year, month, day, minute and second, by the numbers of the library. It takes places
  // for times: of activity, a label has the seconds if the bar before began in the same minute, and a date if on another day.
  kindOf(place, kind) {
    if (this.timed) return kind;
    const k = lowerBound(this.bars, place);
    const second = this.secondOf(place);
    const before = this.bars[k - 1]?.begin ?? second;
    if (kind < 3 && format.isOtherDay(before, second)) return kind;
    return k > 0 && Math.floor(before / 60) === Math.floor(second / 60) ? 4 : 3;
  }

  // The same, as the server takes a moment.
  momentOf(place) {
    return this.timed ? new Date(place * 1000).toISOString() : this.barOn(place)?.start_ns ?? null;
  }

  // The bar at whose foot a rejected tick is marked: the one it would have been in, or the one before.
  barOf(reject) {
    return this.barAt(reject.time) ?? this.bars.findLast((each) => this.begin(each) <= reject.time) ?? null;
  }

  rejectsIn(bar) {
    return this.rejects.filter((reject) => this.barOf(reject)?.time === bar.time);
  }
}

// Where in *bars* the first one is whose place is not before *place*.
function lowerBound(bars, place) {
  let low = 0;
  let high = bars.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (bars[middle].time < place) low = middle + 1;
    else high = middle;
  }
  return low;
}

// Whether *output* belongs to an indicator that is drawn as a band.
const edged = (output, all) => all.some((each) => each.spec === output.spec && each.draw === "band");

// The pairs of outputs, lower and upper, between which a band is filled.
function bandsOf(outputs) {
  const edges = new Map();
  for (const output of outputs) if (output.draw === "band") edges.set(output.spec, [...(edges.get(output.spec) ?? []), output.name]);
  return [...edges.values()].filter((names) => names.length === 2);
}
