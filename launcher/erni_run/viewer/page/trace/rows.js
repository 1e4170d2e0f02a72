/** @file Which rows the waterfall has at present: spans, folds and log lines, in the order of the tree. */

import { folded } from "/page/trace/fold.js";

/**
 * @typedef {{type: "span", depth: number, span: import("/page/trace/model.js").Span, isOpen: boolean | null}} SpanRow
 * @typedef {{type: "fold", depth: number, fold: import("/page/trace/fold.js").Fold, isOpen: boolean}} FoldRow
 * @typedef {{type: "log", depth: number, log: import("/page/trace/model.js").Log}} LogRow
 * @typedef {SpanRow | FoldRow | LogRow} Row `isOpen` is null where there is nothing to open
 * @typedef {object} Showing
 * @property {Set<string>} closed ids of spans whose children are hidden
 * @property {Set<string>} opened ids of folds that are unfolded
 * @property {boolean} folds whether neighbours that repeat each other are folded
 * @property {boolean} logs whether log lines have rows
 * @property {boolean} critical whether the critical path is marked
 */

/**
 * @param {import("/page/trace/model.js").Trace} trace
 * @param {Showing} showing
 * @returns {Row[]}
 */
export function rowsOf(trace, showing) {
  const rows = [];
  const stack = entries(trace.roots, [], 0, showing).toReversed();
  while (stack.length) {
    const row = stack.pop();
    rows.push(row);
    for (const next of below(row, showing).toReversed()) stack.push(next);
  }
  return rows;
}

function below(row, showing) {
  if (row.type === "span" && row.isOpen !== false) {
    return entries(row.span.children, showing.logs ? row.span.logs : [], row.depth + 1, showing);
  }
  if (row.type === "fold" && row.isOpen) {
    return row.fold.spans.map((span) => spanRow(span, row.depth + 1, showing));
  }
  return [];
}

/** Rows of siblings and of their parent's log lines, by time. */
function entries(siblings, logs, depth, showing) {
  const members = showing.folds ? folded(siblings) : siblings;
  const rows = members.map((member) =>
    "spans" in member
      ? { type: "fold", depth, fold: member, isOpen: showing.opened.has(member.id) }
      : spanRow(member, depth, showing),
  );
  if (!logs.length) return rows;
  return [...rows, ...logs.map((log) => ({ type: "log", depth, log }))].sort((a, b) => timeOf(a) - timeOf(b));
}

function spanRow(span, depth, showing) {
  const hasBelow = span.children.length > 0 || (showing.logs && span.logs.length > 0);
  return { type: "span", depth, span, isOpen: hasBelow ? !showing.closed.has(span.id) : null };
}

function timeOf(row) {
  if (row.type === "log") return row.log.time;
  return row.type === "fold" ? row.fold.spans[0].start : row.span.start;
}

/** The span that a row stands for: its own, a fold's first, a log line's. */
export function spanOfRow(/** @type {Row} */ row) {
  if (row.type === "span") return row.span;
  return row.type === "fold" ? row.fold.spans[0] : row.log.span;
}

/** Opens whatever hides `span`.
 * @param {import("/page/trace/model.js").Span} span
 * @param {Showing} showing
 */
export function reveal(span, showing) {
  for (let next = span.parent; next; next = next.parent) showing.closed.delete(next.id);
  if (!showing.folds) return;
  for (let next = span; next; next = next.parent) {
    const siblings = next.parent?.children ?? [];
    const fold = folded(siblings).find((member) => "spans" in member && member.spans.includes(next));
    if (fold) showing.opened.add(fold.id);
  }
}
