// Making and changing elements. A text is written only if it differs, so that nothing is laid out anew for nothing.

export function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (key.startsWith("on")) made.addEventListener(key.slice(2), value);
    else if (value === true) made.setAttribute(key, "");
    else if (value !== false && value !== null && value !== undefined) made.setAttribute(key, value);
  }
  made.append(...children.filter((child) => child !== null && child !== undefined));
  return made;
}

const SVG = "http://www.w3.org/2000/svg";

export function spark(closes, width = 140, height = 22) {
  const drawn = document.createElementNS(SVG, "svg");
  drawn.setAttribute("viewBox", `0 0 ${width} ${height}`);
  drawn.setAttribute("aria-hidden", "true");
  drawn.setAttribute("preserveAspectRatio", "xMinYMid");
  drawn.append(document.createElementNS(SVG, "path"), document.createElementNS(SVG, "circle"));
  drawSpark(drawn, closes, width, height);
  return drawn;
}

export function drawSpark(drawn, closes, width = 140, height = 22) {
  const [path, end] = drawn.children;
  if (closes.length < 2) {
    path.setAttribute("d", "");
    end.setAttribute("r", "0");
    return;
  }
  const low = Math.min(...closes);
  const range = Math.max(...closes) - low || 1;
  const x = (k) => (2 + (k * (width - 6)) / (closes.length - 1)).toFixed(1);
  const y = (value) => (2 + (1 - (value - low) / range) * (height - 4)).toFixed(1);
  path.setAttribute("d", closes.map((value, k) => `${k ? "L" : "M"}${x(k)} ${y(value)}`).join(""));
  end.setAttribute("cx", x(closes.length - 1));
  end.setAttribute("cy", y(closes.at(-1)));
  end.setAttribute("r", "2");
}

// How many texts were written: a bound is kept on them for each update.
export const written = { texts: 0 };

export function write(target, text) {
  const value = String(text);
  if (target.firstChild?.nodeType === Node.TEXT_NODE && target.childNodes.length === 1) {
    if (target.firstChild.nodeValue === value) return;
    target.firstChild.nodeValue = value;
  } else if (value || target.firstChild) target.textContent = value;
  else return;
  written.texts += 1;
}

export function paint(target, name) {
  if (target.className !== name) target.className = name;
}

export const by = (id) => document.getElementById(id);

// Colours and the font as the style sheet has them. Asking for one makes the browser work out all styles: they are kept.
const tokens = new Map();

export function token(name) {
  const { theme, colour } = document.documentElement.dataset;
  const key = `${name} ${theme} ${colour}`;
  if (!tokens.has(key)) tokens.set(key, getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim());
  return tokens.get(key);
}

let family = null;

export const fontFamily = () => (family ??= getComputedStyle(document.body).fontFamily);

export function shade(hex, alpha) {
  const full = hex.length === 4 ? hex.replace(/[0-9a-f]/gi, "$&$&") : hex;
  const [r, g, b] = [1, 3, 5].map((at) => parseInt(full.slice(at, at + 2), 16));
  return `rgba(${r},${g},${b},${alpha})`;
}
