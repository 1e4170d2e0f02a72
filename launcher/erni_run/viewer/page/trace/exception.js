/** @file An exception as people read it: type, message, and the stack trace with its places in front. */

import { h } from "/page/element.js";
import { copy } from "/page/announce.js";

const PLACE = /^\s*File "(.+)", line (\d+)(?:, in (.+))?$/;
const FOREIGN = /site-packages|dist-packages|[/\\]lib[/\\]python3|^<frozen/;

/**
 * @param {import("/page/api.js").Event} event
 * @param {string} when
 */
export function exceptionBlock(event, when) {
  const { "exception.type": type, "exception.message": message, "exception.stacktrace": stack } = event.attributes;
  return h(
    "div",
    { class: "exception" },
    h(
      "p",
      { class: "exception-head" },
      h("b", {}, String(type ?? "exception")),
      h("span", { class: "faint" }, ` ${when}`),
    ),
    message !== undefined && h("p", { class: "exception-message" }, String(message)),
    stack !== undefined && stackBlock(String(stack)),
  );
}

function stackBlock(stack) {
  return h(
    "div",
    { class: "stack-box" },
    h("button", { type: "button", class: "quiet stack-copy", on: { click: () => copy(stack, "Stack trace") } }, "copy"),
    h("pre", { class: "stack", tabindex: "0", "aria-label": "Stack trace" }, stackLines(stack.trimEnd().split("\n"))),
  );
}

/** Frames of the application stand out; those of libraries, with the line of code below them, stand back. */
function stackLines(lines) {
  let kind = "";
  return lines.map((line) => {
    const place = line.match(PLACE);
    if (place) kind = FOREIGN.test(place[1]) ? "foreign" : "own";
    else if (!/^\s/.test(line))
      kind =
        /^[\w.]+(?:Error|Exception|Exit|Interrupt|Warning|Group)?\b.*:|^[\w.]+(?:Error|Exception)$/.test(line) &&
        !line.startsWith("Traceback")
          ? "final"
          : "";
    return h("span", { class: `stack-line ${kind}` }, place ? placeParts(line, place) : line, "\n");
  });
}

function placeParts(line, [, file, number, name]) {
  const folder = file.slice(0, file.search(/[^/\\]+$/));
  return [
    line.match(/^\s*/)[0],
    h("span", { class: "folder" }, folder),
    h("b", {}, file.slice(folder.length)),
    h("span", { class: "line-number" }, `:${number}`),
    name && ` in ${name}`,
  ];
}
