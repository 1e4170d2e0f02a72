/** @file The parts of a span's panel, each null if there is nothing of it. */

import { h } from "/page/element.js";
import * as format from "/page/format.js";
import { attributeTable } from "/page/trace/attributes.js";
import { exceptionBlock } from "/page/trace/exception.js";
import { agentOf, modelOf, tokensOf } from "/page/trace/roles.js";
import { timeOfEvent } from "/page/trace/row.js";

/** @typedef {import("/page/trace/model.js").Span} Span */

/** What was raised, the stack trace with it. */
export function exceptions(/** @type {Span} */ span) {
  const raised = span.raw.events.filter((event) => event.name === "exception");
  if (!raised.length) return null;
  return section(
    raised.length > 1 ? "Exceptions" : "Exception",
    raised.length > 1 ? raised.length : 0,
    raised.map((event) => exceptionBlock(event, `at +${format.duration(timeOfEvent(span, event))}`)),
  );
}

/** Agent, model, tool and tokens. */
export function agentFacts(/** @type {Span} */ span) {
  if (!span.role) return null;
  const tokens = tokensOf(span);
  const { attributes } = span.raw;
  const facts = [
    ["Agent", agentOf(span)],
    ["Handoff", attributes.handoff_type],
    ["Model", modelOf(span)],
    ["Tool", attributes["gen_ai.tool.name"]],
    ["Tokens", tokens && `${format.count(tokens.input)} in → ${format.count(tokens.output)} out`],
    ["Finished", attributes["gen_ai.response.finish_reasons"]],
  ].filter(([, content]) => content);
  if (!facts.length) return null;
  return h(
    "dl",
    { class: `facts role-${span.role}` },
    facts.map(([name, content]) => fact(name, String(content))),
  );
}

/** Events that are not exceptions. */
export function events(/** @type {Span} */ span) {
  const others = span.raw.events.filter((event) => event.name !== "exception");
  if (!others.length) return null;
  return section(
    "Events",
    others.length,
    h(
      "ol",
      { class: "events" },
      others.map((event) =>
        h(
          "li",
          {},
          h("p", {}, h("time", {}, `+${format.duration(timeOfEvent(span, event))}`), " ", h("b", {}, event.name)),
          Object.keys(event.attributes).length > 0 && attributeTable(event.attributes),
        ),
      ),
    ),
  );
}

/** Links, to this trace or to others. */
export function links(/** @type {import("/page/trace/model.js").Trace} */ trace, /** @type {Span} */ span) {
  if (!span.raw.links.length) return null;
  return section(
    "Links",
    span.raw.links.length,
    h(
      "ul",
      { class: "links" },
      span.raw.links.map((link) =>
        h(
          "li",
          {},
          h(
            "a",
            { href: `/trace/${link.traceId}/${link.spanId}` },
            link.traceId === trace.id ? "this trace" : `trace ${link.traceId.slice(0, 8)}…`,
            " · span ",
            link.spanId,
          ),
          Object.keys(link.attributes).length > 0 && attributeTable(link.attributes),
        ),
      ),
    ),
  );
}

/** Who recorded it. */
export function resource(/** @type {import("/page/trace/model.js").Trace} */ trace, /** @type {Span} */ span) {
  const { scope, spanId, parentId } = span.raw;
  const resource = trace.resources[span.raw.resource]?.attributes ?? {};
  return h(
    "details",
    { class: "panel-section" },
    h("summary", {}, "Resource, scope and ids"),
    attributeTable(
      {
        "trace id": trace.id,
        "span id": spanId,
        "parent id": parentId ?? "none",
        scope: [scope.name, scope.version].filter(Boolean).join(" "),
      },
      { isSearchable: false },
    ),
    attributeTable(resource),
  );
}

/** What the application could not keep. */
export function dropped(/** @type {Span} */ span) {
  const words = Object.entries(span.raw.dropped)
    .filter(([, times]) => times > 0)
    .map(([what, times]) => `${format.count(times)} ${what}`);
  return words.length > 0 && h("p", { class: "faint" }, `The application dropped ${words.join(", ")} of this span.`);
}

/** A part with its title, and how many there are, if more than 0. */
export function section(title, number, ...content) {
  return h(
    "section",
    { class: "panel-section" },
    h("h3", {}, title, number > 0 && h("span", { class: "faint" }, ` ${format.count(number)}`)),
    content,
  );
}

/** One fact, in a list of them. */
export function fact(name, content, title = null) {
  return h("div", { title }, h("dt", {}, name), h("dd", {}, content));
}
