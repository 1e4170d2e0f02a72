/** @file Search inside one trace: names, services, attributes, events and log lines. */

import { bodyText } from "/page/trace/logs.js";

/** What is searched for, and where it was found. */
export class Search {
  /** @param {import("/page/trace/model.js").Trace} trace */
  constructor(trace) {
    this.trace = trace;
    this.words = "";
    /** @type {Set<import("/page/trace/model.js").Span>} in the order of the tree */
    this.hits = new Set();
    /** @type {Map<import("/page/trace/model.js").Span, string>} */
    this.texts = new Map();
  }

  /** Finds the spans that hold every word of `text`, whatever its case.
   * @param {string} text
   */
  find(text) {
    this.words = text.trim();
    const words = this.words.toLowerCase().split(/\s+/).filter(Boolean);
    this.hits = new Set(
      words.length === 0
        ? []
        : this.trace.spans.filter((span) => {
            const haystack = this.#text(span);
            return words.every((word) => haystack.includes(word));
          }),
    );
  }

  #text(span) {
    let text = this.texts.get(span);
    if (text === undefined) {
      const { raw } = span;
      text = [
        raw.name,
        raw.service,
        raw.kind,
        raw.spanId,
        raw.scope.name,
        raw.status.message,
        ...pairs(raw.attributes),
        ...raw.events.flatMap((event) => [event.name, ...pairs(event.attributes)]),
        ...span.logs.flatMap((log) => [bodyText(log.raw), ...pairs(log.raw.attributes)]),
      ]
        .join("\n")
        .toLowerCase();
      this.texts.set(span, text);
    }
    return text;
  }
}

function pairs(attributes) {
  return Object.entries(attributes).map(
    ([key, value]) => `${key}=${typeof value === "object" ? JSON.stringify(value) : value}`,
  );
}

/** The member of `spans` after (or before) `current` in the order of the tree, around the end; null if there are none.
 * @param {import("/page/trace/model.js").Span[]} spans in the order of the tree
 * @param {import("/page/trace/model.js").Span | null} current
 * @param {1 | -1} direction
 */
export function neighbour(spans, current, direction) {
  if (!spans.length) return null;
  const at = current ? current.order : -direction * Infinity;
  if (direction > 0) return spans.find((span) => span.order > at) ?? spans[0];
  return spans.findLast((span) => span.order < at) ?? spans.at(-1);
}
