/** @file The keys of the trace list. */

import { rowKeys } from "/page/rowkeys.js";

/**
 * @param {import("/page/list/list.js").TraceList} list
 * @returns {import("/page/keyboard.js").Binding[]}
 */
export function listKeys(list) {
  const change = (some) => list.change({ ...list.filters, ...some });
  const focusedRow = () => document.activeElement?.closest("tr");
  return [
    ...rowKeys(() => [...list.body.querySelectorAll(".trace-link")], "trace"),
    { keys: ["/"], does: "filter by attribute", act: () => list.form.focus() },
    {
      keys: ["s"],
      does: "sort by start or duration",
      act: () => change({ sort: list.filters.sort === "start" ? "duration" : "start" }),
    },
    {
      keys: ["r"],
      does: "reverse the order",
      act: () => change({ order: list.filters.order === "asc" ? "desc" : "asc" }),
    },
    { keys: ["p"], does: "pause the live tail, go on", act: () => list.tail?.toggle() },
    { keys: ["x"], does: "mark for comparison", act: () => focusedRow()?.querySelector("input")?.click() },
    { keys: ["c"], does: "compare the two marked", act: () => list.pair.link.click() },
    { keys: ["Escape"], does: "leave a field", act: () => document.activeElement?.blur?.() },
  ];
}
