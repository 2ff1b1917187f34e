// One film: stills to try settings on, then a job that is watched.

import { ApiError, ask, forget, getBlob, getJson, postJson } from "./api.js";

const pause = (seconds) => new Promise((resolve) => setTimeout(resolve, seconds * 1000));
export const STILLS = 4;

export class Film {
  constructor(info, name, usual) {
    this.info = info;
    this.name = name;
    this.now = { ...usual };
    this.still = 0;
    this.path = `/v1/jobs/${info.id}`;
    this.running = false;
    this.shown = null;
    this.closed = false;
  }

  get state() {
    return this.info.state;
  }

  get busy() {
    return ["waiting", "running"].includes(this.state);
  }

  query(more = {}) {
    const values = { ...more };
    for (const name of ["temperature", "caution"]) if (this.now[name] !== null) values[name] = this.now[name];
    return new URLSearchParams(values).toString();
  }

  /** Keep asking until the still that is shown is the one that is set. */
  async refresh(onShown) {
    if (this.running) return;
    this.running = true;
    try {
      for (;;) {
        const wanted = `${this.path}/stills/${this.still}?${this.query()}`;
        if (wanted === this.shown || this.closed) break;
        const blob = await getBlob(wanted);
        this.shown = wanted;
        this.image = blob;
        if (!this.closed) onShown(blob);
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
    for (const name of ["temperature", "caution"]) if (this.now[name] !== null) settings[name] = this.now[name];
    this.info = await postJson(`${this.path}/start`, settings);
    await this.watch(onChange);
  }

  async watch(onChange) {
    onChange();
    while (this.busy && !this.closed) {
      await pause(0.5);
      this.info = await getJson(this.path);
      onChange();
    }
  }

  async cancel() {
    this.info = await (await ask("POST", `${this.path}/cancel`)).json();
  }

  close() {
    this.closed = true;
    forget(this.path);
  }
}
