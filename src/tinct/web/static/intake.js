// How files come in: chosen, taken with a camera, dropped, pasted, or examples.

import { $, button, element } from "./dom.js";

const EXAMPLES = [
  { name: "astronaut.jpg", title: "an astronaut, 1992" },
  { name: "cat.jpg", title: "a cat" },
  { name: "coffee.jpg", title: "a cup of coffee" },
  { name: "rocket.jpg", title: "a rocket's launch" },
];

/** Hand every file that comes in to `files.add`, but files dropped on the panel to `references.add`. */
export function listen(files, references) {
  for (const id of ["pick", "add"]) $(id).addEventListener("click", () => $("file-input").click());
  $("camera").addEventListener("click", () => $("camera-input").click());
  for (const id of ["file-input", "camera-input"]) {
    $(id).addEventListener("change", () => {
      files.add([...$(id).files]);
      $(id).value = "";
    });
  }
  let inside = 0;
  addEventListener("dragenter", () => {
    document.body.classList.toggle("dragging", (inside += 1) > 0);
    if (inside === 1) $("panel").scrollTop = 0; // where references are dropped
  });
  addEventListener("dragleave", () => document.body.classList.toggle("dragging", (inside -= 1) > 0));
  addEventListener("dragover", (event) => event.preventDefault());
  addEventListener("drop", (event) => {
    event.preventDefault();
    inside = 0;
    document.body.classList.remove("dragging");
    const beside = /** @type {Element} */ (event.target).closest?.("#panel") && !$("references-box").hidden;
    (beside ? references : files).add([...event.dataTransfer.files]);
  });
  addEventListener("paste", (event) => {
    const pasted = [...(event.clipboardData?.files ?? [])];
    if (pasted.length) {
      event.preventDefault();
      files.add(pasted);
    }
  });
}

/** Show photographs to try on the empty page, and hand the chosen one to `files.add`. */
export function listExamples(files, careful) {
  const buttons = EXAMPLES.map(({ name, title }) => {
    const address = `/static/examples/${name}`;
    const choose = careful(async () => {
      const blob = await (await fetch(address)).blob();
      files.add([new File([blob], name, { type: "image/jpeg" })]);
    });
    const label = `Try ${title}`;
    return button({ ariaLabel: label, title: label, onclick: choose }, element("img", { src: address, alt: "", width: 120, height: 90 }));
  });
  $("examples").replaceChildren(...buttons);
}
