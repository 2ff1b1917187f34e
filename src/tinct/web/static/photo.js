// One photograph open for editing: its settings, their history, and previews that follow them.

import { forget, getBlob, getJson, postBlob } from "./api.js";

// Steps of one kind that follow each other within this many milliseconds are one step for undo.
const TOGETHER = 3000;
const LONGEST_HISTORY = 200;

const same = (one, other) => JSON.stringify(one) === JSON.stringify(other);

export class Photo {
  /** `info` is what the server said when the photograph was opened; `kept` what an earlier one was `toJson`. */
  constructor(info, name, kept = null) {
    this.name = name;
    this.past = kept?.past ?? [];
    this.future = kept?.future ?? [];
    this.savedAs = kept?.savedAs ?? null;
    this.open(info);
    this.now = { ...this.usual, ...kept?.now };
    this.running = false;
  }

  /** The server has it open, for the first time or again. */
  open(info) {
    this.info = info;
    this.usual = { temperature: info.temperature, caution: info.caution, saturation: info.saturation, reading: 0, hints: [] };
    this.path = `/v1/edits/${info.id}`;
    this.opened = true;
    this.shown = null;
  }

  /** Let the server drop it; settings stay, and `open` goes on with them. */
  park(after = 0) {
    if (this.opened) forget(this.path, after);
    this.opened = false;
  }

  toJson() {
    const { info, now, past, future, savedAs } = this;
    return { info, now, past: past.slice(-20), future: future.slice(-20), savedAs };
  }

  /** Change settings for a moment, as while a slider moves; null goes back. */
  try(change) {
    this.trial = change && { ...this.now, ...change };
  }

  /** Change settings for good: undo goes back to what was before. Changes of one `kind` in a row are one step. */
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

  /** Whether work would be lost if the page was left. */
  get unsaved() {
    return this.changed && !same(this.now, this.savedAs);
  }

  /** What the server takes of settings. */
  body(settings = this.settings) {
    const body = { hints: settings.hints, saturation: settings.saturation, reading: settings.reading };
    if (settings.temperature !== null) body.temperature = settings.temperature;
    if (settings.caution !== null) body.caution = settings.caution;
    return body;
  }

  /** Keep asking until what is shown is what is set; `onShown(blob)` gets each picture. */
  async refresh(onShown) {
    if (this.running) return;
    this.running = true;
    try {
      for (;;) {
        const wanted = JSON.stringify(this.body());
        if (wanted === this.shown || !this.opened) break;
        const blob = await postBlob(`${this.path}/preview`, JSON.parse(wanted));
        this.shown = wanted;
        this.image = blob;
        if (this.opened) onShown(blob);
      }
    } finally {
      this.running = false;
    }
  }

  async before() {
    this.grey ??= await getBlob(`${this.path}/before`);
    return this.grey;
  }

  async veil() {
    this.veilImage ??= await getBlob(`${this.path}/confidence`);
    return this.veilImage;
  }

  async suggestions() {
    this.suggested ??= await getJson(`${this.path}/suggestions?count=4`);
    return this.suggested;
  }

  async colorsAt(x, y) {
    return (await getJson(`${this.path}/colors?x=${x.toFixed(3)}&y=${y.toFixed(3)}`)).colors;
  }

  thumbnail() {
    return postBlob(`${this.path}/preview`, { ...this.body(this.now), edge: 160 });
  }

  /** The usual colours, and others that the network finds plausible, too. */
  async readings() {
    this.others ??= await getJson(`${this.path}/readings`);
    return [{ number: 0, name: "Usual" }, ...this.others];
  }

  /** Another reading, small, with everything else as it is set. */
  readingImage(reading) {
    return postBlob(`${this.path}/preview`, { ...this.body({ ...this.now, reading }), edge: 220 });
  }

  async save(format) {
    const { now } = this;
    const blob = await postBlob(`${this.path}/save`, { ...this.body(now), format });
    this.savedAs = now;
    return blob;
  }

  close() {
    this.park();
  }
}
