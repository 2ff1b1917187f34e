// What the page shows of a film: its stills, how far the work is, and the result.

import { getBlob, hasToken } from "./api.js";
import { $, element, resultName, say, warn } from "./dom.js";

const SUFFIXES = { "video/mp4": ".mp4", "video/quicktime": ".mov", "video/x-matroska": ".mkv", "video/webm": ".webm" };

export class FilmView {
  /** `current()` is the photograph or film that is shown; `refresh()` shows it anew; `careful` puts failures into words. */
  constructor({ current, files, stage, careful, refresh }) {
    Object.assign(this, { current, stage, careful, refresh });
    this.show = careful((film, result) => this.showResult(film, result));
    $("film-start").addEventListener(
      "click",
      careful(async () => {
        const mine = current();
        mine.fetched = null;
        await mine.start({ recolor: $("film-recolor").checked }, () => {
          files.update();
          if (current() === mine) this.update();
        });
      }),
    );
    $("film-cancel").addEventListener(
      "click",
      careful(async () => {
        await current().cancel();
        say("Cancelled.");
        files.update();
        this.update();
      }),
    );
  }

  /** Make a button for each of a film's stills. */
  async stills(mine) {
    const count = await mine.count();
    if (this.current() !== mine) return;
    const buttons = Array.from({ length: count }, (_, number) =>
      element("button", {
        type: "button",
        textContent: `Still ${number + 1}`,
        onclick: this.careful(async () => {
          mine.still = number;
          mark();
          const [before] = await Promise.all([mine.before(), this.refresh()]);
          if (this.current() === mine) this.stage.showBefore(before);
        }),
      }),
    );
    const mark = () => buttons.forEach((button, index) => button.setAttribute("aria-pressed", index === mine.still));
    mark();
    $("stills").replaceChildren(...buttons);
  }

  /** Bring the film's box to the state of its work. */
  update() {
    const film = this.current();
    const { state, frames, total, error, notices, result } = film.info;
    $("film-start").hidden = film.busy;
    $("film-recolor-label").hidden = film.busy;
    $("film-notices").textContent = notices.join(" ");
    $("film-start").textContent = state === "held" ? "Colour the film" : "Colour the film again";
    $("film-progress").hidden = !film.busy;
    const part = total ? Math.min(1, frames / total) : 0;
    $("film-bar").value = part;
    $("film-state").textContent = state === "waiting" ? "Waits for its turn" : `Colouring: ${Math.round(100 * part)} % (${frames} frames)`;
    $("film-done").hidden = state !== "done";
    if (state === "failed" && film.told !== error) warn(error);
    film.told = error;
    if (state !== "done" || film.fetched === result) return;
    film.fetched = result;
    say([`${film.name} is done.`, ...notices].join(" "));
    $("film-save").download = resultName(film.name, SUFFIXES[film.info.media_type] ?? ".mkv");
    this.show(film, result);
  }

  async showResult(film, result) {
    // With a token the browser cannot fetch the film by itself.
    const address = hasToken ? URL.createObjectURL(await getBlob(result)) : `${result}?${Date.now()}`;
    if (this.current() !== film) return;
    $("film-video").src = address;
    $("film-save").href = address;
  }
}
