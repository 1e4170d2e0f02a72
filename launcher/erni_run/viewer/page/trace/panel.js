/** @file The panel of one span: what it was, what went wrong, all that was recorded of it. */

import { fill, h } from "/page/element.js";
import { copy } from "/page/announce.js";
import { paint } from "/page/colour.js";
import { divider } from "/page/divider.js";
import * as format from "/page/format.js";
import { attributeTable } from "/page/trace/attributes.js";
import { criticalTime } from "/page/trace/critical.js";
import { exceptionBlock } from "/page/trace/exception.js";
import { logSection } from "/page/trace/logs.js";
import { ancestors } from "/page/trace/model.js";
import { agentOf, answerOf, errorText, modelOf, tokensOf } from "/page/trace/roles.js";
import { timeOfEvent } from "/page/trace/row.js";

/** The panel beside the waterfall; below it on a phone. */
export class Panel {
  /**
   * @param {import("/page/trace/model.js").Trace} trace
   * @param {import("/page/trace/critical.js").CriticalPath} critical
   * @param {{select: (span: import("/page/trace/model.js").Span) => void, close: () => void}} on
   * @param {AbortSignal} signal
   */
  constructor(trace, critical, on, signal) {
    this.trace = trace;
    this.critical = critical;
    this.on = on;
    this.logScope = "subtree";
    this.span = null;
    this.content = h("div", { class: "panel-content" });
    this.element = h("aside", { class: "panel", hidden: true, "aria-label": "Span" }, this.content);
    this.element.append(divider(this.element, { property: "--panel-width", kept: "erni-run.panel-width",
      label: "Width of the panel", side: "right", least: 300, most: () => innerWidth - 320, signal }));
  }

  get isOpen() {
    return !this.element.hidden;
  }

  /** Shows `span`. */
  show(span) {
    const isSame = this.span === span;
    this.span = span;
    this.element.hidden = false;
    this.element.setAttribute("aria-label", `Span ${span.raw.name}`);
    fill(this.content, this.#head(span), this.#facts(span), this.#exceptions(span), this.#genai(span),
      section("Attributes", Object.keys(span.raw.attributes).length, attributeTable(span.raw.attributes)),
      this.#events(span), this.#links(span), this.#logs(span), this.#resource(span), this.#dropped(span));
    if (!isSame) this.content.scrollTop = 0;
  }

  hide() {
    this.element.hidden = true;
    this.span = null;
  }

  focus() {
    this.content.querySelector("h2")?.focus();
  }

  #head(span) {
    const address = () => `${location.origin}/trace/${this.trace.id}/${span.id}`;
    const above = ancestors(span).slice(-4);
    return h("header", { class: "panel-head" },
      above.length > 0 && h("nav", { class: "above", "aria-label": "Spans above" }, above.map((ancestor) => [
        h("button", { type: "button", class: "quiet", on: { click: () => this.on.select(ancestor) } }, ancestor.raw.name),
        h("span", { class: "faint", "aria-hidden": "true" }, " › ")])),
      h("h2", { tabindex: "-1" }, span.raw.name || "(no name)"),
      h("p", { class: "panel-service" }, paint(h("span", { class: "dot" }), span.raw.service), span.raw.service,
        h("span", { class: "badge" }, span.raw.kind), span.raw.status.code === "ok" && h("span", { class: "badge ok" }, "ok"),
        span.isError && h("span", { class: "badge error" }, "error"),
        span.isOrphan && h("span", { class: "badge" }, "parent missing")),
      span.isError && h("p", { class: "panel-error", role: "note" }, errorText(span) || answerOf(span) || "Its status is error, without a message."),
      h("div", { class: "panel-tools" },
        h("button", { type: "button", on: { click: () => copy(address(), "Link") } }, "Copy link ", h("kbd", {}, "y")),
        h("button", { type: "button", on: { click: () => copy(JSON.stringify(span.raw, null, 1), "Span") } }, "Copy JSON"),
        h("button", { type: "button", on: { click: () => this.on.close() }, "aria-label": "Close the panel" }, "Close ",
          h("kbd", {}, "Esc"))));
  }

  #facts(span) {
    const onPath = criticalTime(this.critical, span);
    return h("dl", { class: "facts" },
      fact("Started", `+${format.duration(span.start)}`, format.moment(span.raw.start)),
      fact("Duration", format.duration(span.duration), `${span.raw.duration} ns`),
      fact("Self", format.duration(span.self), "Time in which none of its children ran"),
      fact("On critical path", onPath ? `${format.duration(onPath)} · ${format.percent(onPath / this.trace.duration)}` : "no"));
  }

  #exceptions(span) {
    const exceptions = span.raw.events.filter((event) => event.name === "exception");
    if (!exceptions.length) return null;
    return section(exceptions.length > 1 ? "Exceptions" : "Exception", exceptions.length > 1 ? exceptions.length : 0,
      exceptions.map((event) => exceptionBlock(event, `at +${format.duration(timeOfEvent(span, event))}`)));
  }

  #genai(span) {
    if (!span.role) return null;
    const tokens = tokensOf(span);
    const { attributes } = span.raw;
    const facts = [["Agent", agentOf(span)], ["Handoff", attributes.handoff_type], ["Model", modelOf(span)],
      ["Tool", attributes["gen_ai.tool.name"]],
      ["Tokens", tokens && `${format.count(tokens.input)} in → ${format.count(tokens.output)} out`],
      ["Finished", attributes["gen_ai.response.finish_reasons"]]].filter(([, content]) => content);
    if (!facts.length) return null;
    return h("dl", { class: `facts role-${span.role}` }, facts.map(([name, content]) => fact(name, String(content))));
  }

  #events(span) {
    const events = span.raw.events.filter((event) => event.name !== "exception");
    if (!events.length) return null;
    return section("Events", events.length, h("ol", { class: "events" }, events.map((event) => h("li", {},
      h("p", {}, h("time", {}, `+${format.duration(timeOfEvent(span, event))}`), " ", h("b", {}, event.name)),
      Object.keys(event.attributes).length > 0 && attributeTable(event.attributes)))));
  }

  #links(span) {
    if (!span.raw.links.length) return null;
    return section("Links", span.raw.links.length, h("ul", { class: "links" }, span.raw.links.map((link) => h("li", {},
      h("a", { href: `/trace/${link.traceId}/${link.spanId}` },
        link.traceId === this.trace.id ? "this trace" : `trace ${link.traceId.slice(0, 8)}…`, " · span ", link.spanId),
      Object.keys(link.attributes).length > 0 && attributeTable(link.attributes)))));
  }

  #logs(span) {
    if (!this.trace.logs.length) return null;
    return section("Log lines", 0, logSection(this.trace, span, this.logScope, {
      select: (other) => this.on.select(other),
      scope: (scope) => {
        this.logScope = scope;
        this.show(span);
        this.content.querySelector(".logs button[aria-pressed=true]")?.focus();
      },
    }));
  }

  #resource(span) {
    const { scope, spanId, parentId } = span.raw;
    const resource = this.trace.resources[span.raw.resource]?.attributes ?? {};
    return h("details", { class: "panel-section" }, h("summary", {}, "Resource, scope and ids"),
      attributeTable({ "trace id": this.trace.id, "span id": spanId, "parent id": parentId ?? "none",
        scope: [scope.name, scope.version].filter(Boolean).join(" ") }, { isSearchable: false }),
      attributeTable(resource));
  }

  #dropped(span) {
    const words = Object.entries(span.raw.dropped).filter(([, times]) => times > 0)
      .map(([what, times]) => `${format.count(times)} ${what}`);
    return words.length > 0 && h("p", { class: "faint" }, `The application dropped ${words.join(", ")} of this span.`);
  }
}

function section(title, number, ...content) {
  return h("section", { class: "panel-section" },
    h("h3", {}, title, number > 0 && h("span", { class: "faint" }, ` ${format.count(number)}`)), content);
}

function fact(name, content, title = null) {
  return h("div", { title }, h("dt", {}, name), h("dd", {}, content));
}
