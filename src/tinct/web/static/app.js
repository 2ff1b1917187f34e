// The page: joins the list of files, the picture and the settings.

import { ApiError, getJson } from "./api.js";
import { $, say, show, warn, warnOf } from "./dom.js";
import { FilmView } from "./filmview.js";
import { Files } from "./files.js";
import { Hints } from "./hints.js";
import { listen, listExamples } from "./intake.js";
import { Photo } from "./photo.js";
import { stateWords } from "./rows.js";
import { listenSaving } from "./saving.js";
import { Readings } from "./readings.js";
import { References } from "./references.js";
import { restore, store } from "./session.js";
import { Stage } from "./stage.js";

// What was sent is deleted this many seconds after the page was left, unless it comes back, as after a reload.
const LEFT_SECONDS = 60;

let model = { temperature: null, caution: null, saturation: 1, references: false };
let work = null; // the photograph or film that is shown

const known = careful(async () => {
  const { models, limits } = await getJson("/v1/models");
  model = models.find((item) => item.task === "colorize");
  references.possible = model.references;
  files.mostOpen = Math.max(1, Math.min(6, Math.floor(limits.edits * limits.visitor_share)));
})();
const files = new Files({ known, usual: () => ({ temperature: model.temperature, caution: model.caution, saturation: model.saturation }), onChosen: (item) => choose(item), onUpdate: () => updated() });
const stage = new Stage({ onPlace: (points) => hints.placed(points) });
const hints = new Hints({ current: () => work, stage, change, preview: () => refresh(), setTool, careful });
const references = new References({ current: () => work, stage, change, careful });
const readings = new Readings({ current: () => work, choose: (reading) => change({ reading }), careful });

/** Wrap an action that asks the server, so that what goes wrong is said in words. */
function careful(action) {
  return async (...values) => {
    try {
      return await action(...values);
    } catch (error) {
      if (error.name === "AbortError") return undefined;
      const item = files.chosen;
      if (error instanceof ApiError && error.status === 404 && item?.work && item.file) {
        // The server dropped it, after an hour or a restart: send it again, with its settings.
        item.work.opened = false;
        files.again(item, item.recolor);
        choose(item);
        return undefined;
      }
      warnOf(error, "try again");
      return undefined;
    }
  };
}

// ---- what is shown ----

let shownItem = null;
let storing = 0;

/** Update what is shown after states have changed. */
function updated() {
  const item = files.chosen;
  const pending = item !== null && !item.work?.opened;
  $("progress").hidden = !pending;
  $("panel").inert = pending;
  if (pending) {
    const before = files.items.filter((other) => other.state === "waiting").indexOf(item);
    const places = item.state === "waiting" && before > 0 ? `, ${before} before it` : "";
    $("progress-text").textContent = `${stateWords(item)}${places}…`.replace(/^./, (letter) => letter.toUpperCase());
    if (item.state === "sending") $("progress-bar").value = item.progress ?? 0;
    else $("progress-bar").removeAttribute("value");
  }
  clearTimeout(storing);
  storing = setTimeout(() => store(files), 300);
}

const showPicture = careful(async (item) => {
  const mine = item.work;
  mine.shown = null;
  const fromFile = mine instanceof Photo && !$("source").hidden;
  const before = fromFile ? item.file : mine.before();
  await Promise.all([Promise.resolve(before).then((blob) => work === mine && stage.showBefore(blob)), refresh()]);
  if (work !== mine || !mine.opened || mine.image === null) return;
  show(item.row.image, mine.image);
  if (mine instanceof Photo) await Promise.all([hints.suggest(mine), readings.list(mine)]);
  else await filmView.stills(mine);
});

async function choose(item) {
  $("alert").hidden = true;
  work = item?.work?.opened ? item.work : null;
  hints.clear();
  readings.clear();
  references.clear();
  $("work").hidden = item === null;
  if (item === null) {
    shownItem = null;
    return;
  }
  controlsFor(item);
  if (shownItem !== item) {
    shownItem = item;
    stage.view.fit();
    stage.setCut(50);
    await stage.showFile(item.film ? null : item.file);
  }
  updated();
  if (work !== null && files.chosen === item) await showPicture(item);
}

/** Show the controls that a photograph, a film, or the model has. */
function controlsFor(item) {
  const photo = !item.film;
  const bins = model.temperature !== null;
  $("save-box").hidden = !photo;
  for (const id of ["film-box", "stills"]) $(id).hidden = photo;
  $("negative-label").hidden = !photo || !item.file;
  $("negative").checked = item.negative;
  for (const id of ["confidence-label", "suggest-box"]) $(id).hidden = !photo || !bins;
  for (const id of ["vividness-label", "caution-label"]) $(id).hidden = !bins;
  $("stills").replaceChildren();
  $("film-stage").hidden = true;
  $("photo-bar").hidden = $("tool-help").hidden = false;
  $("stage").hidden = $("zoom-bar").hidden = false;
  $("confidence").checked = false;
  stage.showVeil(null);
  setTool("compare");
  if (work instanceof Photo) {
    const { width, height, suffix, remarks } = work.info;
    const kind = suffix.slice(1).toUpperCase().replace("JPG", "JPEG").replace("TIF", "TIFF");
    $("format").options[0].textContent = `${kind}, as the original`;
    $("size-note").textContent = [`${width} × ${height} pixels, ${kind}, with its metadata.`, ...remarks].join(" ");
  }
  $("film-recolor").checked = item.recolor;
  controls();
}

const refresh = careful(async () => {
  const mine = work;
  if (mine === null) return;
  $("busy").hidden = false;
  try {
    await mine.refresh((blob) => {
      if (work !== mine) return;
      stage.showAfter(blob);
      hints.updatePale();
    });
  } finally {
    if (work === mine) $("busy").hidden = true;
  }
});

// Users set vividness, 0..100; the server takes a temperature, which falls as vividness rises.
const MOST_TEMPERATURE = 1.2;
const LEAST_TEMPERATURE = 0.05;
const toVividness = (temperature) => (100 * (MOST_TEMPERATURE - temperature)) / (MOST_TEMPERATURE - LEAST_TEMPERATURE);
const SLIDERS = {
  vividness: {
    name: "temperature",
    of: (settings) => toVividness(settings.temperature),
    to: (value) => Number((MOST_TEMPERATURE - (value * (MOST_TEMPERATURE - LEAST_TEMPERATURE)) / 100).toFixed(4)),
    digits: 0,
  },
  saturation: { name: "saturation", of: (settings) => 100 * settings.saturation, to: (value) => value / 100, digits: 0 },
  caution: { name: "caution", of: (settings) => settings.caution, to: (value) => value, digits: 2 },
};

/** Update every control to the settings. */
function controls() {
  if (work === null) return;
  const settings = work.settings;
  for (const [id, slider] of Object.entries(SLIDERS)) {
    if (settings[slider.name] === null) continue;
    $(id).value = slider.of(settings);
    $(`${id}-value`).textContent = slider.of(settings).toFixed(slider.digits);
  }
  $("undo").disabled = !work.past.length;
  $("redo").disabled = !work.future.length;
  $("reset").disabled = !work.changed;
  hints.update();
  references.update();
  if (work instanceof Photo) readings.update(work);
  else filmView.update();
}

// ---- settings ----

function change(settings, kind = null) {
  work.set(settings, kind);
  follow();
}

/** Update everything that follows the settings, after they were changed and not only tried. */
function follow() {
  controls();
  refresh();
  if (work instanceof Photo) readings.changed(work);
  refreshThumbnail();
  files.update();
}

let thumbnailTimer = 0;
function refreshThumbnail() {
  const item = files.chosen;
  clearTimeout(thumbnailTimer);
  thumbnailTimer = setTimeout(
    careful(async () => {
      if (item?.work?.opened && !item.removed) show(item.row.image, await item.work.thumbnail());
    }),
    800,
  );
}

for (const [id, slider] of Object.entries(SLIDERS)) {
  $(id).addEventListener("input", () => {
    const value = Number($(id).value);
    $(`${id}-value`).textContent = value.toFixed(slider.digits);
    work.try({ [slider.name]: slider.to(value) });
    refresh();
  });
  // Each drag is one step for undo; arrow keys in a row are one step together.
  $(id).addEventListener("pointerdown", () => work && (work.kind = null));
  $(id).addEventListener("change", () => change({ [slider.name]: slider.to(Number($(id).value)) }, id));
}

$("same-for-all").addEventListener("click", () => {
  if (!work) return;
  const { temperature, caution, saturation } = work.now;
  const others = files.items.filter((item) => !item.film && item !== files.chosen);
  for (const item of others) {
    if (item.work) item.work.set({ temperature, caution, saturation });
    else item.asked = { temperature, caution, saturation };
  }
  say(`Vividness, saturation and caution are the same for all ${others.length + 1} photographs.`);
  files.update();
});

$("confidence").addEventListener(
  "change",
  careful(async () => stage.showVeil($("confidence").checked ? await work.veil() : null)),
);

$("negative").addEventListener("change", () => files.invert(files.chosen, $("negative").checked));

function setTool(tool) {
  /** @type {HTMLInputElement} */ (document.querySelector(`input[name=tool][value=${tool}]`)).checked = true;
  $("brush-bar").hidden = tool !== "brush";
  hints.chooser.close();
  stage.setTool(tool);
  stage.clearPaint();
  hints.marks();
}
$("tools").addEventListener("change", (event) => setTool(event.target.value));

const steps = { undo: () => work.undo(), redo: () => work.redo(), reset: () => work.reset() };
function step(name) {
  if (!work || $(name).disabled) return;
  steps[name]();
  say({ undo: "Undone.", redo: "Redone.", reset: "Reset." }[name]);
  follow();
}
for (const name of Object.keys(steps)) $(name).addEventListener("click", () => step(name));

// ---- films, saving, files in, and the whole page ----

const filmView = new FilmView({ current: () => work, files, stage, careful, refresh, controls });
listenSaving(files, careful);
listExamples(files, careful);
$("docs-link").href += location.hash; // with the token, if there is one
listen(files, references);
addEventListener("keydown", (event) => {
  if (!(event.ctrlKey || event.metaKey) || /** @type {Element} */ (event.target).matches("input:not([type=range],[type=radio],[type=checkbox])")) return;
  const key = event.key.toLowerCase();
  const name = key === "z" ? (event.shiftKey ? "redo" : "undo") : key === "y" ? "redo" : null;
  if (!name || $("work").hidden) return;
  event.preventDefault();
  step(name);
});
addEventListener("beforeunload", (event) => files.items.some((item) => item.work?.unsaved) && event.preventDefault());
addEventListener("pagehide", (event) => {
  if (event.persisted) return;
  store(files);
  files.leave(LEFT_SECONDS);
});
addEventListener("pageshow", (event) => event.persisted && files.chosen && choose(files.chosen));
$("alert-close").addEventListener("click", () => ($("alert").hidden = true));

known.then(
  careful(async () => {
    const missing = await restore(files);
    if (missing) warn(`${missing} ${missing === 1 ? "file is" : "files are"} no longer here. Add the same files again: their settings and colours are kept.`);
  }),
);
