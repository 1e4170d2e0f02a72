/** @file The head of a trace's page: what it was, when, how much of it. */

import { paint } from "/page/colour.js";
import { h } from "/page/element.js";
import * as format from "/page/format.js";

const MOST_SERVICES = 12;

/** @param {import("/page/trace/model.js").Trace} trace */
export function traceTitle(trace) {
  const { root } = trace.summary;
  return h(
    "div",
    { class: "trace-title" },
    h(
      "h1",
      {},
      paint(h("span", { class: "dot" }), root.service),
      root.name || "(no name)",
      h("span", { class: "service" }, root.service),
    ),
    facts(trace),
    legend(trace.summary.services),
  );
}

function facts(trace) {
  const errors = trace.spans.filter((span) => span.isError).length;
  const { orphans } = trace.summary;
  return h(
    "p",
    { class: "trace-facts" },
    h("b", {}, format.duration(trace.duration)),
    " · ",
    h("time", {}, format.moment(trace.start)),
    " · ",
    format.counted(trace.spans.length, "span"),
    errors > 0 && h("span", { class: "error-text" }, ` · ${format.counted(errors, "error")}`),
    trace.logs.length > 0 && ` · ${format.counted(trace.logs.length, "log line")}`,
    orphans > 0 && h("span", { class: "warn-text" }, ` · ${format.counted(orphans, "missing parent")}`),
    " · ",
    h("code", { title: trace.id }, trace.id.slice(0, 8)),
  );
}

function legend(services) {
  return (
    services.length > 1 &&
    h(
      "ul",
      { class: "legend", "aria-label": "Services" },
      services
        .slice(0, MOST_SERVICES)
        .map((service) => h("li", {}, paint(h("span", { class: "dot" }), service.name), service.name)),
    )
  );
}
