// Which one is real? Pairs are loaded before they are shown, so that each picture is seen for exactly its time.

import { getBlob, getJson, pause, postJson } from "./api.js";
import { $, say, show, warnOf } from "./dom.js";

const PAUSE = 0.5; // seconds before and between pictures
let session = null;
let number = 0;
let asked = 0;
const ready = new Map();

const frame = () => new Promise((resolve) => requestAnimationFrame(resolve));

function careful(action) {
  return async (...values) => {
    try {
      await action(...values);
    } catch (error) {
      warnOf(error, "begin again");
    }
  };
}

function only(section) {
  for (const name of ["intro", "trial", "end"]) $(name).hidden = name !== section;
}

/** Get both pictures of a pair. */
function load(index) {
  if (index < session.kinds.length && !ready.has(index)) {
    const path = `/v1/turing/sessions/${session.id}/pairs/${index}`;
    ready.set(index, Promise.all([getBlob(`${path}/0`), getBlob(`${path}/1`)]));
  }
  return ready.get(index);
}

const begin = careful(async () => {
  $("begin").disabled = true;
  session = await postJson("/v1/turing/sessions", {});
  number = 0;
  ready.clear();
  only("trial");
  await pair();
});

async function pair() {
  const practice = session.kinds[number] === "practice";
  $("count").textContent = `${practice ? "Practice: pair" : "Pair"} ${number + 1} of ${session.kinds.length}`;
  $("bar").value = number / session.kinds.length;
  for (const id of ["question", "next", "first", "second"]) $(id).hidden = true;
  $("word").textContent = "Look here…";
  say("");
  const blobs = await load(number);
  load(number + 1)?.catch(() => ready.delete(number + 1));
  const images = [$("first"), $("second")];
  for (const [index, image] of images.entries()) {
    show(image, blobs[index]);
    await image.decode();
  }
  await pause(PAUSE);
  $("word").textContent = "";
  for (const image of images) {
    await frame();
    image.hidden = false;
    await pause(session.seconds);
    image.hidden = true;
    await pause(PAUSE);
  }
  $("question").hidden = false;
  $("ask").focus();
  asked = performance.now();
}

const answer = careful(async (chosen) => {
  if ($("question").hidden) return;
  $("question").hidden = true;
  const seconds = Math.round(performance.now() - asked) / 1000;
  const told = await postJson(`/v1/turing/sessions/${session.id}/answers`, { number, chosen, seconds });
  ready.delete(number);
  number += 1;
  if (told.over) {
    only("end");
    $("score").textContent = `You got ${told.score} of ${told.pairs} pairs right.`;
    $("score").focus();
    return;
  }
  if (told.right === null) {
    await pair();
    return;
  }
  $("word").textContent = told.right ? "Right." : `No: the ${chosen ? "first" : "second"} was real.`;
  say($("word").textContent);
  $("next").hidden = false;
  $("next").focus();
});

$("begin").addEventListener("click", begin);
$("again").addEventListener("click", begin);
$("next").addEventListener("click", careful(pair));
for (const chosen of [0, 1]) $(`answer-${chosen}`).addEventListener("click", () => answer(chosen));
addEventListener("keydown", (event) => {
  if (event.key === "1" || event.key === "2") answer(Number(event.key) - 1);
});
$("alert-close").addEventListener("click", () => ($("alert").hidden = true));

careful(async () => {
  const design = await getJson("/v1/turing/design");
  $("seconds").textContent = design.seconds === 1 ? "a second" : `${design.seconds} seconds`;
  $("practice-count").textContent = design.practice;
  $("pair-count").textContent = design.pairs;
  $("begin").disabled = false;
})();
