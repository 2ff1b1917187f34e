// Colours that a person sets: at places that are clicked, along strokes, at the places that are worth it, and their list.

import { Chooser } from "./chooser.js";
import { colorName, distinctNames, swatch } from "./colors.js";
import { $, element, say } from "./dom.js";
import { Photo } from "./photo.js";

export class Hints {
  /**
   * `current()` is the photograph or film that is shown; `change(settings, kind)` changes its settings for good,
   * `preview()` shows what it is trying; `setTool` chooses what a click does; `careful` puts failures into words.
   */
  constructor({ current, stage, change, preview, setTool, careful }) {
    Object.assign(this, { current, stage, change, preview, setTool });
    this.chooser = new Chooser();
    this.placed = careful((points) => this.place(points));
  }

  clear() {
    this.chooser.close();
    $("hints-box").hidden = true;
    $("suggestions").replaceChildren();
  }

  /** Bring list and marks to the photograph's hints. */
  update() {
    const work = this.current();
    if (!(work instanceof Photo)) return;
    this.list(work.settings.hints);
    this.marks();
  }

  marks() {
    const work = this.current();
    if (!(work instanceof Photo)) return;
    const setting = this.stage.tool !== "compare";
    const replaced = (index, hint) => work.now.hints.map((other, at) => (at === index ? hint : other));
    this.stage.setMarks(setting ? work.suggested ?? [] : [], setting ? work.settings.hints : [], {
      suggestion: (index) => this.ask([[work.suggested[index].x, work.suggested[index].y]], work.suggested[index].colors),
      moving: (index, hint) => {
        work.try(hint && { hints: replaced(index, hint) });
        this.preview();
      },
      moved: (index, hint, kind) => this.change({ hints: replaced(index, hint) }, kind),
      removed: (index) => this.remove(index),
    });
  }

  remove(index) {
    this.change({ hints: this.current().now.hints.filter((_, other) => other !== index) });
    say("Colour removed.");
    this.stage.box.focus({ preventScroll: true });
  }

  list(hints) {
    $("hints-box").hidden = hints.length === 0;
    $("hints").replaceChildren(
      ...hints.map((hint, index) => {
        const dot = element("span", { className: "dot" });
        dot.style.backgroundColor = hint.color;
        const name = `${colorName(hint.color)}${hint.points.length > 1 ? ", brushed" : ""}`;
        const remove = element("button", {
          type: "button",
          textContent: "Remove",
          ariaLabel: `Remove colour ${index + 1}, ${name}`,
          onclick: () => this.remove(index),
        });
        return element("li", {}, dot, element("span", { textContent: name }), remove);
      }),
    );
  }

  /** List the places where knowing the colour helps most. */
  async suggest(mine) {
    if (mine.usual.temperature === null) return;
    const found = await mine.suggestions();
    if (this.current() !== mine) return;
    const rows = found.map((item, index) => {
      const number = element("button", {
        type: "button",
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
    const likely = [...new Set(found.flatMap((item) => item.colors.slice(0, 2)))].slice(0, 6);
    const names = distinctNames(likely);
    $("brush-swatches").replaceChildren(
      ...likely.map((color, at) => swatch(color, `Brush with ${names[at]}`, () => ($("brush-color").value = color))),
    );
    this.marks();
  }

  add(points, color) {
    this.change({ hints: [...this.current().now.hints, this.hint(points, color)] });
    say(`Set: ${colorName(color)}.`);
  }

  hint(points, color) {
    return { points, color, width: points.length > 1 ? Number($("brush-width").value) : 0 };
  }

  async place(points) {
    const mine = this.current();
    if (!(mine instanceof Photo) || !mine.opened) return;
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
      onTry: (color) => {
        mine.try(color && { hints: [...mine.now.hints, this.hint(points, color)] });
        this.preview();
      },
      onChosen: (color) => this.add(points, color),
      onClosed: () => this.stage.point(null),
    });
    this.stage.point(x, y);
  }
}
