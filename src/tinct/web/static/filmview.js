// What the page shows of a film: its stills, how far the work is, and the result.

import { getBlob, hasToken } from "./api.js";
import { $, element, resultName, say, warn } from "./dom.js";

const SUFFIXES = { "video/mp4": ".mp4", "video/quicktime": ".mov", "video/x-matroska": ".mkv", "video/webm": ".webm" };

export class FilmView {
  /** `current()` is the photograph or film that is shown; `refresh()` shows it anew; `careful` puts failures into words. */
  constructor({ current, files, stage, careful, refresh }) {
    Object.assign(this, { current, files, stage, careful, refresh });
    this.show = careful((film, result) => this.showResult(film, result));
    $("film-start").addEventListener(
      "click",
      careful(async () => {
        const mine = current();
        mine.fetched = mine.address = null;
        this.showFilm(false);
        await mine.start({ recolor: $("film-recolor").checked }, this.changed(mine));
      }),
    );
    $("film-save").addEventListener("click", () => (current().saved = true));
    this.watch = careful((film) => film.watch(this.changed(film)));
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

  changed(film) {
    return () => {
      this.files.update();
      if (this.current() === film) this.update();
    };
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
          this.showFilm(false);
          const [before] = await Promise.all([mine.before(), this.refresh()]);
          if (this.current() === mine) this.stage.showBefore(before);
        }),
      }),
    );
    const whole = element("button", { type: "button", textContent: "Film", hidden: mine.state !== "done", onclick: () => this.showFilm(true) });
    whole.dataset.film = "whole";
    $("stills").replaceChildren(...buttons, whole);
    this.showFilm(!$("film-stage").hidden);
  }

  /** Bring the film's box to the state of its work. */
  update() {
    const film = this.current();
    const { state, frames, total, error, notices, result } = film.info;
    for (const button of $("stills").children) if (button.dataset.film) button.hidden = state !== "done";
    $("film-start").hidden = film.busy;
    $("film-recolor-label").hidden = film.busy;
    $("film-notices").textContent = notices.join(" ");
    $("film-start").textContent = state === "held" ? "Colour the film" : "Colour the film again";
    $("film-progress").hidden = !film.busy;
    if (film.busy && !film.watched) this.watch(film); // after a reload
    const part = total ? Math.min(1, frames / total) : 0;
    $("film-bar").value = part;
    $("film-state").textContent = state === "waiting" ? "Waits for its turn" : `Colouring: ${Math.round(100 * part)} %${leftWords(film.left)}`;
    $("film-done").hidden = state !== "done";
    if (state === "failed" && film.told !== error) warn(error);
    film.told = error;
    if (state !== "done") return;
    if (film.fetched === result) {
      this.show(film, result);
      return;
    }
    film.fetched = result;
    say([`${film.name} is done.`, ...notices].join(" "));
    $("film-save").download = resultName(film.name, SUFFIXES[film.info.media_type] ?? ".mkv");
    this.show(film, result);
  }

  async showResult(film, result) {
    // With a token the browser cannot fetch the film by itself.
    film.address ??= hasToken ? URL.createObjectURL(await getBlob(result)) : `${result}?${Date.now()}`;
    if (this.current() !== film) return;
    if ($("film-video").getAttribute("src") !== film.address) $("film-video").src = film.address;
    $("film-save").href = film.address;
    // Its luma is the original's, so that without colour it is what was sent; unless it came with colours of its own.
    $("film-grey").hidden = film.info.notices.some((text) => text.includes("colours already"));
    $("divide-label").hidden = $("film-grey").hidden;
    this.showFilm(true);
  }

  /** Show the finished film, or a still of what was sent. */
  showFilm(shown) {
    $("film-stage").hidden = !shown;
    $("stage").hidden = shown;
    $("zoom-bar").hidden = shown;
    if (!shown) $("film-video").pause();
    const still = this.current()?.still;
    [...$("stills").children].forEach((button, index) => {
      button.setAttribute("aria-pressed", button.dataset.film ? shown : !shown && index === still);
    });
  }
}

/** How long it will take, in words. */
export function leftWords(seconds) {
  if (seconds === null) return "";
  if (seconds < 10) return ", a few seconds left";
  if (seconds < 90) return `, about ${Math.round(seconds / 10) * 10} seconds left`;
  return seconds < 5400 ? `, about ${Math.round(seconds / 60)} minutes left` : `, about ${Math.round(seconds / 3600)} hours left`;
}
