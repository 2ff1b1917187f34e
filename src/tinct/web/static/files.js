// The queue of files: each is sent, opened, and shown in the list with its state.

import { ApiError, upload } from "./api.js";
import { $, element, say, show, warn } from "./dom.js";
import { Film } from "./film.js";
import { Photo } from "./photo.js";

const FILM_SUFFIXES = /\.(mp4|m4v|mov|mkv|webm|avi|mpe?g|ts|m2ts|wmv|asf|flv|ogv|mxf)$/i;

export function isFilm(file) {
  return file.type.startsWith("video/") || (!file.type.startsWith("image/") && FILM_SUFFIXES.test(file.name));
}

export class Files {
  /** `known` is fulfilled when the server's model is known; `usual` gives a film's settings; `onChosen(item)` is told which file is to be shown. */
  constructor({ known, usual, onChosen }) {
    this.known = known;
    this.usual = usual;
    this.onChosen = onChosen;
    this.items = [];
    this.chosen = null;
    this.working = false;
  }

  add(files) {
    for (const file of files) {
      const item = { file, name: file.name || "pasted picture", state: "waiting", progress: null, recolor: false };
      item.row = this.row(item);
      this.items.push(item);
      $("file-list").append(item.row.box);
    }
    if (files.length) say(files.length === 1 ? "1 file added." : `${files.length} files added.`);
    this.update();
    this.work();
  }

  row(item) {
    const image = element("img", { alt: "" });
    const state = element("span", { className: "state" });
    const name = element("span", { className: "name", textContent: item.name, title: item.name });
    const open = element("button", { type: "button", className: "open", onclick: () => this.choose(item) }, image, element("span", {}, name, state));
    const bar = element("progress", { max: 1, value: 0, ariaLabel: `Sending ${item.name}` });
    const anyway = element("button", { type: "button", textContent: "Colour it anyway", onclick: () => this.again(item, true) });
    const retry = element("button", { type: "button", textContent: "Try again", onclick: () => this.again(item, item.recolor) });
    const remove = element("button", { type: "button", className: "remove", onclick: () => this.remove(item) });
    const actions = element("div", { className: "actions" }, anyway, retry);
    const box = element("li", {}, element("div", { className: "head" }, open, remove), bar, actions);
    return { box, image, open, state, bar, anyway, retry, remove };
  }

  again(item, recolor) {
    Object.assign(item, { state: "waiting", error: null, status: null, recolor });
    this.update();
    this.work();
  }

  /** Send and open what waits, one after the other. */
  async work() {
    if (this.working) return;
    this.working = true;
    await this.known;
    for (;;) {
      const item = this.items.find((other) => other.state === "waiting");
      if (!item) break;
      await this.open(item);
    }
    this.working = false;
  }

  async open(item) {
    item.abort = new AbortController();
    const options = {
      signal: item.abort.signal,
      onProgress: (part) => {
        item.progress = part;
        item.state = part < 1 ? "sending" : "colouring";
        this.update();
      },
    };
    item.state = "sending";
    item.progress = 0;
    this.update();
    try {
      const film = isFilm(item.file);
      const fields = item.recolor ? { recolor: "true" } : {};
      const info = film
        ? await upload("/v1/video", item.file, { ...fields, hold: "true" }, options)
        : await upload("/v1/edits", item.file, fields, options);
      const work = film ? new Film(info, item.name, this.usual()) : new Photo(info, item.name);
      if (item.removed) {
        work.close();
        return;
      }
      item.work = work;
      item.state = "ready";
      if (!this.chosen || this.chosen.state !== "ready") this.choose(item);
      else show(item.row.image, await work.thumbnail());
      say(`${item.name} is ready.`);
    } catch (error) {
      if (error.name === "AbortError") return;
      item.state = "failed";
      item.error = error.message;
      item.status = error instanceof ApiError ? error.status : 0;
      if (!(error instanceof ApiError)) console.error(error);
      warn(`${item.name}: ${item.error}`);
    } finally {
      this.update();
    }
  }

  choose(item) {
    if (item.state === "failed") warn(`${item.name}: ${item.error}`);
    if (item.state !== "ready" || item === this.chosen) return;
    this.chosen = item;
    this.update();
    this.onChosen(item);
  }

  remove(item) {
    item.removed = true;
    item.abort?.abort();
    item.work?.close();
    const at = this.items.indexOf(item);
    this.items.splice(at, 1);
    item.row.box.remove();
    say(`${item.name} removed.`);
    if (this.chosen === item) {
      this.chosen = null;
      const next = this.items.filter((other) => other.state === "ready")[0];
      if (next) this.choose(next);
      else this.onChosen(null);
    }
    this.update();
    ($("file-list").querySelector("button.open") ?? $("add")).focus();
  }

  closeAll() {
    for (const item of this.items) {
      item.abort?.abort();
      item.work?.close();
    }
  }

  photos() {
    return this.items.filter((item) => item.work instanceof Photo);
  }

  update() {
    for (const item of this.items) {
      const { box, open, state, bar, anyway, retry, remove } = item.row;
      box.className = `${item.state} ${item === this.chosen ? "chosen" : ""}`;
      const current = item === this.chosen ? "true" : "false";
      open.setAttribute("aria-current", current);
      state.textContent = words(item);
      bar.hidden = item.state !== "sending" && !item.work?.busy;
      bar.value = item.work?.busy ? item.work.info.frames / (item.work.info.total || 1) : item.progress ?? 0;
      anyway.hidden = item.status !== 409;
      retry.hidden = item.state !== "failed" || ![0, 408, 429, 500, 503, 507].includes(item.status);
      const going = ["waiting", "sending", "colouring"].includes(item.state);
      remove.textContent = going ? "Cancel" : "✕";
      remove.ariaLabel = `${going ? "Cancel" : "Remove"} ${item.name}`;
      remove.title = remove.ariaLabel;
    }
    $("intake").hidden = this.items.length > 0;
    $("files").hidden = this.items.length === 0;
    $("save-all").hidden = this.photos().length < 2;
  }
}

function words(item) {
  if (item.state === "failed") return item.error;
  if (item.state === "sending") return `sending ${Math.round(100 * (item.progress ?? 0))} %`;
  if (item.work instanceof Film) {
    const names = { held: "film", waiting: "waits", running: "colouring", done: "done", failed: "failed", cancelled: "cancelled" };
    return names[item.work.state];
  }
  return item.state;
}
