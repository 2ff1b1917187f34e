// Colour pictures to take colours from: added beside the picture, listed, and what was taken from where.

import { $, button, element, placeAt, say, show, warn } from "./dom.js";
import { stillNames } from "./filmview.js";

const MOST = 8;
const LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ";

export class References {
  /**
   * `current()` is the photograph or film that is shown; `change(settings)` changes its settings; `careful` puts failures
   * into words.
   */
  constructor({ current, stage, change, careful }) {
    this.current = current;
    this.stage = stage;
    this.change = change;
    /** Whether the server's model can compare pictures. */
    this.possible = false;
    this.told = null;
    this.add = careful((files) => this.addAll(files));
    this.tell = careful(() => this.tellTaken());
    this.picture = careful((work, id, image) => this.showSmall(work, id, image));
    $("reference-pick").addEventListener("click", () => $("reference-input").click());
    $("reference-input").addEventListener("change", () => {
      this.add([...$("reference-input").files]);
      $("reference-input").value = "";
    });
    $("taken").addEventListener("change", () => this.tell());
  }

  clear() {
    this.told = null;
    $("references").replaceChildren();
    this.show(null, []);
  }

  /** Take colours from these files, too. */
  async addAll(files) {
    const mine = this.current();
    if (!mine?.opened || !this.possible) return;
    for (const file of files) {
      if (mine.now.references.length >= MOST) {
        warn(`At most ${MOST} reference pictures can be used at one time.`);
        return;
      }
      say(`Sending ${file.name || "the reference"}…`);
      const id = await mine.sendReference(file);
      if (this.current() !== mine) return;
      const reference = { id, name: file.name || "pasted picture", ...(mine.times === undefined ? {} : { time: null }) };
      this.use(mine, [...mine.now.references.filter((other) => other.id !== id), reference]);
      say(`Colours are taken from ${reference.name}, too.`);
    }
  }

  /** Use these from now on; with them, other readings are plausible. */
  use(work, references) {
    this.change(work.times === undefined ? { references, reading: 0 } : { references });
  }

  /** Update the list to the settings. */
  update() {
    const work = this.current();
    $("references-box").hidden = !this.possible || !work;
    if (!work) return;
    const { references } = work.settings;
    const wanted = JSON.stringify([work.path, references, work.times, work.still, references.map(({ id }) => work.hasReference(id))]);
    $("taken-label").hidden = references.length === 0;
    if (wanted === this.told) return;
    this.told = wanted;
    $("references").replaceChildren(...references.map((reference) => this.row(work, reference)));
    this.tell();
  }

  row(work, reference) {
    const image = element("img", { alt: reference.name });
    const small = element("div", { className: "small" }, image, element("div", { className: "pairs" }));
    const name = element("span", { className: "name", textContent: reference.name, title: reference.name });
    const note = element("span", { className: "note faint" });
    const remove = button({
      textContent: "Remove",
      ariaLabel: `Remove reference ${reference.name}`,
      onclick: () => this.remove(work, reference),
    });
    const parts = [element("div", { className: "facts" }, name, note)];
    if (work.times) parts.push(this.span(work, reference));
    const row = element("li", {}, small, element("div", { className: "beside" }, ...parts, remove));
    row.dataset.reference = reference.id;
    if (work.hasReference(reference.id)) this.picture(work, reference.id, image);
    else note.textContent = "No longer here: add the same picture again.";
    if (work.hasReference(reference.id) && !work.shownReferences().includes(reference)) note.textContent = "Not for this still.";
    return row;
  }

  /** The choice of what a reference is for: the whole film, or the shot of a still. */
  span(work, reference) {
    const names = ["all that it resembles", ...stillNames(work.times).map((name) => `the shot at ${name}`)];
    const choices = [null, ...work.times].map((time, index) =>
      element("option", {
        value: String(time),
        textContent: names[index],
        selected: time === (reference.time ?? null),
      }),
    );
    return element(
      "select",
      {
        ariaLabel: `What of the film ${reference.name} is for`,
        onchange: (event) => {
          const time = event.target.value === "null" ? null : Number(event.target.value);
          this.use(work, work.now.references.map((other) => (other.id === reference.id ? { ...other, time } : other)));
        },
      },
      ...choices,
    );
  }

  remove(work, reference) {
    this.use(work, work.now.references.filter((other) => other.id !== reference.id));
    say(`${reference.name} is no longer used.`);
    $("reference-pick").focus({ preventScroll: true });
  }

  async showSmall(work, id, image) {
    const blob = await work.referenceImage(id);
    if (image.isConnected) show(image, blob);
  }

  /** Show how much was taken from each and, if the box is checked, where, and from where. */
  async tellTaken() {
    const work = this.current();
    const wanted = this.told;
    const marked = $("taken").checked;
    if (!work?.opened || work.shownReferences().length === 0) {
      this.show(null, []);
      return;
    }
    const [parts, veil] = await Promise.all([work.taken(), marked ? work.takenVeil() : null]);
    if (this.current() !== work || this.told !== wanted || $("taken").checked !== marked) return;
    let letter = 0;
    const pairs = [];
    for (const part of parts) {
      const own = part.matches.map((match) => ({ ...match, letter: LETTERS[letter++ % LETTERS.length], color: part.color }));
      pairs.push(...own);
      this.describe(part, marked ? own : []);
    }
    this.show(veil, marked ? pairs : []);
  }

  /** Show on the picture where colours were taken. */
  show(veil, pairs) {
    this.stage.showVeil(veil, "taken-veil");
    this.stage.setPairs(pairs);
  }

  describe(part, pairs) {
    const row = $("references").querySelector(`[data-reference="${part.id}"]`);
    if (!row) return;
    row.style.setProperty("--mark", part.color);
    const sure = pairs.map(({ letter, confidence, same }) => `${letter} ${Math.round(100 * confidence)} %${same ? "" : " (its kind)"}`);
    row.querySelector(".note").textContent = [takenWords(part), ...(sure.length ? [`How sure: ${sure.join(", ")}.`] : [])].join(" ");
    row.querySelector(".pairs").replaceChildren(...pairs.map((pair) => pairMark(pair, pair.from_x, pair.from_y)));
  }
}

/** How much was taken, in words. */
export function takenWords({ same, kind }) {
  const [exact, like] = [same, kind].map((share) => Math.round(100 * share));
  if (exact + like === 0) return "Nothing here looks like it: it changes nothing.";
  const parts = [exact ? `the same thing in ${exact} %` : "", like ? `its kind in ${like} %` : ""].filter(Boolean);
  return `Found ${parts.join(", ")} of the picture.`;
}

/** A letter at a place of a picture, in per cent. */
export function pairMark({ letter, color }, x, y) {
  const mark = element("span", { className: "pair", textContent: letter });
  placeAt(mark, x, y);
  mark.style.backgroundColor = color;
  return mark;
}
