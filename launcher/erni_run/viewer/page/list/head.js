/** @file The head of the table of traces: what it is sorted by, and how. */

import { fill, h } from "/page/element.js";

const ARROWS = { asc: " ↑", desc: " ↓" };
const DIRECTIONS = { asc: "ascending", desc: "descending" };

/**
 * @param {HTMLElement} row
 * @param {import("/page/list/query.js").Filters} filters
 * @param {(key: "start" | "duration") => void} sort
 */
export function drawHead(row, filters, sort) {
  const focused = document.activeElement?.closest("th")?.className;
  const sortable = (key, label) => {
    const order = filters.sort === key ? filters.order : "";
    return h(
      "th",
      { role: "columnheader", class: key, "aria-sort": DIRECTIONS[order] ?? "none" },
      h(
        "button",
        { type: "button", on: { click: () => sort(key) } },
        label,
        h("span", { class: "arrow", "aria-hidden": "true" }, ARROWS[order]),
      ),
    );
  };
  const plain = (kind, label) => h("th", { role: "columnheader", class: kind }, label);
  fill(
    row,
    plain("mark", h("span", { class: "visually-hidden" }, "Marked")),
    sortable("start", "Start"),
    plain("root", "Operation"),
    sortable("duration", "Duration"),
    plain("number spans", "Spans"),
    plain("number errors", "Errors"),
    plain("services", "Other services"),
    plain("agents", "Agents"),
  );
  if (focused) row.querySelector(`th.${focused} button`)?.focus();
}
