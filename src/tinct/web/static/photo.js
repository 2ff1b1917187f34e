// One photograph open for editing: its settings, their history, and previews that follow them.

import { forget, getBlob, getJson, postBlob } from "./api.js";

const VARIANTS = [
  { name: "Usual", temperature: 1, caution: 1 },
  { name: "Vivid", temperature: 0.45, caution: 1 },
  { name: "Bold", temperature: 0.45, caution: 0 },
  { name: "Open", temperature: 1, caution: 0 },
  { name: "Calm", temperature: 1.7, caution: 1 },
  { name: "Careful", temperature: 1, caution: 3 },
];

export class Photo {
  /** `info` is what the server said when the photograph was opened. */
  constructor(info, name) {
    this.info = info;
    this.name = name;
    this.usual = { temperature: info.temperature, caution: info.caution, hints: [] };
    this.past = [];
    this.future = [];
    this.now = this.usual;
    this.path = `/v1/edits/${info.id}`;
    this.shown = null;
    this.running = false;
    this.waiting = [];
    this.closed = false;
  }

  /** Change settings for a moment, as while a slider moves. */
  try(change) {
    this.trial = { ...this.now, ...change };
  }

  /** Change settings for good: undo goes back to what was before. */
  set(change) {
    const next = { ...this.now, ...change };
    this.trial = null;
    if (JSON.stringify(next) === JSON.stringify(this.now)) return;
    this.past.push(this.now);
    this.future = [];
    this.now = next;
  }

  undo() {
    if (!this.past.length) return;
    this.future.push(this.now);
    this.now = this.past.pop();
  }

  redo() {
    if (!this.future.length) return;
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
    return JSON.stringify(this.now) !== JSON.stringify(this.usual);
  }

  /** What the server takes of settings. */
  body(settings = this.settings) {
    const body = { hints: settings.hints };
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
        if (wanted === this.shown || this.closed) break;
        const blob = await postBlob(`${this.path}/preview`, JSON.parse(wanted));
        this.shown = wanted;
        this.image = blob;
        if (!this.closed) onShown(blob);
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

  /** Settings that are worth a look, with the hints as they are. */
  variants() {
    const { temperature, caution } = this.usual;
    if (temperature === null) return [];
    return VARIANTS.map((variant) => ({
      name: variant.name,
      settings: {
        temperature: rounded(Math.max(0.05, Math.min(1.2, variant.temperature * temperature)), 2),
        caution: rounded(Math.min(2, variant.caution * (caution || 0.3)), 2),
      },
    })).map((variant, index) => (index ? variant : { name: "Usual", settings: { temperature, caution } }));
  }

  variant(settings) {
    return postBlob(`${this.path}/preview`, { ...this.body({ ...this.now, ...settings }), edge: 220 });
  }

  save(format) {
    return postBlob(`${this.path}/save`, { ...this.body(this.now), format });
  }

  close() {
    this.closed = true;
    forget(this.path);
  }
}

function rounded(value, digits) {
  return Number(value.toFixed(digits));
}
