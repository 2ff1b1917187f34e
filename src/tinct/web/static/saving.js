// Save results: one photograph, or all of them as a zip.

import { $, download, resultName, say } from "./dom.js";
import { Zip, unlike } from "./zip.js";

const SUFFIXES = { jpeg: ".jpg", png: ".png", tiff: ".tif", webp: ".webp", avif: ".avif" };
// Results of more bytes are divided among several zip files, so that any program can open them.
const MOST_IN_ZIP = 2e9;

const nameOf = (photo, format) => resultName(photo.name, SUFFIXES[format] ?? photo.info.suffix);

async function saveOne(files) {
  const item = files.chosen;
  const format = $("format").value;
  say("Saving at full size…");
  await files.ensureOpen(item);
  download(await item.work.save(format), nameOf(item.work, format));
  say(`${item.name} saved.`);
  files.update();
}

async function saveAll(files) {
  const format = $("format").value;
  const items = files.photos();
  let zip = new Zip();
  let taken = new Set();
  let part = 0;
  const out = () => {
    part += 1;
    download(zip.blob(), part === 1 ? "tinct_color.zip" : `tinct_color_${part}.zip`);
    zip = new Zip();
    taken = new Set();
  };
  for (const [index, item] of items.entries()) {
    say(`Saving ${index + 1} of ${items.length}…`);
    await files.ensureOpen(item);
    const blob = await item.work.save(format);
    if (zip.size && zip.size + blob.size > MOST_IN_ZIP) out();
    await zip.add(unlike(nameOf(item.work, format), taken), blob);
    files.update();
  }
  out();
  say("All photographs saved.");
}

/** Let the buttons save; `careful` puts failures into words. */
export function listenSaving(files, careful) {
  for (const [id, action] of Object.entries({ save: saveOne, "save-all": saveAll })) {
    $(id).addEventListener(
      "click",
      careful(async () => {
        $(id).disabled = true;
        try {
          await action(files);
        } finally {
          $(id).disabled = false;
        }
      }),
    );
  }
}
