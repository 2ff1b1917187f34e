// What the page shows of a film: its stills, how far the work is, and the result.

import { getBlob, hasToken } from "./api.js";
import { $, button, resultName, say, show, warn } from "./dom.js";

const SUFFIXES = { "video/mp4": ".mp4", "video/quicktime": ".mov", "video/x-matroska": ".mkv", "video/webm": ".webm" };

export class FilmView {
  /**
   * `current()` is the photograph or film that is shown; `refresh()` shows it again, `controls()` updates its controls to
   * the settings; `careful` puts failures into words.
   */
  constructor({ current, files, stage, careful, refresh, controls }) {
    this.current = current;
    this.files = files;
    this.stage = stage;
    this.careful = careful;
    this.refresh = refresh;
    this.controls = controls;
    this.show = careful((film, result) => this.showResult(film, result));
    $("film-start").addEventListener(
      "click",
      careful(async () => {
        const mine = current();
        mine.fetched = mine.address = null;
        mine.whole = true;
        await mine.start({ recolor: $("film-recolor").checked }, this.changed(mine));
      }),
    );
    $("film-save").addEventListener("click", () => (current().saved = true));
    $("film-fields").addEventListener("change", (event) => {
      current().fields = event.target.value;
      files.update();
    });
    $("film-rate").addEventListener("change", (event) => {
      current().rate = event.target.checkValidity() ? event.target.value : "";
      event.target.value = current().rate;
      files.update();
    });
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
    const times = await mine.findStills();
    if (this.current() !== mine) return;
    const buttons = stillNames(times).map((name, number) =>
      button({
        textContent: name,
        ariaLabel: `Still at ${name}`,
        onclick: this.careful(async () => {
          mine.still = number;
          mine.whole = false;
          this.controls();
          const [before] = await Promise.all([mine.before(), this.refresh()]);
          if (this.current() === mine) this.stage.showBefore(before);
        }),
      }),
    );
    const film = button({ textContent: "Film", onclick: () => this.showWhole(mine) });
    film.dataset.film = "whole";
    $("stills").replaceChildren(...buttons, film);
    this.controls();
  }

  /** Update the film's box to the state of its work. */
  update() {
    const film = this.current();
    const { state, frames, total, error, notices, result } = film.info;
    for (const still of $("stills").children) {
      if (!still.dataset.film) continue;
      still.hidden = state !== "done" && !film.busy;
      still.textContent = film.busy ? "Newest frame" : "Film";
    }
    $("film-newest").hidden = !film.busy || film.newest === null;
    if (film.newest !== this.newest && film.newest !== null) show($("film-newest"), film.newest);
    this.newest = film.newest;
    $("film-video").hidden = film.busy;
    $("film-start").hidden = film.busy;
    $("film-recolor-label").hidden = $("film-more").hidden = film.busy;
    $("film-fields").value = film.fields;
    if (document.activeElement !== $("film-rate")) $("film-rate").value = film.rate;
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
    if (state === "done") {
      if (film.fetched !== result) {
        film.whole = true;
        say([`${film.name} is done.`, ...notices].join(" "));
      }
      film.fetched = result;
      $("film-save").download = resultName(film.name, SUFFIXES[film.info.media_type] ?? ".mkv");
      this.show(film, result);
    }
    this.showFilm(film, film.whole && (film.busy || state === "done"));
  }

  showWhole(film) {
    film.whole = true;
    this.update();
  }

  async showResult(film, result) {
    // With a token the browser cannot fetch the film by itself.
    film.address ??= hasToken ? URL.createObjectURL(await getBlob(result)) : `${result}?${Date.now()}`;
    if (this.current() !== film) return;
    if ($("film-video").getAttribute("src") !== film.address) $("film-video").src = film.address;
    $("film-save").href = film.address;
    // Its luma is the original's, so without its colours it is what was sent; but not if that had colours of its own.
    $("film-grey").hidden = film.info.notices.some((text) => text.includes("colours already"));
  }

  /** Show the whole film, or a still of what was sent. */
  showFilm(film, shown) {
    $("film-stage").hidden = !shown;
    $("stage").hidden = shown;
    $("zoom-bar").hidden = $("photo-bar").hidden = $("tool-help").hidden = shown;
    if (!shown) $("film-video").pause();
    $("divide-label").hidden = shown ? $("film-grey").hidden : this.stage.tool !== "compare";
    [...$("stills").children].forEach((still, index) => {
      still.setAttribute("aria-pressed", String(still.dataset.film ? shown : !shown && index === film.still));
    });
  }
}

/** Names of stills: their times as players show them, or in seconds if two would be the same. */
export function stillNames(times) {
  const whole = times.map(clockWords);
  return new Set(whole).size === times.length ? whole : times.map((seconds) => `${seconds.toFixed(1)} s`);
}

/** A time as players show it: 0:05, 1:02:03. */
export function clockWords(seconds) {
  const whole = Math.floor(seconds);
  const two = (value) => String(value).padStart(2, "0");
  const hours = Math.floor(whole / 3600);
  return `${hours ? `${hours}:${two(Math.floor(whole / 60) % 60)}` : Math.floor(whole / 60)}:${two(whole % 60)}`;
}

/** How long it will take, in words. */
export function leftWords(seconds) {
  if (seconds === null) return "";
  if (seconds < 10) return ", a few seconds left";
  if (seconds < 90) return `, about ${Math.round(seconds / 10) * 10} seconds left`;
  return seconds < 5400 ? `, about ${Math.round(seconds / 60)} minutes left` : `, about ${Math.round(seconds / 3600)} hours left`;
}
