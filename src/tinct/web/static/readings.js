// Other colourings of a photograph that the network finds plausible, as small pictures to choose from.

import { $, button, element, show } from "./dom.js";

// Milliseconds from a change of settings until the small pictures follow it.
const LATER = 900;

export class Readings {
  /** `current()` is the photograph or film that is shown; `choose(number)` takes a reading; `careful` puts failures into words. */
  constructor({ current, choose, careful }) {
    this.current = current;
    this.choose = choose;
    this.timer = 0;
    this.listed = "";
    this.draw = careful((photo) => this.drawAll(photo));
    this.list = careful((photo) => this.makeList(photo));
  }

  clear() {
    clearTimeout(this.timer);
    $("readings").replaceChildren();
    $("readings-box").hidden = true;
  }

  async makeList(photo) {
    if (photo.usual.temperature === null) return;
    const wanted = JSON.stringify(photo.now.references);
    const readings = await photo.readings();
    if (this.current() !== photo) return;
    $("readings-box").hidden = readings.length < 2;
    const buttons = readings.map(({ number, name }) => {
      const image = element("img", { alt: "" });
      const choice = button({ onclick: () => this.choose(number) }, image, element("span", { textContent: name }));
      choice.dataset.reading = String(number);
      return choice;
    });
    this.listed = wanted;
    $("readings").replaceChildren(...buttons);
    this.update(photo);
    await this.draw(photo);
  }

  /** Mark the one that is chosen. */
  update(photo) {
    for (const choice of $("readings").children) {
      choice.setAttribute("aria-pressed", String(Number(choice.dataset.reading) === photo.settings.reading));
    }
  }

  /** Settings have changed: draw the small pictures again in a moment; with other references, list others. */
  changed(photo) {
    clearTimeout(this.timer);
    const others = JSON.stringify(photo.now.references) !== this.listed;
    if (others) this.clear();
    this.timer = setTimeout(() => (others ? this.list(photo) : this.draw(photo)), LATER);
  }

  async drawAll(photo) {
    const { reading: _, ...settings } = photo.now;
    const wanted = JSON.stringify(settings);
    for (const choice of [...$("readings").children]) {
      if (this.current() !== photo || !photo.opened || !choice.isConnected) return;
      if (choice.dataset.drawn === wanted) continue;
      const blob = await photo.readingImage(Number(choice.dataset.reading));
      if (this.current() !== photo) return;
      show(choice.querySelector("img"), blob);
      choice.dataset.drawn = wanted;
    }
  }
}
