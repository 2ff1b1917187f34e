// The queue of files: they are sent and opened one after the other, and only a few are open at one time.
//
// The server has room for few open photographs, while a page may have hundreds. So those that were not looked at for the
// longest time are parked: the server closes them, while the page keeps the file, its settings and its thumbnail, and
// sends it again only when it is chosen or saved.

import { ApiError, getJson, pause, upload } from "./api.js";
import { $, say, show, warn } from "./dom.js";
import { Film } from "./film.js";
import { Photo } from "./photo.js";
import { makeRow, updateRow } from "./rows.js";

const FILM_SUFFIXES = /\.(mp4|m4v|mov|mkv|webm|avi|mpe?g|ts|m2ts|wmv|asf|flv|ogv|mxf)$/i;
const LONGEST_WAIT = 60;

export function isFilm(file) {
  return file.type.startsWith("video/") || (!file.type.startsWith("image/") && FILM_SUFFIXES.test(file.name));
}

export class Files {
  /**
   * `known` is fulfilled when the server's model is known; `usual` returns a film's settings; `onChosen(item)` is called
   * with the file to show, and again when it is ready; `onUpdate` when states have changed.
   */
  constructor({ known, usual, onChosen, onUpdate }) {
    this.known = known;
    this.usual = usual;
    this.onChosen = onChosen;
    this.onUpdate = onUpdate;
    this.items = [];
    this.chosen = null;
    this.working = false;
    this.mostOpen = 6;
    this.uses = 0;
  }

  add(files) {
    let first = null;
    for (const file of files) {
      const name = file.name || "pasted picture";
      let item = this.items.find((other) => other.state === "missing" && other.name === name && other.size === file.size);
      if (item) item.state = "waiting";
      else item = this.append({ name, size: file.size, film: isFilm(file), state: "waiting" });
      item.file = file;
      first ??= item;
    }
    if (files.length) say(files.length === 1 ? "1 file added." : `${files.length} files added.`);
    if (first && (!this.chosen || this.chosen === first)) this.choose(first);
    this.update();
    this.work();
  }

  append(values) {
    const item = { file: null, progress: null, recolor: false, negative: false, work: null, kept: null, waiters: [], used: 0, ...values };
    item.row = makeRow(item.name, {
      choose: () => this.choose(item),
      anyway: () => this.again(item, true),
      retry: () => this.again(item, item.recolor),
      again: () => $("file-input").click(),
      remove: () => this.remove(item),
    });
    this.items.push(item);
    $("file-list").append(item.row.box);
    return item;
  }

  again(item, recolor) {
    Object.assign(item, { state: "waiting", error: null, status: null, recolor });
    this.update();
    if (!this.chosen || this.chosen.state === "failed") this.choose(item);
    this.work();
  }

  /** Open a photograph again, inverted or not; its settings stay. */
  invert(item, negative) {
    item.negative = negative;
    item.work.forgetLooks();
    item.work.park();
    item.state = "waiting";
    this.update();
    this.onChosen(item);
    this.work();
  }

  /** The next file to open: the chosen one, then those that something waits for, then the others in order. */
  next() {
    const waiting = this.items.filter((item) => item.state === "waiting");
    return waiting.find((item) => item === this.chosen) ?? waiting.find((item) => item.waiters.length) ?? waiting[0];
  }

  /** Send and open what waits, one after the other. */
  async work() {
    if (this.working) return;
    this.working = true;
    await this.known;
    for (let item = this.next(); item; item = this.next()) await this.open(item);
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
      onBusy: (tries, seconds) => this.untilRoom(item, tries, seconds),
    };
    item.state = "sending";
    item.progress = 0;
    this.update();
    try {
      const fields = item.recolor ? { recolor: "true" } : {};
      if (item.negative && !item.film) fields.negative = "true";
      const info = item.film
        ? await upload("/v1/video", item.file, { ...fields, hold: "true" }, options)
        : await upload("/v1/edits", item.file, fields, options);
      if (item.work) item.work.open(info);
      else item.work = item.film ? new Film(info, item.name, this.usual(), item.kept) : new Photo(info, item.name, item.kept);
      if (item.removed) {
        item.work.park();
        return;
      }
      item.kept = null;
      if (item.asked) item.work.set(item.asked);
      item.asked = null;
      await this.opened(item);
    } catch (error) {
      this.failed(item, error);
    } finally {
      this.update();
    }
  }

  async opened(item) {
    item.state = "ready";
    item.used = this.uses += 1;
    this.update();
    for (const { resolve } of item.waiters.splice(0)) resolve();
    if (item === this.chosen || !this.chosen || !["ready", "waiting", "sending", "colouring", "busy"].includes(this.chosen.state)) {
      this.chosen = item;
      this.onChosen(item);
    } else show(item.row.image, await item.work.thumbnail());
    say(`${item.name} is ready.`);
    while (this.openPhotos().length > this.mostOpen && this.parkOne());
  }

  failed(item, error) {
    const waiters = item.waiters.splice(0);
    for (const { reject } of waiters) reject(error);
    if (error.name === "AbortError") return;
    item.state = "failed";
    item.error = error.message;
    item.status = error instanceof ApiError ? error.status : 0;
    if (!(error instanceof ApiError)) console.error(error);
    if (item === this.chosen) {
      this.chosen = this.items.find((other) => other.state === "ready" || other.state === "waiting") ?? null;
      this.onChosen(this.chosen);
    }
    if (!waiters.length) warn(`${item.name}: ${item.error}`);
  }

  /** Wait until the server may have room, without sending the file to find out. */
  async untilRoom(item, tries, seconds) {
    item.state = "busy";
    this.update();
    if (!item.film && this.parkOne()) return;
    for (;;) {
      await pause(Math.min(LONGEST_WAIT, item.film ? seconds : Math.min(seconds, 2 ** tries)));
      if (item.abort.signal.aborted || (await getJson("/healthz")).room) return;
    }
  }

  openPhotos() {
    return this.items.filter((item) => item.work instanceof Photo && item.work.opened);
  }

  /** Park the photograph that was not used for the longest; return whether there was one. */
  parkOne() {
    const [oldest] = this.openPhotos()
      .filter((item) => item !== this.chosen && !item.waiters.length)
      .sort((one, other) => one.used - other.used);
    oldest?.work.park();
    return oldest !== undefined;
  }

  /** Make sure that a photograph is open on the server; fulfilled when it is. */
  async ensureOpen(item) {
    item.used = this.uses += 1;
    if (item.work?.opened) return;
    if (!item.file) throw new ApiError(0, `${item.name} is no longer here. Choose it again.`);
    if (item.state === "ready" || item.state === "failed") item.state = "waiting";
    const done = new Promise((resolve, reject) => item.waiters.push({ resolve, reject }));
    this.update();
    this.work();
    await done;
  }

  choose(item) {
    if (item.state === "failed") warn(`${item.name}: ${item.error}`);
    if (item.state === "missing") $("file-input").click();
    if (["failed", "missing"].includes(item.state) || item === this.chosen) return;
    this.chosen = item;
    item.used = this.uses += 1;
    if (item.work && !item.work.opened) item.state = "waiting";
    item.row.box.scrollIntoView({ block: "nearest", inline: "nearest" });
    this.update();
    this.onChosen(item);
    this.work();
  }

  remove(item) {
    item.removed = true;
    item.abort?.abort();
    item.work?.park();
    this.items.splice(this.items.indexOf(item), 1);
    item.row.box.remove();
    say(`${item.name} removed.`);
    if (this.chosen === item) {
      this.chosen = null;
      const next = this.items.find((other) => other.state === "ready") ?? this.items.find((other) => other.state === "waiting");
      if (next) this.choose(next);
      else this.onChosen(null);
    }
    this.update();
    ($("file-list").querySelector("button.open") ?? $("pick")).focus();
  }

  /** The page is left; it may come back soon, as after a reload. */
  leave(seconds) {
    for (const item of this.items) {
      item.abort?.abort();
      item.work?.park(seconds);
    }
  }

  photos() {
    return this.items.filter((item) => item.work instanceof Photo);
  }

  update() {
    for (const item of this.items) updateRow(item, item === this.chosen);
    $("intake").hidden = this.items.length > 0;
    $("files").hidden = this.items.length === 0;
    $("save-all").hidden = this.photos().length < 2;
    $("same-for-all").hidden = this.items.filter((item) => !item.film).length < 2;
    document.body.classList.toggle("working", this.items.length > 0);
    this.onUpdate();
  }
}
