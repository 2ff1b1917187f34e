// Talk to the server: put errors into words, wait when it is busy, and report the progress of uploads.

const token = new URLSearchParams(globalThis.location?.hash.slice(1) ?? "").get("token");
const MOST_TRIES = 20;
const UNREACHABLE = "The server cannot be reached. Is tinct serve still running?";

export const hasToken = token !== null;

export class ApiError extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

function headers(more = {}) {
  return token === null ? more : { ...more, Authorization: `Bearer ${token}` };
}

export const pause = (seconds) => new Promise((resolve) => setTimeout(resolve, seconds * 1000));

/** What the user is told about an error; the server's own words are for programs, too. */
export function plain(status, text) {
  if (status === 401) return "This page's address lacks its token. Open the whole address that tinct serve printed.";
  const said = text ?? `The server answered with an error (${status}).`;
  return said
    .replace(/ Send recolor=true to replace them\.$/, "")
    .replace(/,? or use {2}tinct [a-z]+ {2}on the command line/, "");
}

/** The error that an answer tells. */
function told(status, answer) {
  let text;
  try {
    text = JSON.parse(answer).error;
  } catch {
    // not JSON: the status has to do
  }
  return new ApiError(status, plain(status, text));
}

/**
 * Ask; on 429 wait as long as the server says, and ask again.
 * @param {string} method
 * @param {string} path
 * @param {{json?: any, form?: FormData, signal?: AbortSignal, keepalive?: boolean}} more
 */
export async function ask(method, path, { json, form, signal, keepalive } = {}) {
  for (let tries = 1; ; tries += 1) {
    let response;
    try {
      response = await fetch(path, {
        method,
        signal,
        keepalive,
        headers: headers(json === undefined ? {} : { "Content-Type": "application/json" }),
        body: json === undefined ? form : JSON.stringify(json),
      });
    } catch (error) {
      if (error.name === "AbortError") throw error;
      throw new ApiError(0, UNREACHABLE);
    }
    if (response.ok) return response;
    if (response.status !== 429 || tries >= MOST_TRIES) throw told(response.status, await response.text());
    await pause(Math.min(10, Number(response.headers.get("Retry-After")) || 1));
  }
}

export const getJson = async (path, more) => (await ask("GET", path, more)).json();
export const getBlob = async (path, more) => (await ask("GET", path, more)).blob();
export const postJson = async (path, json, more) => (await ask("POST", path, { json, ...more })).json();
export const postBlob = async (path, json, more) => (await ask("POST", path, { json, ...more })).blob();

/** Send only a file, as this field of a form. */
export async function postFile(path, field, file) {
  const form = new FormData();
  form.append(field, file, "file"); // its own name stays here
  return (await ask("POST", path, { form })).json();
}

/** Delete, even while the page is being left; with `after`, unless it is asked for within this many seconds. */
export function forget(path, after = 0) {
  fetch(after ? `${path}?after=${after}` : path, { method: "DELETE", headers: headers(), keepalive: true }).catch(() => {});
}

/**
 * Send a file with fields; `onProgress` gets 0..1. If the server has no room, `onBusy(tries, seconds)` is awaited before
 * the file is sent again.
 */
export async function upload(path, file, fields, { onProgress, onBusy, signal }) {
  for (let tries = 1; ; tries += 1) {
    const { status, text, wait } = await send(path, file, fields, { onProgress, signal });
    if (status >= 200 && status < 300) return JSON.parse(text);
    if (status !== 429) throw told(status, text);
    await onBusy(tries, wait);
    if (signal.aborted) throw new DOMException("cancelled", "AbortError");
  }
}

function send(path, file, fields, { onProgress, signal }) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    const aborted = () => reject(new DOMException("cancelled", "AbortError"));
    if (signal.aborted) return aborted();
    request.open("POST", path);
    for (const [name, value] of Object.entries(headers())) request.setRequestHeader(name, value);
    request.upload.onprogress = (event) => event.lengthComputable && onProgress(event.loaded / event.total);
    request.onload = () =>
      resolve({
        status: request.status,
        text: request.responseText,
        wait: Number(request.getResponseHeader("Retry-After")) || 1,
      });
    request.onerror = () => reject(new ApiError(0, UNREACHABLE));
    request.onabort = aborted;
    signal.addEventListener("abort", () => request.abort(), { once: true });
    const form = new FormData();
    for (const [name, value] of Object.entries(fields)) form.append(name, value);
    form.append("file", file, "file"); // its own name stays here
    request.send(form);
  });
}
