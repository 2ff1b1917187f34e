// Small helpers for the page.

import { ApiError } from "./api.js";

/**
 * The element with an id, of any type.
 * @returns {any}
 */
export const $ = (id) => document.getElementById(id);

/**
 * Make an element: properties, then children.
 * @param {string} name
 * @param {Object<string, any>} properties
 * @param {...(Node | string)} children
 * @returns {any}
 */
export function element(name, properties = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(properties)) {
    if (key in made) made[key] = value;
    else made.setAttribute(key, value);
  }
  made.append(...children);
  return made;
}

/** Make a button, which sends no form. */
export const button = (properties, ...children) => element("button", { type: "button", ...properties }, ...children);

/** Put a part at a place, in per cent of the picture. */
export function placeAt(part, x, y) {
  part.style.left = `${x}%`;
  part.style.top = `${y}%`;
}

export const within = (value, least, most) => Math.max(least, Math.min(most, value));

/** Show a message that screen readers read aloud, too. */
export function say(text) {
  $("status").textContent = text;
}

export function warn(text) {
  $("alert-text").textContent = text;
  $("alert").hidden = false;
}

/** Tell the user what went wrong; `again` says what to do after an error of the page itself. */
export function warnOf(error, again) {
  const told = error instanceof ApiError;
  if (!told) console.error(error);
  warn(told ? error.message : `Something went wrong on this page. Reload it and ${again}.`);
}

/** Show a blob in an image, and release the one that it showed before. */
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
