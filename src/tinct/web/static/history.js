// What a photograph and a film share: settings that are tried and changed, the history of changes, and the picture that
// follows them.

import { ask, forget, getBlob, getJson, postBlob, postFile, postJson } from "./api.js";

// Steps of one kind that follow each other within this many milliseconds are one step for undo.
const TOGETHER = 3000;
const LONGEST_HISTORY = 200;
// This much of the history is kept over a reload.
const KEPT_HISTORY = 20;

/** @typedef {{points: number[][], color: string, width: number, time?: number, darken?: boolean}} Hint */
/**
 * A picture to take colours from; only films have a `time`: that of a still in the shot that it is for, or null.
 * @typedef {{id: string, name: string, time?: ?number}} Reference
 */
/**
 * `temperature` and `caution` are null if the model has none; only photographs have a `reading`.
 * @typedef {{temperature: ?number, caution: ?number, saturation: number, reading?: number, hints: Hint[], references: Reference[]}} Settings
 */
/** @typedef {{now?: Settings, past?: Settings[], future?: Settings[], savedAs?: ?Settings, info?: any, fields?: string, rate?: string}} Kept */

export const same = (one, other) => JSON.stringify(one) === JSON.stringify(other);

export class Edited {
  /**
   * @param {string} name of the file
   * @param {Settings} usual what it begins with
   * @param {?Kept} kept what `toJson` of an earlier one returned
   */
  constructor(name, usual, kept) {
    this.name = name;
    this.usual = usual;
    // What was kept before an update of the page may lack new settings.
    const whole = (list) => (list ?? []).map((settings) => ({ ...usual, ...settings }));
    /** @type {Settings[]} */
    this.past = whole(kept?.past);
    /** @type {Settings[]} */
    this.future = whole(kept?.future);
    /** @type {Settings} */
    this.now = { ...usual, ...kept?.now };
    /** What the server said of it. @type {any} */
    this.info = null;
    /** Its address on the server. @type {string} */
    this.path = "";
    // References that the server holds, those that can be sent again, and how they look.
    /** @type {Set<string>} */
    this.sent = new Set();
    /** @type {Map<string, File>} */
    this.pictures = new Map();
    /** @type {Map<string, Promise<Blob>>} */
    this.small = new Map();
    // Numbers of the hints whose places are too bright for their colours, in the picture that is shown.
    /** @type {number[]} */
    this.pale = [];
    /** @type {?Settings} */
    this.trial = null;
    /** @type {?string} */
    this.kind = null;
    this.changedAt = 0;
    this.opened = true;
    /** @type {?Promise<void>} */
    this.running = null;
    // The last request, and the picture that it returned.
    /** @type {?string} */
    this.shown = null;
    /** @type {?Blob} */
    this.image = null;
  }

  /**
   * The address and the body of the request for the picture with the present settings.
   * @returns {Promise<[string, object]>}
   */
  async request() {
    throw new Error("subclasses define this");
  }

  /** Request pictures until the one that is shown has the present settings; `onShown(blob)` gets each of them. */
  refresh(onShown) {
    this.running ??= this.catchUp(onShown);
    return this.running;
  }

  async catchUp(onShown) {
    try {
      for (;;) {
        const [address, body] = await this.request();
        const wanted = JSON.stringify([address, body]);
        if (wanted === this.shown || !this.opened) break;
        const answer = await ask("POST", address, { json: body });
        const blob = await answer.blob();
        this.pale = (answer.headers.get("X-Tinct-Pale") ?? "").split(",").filter(Boolean).map(Number);
        this.shown = wanted;
        this.image = blob;
        if (this.opened) onShown(blob);
      }
    } finally {
      this.running = null;
    }
  }

  /** The server has opened it again and has no references yet; or, if `held`, it still has all that were sent. */
  opensAnew(held = false) {
    const all = [this.now, ...this.past, ...this.future].flatMap(({ references }) => (references ?? []).map(({ id }) => id));
    this.sent = new Set(held ? all : []);
  }

  async sendReference(file) {
    const { id } = await postFile(`${this.path}/references`, "reference", file);
    this.sent.add(id);
    this.pictures.set(id, file);
    return id;
  }

  /** Whether a reference can be used: the server has it, or it can be sent. */
  hasReference(id) {
    return this.sent.has(id) || this.pictures.has(id);
  }

  /** The references of the picture that is shown. */
  shownReferences(settings = this.settings) {
    return settings.references.filter(({ id }) => this.hasReference(id));
  }

  /** Ids of references; those that the server lacks are sent first. */
  async ids(references = this.shownReferences()) {
    for (const { id } of references) {
      if (!this.sent.has(id)) await this.sendReference(this.pictures.get(id));
    }
    return references.map(({ id }) => id);
  }

  referenceImage(id) {
    if (!this.small.has(id)) {
      const asked = this.ids([{ id, name: "" }]).then(() => getBlob(`${this.path}/references/${id}`));
      asked.catch(() => this.small.delete(id));
      this.small.set(id, asked);
    }
    return this.small.get(id);
  }

  /** What the picture that is shown takes from where. */
  async taken() {
    return postJson(`${this.picturePath}/taken`, { references: await this.ids() });
  }

  async takenVeil() {
    return postBlob(`${this.picturePath}/taken/veil`, { references: await this.ids() });
  }

  /** The server has it open at an address, for the first time or again. */
  openAt(path, info) {
    this.info = info;
    this.path = path;
    this.opensAnew();
    this.opened = true;
    this.shown = null;
  }

  /** Let the server drop it, at once or after this many seconds in which it is not asked for; settings stay. */
  park(after = 0) {
    if (this.opened) forget(this.path, after);
    this.opened = false;
  }

  /** The values of settings that photographs and films share, without those that the model does not have. */
  values({ saturation, temperature, caution }) {
    return Object.fromEntries(Object.entries({ saturation, temperature, caution }).filter(([, value]) => value !== null));
  }

  /** The address of the picture that is shown. */
  get picturePath() {
    return this.path;
  }

  async colorsAt(x, y) {
    return (await getJson(`${this.picturePath}/colors?x=${x.toFixed(3)}&y=${y.toFixed(3)}`)).colors;
  }

  history() {
    return { now: this.now, past: this.past.slice(-KEPT_HISTORY), future: this.future.slice(-KEPT_HISTORY) };
  }

  /** Try settings for a moment, as while a slider moves; null ends that. */
  try(change) {
    this.trial = change && { ...this.now, ...change };
  }

  /** Change settings; undo returns to what was before. Changes of one `kind` in a row are one step. */
  set(change, kind = null) {
    const next = { ...this.now, ...change };
    this.trial = null;
    if (same(next, this.now)) return;
    const goesOn = kind !== null && kind === this.kind && performance.now() - this.changedAt < TOGETHER;
    if (!goesOn) this.past.push(this.now);
    this.past.splice(0, this.past.length - LONGEST_HISTORY);
    this.kind = kind;
    this.changedAt = performance.now();
    this.future = [];
    this.now = next;
  }

  undo() {
    if (!this.past.length) return;
    this.kind = null;
    this.future.push(this.now);
    this.now = this.past.pop();
  }

  redo() {
    if (!this.future.length) return;
    this.kind = null;
    this.past.push(this.now);
    this.now = this.future.pop();
  }

  reset() {
    this.set(this.usual);
  }

  get settings() {
    return this.trial ?? this.now;
  }

  get changed() {
    return !same(this.now, this.usual);
  }

  /** The hints of the picture that is shown. */
  shownHints(settings = this.settings) {
    return settings.hints;
  }

  /** The change of settings after which the picture that is shown has these hints. */
  withHints(hints) {
    return { hints };
  }
}
