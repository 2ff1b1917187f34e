// Keep settings, hints and their history over a reload, in this tab only; pictures stay where they are.

import { ApiError, getJson, ask } from "./api.js";
import { Film } from "./film.js";
import { Photo } from "./photo.js";

const KEY = "tinct";

export function store(files) {
  const kept = files.items.map((item) => ({
    name: item.name,
    size: item.size,
    film: item.film,
    recolor: item.recolor,
    negative: item.negative,
    opened: Boolean(item.work?.opened),
    work: item.work?.toJson() ?? item.kept,
    chosen: item === files.chosen,
  }));
  try {
    sessionStorage.setItem(KEY, JSON.stringify(kept));
  } catch {
    // no room, or not allowed: the page works without
  }
}

function stored() {
  try {
    return JSON.parse(sessionStorage.getItem(KEY)) ?? [];
  } catch {
    return [];
  }
}

/** Restore what the page had: at once if the server still holds it, else as rows that ask for the file. */
export async function restore(files) {
  const list = stored();
  if (files.items.length) return 0;
  const rows = list.map(({ name, size, film, recolor, negative, work }) => files.append({ name, size, film, recolor, negative, kept: work, state: "missing" }));
  files.update();
  for (const [index, item] of rows.entries()) {
    if (!list[index].opened || item.removed || item.state !== "missing") continue;
    try {
      if (item.film) item.work = new Film(await getJson(`/v1/jobs/${item.kept.info.id}`), item.name, files.usual(), item.kept);
      else {
        await ask("GET", `/v1/edits/${item.kept.info.id}/before`);
        item.work = new Photo(item.kept.info, item.name, item.kept);
      }
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      continue;
    }
    item.kept = null;
    item.work.opensAnew(true);
    if (list[index].chosen) files.chosen = item;
    await files.opened(item);
  }
  return rows.filter((item) => item.state === "missing").length;
}
