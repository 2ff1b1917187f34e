// Colours: their names, what a place can show of them, and buttons that show them.

import { button } from "./dom.js";

const HUES = ["red", "orange", "yellow", "yellow-green", "green", "sea green", "turquoise", "sky blue", "blue", "violet", "magenta", "pink"];

const channels = (hex) => /** @type {[number, number, number]} */ ([1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16) / 255));

/** A colour's name, for users who cannot see it. */
export function colorName(hex) {
  const [r, g, b] = channels(hex);
  const most = Math.max(r, g, b);
  const least = Math.min(r, g, b);
  const light = (most + least) / 2;
  const spread = most - least;
  const shade = light < 0.12 ? "very dark " : light < 0.35 ? "dark " : light > 0.85 ? "very light " : light > 0.65 ? "light " : "";
  if (spread < 0.06) return light < 0.08 ? "black" : light > 0.94 ? "white" : `${shade}grey`;
  const turn = most === r ? ((g - b) / spread + 6) % 6 : most === g ? (b - r) / spread + 2 : (r - g) / spread + 4;
  const hue = HUES[Math.round(turn * 2) % 12];
  const brownish = hue === "orange" || (hue === "red" && light < 0.3) || (hue === "yellow" && spread < 0.4);
  if (brownish && (light < 0.45 || spread < 0.4)) {
    return light > 0.7 ? "beige" : light > 0.5 ? "light brown" : light > 0.25 ? "brown" : "dark brown";
  }
  return `${shade}${spread < 0.22 ? "greyish " : ""}${hue}`;
}

const lumaOf = ([r, g, b]) => 0.299 * r + 0.587 * g + 0.114 * b;
const strength = (rgb) => Math.max(...rgb) - Math.min(...rgb);

/** Names of colours, all of them different. */
export function distinctNames(colors) {
  const names = colors.map(colorName);
  return names.map((name, index) => {
    const alike = names.flatMap((other, at) => (other === name ? [at] : []));
    if (alike.length === 1) return name;
    if (alike.length === 2) {
      const other = channels(colors[alike[0] === index ? alike[1] : alike[0]]);
      const mine = channels(colors[index]);
      const lighter = lumaOf(mine) - lumaOf(other);
      if (Math.abs(lighter) > 0.03) return `${lighter > 0 ? "lighter" : "darker"} ${name}`;
      const stronger = strength(mine) - strength(other);
      if (stronger !== 0) return `${stronger > 0 ? "stronger" : "paler"} ${name}`;
    }
    return `${name} ${alike.indexOf(index) + 1}`;
  });
}

/**
 * What a place of this luma (0..1) shows of a colour: the photograph keeps its light and dark, so that only the tint is
 * taken, faded as far as needed to stay in the screen's range. `left` is the share of the tint that is left.
 */
export function shownAt(hex, luma) {
  const rgb = channels(hex);
  const own = lumaOf(rgb);
  const tint = rgb.map((value) => value - own);
  let left = 1;
  for (const part of tint) {
    if (part > 0) left = Math.min(left, (1 - luma) / part);
    if (part < 0) left = Math.min(left, luma / -part);
  }
  const shown = tint.map((part) => Math.round(255 * Math.min(1, Math.max(0, luma + left * part))));
  return { color: `#${shown.map((value) => value.toString(16).padStart(2, "0")).join("")}`, left };
}

/** A button that shows a colour and has its name. */
export function swatch(color, label, onClick) {
  const made = button({ className: "swatch", title: label, ariaLabel: label, onclick: onClick });
  made.style.backgroundColor = color;
  made.dataset.color = color;
  return made;
}
