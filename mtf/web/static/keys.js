// The keys of the page, and swipes between the timeframes.

import { by } from "./dom.js";
import { help } from "./dialogs.js";

const SWIPE_MS = 400;

export function bindKeys(app) {
  addEventListener("keydown", (event) => press(app, event));
  swipe(app, by("main"));
}

function press(app, event) {
  if (event.ctrlKey || event.metaKey || event.altKey || by("dialog").open) return;
  if (event.target.closest("input,textarea,select")) return;
  if (app.typed && (event.key.length === 1 || event.key === "Enter")) {
    event.preventDefault();
    app.typed.push(event.key);
    return;
  }
  if ((event.key === "Enter" || event.key === " ") && event.target.closest("button,a")) return;
  if (event.key.startsWith("Arrow") && event.target.closest(".bars-table,.rows")) return;
  const { market } = app;
  const acts = {
    "/": () => app.setView("symbols"), i: () => app.chooseIndicators(), m: () => app.setView("market"), y: () => app.setView("symbols"), h: () => app.setView("health"),
    L: () => app.toLive(), l: () => app.toLive(), "[": () => app.timeline.faster(-1), "]": () => app.timeline.faster(1), " ": () => app.togglePlay(),
    ArrowLeft: () => app.step(event.shiftKey ? app.stepUnit : "tick", -1), ArrowRight: () => app.step(event.shiftKey ? app.stepUnit : "tick", 1),
    "+": () => market?.zoom(1.25), "-": () => market?.zoom(0.8), "−": () => market?.zoom(0.8), f: () => market?.fit(), d: () => app.toggle("theme", "light", "dark"),
    c: () => app.toggle("colour", "free", "full"), v: () => market?.toggleTable(), "?": () => help(app.config.version), z: () => app.toggleZone(), 0: () => app.setFocus(null),
    r: () => app.trouble.isOffline && app.live.retry(), Enter: () => market?.hoveredRejects?.length && app.goTo(market.hoveredRejects.at(-1).seq),
    g: () => market?.hoveredMoment && app.goToMoment(market.hoveredMoment),
  };
  const number = Number(event.key);
  if (number >= 1 && number <= app.config.timeframes.length && app.view === "market") {
    event.preventDefault();
    app.setFocus(app.config.timeframes[number - 1].name);
  } else if (acts[event.key] && (app.view === "market" || !event.key.startsWith("Arrow"))) {
    event.preventDefault();
    acts[event.key]();
  }
}

function swipe(app, host) {
  let from = null;
  host.addEventListener("touchstart", (event) => {
    const [touch] = event.touches;
    from = event.touches.length === 1 && event.target.closest(".panel.focus,.tabs6") ? { x: touch.clientX, y: touch.clientY, at: event.timeStamp } : null;
  }, { passive: true });
  host.addEventListener("touchend", (event) => {
    if (!app.market || !from || event.timeStamp - from.at > SWIPE_MS) return; // longer is the crosshair
    const [touch] = event.changedTouches;
    const moved = touch.clientX - from.x;
    if (Math.abs(moved) < 60 || Math.abs(moved) < 2 * Math.abs(touch.clientY - from.y)) return;
    const names = app.config.timeframes.map((timeframe) => timeframe.name);
    const next = names[names.indexOf(app.focus) + (moved < 0 ? 1 : -1)];
    if (next) app.setFocus(next);
  });
}
