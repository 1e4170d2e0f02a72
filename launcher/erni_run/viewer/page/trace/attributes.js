/** @file A table of attributes: each can be copied, and searched for among all traces. */

import { h } from "/page/element.js";
import { copy } from "/page/announce.js";
import { listAddress } from "/page/list/query.js";

const LONG = 1200; // characters; longer values are cut until asked for

/**
 * @param {Record<string, any>} attributes
 * @param {{isSearchable?: boolean}} [options]
 */
export function attributeTable(attributes, { isSearchable = true } = {}) {
  const keys = Object.keys(attributes).sort();
  if (!keys.length) return h("p", { class: "faint" }, "None.");
  return h(
    "dl",
    { class: "attributes" },
    keys.map((key) =>
      h("div", {}, h("dt", {}, key), h("dd", {}, value(attributes[key]), tools(key, attributes[key], isSearchable))),
    ),
  );
}

function tools(key, content, isSearchable) {
  const plain = plainText(content);
  return h(
    "span",
    { class: "tools" },
    isSearchable &&
      plain.length < 200 &&
      typeof content !== "object" &&
      h("a", { href: listAddress({ attribute: `${key}=${plain}` }), title: "All traces with this value" }, "find"),
    h(
      "button",
      {
        type: "button",
        class: "quiet",
        "aria-label": `Copy the value of ${key}`,
        on: { click: () => copy(plain, "Value") },
      },
      "copy",
    ),
  );
}

function value(content) {
  const text = readable(content);
  const kind = content === null ? "null" : typeof content;
  if (text.length <= LONG) return h("span", { class: `value ${kind}` }, text);
  const shown = h("span", { class: `value ${kind}` }, `${text.slice(0, LONG)}…`);
  const more = h(
    "button",
    {
      type: "button",
      class: "quiet",
      on: {
        click: () => {
          shown.textContent = text;
          more.remove();
        },
      },
    },
    `Show all ${text.length} characters`,
  );
  return [shown, " ", more];
}

/** Objects, and text that holds JSON, on several lines. */
function readable(content) {
  if (content !== null && typeof content === "object") return JSON.stringify(content, null, 1);
  const text = String(content);
  if (!/^\s*[[{]/.test(text) || text.length > 100_000) return text;
  try {
    return JSON.stringify(JSON.parse(text), null, 1);
  } catch {
    return text;
  }
}

function plainText(content) {
  return content !== null && typeof content === "object" ? JSON.stringify(content) : String(content);
}
