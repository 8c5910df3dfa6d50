// Numbers and times as people read them: one function each, used everywhere, so that nothing is shown in two ways.

const MINUS = "\u2212";

export function price(value, decimals) {
  if (value === null || value === undefined) return "–";
  if (value !== 0 && (Math.abs(value) < 1e-9 || Math.abs(value) >= 1e15)) return value.toPrecision(4);
  return grouped(halfUp(value, decimals));
}

// toFixed rounds the binary value; a mid of 1.384265 has to become 1.38427, as it is written.
function halfUp(value, decimals) {
  const text = Math.abs(value).toString();
  const sign = value < 0 ? MINUS : "";
  if (text.includes("e")) return sign + Math.abs(value).toFixed(decimals);
  const [whole, fraction = ""] = exact(Math.abs(value)).split(".");
  if (fraction.length <= decimals) return sign + whole + (decimals ? "." + fraction.padEnd(decimals, "0") : "");
  const digits = BigInt(whole + fraction.slice(0, decimals)) + (fraction[decimals] >= "5" ? 1n : 0n);
  const padded = digits.toString().padStart(decimals + 1, "0");
  return sign + padded.slice(0, padded.length - decimals) + (decimals ? "." + padded.slice(-decimals) : "");
}

// The decimal that was meant: sums of two quotes halved carry a last binary digit that nobody quoted.
function exact(value) {
  return Number(value.toPrecision(15)).toString();
}

export function grouped(text) {
  const [whole, fraction] = String(text).split(".");
  return whole.replace(/\B(?=(\d{3})+(?!\d))/g, ",") + (fraction === undefined ? "" : "." + fraction);
}

export function difference(value, decimals) {
  if (value === null || value === undefined) return "";
  const text = price(Math.abs(value), decimals);
  if (/^[0.]*$/.test(text)) return `· ${text}`;
  return value < 0 ? `▼ ${MINUS}${text}` : value > 0 ? `▲ +${text}` : `· ${text}`;
}

export function share(value) {
  if (value === null || !Number.isFinite(value)) return "";
  return `${value < 0 ? MINUS : "+"}${Math.abs(value * 100).toFixed(2)} %`;
}

export const direction = (value) => (value > 0 ? "up" : value < 0 ? "down" : "");

// An indicator: a price of the market with the symbol's decimals, another scale with a few digits.
export function reading(value, output, decimals) {
  if (value === null || value === undefined) return null;
  if (output.pane === "price") return price(value, decimals);
  const size = Math.abs(value);
  return price(value, size >= 1000 ? 0 : size >= 1 ? 1 : size === 0 ? 1 : Math.min(8, 2 - Math.floor(Math.log10(size))));
}

export const seconds = (ns) => Number(BigInt(ns) / 1_000_000_000n);
export const milliseconds = (ns) => Number(BigInt(ns) / 1_000_000n);

// Times are UTC, or those of the exchange: *zone* is its IANA name, null for UTC.
const shown = { zone: null, word: "UTC", offsets: new Map() };

export function setZone(zone) {
  shown.zone = zone;
  shown.word = zone ? zone.split("/").at(-1).replaceAll("_", " ").replace("New York", "NY") : "UTC";
  shown.offsets.clear();
}

export const zoneWord = () => shown.word;

// The moment *ms*, moved so that its UTC fields are what the shown zone's clock says. Offsets change on whole quarters.
function local(ms) {
  if (!shown.zone) return new Date(ms);
  const quarter = Math.floor(ms / 900_000);
  let offset = shown.offsets.get(quarter);
  if (offset === undefined) {
    const parts = new Intl.DateTimeFormat("en-US", {
      timeZone: shown.zone, hourCycle: "h23", year: "numeric", month: "numeric", day: "numeric", hour: "numeric", minute: "numeric",
    }).formatToParts(quarter * 900_000);
    const of = (type) => Number(parts.find((part) => part.type === type).value);
    offset = Date.UTC(of("year"), of("month") - 1, of("day"), of("hour"), of("minute")) - quarter * 900_000;
    shown.offsets.set(quarter, offset);
  }
  return new Date(ms + offset);
}

const DAYS = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];
const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
const two = (value) => String(value).padStart(2, "0");

export function clock(ns, withMilliseconds = true) {
  const at = local(milliseconds(ns));
  const text = `${two(at.getUTCHours())}:${two(at.getUTCMinutes())}:${two(at.getUTCSeconds())}`;
  return withMilliseconds ? `${text}.${String(at.getUTCMilliseconds()).padStart(3, "0")}` : text;
}

export function day(ns) {
  const at = local(milliseconds(ns));
  return `${DAYS[at.getUTCDay()]} ${at.getUTCDate()} ${MONTHS[at.getUTCMonth()]}`;
}

export const minute = (ns) => clock(ns, false).slice(0, 5);

export function axisTime(second, kind) {
  const at = local(second * 1000);
  if (kind === 0) return String(at.getUTCFullYear());
  if (kind === 1) return MONTHS[at.getUTCMonth()];
  if (kind === 2) return `${at.getUTCDate()} ${MONTHS[at.getUTCMonth()]}`;
  return `${two(at.getUTCHours())}:${two(at.getUTCMinutes())}${kind === 4 ? `:${two(at.getUTCSeconds())}` : ""}`;
}

export const isOtherDay = (second, other) => local(second * 1000).getUTCDate() !== local(other * 1000).getUTCDate();

export const axisLabel = (second, withSeconds = false) => `${day(BigInt(Math.floor(second)) * 1_000_000_000n)} ${axisTime(second, withSeconds ? 4 : 3)} ${shown.word}`;

export function length(second) {
  const whole = Math.max(0, Math.floor(second));
  if (whole >= 48 * 3600) return `${Math.floor(whole / 86400)}d ${Math.floor((whole % 86400) / 3600)}h`;
  if (whole >= 3600) return `${Math.floor(whole / 3600)}h ${Math.floor((whole % 3600) / 60)}m`;
  return `${Math.floor(whole / 60)}:${two(whole % 60)}`;
}

export function age(second) {
  if (second < 1) return "now";
  if (second < 90) return `${Math.floor(second)} s`;
  if (second < 5400) return `${Math.floor(second / 60)} min`;
  if (second < 172800) return `${Math.floor(second / 3600)} h`;
  return `${Math.floor(second / 86400)} d`;
}

export const whole = (value) => grouped(String(value));

export const plural = (count, one) => `${whole(count)} ${one}${count === 1 ? "" : "s"}`;

// An indicator as it is called in the page: sma 20, bbands 20,2; an output with what its name has more than the others.
export const specName = (spec) => spec.replace(":", " ");

export function outputName(output) {
  const base = output.spec.replace(/[:,]/g, "_");
  const rest = output.name.startsWith(`${base}_`) ? ` ${output.name.slice(base.length + 1).replaceAll("_", " ")}` : "";
  return specName(output.spec) + rest;
}

// How far a bar of progress is filled.
export function fill(bar, percent) {
  const value = `scaleX(${percent / 100})`;
  if (bar.style.transform !== value) bar.style.transform = value;
}

// A length of time in one word: 8 s, 10 min, 4 h.
export const span = (seconds) => (seconds < 90 ? `${Math.round(seconds)} s` : seconds < 5400 ? `${Math.round(seconds / 60)} min` : `${Math.round(seconds / 3600)} h`);

// A price as it came, without the last binary digits of a mid.
export const bare = (value) => (value === null ? "–" : grouped(exact(value)));
