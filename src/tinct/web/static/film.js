// One film: stills to try settings on, then a job that is watched.

import { ApiError, ask, getBlob, getJson, pause, postBlob, postJson } from "./api.js";
import { Edited } from "./history.js";

// The newest frame is asked for whenever the state has been asked for this many times.
const LOOKS = 3;

export class Film extends Edited {
  /** `info` is what the server said about the film; `usual` its first settings; `kept` what its `toJson` returned. */
  constructor(info, name, usual, kept = null) {
    super(name, { ...usual, hints: [], references: [] }, kept);
    this.still = 0;
    /** @type {?number[]} */
    this.times = null;
    this.watched = this.saved = false;
    // Whether the whole film or its newest frame is shown, instead of a still; and what was fetched of it.
    this.whole = false;
    /** @type {?string} */
    this.fetched = null;
    /** @type {?string} */
    this.address = null;
    /** @type {?string} */
    this.told = null;
    /** @type {?Blob} */
    this.newest = null;
    // What is made of its fields, and its rate; if empty, it is the film's own.
    this.fields = kept?.fields ?? "auto";
    this.rate = kept?.rate ?? "";
    this.open(info);
  }

  toJson() {
    return { info: this.info, fields: this.fields, rate: this.rate, ...this.history() };
  }

  open(info) {
    this.openAt(`/v1/jobs/${info.id}`, info);
  }

  /** Whether work would be lost if the page were left. */
  get unsaved() {
    return this.busy || (this.state === "done" && !this.saved) || (this.state === "held" && this.now.hints.length + this.now.references.length > 0);
  }

  /** Seconds that are left, or null while they are unknown. */
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

  /** When the still that is chosen is shown, in seconds. */
  get time() {
    return this.times?.[this.still] ?? null;
  }

  /** The hints of the still that is chosen. */
  shownHints(settings = this.settings) {
    return settings.hints.filter((hint) => hint.time === this.time);
  }

  /** The references that are for the still that is chosen. */
  shownReferences(settings = this.settings) {
    return super.shownReferences(settings).filter(({ time }) => (time ?? null) === null || time === this.time);
  }

  get picturePath() {
    return `${this.path}/stills/${this.still}`;
  }

  withHints(hints) {
    const others = this.now.hints.filter((hint) => hint.time !== this.time);
    return { hints: [...others, ...hints.map((hint) => ({ ...hint, time: this.time }))] };
  }

  /** Learn when the stills are shown; short films have fewer. */
  async findStills() {
    this.times ??= (await getJson(`${this.path}/stills`)).map((still) => still.seconds);
    this.still = Math.min(this.still, this.times.length - 1);
    return this.times;
  }

  /** @returns {Promise<[string, object]>} */
  async request() {
    await this.findStills();
    const hints = this.shownHints().map(({ points, color, width }) => ({ points, color, width }));
    return [this.picturePath, { ...this.values(this.settings), hints, references: await this.ids() }];
  }

  before() {
    return getBlob(`${this.picturePath}?grey=true`);
  }

  thumbnail() {
    return postBlob(`${this.path}/stills/0`, { ...this.values(this.settings), references: [] });
  }

  async start(more, onChange) {
    this.saved = false;
    this.newest = null;
    const used = super.shownReferences(this.now);
    await this.ids(used);
    const references = used.map(({ id, time }) => ({ id, time: time ?? null }));
    const rate = Number(this.rate);
    const shown = { deinterlace: this.fields, rate, sound: rate ? "encode" : "copy" };
    this.info = await postJson(`${this.path}/start`, { ...more, ...shown, ...this.values(this.now), hints: this.now.hints, references });
    await this.watch(onChange);
  }

  async watch(onChange) {
    this.watched = true;
    onChange();
    for (let look = 1; this.busy && this.opened; look += 1) {
      await pause(0.5);
      this.info = await getJson(this.path);
      if (this.state === "running" && this.info.frames > 0 && look % LOOKS === 0) await this.findNewest();
      onChange();
    }
    this.watched = false;
  }

  async findNewest() {
    try {
      this.newest = await getBlob(`${this.path}/newest`);
    } catch (error) {
      if (!(error instanceof ApiError && error.status === 409)) throw error;
    }
  }

  async cancel() {
    this.info = await (await ask("POST", `${this.path}/cancel`)).json();
  }
}
