// Small helpers for the page, and words for colours.

export const $ = (id) => document.getElementById(id);

/** Make an element: properties, then children. */
export function element(name, properties = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(properties)) {
    if (key in made) made[key] = value;
    else made.setAttribute(key, value);
  }
  made.append(...children);
  return made;
}

/** Say something to who looks, and to who listens. */
export function say(text) {
  $("status").textContent = text;
}

export function warn(text) {
  $("alert-text").textContent = text;
  $("alert").hidden = false;
}

/** Show a blob in an image, and let go of what it showed before. */
export function show(image, blob) {
  const old = image.dataset.blob;
  image.src = URL.createObjectURL(blob);
  image.dataset.blob = image.src;
  if (old) setTimeout(() => URL.revokeObjectURL(old), 2000);
}

/** Let the browser save a blob under a name. */
export function download(blob, name) {
  const link = element("a", { href: URL.createObjectURL(blob), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60000);
}

/** NAME_color.EXT, as the command line names results. */
export function resultName(name, suffix) {
  return `${name.replace(/\.[^.]*$/, "") || "photograph"}_color${suffix}`;
}

const HUES = ["red", "orange", "yellow", "yellow-green", "green", "sea green", "turquoise", "sky blue", "blue", "violet", "magenta", "pink"];

/** A colour's name for people who cannot see it. */
export function colorName(hex) {
  const [r, g, b] = [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16) / 255);
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

/** A button that shows a colour and has its name. */
export function swatch(color, label, onClick) {
  const button = element("button", { type: "button", className: "swatch", title: label, ariaLabel: label, onclick: onClick });
  button.style.backgroundColor = color;
  button.dataset.color = color;
  return button;
}
