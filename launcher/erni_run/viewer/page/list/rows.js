/** @file The table of traces: a row a trace, kept in place while others come and go. */

import { h } from "/page/element.js";
import { paint } from "/page/colour.js";
import * as format from "/page/format.js";

const MOST_SERVICES = 4;

/**
 * @param {import("/page/api.js").Summary} trace
 * @param {{longest: number, isMarked: boolean, mark: (traceId: string, isMarked: boolean) => void}} around
 */
export function traceRow(trace, around) {
  const duration = Number(trace.duration);
  return h(
    "tr",
    { role: "row", class: trace.errors ? "has-errors" : null, "data-trace": trace.traceId },
    h(
      "td",
      { role: "cell", class: "mark" },
      h("input", {
        type: "checkbox",
        checked: around.isMarked,
        "aria-label": "Mark for comparison",
        title: "Mark for comparison (x)",
        tabindex: "-1",
        on: { change: (event) => around.mark(trace.traceId, event.target.checked) },
      }),
    ),
    h("td", { role: "cell", class: "start", title: format.moment(trace.start) }, startText(trace.start)),
    h("td", { role: "cell", class: "root" }, rootLink(trace)),
    h(
      "td",
      { role: "cell", class: "duration" },
      h("span", { class: "number" }, format.duration(duration)),
      h(
        "span",
        { class: "meter", "aria-hidden": "true" },
        h("span", { css: { width: `${Math.max(0.5, (100 * duration) / around.longest)}%` } }),
      ),
    ),
    h("td", { role: "cell", class: "number spans" }, format.count(trace.spans), h("span", { class: "unit" }, " spans")),
    h(
      "td",
      { role: "cell", class: "number errors" },
      trace.errors > 0 &&
        h(
          "span",
          { class: "badge error", title: format.counted(trace.errors, "span with an error", "spans with an error") },
          format.counted(trace.errors, "error"),
        ),
    ),
    h("td", { role: "cell", class: "services" }, services(trace)),
    h("td", { role: "cell", class: "agents" }, agents(trace.agents)),
  );
}

function rootLink(trace) {
  return h(
    "a",
    { class: "trace-link", href: `/trace/${trace.traceId}` },
    paint(h("span", { class: "dot", "aria-hidden": "true" }), trace.root.service),
    h("span", { class: "operation" }, trace.root.name || "(no name)"),
    h("span", { class: "service" }, trace.root.service),
    !trace.complete &&
      h("span", { class: "badge", title: "Its root span, or a parent of some span, has not arrived" }, "incomplete"),
  );
}

function startText(start) {
  const isToday = format.day(start) === format.day(`${Date.now()}000000`);
  return isToday ? format.clock(start) : `${format.day(start).slice(5)} ${format.clock(start).slice(0, 8)}`;
}

function services(trace) {
  const others = trace.services.filter((service) => service.name !== trace.root.service);
  return [
    ...others
      .slice(0, MOST_SERVICES)
      .map((service) =>
        paint(
          h(
            "span",
            {
              class: service.errors ? "service-tag has-errors" : "service-tag",
              title: format.counted(service.spans, "span"),
            },
            service.name,
          ),
          service.name,
        ),
      ),
    others.length > MOST_SERVICES && h("span", { class: "faint" }, `+${others.length - MOST_SERVICES}`),
  ];
}

function agents(names) {
  if (!names.length) return null;
  return h("span", { class: "agent-count", title: names.join(" → ") }, format.counted(names.length, "agent"));
}

/** Puts rows for `traces` into `body`. A row whose trace has not changed is left as it is, with its focus.
 * @param {HTMLElement} body
 * @param {import("/page/api.js").Summary[]} traces
 * @param {(trace: import("/page/api.js").Summary) => HTMLElement} draw
 * @param {string} around what else the rows depend on
 */
export function reconcile(body, traces, draw, around) {
  const before = new Map([...body.children].map((row) => [row.dataset.trace, row]));
  const isFirst = before.size === 0;
  const after = traces.map((trace) => {
    const key = JSON.stringify(trace) + around;
    const old = before.get(trace.traceId);
    if (old?.drawn === key) return old;
    const row = Object.assign(draw(trace), { drawn: key });
    if (!old && !isFirst) row.classList.add("fresh");
    return row;
  });
  const focused = document.activeElement?.closest?.("tr")?.dataset.trace;
  body.replaceChildren(...after);
  if (focused && !body.contains(document.activeElement)) {
    body.querySelector(`tr[data-trace="${CSS.escape(focused)}"] .trace-link`)?.focus({ preventScroll: true });
  }
}
