/** @file The choice of how far back the pages of sums look. */

import { h } from "/page/element.js";
import { SPANS_OF_TIME, since } from "/page/list/query.js";

/**
 * @param {string} last such as `15m`; "" for any time
 * @param {(last: string) => void} changed
 */
export function timespan(last, changed) {
  return h(
    "label",
    { class: "field" },
    h("span", { class: "label" }, "Time"),
    h(
      "select",
      { name: "last", on: { change: (event) => changed(event.target.value) } },
      Object.entries(SPANS_OF_TIME).map(([value, name]) => h("option", { value, selected: value === last }, name)),
    ),
  );
}

/** The API's parameters for it.
 * @param {string} last
 * @returns {Record<string, string>}
 */
export function timeQuery(last) {
  const start = since(last, Date.now());
  return start ? { start } : {};
}
