// The picture on the page: before and after, the veil, strokes, marks, and what pointer and keys do on it.

import { $, placeAt, show, within } from "./dom.js";
import { drawMarks } from "./marks.js";
import { pairMark } from "./references.js";
import { Viewport } from "./viewport.js";

const HELP = {
  compare: "Drag the line to see it as it was. Zoom with the wheel or two fingers.",
  point: "Click or tap a thing whose colour you know, or one of the numbers; drag a dot to move it.",
  brush: "Paint over a thing whose colour you know.",
};
const KEYS = " With the keyboard: arrow keys move a cross, Enter sets the colour there, + and - zoom.";
const STEP = 2; // per cent that an arrow key moves
const GRAB = 26; // pixels from the line within which a pointer takes hold of it
const SLOP = 6; // pixels that a pointer may move before a click becomes a drag
// Larger files are not decoded for the screen while they are sent.
const MOST_SHOWN = 40e6;

export class Stage {
  /** `onPlace(points)` is called with a click ([[x, y]]) or a stroke, in per cent of the picture. */
  constructor({ onPlace }) {
    this.onPlace = onPlace;
    this.tool = "compare";
    this.cross = { x: 50, y: 50 };
    this.stroke = null;
    this.fingers = new Map();
    this.box = $("stage");
    this.view = new Viewport({ frame: $("frame"), box: this.box });
    this.view.onChange = () => this.viewed();
    this.listen();
    this.setTool("compare");
    this.setCut(50);
    for (const id of ["after", "before"]) $(id).addEventListener("load", () => this.view.setSize($(id).naturalWidth, $(id).naturalHeight));
  }

  setTool(tool) {
    this.tool = tool;
    this.box.dataset.tool = tool;
    const hints = tool !== "compare";
    $("tool-help").textContent = HELP[tool] + (hints && matchMedia("(pointer: fine)").matches ? KEYS : "");
    $("cross").hidden = true;
    // While colours are set, only the picture in colours is shown.
    $("before").hidden = hints;
    $("line").hidden = hints;
    $("divide-label").hidden = hints;
    this.moveCross(0, 0);
  }

  setCut(percent) {
    const cut = within(percent, 0, 100);
    $("frame").style.setProperty("--cut", `${cut}%`);
    $("divide").value = cut;
  }

  /** Show a file as it is, in grey, before the server has seen it; fulfilled with whether the browser can. */
  async showFile(file) {
    this.clear();
    const source = $("source");
    source.hidden = true;
    if (!file || file.size > MOST_SHOWN) return false;
    show(source, file);
    try {
      await source.decode();
    } catch {
      return false;
    }
    source.hidden = false;
    this.view.setSize(source.naturalWidth, source.naturalHeight);
    return true;
  }

  showAfter(blob) {
    show($("after"), blob);
    $("after").hidden = false;
  }

  showBefore(blob) {
    show($("before"), blob);
    $("before").hidden = this.tool !== "compare";
  }

  /** Lay a veil over the picture, `veil` or `taken-veil`; null takes it away. */
  showVeil(blob, id = "veil") {
    if (blob) show($(id), blob);
    $(id).hidden = !blob;
  }

  /** Letters at the places that take their colours from a reference. */
  setPairs(pairs) {
    $("pairs").replaceChildren(...pairs.map((pair) => pairMark(pair, pair.x, pair.y)));
  }

  clear() {
    for (const id of ["after", "before", "veil", "taken-veil"]) $(id).removeAttribute("src");
    for (const id of ["after", "before", "veil", "taken-veil", "cross"]) $(id).hidden = true;
    this.setPairs([]);
    this.setMarks([], [], {});
    this.clearPaint();
  }

  /** Numbers at suggested places, and dots where colours were set; see `drawMarks`. */
  setMarks(suggestions, hints, on) {
    drawMarks({ suggestions, hints, at: (event) => this.at(event), on });
  }

  clearPaint() {
    const canvas = $("paint");
    canvas.width = canvas.clientWidth;
    canvas.height = canvas.clientHeight;
  }

  viewed() {
    // Zoomed in, light and dark come from the file itself, which is sharper than the preview; the tint from the preview.
    this.box.classList.toggle("sharp", this.view.zoomed && !$("source").hidden);
    if (!this.stroke) this.clearPaint();
  }

  at(event) {
    const box = this.box.getBoundingClientRect();
    const percent = (offset, length) => within((100 * offset) / length, 0, 100);
    return [percent(event.clientX - box.left, box.width), percent(event.clientY - box.top, box.height)];
  }

  /** The luma, 0..1, of the picture at a place; null if it is not known. */
  lumaAt(x, y) {
    const image = $("before");
    if (!image.naturalWidth) return null;
    const pen = new OffscreenCanvas(1, 1).getContext("2d");
    const [left, top] = [(x * (image.naturalWidth - 1)) / 100, (y * (image.naturalHeight - 1)) / 100];
    pen.drawImage(image, Math.max(0, left - 1), Math.max(0, top - 1), 3, 3, 0, 0, 1, 1);
    const [r, g, b] = pen.getImageData(0, 0, 1, 1).data;
    return (0.299 * r + 0.587 * g + 0.114 * b) / 255;
  }

  /** Mark the place whose colour is being chosen; null for none. */
  point(x, y) {
    this.held = x !== null;
    if (this.held) {
      this.cross = { x, y };
      this.moveCross(0, 0);
      this.view.reveal(x, y);
    }
    $("cross").hidden = !this.held;
  }

  moveCross(across, down) {
    this.cross.x = within(this.cross.x + across, 0, 100);
    this.cross.y = within(this.cross.y + down, 0, 100);
    placeAt($("cross"), this.cross.x, this.cross.y);
  }

  listen() {
    const frame = $("frame");
    frame.addEventListener("pointerdown", (event) => this.down(event));
    frame.addEventListener("pointermove", (event) => this.move(event));
    for (const name of ["pointerup", "pointercancel"]) frame.addEventListener(name, (event) => this.up(event));
    frame.addEventListener("click", (event) => {
      if (this.tool === "point" && !this.moved && this.isPicture(event) && this.isInside(event)) this.onPlace([this.at(event)]);
    });
    frame.addEventListener("dblclick", (event) => {
      if (this.tool !== "compare" || !this.isPicture(event)) return;
      if (this.view.zoomed) this.view.fit();
      else this.view.zoomBy(3, this.view.inFrame(event));
    });
    this.box.addEventListener("keydown", (event) => this.key(event));
    this.box.addEventListener("blur", () => ($("cross").hidden = !this.held));
    $("divide").addEventListener("input", () => this.setCut(Number($("divide").value)));
  }

  isPicture(event) {
    return !event.target.closest("button, video, #progress") && !this.box.hidden;
  }

  /** Whether a pointer is over the picture, not beside it. */
  isInside(event) {
    const { left, right, top, bottom } = this.box.getBoundingClientRect();
    return event.clientX >= left && event.clientX <= right && event.clientY >= top && event.clientY <= bottom;
  }

  down(event) {
    if (!this.isPicture(event) || event.button > 1) return;
    this.fingers.set(event.pointerId, this.view.inFrame(event));
    $("frame").setPointerCapture(event.pointerId);
    this.moved = this.fingers.size > 1;
    this.from = [event.clientX, event.clientY];
    if (this.moved) {
      this.stroke = this.drag = null;
      this.clearPaint();
      return;
    }
    const cut = this.box.getBoundingClientRect();
    const line = cut.left + (cut.width * Number($("divide").value)) / 100;
    if (event.button === 1 || this.tool === "point") this.drag = "pan";
    else if (this.tool === "brush" && !this.isInside(event)) this.drag = null;
    else if (this.tool === "brush") {
      this.clearPaint();
      this.stroke = [this.at(event)];
      this.draw();
    } else if (this.view.zoomed && Math.abs(event.clientX - line) > GRAB) this.drag = "pan";
    else {
      this.drag = "cut";
      this.setCut(this.at(event)[0]);
    }
  }

  move(event) {
    if (!this.fingers.has(event.pointerId)) return;
    const before = [...this.fingers.values()];
    const was = this.fingers.get(event.pointerId);
    const now = this.view.inFrame(event);
    this.fingers.set(event.pointerId, now);
    if (before.length === 2) {
      this.view.pinch(before, [...this.fingers.values()]);
      return;
    }
    this.moved ||= Math.hypot(event.clientX - this.from[0], event.clientY - this.from[1]) > SLOP;
    if (this.drag === "cut") this.setCut(this.at(event)[0]);
    else if (this.drag === "pan" && this.moved) this.view.pan(now[0] - was[0], now[1] - was[1]);
    if (this.stroke) {
      for (const part of event.getCoalescedEvents?.() ?? [event]) this.stroke.push(this.at(part));
      this.draw();
    }
  }

  up(event) {
    this.fingers.delete(event.pointerId);
    this.drag = null;
    if (!this.stroke) return;
    const points = thinned(this.stroke);
    this.stroke = null;
    if (event.type === "pointerup") this.onPlace(points);
    else this.clearPaint();
  }

  key(event) {
    if (event.target !== this.box || event.ctrlKey || event.metaKey) return;
    const step = event.shiftKey ? 5 * STEP : STEP;
    const moves = { ArrowLeft: [-step, 0], ArrowRight: [step, 0], ArrowUp: [0, -step], ArrowDown: [0, step] };
    const zooms = { "+": () => this.view.zoomBy(1.5), "=": () => this.view.zoomBy(1.5), "-": () => this.view.zoomBy(1 / 1.5), 0: () => this.view.fit() };
    const move = moves[event.key];
    if (zooms[event.key]) zooms[event.key]();
    else if (move && this.tool === "compare" && move[0]) this.setCut(Number($("divide").value) + move[0]);
    else if (move && this.tool === "compare") this.view.pan(0, -20 * move[1]);
    else if (move) {
      this.moveCross(...move);
      this.view.reveal(this.cross.x, this.cross.y);
      $("cross").hidden = false;
    } else if (event.key === "Enter" && this.tool !== "compare") this.onPlace([[this.cross.x, this.cross.y]]);
    else return;
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
