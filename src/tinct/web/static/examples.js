// Photographs to try on the empty page.

import { $, element } from "./dom.js";

const EXAMPLES = [
  { name: "astronaut.jpg", title: "an astronaut, 1992" },
  { name: "cat.jpg", title: "a cat" },
  { name: "coffee.jpg", title: "a cup of coffee" },
  { name: "rocket.jpg", title: "a rocket's launch" },
];

/** Show them, and hand the chosen one to `files.add`. */
export function listenExamples(files, careful) {
  const buttons = EXAMPLES.map(({ name, title }) => {
    const address = `/static/examples/${name}`;
    const choose = careful(async () => {
      const blob = await (await fetch(address)).blob();
      files.add([new File([blob], name, { type: "image/jpeg" })]);
    });
    const label = `Try ${title}`;
    return element("button", { type: "button", ariaLabel: label, title: label, onclick: choose }, element("img", { src: address, alt: "", width: 120, height: 90 }));
  });
  $("examples").replaceChildren(...buttons);
}
