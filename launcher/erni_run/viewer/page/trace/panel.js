/** @file The panel of one span: what it was, what went wrong, all that was recorded of it. */

import { fill, h } from "/page/element.js";
import { copy } from "/page/announce.js";
import { paint } from "/page/colour.js";
import { divider } from "/page/divider.js";
import * as format from "/page/format.js";
import { attributeTable } from "/page/trace/attributes.js";
import { criticalTime } from "/page/trace/critical.js";
import { logSection } from "/page/trace/logs.js";
import { ancestors } from "/page/trace/model.js";
import { agentFacts, dropped, events, exceptions, fact, links, resource, section } from "/page/trace/recorded.js";
import { answerOf, errorText } from "/page/trace/roles.js";

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
    this.element.append(
      divider(this.element, {
        property: "--panel-width",
        kept: "erni-run.panel-width",
        label: "Width of the panel",
        side: "right",
        least: 300,
        most: () => innerWidth - 320,
        signal,
      }),
    );
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
    fill(
      this.content,
      this.#head(span),
      this.#facts(span),
      exceptions(span),
      agentFacts(span),
      section("Attributes", Object.keys(span.raw.attributes).length, attributeTable(span.raw.attributes)),
      events(span),
      links(this.trace, span),
      this.#logs(span),
      resource(this.trace, span),
      dropped(span),
    );
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
    return h(
      "header",
      { class: "panel-head" },
      above.length > 0 &&
        h(
          "nav",
          { class: "above", "aria-label": "Spans above" },
          above.map((ancestor) => [
            h(
              "button",
              { type: "button", class: "quiet", on: { click: () => this.on.select(ancestor) } },
              ancestor.raw.name,
            ),
            h("span", { class: "faint", "aria-hidden": "true" }, " › "),
          ]),
        ),
      h("h2", { tabindex: "-1" }, span.raw.name || "(no name)"),
      h(
        "p",
        { class: "panel-service" },
        paint(h("span", { class: "dot" }), span.raw.service),
        span.raw.service,
        h("span", { class: "badge" }, span.raw.kind),
        span.raw.status.code === "ok" && h("span", { class: "badge ok" }, "ok"),
        span.isError && h("span", { class: "badge error" }, "error"),
        span.isOrphan && h("span", { class: "badge" }, "parent missing"),
      ),
      span.isError &&
        h("p", { class: "panel-error", role: "note" }, errorText(span) || answerOf(span) || "error, without a message"),
      h(
        "div",
        { class: "panel-tools" },
        h("button", { type: "button", on: { click: () => copy(address(), "Link") } }, "Copy link ", h("kbd", {}, "y")),
        h(
          "button",
          { type: "button", on: { click: () => copy(JSON.stringify(span.raw, null, 1), "Span") } },
          "Copy JSON",
        ),
        h(
          "button",
          { type: "button", on: { click: () => this.on.close() }, "aria-label": "Close the panel" },
          "Close ",
          h("kbd", {}, "Esc"),
        ),
      ),
    );
  }

  #facts(span) {
    const critical = criticalTime(this.critical, span);
    const share = format.percent(critical / this.trace.duration);
    return h(
      "dl",
      { class: "facts" },
      fact("Started", `+${format.duration(span.start)}`, format.moment(span.raw.start)),
      fact("Duration", format.duration(span.duration), `${span.raw.duration} ns`),
      fact("Self", format.duration(span.self), "Time in which none of its children ran"),
      fact("On critical path", critical ? `${format.duration(critical)} · ${share}` : "no"),
    );
  }

  #logs(span) {
    if (!this.trace.logs.length) return null;
    return section(
      "Log lines",
      0,
      logSection(this.trace, span, this.logScope, {
        select: (other) => this.on.select(other),
        scope: (scope) => {
          this.logScope = scope;
          this.show(span);
          this.content.querySelector(".logs button[aria-pressed=true]")?.focus();
        },
      }),
    );
  }
}
