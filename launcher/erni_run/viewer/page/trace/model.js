/**
 * @file A trace as the page works with it: spans linked to a tree, times as nanoseconds since the trace began.
 * Relative times fit a number exactly (up to 104 days); absolute ones do not, and stay strings.
 */

import { roleOf } from "/page/trace/roles.js";

/**
 * @typedef {object} Log
 * @property {number} time nanoseconds since the trace began
 * @property {import("/page/api.js").RawLog} raw
 * @property {Span | null} span
 *
 * @typedef {object} Span
 * @property {string} id
 * @property {import("/page/api.js").RawSpan} raw
 * @property {Span | null} parent
 * @property {Span[]} children by start
 * @property {Log[]} logs by time
 * @property {number} start nanoseconds since the trace began
 * @property {number} end
 * @property {number} duration
 * @property {number} depth
 * @property {number} order place in the tree, depth first
 * @property {number} last order of the last span below it, or its own
 * @property {number} self nanoseconds in which none of its children ran
 * @property {boolean} isError
 * @property {number} errorsBelow spans with an error below it
 * @property {import("/page/trace/roles.js").Role} role
 * @property {boolean} isOrphan its parent has not arrived
 *
 * @typedef {object} Trace
 * @property {string} id
 * @property {import("/page/api.js").Summary} summary
 * @property {string} start decimal nanoseconds since the epoch
 * @property {number} duration from the first start to the last end
 * @property {Span[]} spans depth first
 * @property {Map<string, Span>} byId
 * @property {Span[]} roots
 * @property {Log[]} logs by time
 * @property {{attributes: Record<string, any>}[]} resources
 */

/**
 * @param {import("/page/api.js").RawTrace} raw
 * @returns {Trace}
 */
export function readTrace(raw) {
  const start = raw.spans
    .map((span) => BigInt(span.start))
    .reduce((a, b) => (a < b ? a : b), BigInt(raw.summary.start));
  const unordered = raw.spans.map((span) => readSpan(span, start));
  const byId = new Map(unordered.map((span) => [span.id, span]));
  const roots = link(unordered, byId);
  const spans = number(roots);
  for (const span of spans.toReversed()) sumUp(span);
  const logs = readLogs(raw.logs, byId, roots, start);
  return {
    id: raw.traceId,
    summary: raw.summary,
    start: String(start),
    spans,
    byId,
    roots,
    logs,
    resources: raw.resources,
    duration: spans.reduce((end, span) => Math.max(end, span.end), 1),
  };
}

function readSpan(raw, start) {
  const from = Number(BigInt(raw.start) - start);
  const duration = Math.max(0, Number(raw.duration));
  return {
    id: raw.spanId,
    raw,
    parent: null,
    children: [],
    logs: [],
    start: from,
    end: from + duration,
    duration,
    depth: 0,
    order: 0,
    last: 0,
    self: duration,
    isError: raw.status.code === "error",
    errorsBelow: 0,
    role: roleOf(raw),
    isOrphan: false,
  };
}

/** Links children to parents. Returns the roots; of spans whose parents lead back to themselves the first is one. */
function link(spans, byId) {
  const sorted = spans.toSorted((a, b) => a.start - b.start || b.duration - a.duration);
  for (const span of sorted) {
    span.parent = byId.get(span.raw.parentId) ?? null;
    span.isOrphan = Boolean(span.raw.parentId) && !span.parent;
    span.parent?.children.push(span);
  }
  const roots = sorted.filter((span) => !span.parent);
  const reached = new Set(roots.flatMap(below));
  for (const span of sorted.filter((candidate) => !reached.has(candidate))) {
    if (reached.has(span)) continue;
    span.parent.children.splice(span.parent.children.indexOf(span), 1);
    Object.assign(span, { parent: null, isOrphan: true });
    roots.push(span);
    for (const other of below(span)) reached.add(other);
  }
  return roots;
}

/** The span and all below it, depth first, without recursion: a trace may be thousands deep. */
function below(top) {
  const [spans, stack] = [[], [top]];
  while (stack.length) {
    const span = stack.pop();
    spans.push(span);
    for (const child of span.children.toReversed()) stack.push(child);
  }
  return spans;
}

/** All spans, each with its place. */
function number(roots) {
  const spans = roots.flatMap(below);
  for (const [order, span] of spans.entries()) {
    span.depth = span.parent ? span.parent.depth + 1 : 0;
    span.order = span.last = order;
  }
  return spans;
}

/** What a span has from its children; they come before it. */
function sumUp(span) {
  span.self = span.duration - covered(span);
  if (!span.parent) return;
  span.parent.last = Math.max(span.parent.last, span.last);
  span.parent.errorsBelow += span.errorsBelow + (span.isError ? 1 : 0);
}

/** Nanoseconds of the span in which at least one child ran. */
function covered(span) {
  let [total, reached] = [0, span.start];
  for (const child of span.children) {
    const [from, to] = [Math.max(child.start, reached), Math.min(child.end, span.end)];
    if (to > from) {
      total += to - from;
      reached = to;
    }
  }
  return total;
}

function readLogs(raws, byId, roots, start) {
  const logs = raws.map((raw) => ({
    raw,
    time: Number(BigInt(raw.time) - start),
    span: (raw.spanId && byId.get(raw.spanId)) || roots[0] || null,
  }));
  logs.sort((a, b) => a.time - b.time);
  for (const log of logs) log.span?.logs.push(log);
  return logs;
}

/** The spans above `span`, the root first. */
export function ancestors(/** @type {Span} */ span) {
  const above = [];
  for (let next = span.parent; next; next = next.parent) above.unshift(next);
  return above;
}

/** Whether `span` is `top` or below it. */
export function isWithin(/** @type {Span} */ span, /** @type {Span} */ top) {
  return span.order >= top.order && span.order <= top.last;
}
