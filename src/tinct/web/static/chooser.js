// The little window that asks for a colour at a place: the likely ones first.

import { $, colorName, swatch } from "./dom.js";

export class Chooser {
  constructor() {
    this.box = $("chooser");
    this.onChosen = null;
    $("chooser-use").addEventListener("click", () => this.choose($("chooser-color").value));
    $("chooser-cancel").addEventListener("click", () => this.close());
    this.box.addEventListener("keydown", (event) => {
      if (event.key === "Escape") this.close();
      event.stopPropagation();
    });
  }

  /** Ask for a colour at a place in per cent of the picture. */
  open({ x, y, colors, onChosen, onClosed }) {
    this.onChosen = onChosen;
    this.onClosed = onClosed;
    this.from = document.activeElement;
    const choices = colors.map((color) => swatch(color, colorName(color), () => this.choose(color)));
    $("chooser-swatches").replaceChildren(...choices);
    $("chooser-title").textContent = colors.length ? "Likely here" : "Which colour?";
    if (colors.length) $("chooser-color").value = colors[0];
    this.box.hidden = false;
    this.place(x, y);
    (choices[0] ?? $("chooser-color")).focus({ preventScroll: true });
    this.box.scrollIntoView({ block: "nearest" });
  }

  place(x, y) {
    const stage = $("stage");
    const frame = $("frame");
    const at = { x: stage.offsetLeft + (x * stage.offsetWidth) / 100, y: stage.offsetTop + (y * stage.offsetHeight) / 100 };
    const { offsetWidth: width, offsetHeight: height } = this.box;
    const gap = 18;
    const right = at.x + gap + width <= frame.offsetWidth;
    const left = right ? at.x + gap : Math.max(0, at.x - gap - width);
    const overlaps = !right && at.x - gap - width < 0;
    const top = overlaps ? at.y + gap : at.y - height / 2;
    this.box.style.left = `${Math.min(left, Math.max(0, frame.offsetWidth - width))}px`;
    this.box.style.top = `${Math.max(0, overlaps ? top : Math.min(top, frame.offsetHeight - height))}px`;
  }

  choose(color) {
    const { onChosen } = this;
    this.close();
    onChosen?.(color);
  }

  close() {
    if (this.box.hidden) return;
    this.box.hidden = true;
    this.onChosen = null;
    this.onClosed?.();
    if (this.from?.isConnected) this.from.focus({ preventScroll: true });
  }
}
