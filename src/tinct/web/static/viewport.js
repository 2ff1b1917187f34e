// Where the picture lies in its frame: fitted, or zoomed and moved.

import { $, within } from "./dom.js";

const MOST = 12;
// Small pictures are not enlarged further than this to fit.
const MOST_FIT = 4;

/** Keep a picture over the whole frame, or in its middle if it is smaller. */
export function clamped(offset, size, frame) {
  if (size <= frame) return (frame - size) / 2;
  return Math.min(0, Math.max(frame - size, offset));
}

export class Viewport {
  /** `frame` shows a part of `box`; `onChange`, if it is set, is called after each change. */
  constructor({ frame, box }) {
    this.frame = frame;
    this.box = box;
    this.onChange = null;
    this.size = { width: 3, height: 2 };
    this.fit();
    new ResizeObserver(() => this.place()).observe(frame);
    frame.addEventListener("wheel", (event) => this.wheel(event), { passive: false });
    $("zoom-in").addEventListener("click", () => this.zoomBy(1.5));
    $("zoom-out").addEventListener("click", () => this.zoomBy(1 / 1.5));
    $("zoom-fit").addEventListener("click", () => this.fit());
  }

  setSize(width, height) {
    if (!width || !height) return;
    const ratio = this.size.width / this.size.height;
    this.size = { width, height };
    // The same picture at another size, such as the preview of the one shown before, is not a reason to move.
    if (Math.abs(width / height / ratio - 1) > 0.02) this.fit();
    else this.place();
  }

  get zoomed() {
    return this.zoom > 1.001;
  }

  fit() {
    this.zoom = 1;
    this.x = this.y = 0;
    this.place();
  }

  /** Zoom about a point in pixels of the frame; without one, about its middle. */
  zoomBy(factor, at = null) {
    const [x, y] = at ?? [this.frame.clientWidth / 2, this.frame.clientHeight / 2];
    const next = within(this.zoom * factor, 1, MOST);
    const grown = next / this.zoom;
    this.x = x - (x - this.x) * grown;
    this.y = y - (y - this.y) * grown;
    this.zoom = next;
    this.place();
  }

  pan(across, down) {
    this.x += across;
    this.y += down;
    this.place();
  }

  /** Bring a place, in per cent of the picture, into view. */
  reveal(x, y) {
    const margin = 30;
    const at = [this.x + (x * this.width) / 100, this.y + (y * this.height) / 100];
    const [across, down] = [this.frame.clientWidth, this.frame.clientHeight].map((length, axis) =>
      at[axis] < margin ? margin - at[axis] : at[axis] > length - margin ? length - margin - at[axis] : 0,
    );
    if (across || down) this.pan(across, down);
  }

  place() {
    const { clientWidth, clientHeight } = this.frame;
    const scale = this.zoom * Math.min(MOST_FIT, clientWidth / this.size.width, clientHeight / this.size.height);
    this.width = this.size.width * scale;
    this.height = this.size.height * scale;
    this.x = clamped(this.x, this.width, clientWidth);
    this.y = clamped(this.y, this.height, clientHeight);
    Object.assign(this.box.style, { width: `${this.width}px`, height: `${this.height}px`, left: `${this.x}px`, top: `${this.y}px` });
    $("zoom-out").disabled = $("zoom-fit").disabled = !this.zoomed;
    $("zoom-in").disabled = this.zoom >= MOST;
    this.onChange?.();
  }

  inFrame(event) {
    const box = this.frame.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  }

  wheel(event) {
    if (event.target.closest("video")) return;
    event.preventDefault();
    this.zoomBy(Math.exp(-within(event.deltaY, -120, 120) * (event.ctrlKey ? 0.01 : 0.003)), this.inFrame(event));
  }

  /** Two fingers moved from where they were to where they are: `[[x, y], [x, y]]` in pixels of the frame. */
  pinch(before, now) {
    const middle = (pair) => [(pair[0][0] + pair[1][0]) / 2, (pair[0][1] + pair[1][1]) / 2];
    const span = (pair) => Math.hypot(pair[0][0] - pair[1][0], pair[0][1] - pair[1][1]);
    const [was, is] = [middle(before), middle(now)];
    this.x += is[0] - was[0];
    this.y += is[1] - was[1];
    this.zoomBy(span(now) / Math.max(1, span(before)), is);
  }
}
