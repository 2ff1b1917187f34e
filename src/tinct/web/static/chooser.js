// The small window that asks for a colour at a place: likely ones first, shown on the picture while the user chooses.

import { distinctNames, shownAt, swatch } from "./colors.js";
import { $, within } from "./dom.js";

const GAP = 18;

export class Chooser {
  constructor() {
    this.box = $("chooser");
    $("chooser-use").addEventListener("click", () => this.choose($("chooser-color").value));
    $("chooser-darken").addEventListener("change", () => this.look(this.picked ?? $("chooser-color").value));
    $("chooser-cancel").addEventListener("click", () => this.close());
    $("chooser-color").addEventListener("input", () => this.pick($("chooser-color").value));
    this.box.addEventListener("keydown", (event) => {
      if (event.key === "Escape") this.close();
      event.stopPropagation();
    });
    // A click outside closes this window, and does nothing else.
    addEventListener("pointerdown", (event) => this.outside(event), { capture: true });
    addEventListener("resize", () => this.close());
  }

  /**
   * Ask for a colour at a place in per cent of the picture, whose luma is `luma` (0..1, or null). `onTry(color, darken)`
   * is called for each colour that is tried, and with null at the end; `onChosen(color, darken)` if one was chosen. If
   * the place is too bright for a colour, darkening it is offered, if `mayDarken`.
   */
  open({ x, y, colors, luma, mayDarken, onTry, onChosen, onClosed }) {
    this.close();
    this.mayDarken = mayDarken;
    $("chooser-darken").checked = false;
    this.onTry = onTry;
    this.onChosen = onChosen;
    this.onClosed = onClosed;
    this.luma = luma;
    this.picked = null;
    this.from = /** @type {HTMLElement} */ (document.activeElement);
    const names = distinctNames(colors);
    const choices = colors.map((color, index) => {
      const button = swatch(color, names[index], () => this.choose(color));
      button.addEventListener("pointerenter", (event) => event.pointerType === "mouse" && this.look(color));
      button.addEventListener("pointerleave", () => this.look(this.picked));
      return button;
    });
    $("chooser-swatches").replaceChildren(...choices);
    $("chooser-title").textContent = colors.length ? "Likely here" : "Which colour?";
    if (colors.length) $("chooser-color").value = colors[0];
    this.note($("chooser-color").value);
    this.box.hidden = false;
    this.place(x, y);
    (choices[0] ?? $("chooser-color")).focus({ preventScroll: true });
  }

  pick(color) {
    this.picked = color;
    this.look(color);
  }

  /** Show a colour on the picture; null for none. */
  look(color) {
    this.note(color ?? $("chooser-color").value);
    this.onTry?.(color, this.darken);
  }

  /** Whether the place is to be darkened, which is offered if it is too bright for the colour. */
  get darken() {
    return !$("chooser-darken-label").hidden && $("chooser-darken").checked;
  }

  /** Show what the place can show of a colour. */
  note(color) {
    $("chooser-shown").hidden = this.luma === null;
    $("chooser-darken-label").hidden = true;
    if (this.luma === null) return;
    const { color: shown, left } = shownAt(color, this.luma);
    const bright = left < 0.6 && this.luma > 0.5;
    $("chooser-darken-label").hidden = !(bright && this.mayDarken);
    $("chooser-sample").style.backgroundColor = this.darken ? color : shown;
    const pale = `This place is too ${this.luma > 0.5 ? "bright" : "dark"} to show more of it.`;
    $("chooser-note").textContent = left < 0.6 && !this.darken ? pale : "This is how it looks here.";
  }

  place(x, y) {
    const stage = $("stage").getBoundingClientRect();
    const at = { x: stage.left + (x * stage.width) / 100, y: stage.top + (y * stage.height) / 100 };
    const { offsetWidth: width, offsetHeight: height } = this.box;
    const [most, lowest] = [innerWidth - width - 4, innerHeight - height - 4];
    const beside = at.x + GAP + width <= innerWidth ? at.x + GAP : at.x - GAP - width;
    const below = at.y + GAP + height <= innerHeight ? at.y + GAP : at.y - GAP - height;
    this.box.style.left = `${within(beside < 0 ? at.x - width / 2 : beside, 4, most)}px`;
    this.box.style.top = `${within(beside < 0 ? below : at.y - height / 2, 4, lowest)}px`;
  }

  outside(event) {
    if (this.box.hidden || this.box.contains(event.target)) return;
    event.preventDefault();
    event.stopPropagation();
    this.close();
    const swallow = (click) => {
      click.preventDefault();
      click.stopPropagation();
    };
    addEventListener("click", swallow, { capture: true, once: true });
    // A drag ends without a click.
    addEventListener("pointerup", () => setTimeout(() => removeEventListener("click", swallow, { capture: true }), 50), { once: true });
  }

  choose(color) {
    const { onChosen } = this;
    this.note(color);
    const { darken } = this;
    this.onTry = null; // what is shown now is what stays
    this.close();
    onChosen?.(color, darken);
  }

  close() {
    if (this.box.hidden) return;
    this.box.hidden = true;
    this.onTry?.(null);
    this.onTry = this.onChosen = null;
    this.onClosed?.();
    if (this.from?.isConnected) this.from.focus({ preventScroll: true });
  }
}
