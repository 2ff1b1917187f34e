// The picture on the page: before and after, the veil, strokes, marks, and what pointer and keys do on it.

import { $, element, show } from "./dom.js";

const HELP = {
  compare: "Drag over the picture, or use the slider below it, to see it as it was.",
  point: "Click or tap a thing whose colour you know, or one of the numbers.",
  brush: "Paint over a thing whose colour you know.",
};
const KEYS = " With the keyboard: arrow keys move a cross, Enter sets the colour there.";
const STEP = 2; // per cent that an arrow key moves

export class Stage {
  /** `onPlace(points)` is told of a click ([[x, y]]) or a stroke, in per cent of the picture. */
  constructor({ onPlace }) {
    this.onPlace = onPlace;
    this.tool = "compare";
    this.cross = { x: 50, y: 50 };
    this.stroke = null;
    this.box = $("stage");
    this.listen();
    this.setTool("compare");
    this.setCut(50);
  }

  setTool(tool) {
    this.tool = tool;
    this.box.dataset.tool = tool;
    const hints = tool !== "compare";
    $("tool-help").textContent = HELP[tool] + (hints && matchMedia("(pointer: fine)").matches ? KEYS : "");
    $("cross").hidden = true;
    // Whoever sets a colour looks at the colours.
    $("before").hidden = hints;
    $("line").hidden = hints;
    $("divide-label").hidden = hints;
    this.moveCross(0, 0);
  }

  setCut(percent) {
    const cut = Math.max(0, Math.min(100, percent));
    this.box.style.setProperty("--cut", `${cut}%`);
    $("divide").value = cut;
  }

  showAfter(blob) {
    show($("after"), blob);
  }

  showBefore(blob) {
    show($("before"), blob);
  }

  showVeil(blob) {
    if (blob) show($("veil"), blob);
    $("veil").hidden = !blob;
  }

  clear() {
    for (const id of ["after", "before", "veil"]) $(id).removeAttribute("src");
    this.setMarks([], []);
    this.clearPaint();
  }

  /** Numbered places that are worth a colour, and dots where colours were set. */
  setMarks(suggestions, hints, onSuggestion) {
    const marks = suggestions.map((item, index) => {
      const mark = element("button", {
        type: "button",
        className: "mark",
        textContent: String(index + 1),
        ariaLabel: `Place ${index + 1}: choose its colour`,
        onclick: () => onSuggestion(index),
      });
      place(mark, item.x, item.y);
      return mark;
    });
    const dots = hints.map((hint) => {
      const dot = element("span", { className: "set" });
      const [x, y] = hint.points[Math.floor(hint.points.length / 2)];
      place(dot, x, y);
      dot.style.backgroundColor = hint.color;
      return dot;
    });
    $("marks").replaceChildren(...dots, ...marks);
  }

  clearPaint() {
    const canvas = $("paint");
    canvas.width = canvas.clientWidth;
    canvas.height = canvas.clientHeight;
  }

  at(event) {
    const box = this.box.getBoundingClientRect();
    const clip = (value) => Math.max(0, Math.min(100, value));
    return [clip((100 * (event.clientX - box.left)) / box.width), clip((100 * (event.clientY - box.top)) / box.height)];
  }

  /** Show the place that is talked about, or none. */
  point(x, y) {
    if (x !== null) {
      this.cross = { x, y };
      this.moveCross(0, 0);
    }
    $("cross").hidden = x === null;
  }

  moveCross(across, down) {
    this.cross.x = Math.max(0, Math.min(100, this.cross.x + across));
    this.cross.y = Math.max(0, Math.min(100, this.cross.y + down));
    place($("cross"), this.cross.x, this.cross.y);
  }

  listen() {
    const box = this.box;
    box.addEventListener("pointerdown", (event) => {
      if (event.button !== 0 || event.target.closest("button")) return;
      const point = this.at(event);
      if (this.tool === "compare") {
        this.dragging = true;
        this.setCut(point[0]);
      } else if (this.tool === "brush") {
        this.clearPaint();
        this.stroke = [point];
        this.draw();
      } else {
        return;
      }
      box.setPointerCapture(event.pointerId);
    });
    box.addEventListener("pointermove", (event) => {
      if (this.dragging) this.setCut(this.at(event)[0]);
      if (this.stroke) {
        for (const part of event.getCoalescedEvents?.() ?? [event]) this.stroke.push(this.at(part));
        this.draw();
      }
    });
    const end = (event) => {
      this.dragging = false;
      if (this.stroke) {
        const points = thinned(this.stroke);
        this.stroke = null;
        if (event.type === "pointerup") this.onPlace(points);
        else this.clearPaint();
      }
    };
    box.addEventListener("pointerup", end);
    box.addEventListener("pointercancel", end);
    box.addEventListener("click", (event) => {
      if (this.tool === "point" && !event.target.closest("button")) this.onPlace([this.at(event)]);
    });
    box.addEventListener("keydown", (event) => this.key(event));
    box.addEventListener("blur", () => ($("cross").hidden = true));
    $("divide").addEventListener("input", () => this.setCut(Number($("divide").value)));
  }

  key(event) {
    if (event.target !== this.box) return;
    const step = event.shiftKey ? 5 * STEP : STEP;
    const moves = { ArrowLeft: [-step, 0], ArrowRight: [step, 0], ArrowUp: [0, -step], ArrowDown: [0, step] };
    const move = moves[event.key];
    if (move && this.tool === "compare" && move[0]) {
      this.setCut(Number($("divide").value) + move[0]);
    } else if (move && this.tool !== "compare") {
      this.moveCross(...move);
      $("cross").hidden = false;
    } else if (event.key === "Enter" && this.tool !== "compare") {
      this.onPlace([[this.cross.x, this.cross.y]]);
    } else {
      return;
    }
    event.preventDefault();
  }

  draw() {
    const canvas = $("paint");
    const pen = canvas.getContext("2d");
    const { width, height } = canvas;
    pen.strokeStyle = $("brush-color").value;
    pen.globalAlpha = 0.8;
    pen.lineCap = pen.lineJoin = "round";
    pen.lineWidth = Math.max(2, (Number($("brush-width").value) * width) / 100);
    pen.clearRect(0, 0, width, height);
    pen.beginPath();
    this.stroke.forEach(([x, y], index) => pen[index ? "lineTo" : "moveTo"]((x * width) / 100, (y * height) / 100));
    if (this.stroke.length === 1) pen.lineTo((this.stroke[0][0] * width) / 100 + 0.1, (this.stroke[0][1] * height) / 100);
    pen.stroke();
  }
}

function place(part, x, y) {
  part.style.left = `${x}%`;
  part.style.top = `${y}%`;
}

/** Leave points out that lie close together. */
function thinned(points) {
  const kept = [points[0]];
  for (const point of points) {
    const last = kept[kept.length - 1];
    if (Math.hypot(point[0] - last[0], point[1] - last[1]) > 0.5) kept.push(point);
  }
  const step = Math.ceil(kept.length / 400);
  return kept.filter((_, index) => index % step === 0).map((point) => point.map((value) => Math.round(value * 100) / 100));
}
