// One photograph open for editing: its settings, their history, and previews that follow them.

import { getBlob, getJson, postBlob } from "./api.js";
import { Edited, same } from "./history.js";

export class Photo extends Edited {
  /** `info` is what the server said when the photograph was opened; `kept` what `toJson` of an earlier one returned. */
  constructor(info, name, kept = null) {
    super(name, usualOf(info), kept);
    this.savedAs = kept?.savedAs ?? null;
    // What the server was asked for only once.
    /** @type {?Blob} */
    this.grey = null;
    /** @type {?Blob} */
    this.veilImage = null;
    /** @type {?{x: number, y: number, colors: string[]}[]} */
    this.suggested = null;
    /** By references. @type {Map<string, {number: number, name: string}[]>} */
    this.others = new Map();
    this.open(info);
  }

  /** Forget what the server said, since the network is to look at the photograph in another way. */
  forgetLooks() {
    this.grey = this.veilImage = this.suggested = null;
    this.others = new Map();
  }

  /** The server has it open, for the first time or again. */
  open(info) {
    this.usual = usualOf(info);
    this.openAt(`/v1/edits/${info.id}`, info);
  }

  toJson() {
    return { info: this.info, savedAs: this.savedAs, ...this.history() };
  }

  /** Whether work would be lost if the page were left. */
  get unsaved() {
    return this.changed && !same(this.now, this.savedAs);
  }

  /** The settings as the server takes them. */
  async body(settings = this.settings) {
    const { hints, reading } = settings;
    return { hints, reading, references: await this.ids(this.shownReferences(settings)), ...this.values(settings) };
  }

  /** @returns {Promise<[string, object]>} */
  async request() {
    return [`${this.path}/preview`, await this.body()];
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

  async thumbnail() {
    return postBlob(`${this.path}/preview`, { ...(await this.body(this.now)), edge: 160 });
  }

  /** The usual colours, and others that the network finds plausible, too. */
  async readings() {
    const { others } = this; // `forgetLooks` may put a new one in its place meanwhile
    const query = (await this.ids(this.shownReferences(this.now))).map((id) => `references=${id}`).join("&");
    if (!others.has(query)) others.set(query, await getJson(`${this.path}/readings?${query}`));
    return [{ number: 0, name: "Usual" }, ...others.get(query)];
  }

  /** Another reading, small, with everything else as it is set. */
  async readingImage(reading) {
    return postBlob(`${this.path}/preview`, { ...(await this.body({ ...this.now, reading })), edge: 220 });
  }

  async save(format) {
    const { now } = this;
    const blob = await postBlob(`${this.path}/save`, { ...(await this.body(now)), format });
    this.savedAs = now;
    return blob;
  }
}

function usualOf({ temperature, caution, saturation }) {
  return { temperature, caution, saturation: saturation ?? 1, reading: 0, hints: [], references: [] };
}
