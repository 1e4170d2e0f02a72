/**
 * @file The critical path: the work that, had it been quicker, would have made the whole trace quicker.
 *
 * Walked backwards from the end of the root: the child that ended last kept its parent waiting; before that child
 * began, the one that ended last before it; and so on, within each child likewise.
 */

/**
 * @typedef {{from: number, to: number}} Section
 * @typedef {Map<import("/page/trace/model.js").Span, Section[]>} CriticalPath sections of each span's own work on it
 */

/**
 * @param {import("/page/trace/model.js").Trace} trace
 * @returns {CriticalPath} of the longest root
 */
export function criticalPath(trace) {
  const root = trace.roots.reduce((best, span) => (!best || span.duration > best.duration ? span : best), null);
  const path = new Map();
  const stack = root ? [{ span: root, end: root.end }] : [];
  while (stack.length) {
    const { span, end } = stack.pop();
    const { sections, waitedFor } = walkBack(span, end);
    path.set(span, sections);
    for (const next of waitedFor) stack.push(next);
  }
  return path;
}

function walkBack(span, end) {
  const [sections, waitedFor] = [[], []];
  let cursor = end;
  for (const child of span.children.toSorted((a, b) => b.end - a.end)) {
    const ended = Math.min(child.end, end);
    if (ended > cursor || child.start >= cursor || child.start < span.start) continue;
    if (ended < cursor) sections.unshift({ from: ended, to: cursor });
    waitedFor.push({ span: child, end: ended });
    cursor = child.start;
  }
  if (cursor > span.start) sections.unshift({ from: span.start, to: cursor });
  return { sections, waitedFor };
}

/** Nanoseconds of the span's own work on the critical path. */
export function criticalTime(
  /** @type {CriticalPath} */ path,
  /** @type {import("/page/trace/model.js").Span} */ span,
) {
  return (path.get(span) ?? []).reduce((sum, section) => sum + section.to - section.from, 0);
}
