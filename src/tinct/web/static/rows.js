// One row of the list of files: its state in words, its progress, and what can be done with it.

import { button, element } from "./dom.js";
import { Film } from "./film.js";

const GOING = ["waiting", "busy", "sending", "colouring"];
const FILM_STATES = { held: "film", waiting: "waits", running: "colouring", done: "done", failed: "failed", cancelled: "cancelled" };

/** Make a row; `on` holds what its buttons do. */
export function makeRow(name, on) {
  const image = element("img", { alt: "" });
  const state = element("span", { className: "state" });
  const title = element("span", { className: "name", textContent: name, title: name });
  const open = button({ className: "open", onclick: on.choose }, image, element("span", {}, title, state));
  const bar = element("progress", { max: 1, value: 0, ariaLabel: `Progress of ${name}` });
  const anyway = button({ textContent: "Colour it anyway", onclick: on.anyway });
  const retry = button({ textContent: "Try again", onclick: on.retry });
  const again = button({ textContent: "Choose it again", onclick: on.again });
  const remove = button({ className: "remove", onclick: on.remove });
  const actions = element("div", { className: "actions" }, anyway, retry, again);
  const box = element("li", {}, element("div", { className: "head" }, open, remove), bar, actions);
  return { box, image, open, state, bar, anyway, retry, again, remove };
}

/** Update a row to its file's state. */
export function updateRow(item, chosen) {
  const { box, open, state, bar, anyway, retry, again, remove } = item.row;
  const going = GOING.includes(item.state);
  const film = item.work instanceof Film ? item.work : null;
  box.className = `${item.state} ${chosen ? "chosen" : ""}`;
  open.setAttribute("aria-current", chosen ? "true" : "false");
  state.textContent = stateWords(item);
  bar.hidden = item.state !== "sending" && !film?.busy;
  bar.value = film?.busy ? film.info.frames / (film.info.total || 1) : item.progress ?? 0;
  anyway.hidden = item.status !== 409;
  retry.hidden = item.state !== "failed" || ![0, 408, 429, 500, 503, 507].includes(item.status);
  again.hidden = item.state !== "missing";
  remove.textContent = going ? "Cancel" : "✕";
  remove.ariaLabel = `${going ? "Cancel" : "Remove"} ${item.name}`;
  remove.title = remove.ariaLabel;
}

export function stateWords(item) {
  if (item.state === "failed") return item.error;
  if (item.state === "missing") return "no longer here; its settings are kept";
  if (item.state === "busy") return "waits for the server";
  if (item.state === "sending") return `sending ${Math.round(100 * (item.progress ?? 0))} %`;
  if (item.work instanceof Film) return FILM_STATES[item.work.state];
  if (item.state === "ready") return item.work.unsaved ? "changed" : item.work.savedAs ? "saved" : "ready";
  return item.state;
}
