// The page: joins the list of files, the picture and the settings.

import { ApiError, getJson } from "./api.js";
import { Chooser } from "./chooser.js";
import { $, colorName, download, element, resultName, say, show, swatch, warn } from "./dom.js";
import { Film } from "./film.js";
import { FilmView } from "./filmview.js";
import { Files } from "./files.js";
import { listen } from "./intake.js";
import { Photo } from "./photo.js";
import { Stage } from "./stage.js";

let model = { temperature: null, caution: null };
let work = null; // the photograph or film that is shown

const known = careful(async () => {
  const { models } = await getJson("/v1/models");
  model = models.find((item) => item.task === "colorize");
})();
const files = new Files({ known, usual: () => ({ temperature: model.temperature, caution: model.caution }), onChosen: (item) => choose(item) });
const stage = new Stage({ onPlace: (points) => placed(points) });
const chooser = new Chooser();

/** Run something that asks the server; say in words what went wrong. */
function careful(action) {
  return async (...values) => {
    try {
      return await action(...values);
    } catch (error) {
      if (error.name === "AbortError") return undefined;
      if (!(error instanceof ApiError)) console.error(error);
      warn(error instanceof ApiError ? error.message : "Something went wrong on this page. Reload it and try again.");
      const item = files.chosen;
      if (error instanceof ApiError && error.status === 404 && item) {
        Object.assign(item, { state: "failed", error: error.message, status: 0, kept: item.work?.now });
        files.update();
      }
      return undefined;
    }
  };
}

// ---- what is shown ----

const choosePicture = careful(async (item) => {
  const mine = item.work;
  stage.clear();
  stage.showVeil(null);
  $("confidence").checked = false;
  if (mine instanceof Photo && item.kept) mine.set(item.kept);
  item.kept = null;
  mine.shown = null;
  const [before] = await Promise.all([mine.before(), refresh()]);
  if (work !== mine) return;
  stage.showBefore(before);
  stage.clearPaint();
  if (mine instanceof Photo) {
    show(item.row.image, mine.image);
    await Promise.all([suggest(mine), variants(mine)]);
  } else {
    show(item.row.image, mine.image);
    await filmView.stills(mine);
  }
});

function choose(item) {
  $("alert").hidden = true;
  work = item?.work ?? null;
  chooser.close();
  $("work").hidden = work === null;
  if (work === null) return;
  const photo = work instanceof Photo;
  for (const id of ["photo-bar", "variants-box", "confidence-label", "suggest-box", "save-box"]) $(id).hidden = !photo;
  for (const id of ["film-box", "stills"]) $(id).hidden = photo;
  $("hints-box").hidden = true;
  $("suggestions").replaceChildren();
  $("variants").replaceChildren();
  setTool("compare");
  stage.setCut(50);
  const bins = model.temperature !== null;
  for (const id of ["temperature-label", "caution-label"]) $(id).hidden = !bins;
  if (photo && !bins) for (const id of ["variants-box", "confidence-label", "suggest-box"]) $(id).hidden = true;
  if (photo) {
    const { width, height, suffix, remarks } = work.info;
    const kind = suffix.slice(1).toUpperCase().replace("JPG", "JPEG").replace("TIF", "TIFF");
    $("size-note").textContent = [`${width} × ${height} pixels, ${kind}, with its metadata.`, ...remarks].join(" ");
  }
  $("film-recolor").checked = item.recolor;
  controls();
  choosePicture(item);
}

const refresh = careful(async () => {
  const mine = work;
  $("busy").hidden = false;
  try {
    await mine.refresh((blob) => work === mine && stage.showAfter(blob));
  } finally {
    if (work === mine) $("busy").hidden = true;
  }
});

/** Bring every control to what is set. */
function controls() {
  const settings = work instanceof Photo ? work.settings : work.now;
  for (const name of ["temperature", "caution"]) {
    if (settings[name] === null) continue;
    $(name).value = settings[name];
    $(`${name}-value`).textContent = settings[name].toFixed(2);
  }
  if (work instanceof Film) {
    filmView.update();
    return;
  }
  $("undo").disabled = !work.past.length;
  $("redo").disabled = !work.future.length;
  $("reset").disabled = !work.changed;
  for (const button of $("variants").children) {
    const { temperature, caution } = button.settings;
    button.setAttribute("aria-pressed", temperature === settings.temperature && caution === settings.caution);
  }
  hints(settings.hints);
  marks();
}

function marks() {
  if (!(work instanceof Photo)) return;
  const setting = stage.tool !== "compare";
  const mine = work;
  stage.setMarks(setting ? mine.suggested ?? [] : [], setting ? mine.settings.hints : [], (index) => {
    const { x, y, colors } = mine.suggested[index];
    askColor([[x, y]], colors);
  });
}

// ---- colours at places ----

function hints(list) {
  $("hints-box").hidden = list.length === 0;
  $("hints").replaceChildren(
    ...list.map((hint, index) => {
      const dot = element("span", { className: "dot" });
      dot.style.backgroundColor = hint.color;
      const name = `${colorName(hint.color)}${hint.points.length > 1 ? ", brushed" : ""}`;
      const remove = element("button", {
        type: "button",
        textContent: "Remove",
        ariaLabel: `Remove colour ${index + 1}, ${name}`,
        onclick: () => change({ hints: work.now.hints.filter((_, other) => other !== index) }),
      });
      return element("li", {}, dot, element("span", { textContent: name }), remove);
    }),
  );
}

async function suggest(mine) {
  if (mine.usual.temperature === null) return;
  const found = await mine.suggestions();
  if (work !== mine) return;
  const rows = found.map((item, index) => {
    const number = element("button", {
      type: "button",
      className: "number",
      textContent: String(index + 1),
      ariaLabel: `Show place ${index + 1}`,
      onclick: () => {
        setTool("point");
        askColor([[item.x, item.y]], item.colors);
      },
    });
    const choices = item.colors.map((color) =>
      swatch(color, `Place ${index + 1}: ${colorName(color)}`, () => {
        if (stage.tool === "compare") setTool("point");
        hint([[item.x, item.y]], color);
      }),
    );
    return element("li", {}, number, element("div", { className: "swatches" }, ...choices));
  });
  $("suggestions").replaceChildren(...rows);
  $("suggest-box").hidden = !rows.length;
  const likely = [...new Set(found.flatMap((item) => item.colors.slice(0, 2)))].slice(0, 6);
  $("brush-swatches").replaceChildren(
    ...likely.map((color) => swatch(color, `Brush with ${colorName(color)}`, () => ($("brush-color").value = color))),
  );
  marks();
}

function hint(points, color) {
  const width = points.length > 1 ? Number($("brush-width").value) : 0;
  change({ hints: [...work.now.hints, { points, color, width }] });
  say(`Set: ${colorName(color)}.`);
}

const placed = careful(async (points) => {
  if (!(work instanceof Photo)) return;
  if (stage.tool === "brush") {
    hint(points, $("brush-color").value);
    setTimeout(() => stage.clearPaint(), 400);
    return;
  }
  const mine = work;
  const [x, y] = points[0];
  const colors = mine.usual.temperature === null ? [] : await mine.colorsAt(x, y);
  if (work === mine) askColor(points, colors);
});

function askColor(points, colors) {
  const [x, y] = points[0];
  stage.point(x, y);
  chooser.open({ x, y, colors, onChosen: (color) => hint(points, color), onClosed: () => stage.point(null) });
}

// ---- settings ----

function change(settings) {
  if (work instanceof Film) {
    Object.assign(work.now, settings);
  } else {
    work.set(settings);
    refreshThumbnail();
  }
  controls();
  refresh();
}

let thumbnailTimer = 0;
function refreshThumbnail() {
  const item = files.chosen;
  clearTimeout(thumbnailTimer);
  thumbnailTimer = setTimeout(
    careful(async () => {
      if (item && !item.removed) show(item.row.image, await item.work.thumbnail());
    }),
    800,
  );
}

for (const name of ["temperature", "caution"]) {
  $(name).addEventListener("input", () => {
    const value = Number($(name).value);
    $(`${name}-value`).textContent = value.toFixed(2);
    if (work instanceof Photo) work.try({ [name]: value });
    else work.now[name] = value;
    refresh();
  });
  $(name).addEventListener("change", () => change({ [name]: Number($(name).value) }));
}

async function variants(mine) {
  const buttons = mine.variants().map(({ name, settings }) => {
    const image = element("img", { alt: "" });
    const button = element("button", { type: "button", onclick: () => change(settings) }, image, element("span", { textContent: name }));
    button.settings = settings;
    button.setAttribute("aria-pressed", "false");
    return { button, image, settings };
  });
  $("variants").replaceChildren(...buttons.map(({ button }) => button));
  controls();
  for (const { image, settings } of buttons) {
    const blob = await mine.variant(settings);
    if (work !== mine) return;
    show(image, blob);
  }
}

$("confidence").addEventListener(
  "change",
  careful(async () => stage.showVeil($("confidence").checked ? await work.veil() : null)),
);

function setTool(tool) {
  document.querySelector(`input[name=tool][value=${tool}]`).checked = true;
  $("brush-bar").hidden = tool !== "brush";
  chooser.close();
  stage.setTool(tool);
  stage.clearPaint();
  marks();
}
$("tools").addEventListener("change", (event) => setTool(event.target.value));

const steps = { undo: () => work.undo(), redo: () => work.redo(), reset: () => work.reset() };
function step(name) {
  if (!(work instanceof Photo) || $(name).disabled) return;
  steps[name]();
  say({ undo: "Undone.", redo: "Done again.", reset: "As at the beginning." }[name]);
  controls();
  refresh();
  refreshThumbnail();
}
for (const name of Object.keys(steps)) $(name).addEventListener("click", () => step(name));

// ---- films ----

const filmView = new FilmView({ current: () => work, files, stage, careful, refresh });

// ---- saving ----

const SUFFIXES = { jpeg: ".jpg", png: ".png", tiff: ".tif", webp: ".webp", avif: ".avif" };

async function save(photo, format) {
  const blob = await photo.save(format);
  download(blob, resultName(photo.name, SUFFIXES[format] ?? photo.info.suffix));
}

$("save").addEventListener(
  "click",
  careful(async () => {
    say("Saving at full size…");
    $("save").disabled = true;
    try {
      await save(work, $("format").value);
      say(`${work.name} saved.`);
    } finally {
      $("save").disabled = false;
    }
  }),
);
$("save-all").addEventListener(
  "click",
  careful(async () => {
    for (const [index, item] of files.photos().entries()) {
      say(`Saving ${index + 1} of ${files.photos().length}…`);
      await save(item.work, $("format").value);
    }
    say("All photographs saved.");
  }),
);

// ---- files in, and the whole page ----

listen(files);
addEventListener("keydown", (event) => {
  if (!(event.ctrlKey || event.metaKey) || event.target.matches("input:not([type=range],[type=radio],[type=checkbox])")) return;
  const key = event.key.toLowerCase();
  const name = key === "z" ? (event.shiftKey ? "redo" : "undo") : key === "y" ? "redo" : null;
  if (!name || $("work").hidden) return;
  event.preventDefault();
  step(name);
});
addEventListener("pagehide", (event) => !event.persisted && files.closeAll());
addEventListener("resize", () => stage.clearPaint());
$("alert-close").addEventListener("click", () => ($("alert").hidden = true));
