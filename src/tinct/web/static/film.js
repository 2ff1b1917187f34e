// One film: stills to try settings on, then a job that is watched.

import { ApiError, ask, forget, getBlob, getJson, pause, postJson } from "./api.js";

export const STILLS = 4;
// What a film has of the settings; null where the model has none.
const SETTINGS = ["temperature", "caution", "saturation"];

export class Film {
  constructor(info, name, usual) {
    this.name = name;
    this.now = { ...usual };
    this.still = 0;
    this.running = false;
    this.open(info);
  }

  /** One that the server still holds after a reload; `kept` is what it was `toJson`. */
  static restored(info, name, kept) {
    return new Film(info, name, kept.now);
  }

  toJson() {
    return { info: this.info, now: this.now };
  }

  open(info) {
    this.info = info;
    this.path = `/v1/jobs/${info.id}`;
    this.shown = null;
    this.opened = true;
  }

  /** Whether work would be lost if the page was left. */
  get unsaved() {
    return this.busy || (this.state === "done" && !this.saved);
  }

  /** Seconds that are left, or null while nobody can tell. */
  get left() {
    const { frames, total, seconds } = this.info;
    return frames > 3 && total ? Math.max(0, (seconds / frames) * (total - frames)) : null;
  }

  get state() {
    return this.info.state;
  }

  get busy() {
    return ["waiting", "running"].includes(this.state);
  }

  query(more = {}) {
    const values = { ...more };
    for (const name of SETTINGS) if (this.now[name] !== null) values[name] = this.now[name];
    return new URLSearchParams(values).toString();
  }

  /** Keep asking until the still that is shown is the one that is set. */
  async refresh(onShown) {
    if (this.running) return;
    this.running = true;
    try {
      for (;;) {
        const wanted = `${this.path}/stills/${this.still}?${this.query()}`;
        if (wanted === this.shown || !this.opened) break;
        const blob = await getBlob(wanted);
        this.shown = wanted;
        this.image = blob;
        if (this.opened) onShown(blob);
      }
    } finally {
      this.running = false;
    }
  }

  before() {
    return getBlob(`${this.path}/stills/${this.still}?grey=true`);
  }

  thumbnail() {
    return getBlob(`${this.path}/stills/0?${this.query()}`);
  }

  /** How many stills there are; short films have fewer. */
  async count() {
    for (let number = STILLS - 1; number > 0; number -= 1) {
      try {
        await getBlob(`${this.path}/stills/${number}?grey=true`);
        return number + 1;
      } catch (error) {
        if (!(error instanceof ApiError && error.status === 404)) throw error;
      }
    }
    return 1;
  }

  async start(more, onChange) {
    const settings = { ...more };
    for (const name of SETTINGS) if (this.now[name] !== null) settings[name] = this.now[name];
    this.saved = false;
    this.info = await postJson(`${this.path}/start`, settings);
    await this.watch(onChange);
  }

  async watch(onChange) {
    this.watched = true;
    onChange();
    while (this.busy && this.opened) {
      await pause(0.5);
      this.info = await getJson(this.path);
      onChange();
    }
    this.watched = false;
  }

  async cancel() {
    this.info = await (await ask("POST", `${this.path}/cancel`)).json();
  }

  /** Let the server drop it, at once or after some seconds in which nobody asks for it. */
  park(after = 0) {
    if (this.opened) forget(this.path, after);
    this.opened = false;
  }

  close() {
    this.park();
  }
}
