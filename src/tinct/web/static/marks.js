// Marks on the picture: numbers at suggested places, and dots where colours were set, which can be moved.

import { colorName } from "./colors.js";
import { $, button, placeAt } from "./dom.js";

const STEP = 1; // per cent that an arrow key moves a dot
const MOVES = { ArrowLeft: [-STEP, 0], ArrowRight: [STEP, 0], ArrowUp: [0, -STEP], ArrowDown: [0, STEP] };

/** A hint moved by per cent of the picture, as far as all of it stays inside. */
export function shifted(hint, across, down) {
  const within = (step, axis) => {
    const values = hint.points.map((point) => point[axis]);
    return Math.min(100 - Math.max(...values), Math.max(-Math.min(...values), step));
  };
  const by = [within(across, 0), within(down, 1)];
  const points = hint.points.map((point) => point.map((value, axis) => Math.round(100 * (value + by[axis])) / 100));
  return { ...hint, points };
}

/**
 * Draw them. `at(event)` is a pointer's place in per cent. `on.suggestion(index)` is called when a number was clicked,
 * `on.moving(index, hint)` while a dot is dragged (with null if that is cancelled), `on.moved(index, hint, kind)` at its
 * end, and `on.removed(index)` when a dot was deleted.
 */
export function drawMarks({ suggestions, hints, at, on }) {
  const focused = /** @type {?HTMLElement} */ (document.activeElement?.closest("#marks .set"))?.dataset.index;
  const numbers = suggestions.map((item, index) => {
    const number = button({
      className: "mark",
      textContent: String(index + 1),
      ariaLabel: `Place ${index + 1}: choose its colour`,
      onclick: () => on.suggestion(index),
    });
    placeAt(number, item.x, item.y);
    return number;
  });
  const dots = hints.map((hint, index) => dot(hint, index, at, on));
  $("marks").replaceChildren(...numbers, ...dots);
  if (focused !== undefined) dots[focused]?.focus({ preventScroll: true });
}

function dot(hint, index, at, on) {
  const made = button({
    className: "set",
    title: "Drag to move; Delete removes",
    ariaLabel: `Colour ${index + 1}, ${colorName(hint.color)}: arrow keys move it, Delete removes it`,
  });
  made.dataset.index = index;
  made.style.backgroundColor = hint.color;
  placeHint(made, hint);
  let from = null;
  let now = null;
  made.addEventListener("pointerdown", (event) => {
    event.stopPropagation();
    if (event.button !== 0) return;
    made.setPointerCapture(event.pointerId);
    from = at(event);
  });
  made.addEventListener("pointermove", (event) => {
    if (!from) return;
    const [x, y] = at(event);
    now = shifted(hint, x - from[0], y - from[1]);
    placeHint(made, now);
    on.moving(index, now);
  });
  made.addEventListener("pointerup", () => {
    if (now) on.moved(index, now, null);
    from = now = null;
  });
  made.addEventListener("pointercancel", () => {
    if (now) on.moving(index, null);
    placeHint(made, hint);
    from = now = null;
  });
  made.addEventListener("keydown", (event) => {
    const move = MOVES[event.key];
    if (move) on.moved(index, shifted(hint, ...move), `move ${index}`);
    else if (event.key === "Delete" || event.key === "Backspace") on.removed(index);
    else return;
    event.preventDefault();
    event.stopPropagation();
  });
  return made;
}

function placeHint(made, hint) {
  placeAt(made, ...hint.points[Math.floor(hint.points.length / 2)]);
}
