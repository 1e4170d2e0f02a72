/** @file Two traces as one tree: spans that do the same at the same place stand in one line. */

/**
 * @typedef {object} Line
 * @property {string} name
 * @property {string} service
 * @property {number} depth
 * @property {import("/page/trace/model.js").Span[][]} spans of the first and of the second trace
 * @property {number[]} totals nanoseconds in each
 * @property {number} difference second less first
 */

/**
 * @param {import("/page/trace/model.js").Trace} first
 * @param {import("/page/trace/model.js").Trace} second
 * @returns {Line[]} depth first
 */
export function merge(first, second) {
  const lines = [];
  const stack = groups(first.roots, second.roots, 0).toReversed();
  while (stack.length) {
    const line = stack.pop();
    lines.push(line);
    const [left, right] = line.spans.map((spans) => spans.flatMap((span) => span.children));
    for (const next of groups(left, right, line.depth + 1).toReversed()) stack.push(next);
  }
  return lines;
}

/** Siblings of both traces by service and name, in the order in which they began. */
function groups(left, right, depth) {
  const found = new Map();
  for (const [side, siblings] of [left, right].entries()) {
    for (const span of siblings) {
      const key = JSON.stringify([span.raw.service, span.raw.name, span.raw.kind]);
      if (!found.has(key)) found.set(key, [[], []]);
      found.get(key)[side].push(span);
    }
  }
  const begun = (sides) => sides.flat().reduce((first, span) => Math.min(first, span.start), Infinity);
  return [...found.values()].sort((a, b) => begun(a) - begun(b)).map((spans) => line(spans, depth));
}

function line(spans, depth) {
  const { name, service } = (spans[0][0] ?? spans[1][0]).raw;
  const totals = spans.map((side) => side.reduce((total, span) => total + span.duration, 0));
  return { name, service, depth, spans, totals, difference: totals[1] - totals[0] };
}
