/** @file Folds neighbours that repeat each other, such as fifty statements to one store, into one row. */

import { storeOf } from "/page/trace/roles.js";

const FEWEST = 3;

/**
 * @typedef {object} Fold several siblings as one
 * @property {string} id
 * @property {import("/page/trace/model.js").Span[]} spans by start, all without errors
 * @property {string} title
 * @property {string} detail
 * @property {number} total nanoseconds, summed
 * @property {number} longest nanoseconds
 */

/**
 * @param {import("/page/trace/model.js").Span[]} siblings by start
 * @returns {(import("/page/trace/model.js").Span | Fold)[]}
 */
export function folded(siblings) {
  return runs(siblings).flatMap((run) => (run.length < FEWEST ? run : [fold(run)]));
}

function runs(siblings) {
  const found = [];
  let before = "";
  for (const span of siblings) {
    const kind = kindOf(span);
    if (kind && kind === before) found.at(-1).push(span);
    else found.push([span]);
    before = kind;
  }
  return found;
}

/** Spans of the same kind repeat each other; "" repeats nothing: errors and agents always have their own row. */
function kindOf(span) {
  if (span.isError || span.errorsBelow || span.role) return "";
  const { service, kind, name } = span.raw;
  const isStatement = span.children.length === 0 && storeOf(span);
  return JSON.stringify(isStatement ? [service, kind, storeOf(span), null] : [service, kind, "", name]);
}

function fold(spans) {
  const names = new Set(spans.map((span) => span.raw.name));
  const verbs = new Map();
  for (const span of spans) {
    const verb = span.raw.name.split(" ")[0];
    verbs.set(verb, (verbs.get(verb) ?? 0) + 1);
  }
  const listed = [...verbs].map(([verb, times]) => (times > 1 ? `${verb} ×${times}` : verb)).join(", ");
  return {
    id: `fold-${spans[0].id}`,
    spans,
    title: names.size === 1 ? spans[0].raw.name : storeOf(spans[0]),
    detail: names.size === 1 ? "" : listed,
    total: spans.reduce((sum, span) => sum + span.duration, 0),
    longest: spans.reduce((most, span) => Math.max(most, span.duration), 0),
  };
}
