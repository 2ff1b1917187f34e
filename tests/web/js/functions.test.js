// Single functions of the page: `node --test tests/web/js/*.test.js`; pytest runs them, too.
import assert from "node:assert/strict";
import test from "node:test";

import { plain } from "../../../src/tinct/web/static/api.js";
import { colorName, distinctNames, shownAt } from "../../../src/tinct/web/static/colors.js";
import { Edited } from "../../../src/tinct/web/static/history.js";
import { Film } from "../../../src/tinct/web/static/film.js";
import { clockWords, leftWords } from "../../../src/tinct/web/static/filmview.js";
import { isFilm } from "../../../src/tinct/web/static/files.js";
import { shifted } from "../../../src/tinct/web/static/marks.js";
import { takenWords } from "../../../src/tinct/web/static/references.js";
import { clamped } from "../../../src/tinct/web/static/viewport.js";
import { Zip, crc32, unlike } from "../../../src/tinct/web/static/zip.js";

const USUAL = { temperature: 0.6, caution: 0.5, saturation: 1, hints: [], references: [] };

test("no two swatches have one name", () => {
  assert.deepEqual(distinctNames(["#b03020", "#203060"]), ["#b03020", "#203060"].map(colorName));
  assert.equal(new Set(distinctNames(["#c04030", "#b03020", "#b03424", "#208040", "#2a5f3c"])).size, 5);
  assert.match(distinctNames(["#b03020", "#c04030"])[0], /^darker /);
});

test("a place shows of a colour what its light allows", () => {
  assert.deepEqual(shownAt("#ff0000", 1), { color: "#ffffff", left: 0 });
  const shown = shownAt("#b03020", 0.4).color;
  const [red, green, blue] = [1, 3, 5].map((at) => parseInt(shown.slice(at, at + 2), 16));
  assert.ok(Math.abs(0.299 * red + 0.587 * green + 0.114 * blue - 0.4 * 255) <= 1);
  assert.ok(Math.abs(red - blue - (0xb0 - 0x20)) <= 2);
});

test("arrow keys in a row are one step, and reset is one that can be undone", () => {
  const edited = new Edited("a.jpg", USUAL, null);
  for (const caution of [0.6, 0.7, 0.8, 0.9, 1]) edited.set({ caution }, "caution");
  edited.set({ saturation: 1.5 }, "saturation");
  assert.equal(edited.past.length, 2);
  edited.reset();
  assert.equal(edited.changed, false);
  edited.undo();
  edited.undo();
  assert.equal(edited.now.caution, 1);
  edited.undo();
  assert.deepEqual(edited.now, USUAL);
  edited.redo();
  assert.equal(edited.now.caution, 1);
  edited.try({ caution: 2 });
  assert.equal(edited.settings.caution, 2);
  edited.try(null);
  assert.equal(edited.settings.caution, 1);
});

test("a film's hints belong to its stills", () => {
  const film = new Film({ id: "x", state: "held" }, "reel.mp4", USUAL);
  film.times = [0, 4.5];
  const hint = { points: [[10, 20]], color: "#b03020", width: 0 };
  film.set(film.withHints([hint]));
  film.still = 1;
  assert.deepEqual(film.shownHints(), []);
  film.set(film.withHints([hint, hint]));
  assert.deepEqual(film.now.hints.map(({ time }) => time), [0, 4.5, 4.5]);
  film.set(film.withHints([]));
  assert.deepEqual(film.now.hints, [{ ...hint, time: 0 }]);
  assert.equal(film.unsaved, true);
  const again = new Film({ id: "y", state: "held" }, "reel.mp4", USUAL, film.toJson());
  assert.deepEqual(again.now, film.now);
});

test("times are told as people say them", () => {
  assert.deepEqual([0, 65.7, 3723].map(clockWords), ["0:00", "1:05", "1:02:03"]);
  assert.equal(leftWords(200), ", about 3 minutes left");
  assert.equal(leftWords(null), "");
});

test("errors are told without the API's words", () => {
  assert.doesNotMatch(plain(409, "This has colours already. Send recolor=true to replace them."), /recolor/);
  assert.doesNotMatch(plain(401, "Send the header  Authorization: Bearer TOKEN."), /header/);
});

test("a picture stays in its frame, and a stroke in the picture", () => {
  assert.deepEqual([clamped(-50, 80, 100), clamped(20, 300, 100), clamped(-300, 300, 100)], [10, 0, -200]);
  const stroke = { points: [[10, 20], [30, 90]] };
  assert.deepEqual(shifted(stroke, -50, 50).points, [[0, 30], [20, 100]]);
});

test("a zip's checksums are those of every table, and its names differ", async () => {
  assert.equal(crc32(new TextEncoder().encode("123456789")), 0xcbf43926);
  const taken = new Set();
  assert.deepEqual(["a.jpg", "a.jpg", "b", "b"].map((name) => unlike(name, taken)), ["a.jpg", "a (2).jpg", "b", "b (2)"]);
  const zip = new Zip();
  await zip.add("ü.txt", new Blob(["hello"]));
  const bytes = new Uint8Array(await zip.blob().arrayBuffer());
  assert.deepEqual([...bytes.slice(0, 4)], [0x50, 0x4b, 3, 4]);
});

test("films are told from photographs", () => {
  const files = [{ type: "", name: "a.MKV" }, { type: "video/mp4", name: "a" }, { type: "image/tiff", name: "a.ts" }, { type: "", name: "a.tif" }];
  assert.deepEqual(files.map(isFilm), [true, true, false, false]);
});

test("what was taken from a reference is told in words", () => {
  assert.equal(takenWords({ same: 0.214, kind: 0.5 }), "Found the same thing in 21 %, its kind in 50 % of the picture.");
  assert.equal(takenWords({ same: 0, kind: 0.1 }), "Found its kind in 10 % of the picture.");
  assert.match(takenWords({ same: 0.001, kind: 0.002 }), /changes nothing/);
});

test("references that neither server nor page have are left out, and those kept before an update have none", () => {
  const kept = { now: { ...USUAL, references: [{ id: "a", name: "a.png" }, { id: "b", name: "b.png" }] }, past: [{ saturation: 0.5 }] };
  const edited = new Edited("a.jpg", USUAL, kept);
  assert.deepEqual(edited.shownReferences(), []);
  edited.sent.add("b");
  assert.deepEqual(edited.shownReferences().map(({ id }) => id), ["b"]);
  edited.opensAnew(true);
  assert.equal(edited.shownReferences().length, 2);
  edited.undo();
  assert.deepEqual(edited.settings.references, []);
});

test("a reference of a film is for all of it, or for the still that lies in its shot", () => {
  const film = new Film({ id: "x", state: "held" }, "a.mp4", USUAL);
  film.times = [0, 2.5];
  const references = [{ id: "a", name: "a", time: null }, { id: "b", name: "b", time: 2.5 }];
  film.set({ references });
  film.opensAnew(true);
  assert.deepEqual(film.shownReferences().map(({ id }) => id), ["a"]);
  film.still = 1;
  assert.deepEqual(film.shownReferences().map(({ id }) => id), ["a", "b"]);
});
