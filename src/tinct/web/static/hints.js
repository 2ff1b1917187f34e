// Colours that the user sets: at clicked places, along strokes, and at suggested places; and their list.

import { Chooser } from "./chooser.js";
import { colorName, distinctNames, swatch } from "./colors.js";
import { $, button, element, say } from "./dom.js";

export class Hints {
  /**
   * `current()` is the photograph or film that is shown; `change(settings, kind)` changes its settings, `preview()` shows
   * those that are tried; `setTool` chooses what a click does; `careful` puts failures into words.
   */
  constructor({ current, stage, change, preview, setTool, careful }) {
    this.current = current;
    this.stage = stage;
    this.change = change;
    this.preview = preview;
    this.setTool = setTool;
    this.chooser = new Chooser();
    this.pale = ""; // what the list says of hints that show no colour
    this.placed = careful((points) => this.place(points));
  }

  clear() {
    this.chooser.close();
    $("hints-box").hidden = true;
    $("suggestions").replaceChildren();
  }

  /** Update the list and the marks to the photograph's hints. */
  update() {
    const work = this.current();
    if (!work) return;
    this.list(work.shownHints());
    this.marks();
    this.pale = String(work.pale);
  }

  /** Update in the list for which hints the new picture shows no colour; marks stay, since one may be being dragged. */
  updatePale() {
    const work = this.current();
    if (!work || String(work.pale) === this.pale) return;
    this.list(work.shownHints());
    this.pale = String(work.pale);
  }

  marks() {
    const work = this.current();
    if (!work) return;
    const setting = this.stage.tool !== "compare";
    const suggested = work.suggested ?? [];
    this.stage.setMarks(setting ? suggested : [], setting ? work.shownHints() : [], {
      suggestion: (index) => this.ask([[suggested[index].x, suggested[index].y]], suggested[index].colors),
      moving: (index, hint) => {
        work.try(hint && this.replaced(index, hint));
        this.preview();
      },
      moved: (index, hint, kind) => this.change(this.replaced(index, hint), kind),
      removed: (index) => this.remove(index),
    });
  }

  /** The change of settings that puts a hint in another one's place. */
  replaced(index, hint) {
    const work = this.current();
    return work.withHints(work.shownHints(work.now).map((other, at) => (at === index ? hint : other)));
  }

  remove(index) {
    const work = this.current();
    this.change(work.withHints(work.shownHints(work.now).filter((_, other) => other !== index)));
    say("Colour removed.");
    this.stage.box.focus({ preventScroll: true });
  }

  list(hints) {
    $("hints-box").hidden = hints.length === 0;
    $("hints").replaceChildren(
      ...hints.map((hint, index) => {
        const darken = this.current().pale.includes(index) || hint.darken;
        const dot = element("span", { className: "dot" });
        dot.style.backgroundColor = hint.color;
        const name = `${colorName(hint.color)}${hint.points.length > 1 ? ", brushed" : ""}`;
        const remove = button({
          textContent: "Remove",
          ariaLabel: `Remove colour ${index + 1}, ${name}`,
          onclick: () => this.remove(index),
        });
        const parts = [dot, element("span", { textContent: name }), remove];
        if (darken) parts.push(this.darkening(hint, index));
        return element("li", {}, ...parts);
      }),
    );
  }

  /** The check box that darkens a place that is too bright for a colour. */
  darkening(hint, index) {
    const box = element("input", {
      type: "checkbox",
      checked: Boolean(hint.darken),
      onchange: () => this.change(this.replaced(index, { ...hint, darken: box.checked })),
    });
    return element("label", { className: "check faint" }, box, "Too bright here to show it: darken the place");
  }

  /** List the places where knowing the colour helps most. */
  async suggest(mine) {
    if (mine.usual.temperature === null) return;
    const places = await mine.suggestions();
    if (this.current() !== mine) return;
    const rows = places.map((item, index) => {
      const number = button({
        className: "number",
        textContent: String(index + 1),
        ariaLabel: `Show place ${index + 1}`,
        onclick: () => {
          this.setTool("point");
          this.ask([[item.x, item.y]], item.colors);
        },
      });
      const names = distinctNames(item.colors);
      const choices = item.colors.map((color, at) =>
        swatch(color, `Place ${index + 1}: ${names[at]}`, () => {
          if (this.stage.tool === "compare") this.setTool("point");
          this.add([[item.x, item.y]], color);
        }),
      );
      return element("li", {}, number, element("div", { className: "swatches" }, ...choices));
    });
    $("suggestions").replaceChildren(...rows);
    $("suggest-box").hidden = !rows.length;
    const likely = [...new Set(places.flatMap((item) => item.colors.slice(0, 2)))].slice(0, 6);
    const names = distinctNames(likely);
    $("brush-swatches").replaceChildren(
      ...likely.map((color, at) => swatch(color, `Brush with ${names[at]}`, () => ($("brush-color").value = color))),
    );
    this.marks();
  }

  add(points, color, darken = false) {
    this.change(this.with(points, color, darken));
    say(`Set: ${colorName(color)}.`);
  }

  /** The change of settings that adds a hint. */
  with(points, color, darken = false) {
    const work = this.current();
    const hint = { points, color, width: points.length > 1 ? Number($("brush-width").value) : 0, ...(darken ? { darken } : {}) };
    return work.withHints([...work.shownHints(work.now), hint]);
  }

  async place(points) {
    const mine = this.current();
    if (!mine?.opened) return;
    if (this.stage.tool === "brush") {
      this.add(points, $("brush-color").value);
      setTimeout(() => this.stage.clearPaint(), 400);
      return;
    }
    const [x, y] = points[0];
    this.stage.point(x, y); // at once, since the colours take a moment
    const colors = mine.usual.temperature === null ? [] : await mine.colorsAt(x, y);
    if (this.current() === mine) this.ask(points, colors);
  }

  ask(points, colors) {
    const mine = this.current();
    const [x, y] = points[0];
    this.chooser.open({
      x,
      y,
      colors,
      luma: this.stage.lumaAt(x, y),
      mayDarken: mine.times === undefined, // the luma of films stays as it is
      onTry: (color, darken) => {
        mine.try(color && this.with(points, color, darken));
        this.preview();
      },
      onChosen: (color, darken) => this.add(points, color, darken),
      onClosed: () => this.stage.point(null),
    });
    this.stage.point(x, y);
  }
}
