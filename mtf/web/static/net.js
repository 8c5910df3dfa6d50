// What is asked of the server, and what it sends by itself.

const API = "/api/v1";
const RETRIES_MS = [500, 1000, 2000, 5000];

export async function get(path, query = {}, signal) {
  const words = new URLSearchParams(Object.entries(query).filter(([, value]) => value !== null && value !== undefined));
  const address = `${API}/${path}${words.size ? "?" + words : ""}`;
  const answer = await fetch(address, { signal, headers: { accept: "application/json" } });
  const body = await answer.json();
  if (!answer.ok) throw new Error(body.error ?? answer.statusText);
  return body;
}

export const BARS = 600;

// Everything of one moment, as of one seq: the state, the bars of all timeframes, and what was rejected.
export const getCharts = (symbol, at, outputs, last = BARS) => get(`charts/${inPath(symbol)}`, { last, at, outputs: outputs.join(",") });

export const inPath = (symbol) => symbol.split("/").map(encodeURIComponent).join("/");

// The live channel: opens again when it is lost, and asks again for what was asked last.
export class Live {
  constructor({ onMessage, onOpen, onLost }) {
    Object.assign(this, { onMessage, onOpen, onLost });
    this.wishes = {};
    this.attempts = 0;
    this.socket = null;
    this.open();
  }

  open() {
    const scheme = location.protocol === "https:" ? "wss" : "ws";
    const socket = new WebSocket(`${scheme}://${location.host}/ws`);
    this.socket = socket;
    socket.onopen = () => {
      const again = this.attempts > 0;
      this.attempts = 0;
      this.onOpen(again);
      for (const wish of Object.values(this.wishes)) if (wish) socket.send(JSON.stringify(wish));
    };
    socket.onmessage = (event) => this.onMessage(JSON.parse(event.data));
    socket.onclose = () => {
      const wait = RETRIES_MS[Math.min(this.attempts, RETRIES_MS.length - 1)];
      this.attempts += 1;
      this.onLost(wait);
      this.timer = setTimeout(() => this.open(), wait);
    };
  }

  // Try to connect now.
  retry() {
    if (this.socket.readyState !== WebSocket.CLOSED) return;
    clearTimeout(this.timer);
    this.open();
  }

  // Ask for something; *kind* replaces what was asked of the same kind. null takes it back.
  ask(kind, wish) {
    this.wishes[kind] = wish;
    if (wish && this.socket.readyState === WebSocket.OPEN) this.socket.send(JSON.stringify(wish));
  }

  // Say something once.
  say(wish) {
    if (this.socket.readyState === WebSocket.OPEN) this.socket.send(JSON.stringify(wish));
  }
}
