/** @file Where to look first: the span at which a failure began, and the one that cost the most time. */

import { h } from "/page/element.js";
import { paint } from "/page/colour.js";
import * as format from "/page/format.js";
import { criticalTime } from "/page/trace/critical.js";
import { answerOf, detailOf, errorText, titleOf } from "/page/trace/roles.js";

/**
 * @param {import("/page/trace/model.js").Trace} trace
 * @param {import("/page/trace/critical.js").CriticalPath} critical
 * @param {(span: import("/page/trace/model.js").Span) => void} select
 */
export function pointers(trace, critical, select) {
  const failed = origin(trace);
  const slow = slowest(critical);
  return h(
    "section",
    { class: "pointers", "aria-label": "Where to look first" },
    failed &&
      pointer(
        "error",
        failed.isError && trace.summary.errors > 1 ? "First failure" : "Failure",
        failed,
        reason(failed),
        select,
      ),
    slow &&
      pointer(
        "slow",
        "Most time",
        slow.span,
        `${format.duration(slow.time)} of its own on the critical path, ${format.percent(slow.time / trace.duration)}`,
        select,
      ),
  );
}

function pointer(kind, label, span, why, select) {
  return h(
    "button",
    { type: "button", class: `pointer ${kind}`, "data-span": span.id, on: { click: () => select(span) } },
    h("span", { class: "pointer-label" }, label),
    h(
      "span",
      { class: "pointer-span" },
      paint(h("span", { class: "dot", "aria-hidden": "true" }), span.raw.service),
      titleOf(span),
      h("span", { class: "detail" }, ` ${detailOf(span)}`),
    ),
    h("span", { class: "pointer-why" }, why),
  );
}

/** What the span says of its error, else what the next one above says, else how it was answered. */
function reason(span) {
  for (let next = span; next; next = next.parent) if (errorText(next)) return errorText(next);
  return answerOf(span) || "no message";
}

/** The first error that no error below it explains; null if there are none. */
function origin(/** @type {import("/page/trace/model.js").Trace} */ trace) {
  const causes = trace.spans.filter((span) => span.isError && span.errorsBelow === 0);
  return causes.reduce((first, span) => (!first || span.end < first.end ? span : first), null);
}

/** The span with most work of its own on the critical path. */
function slowest(critical) {
  let best = null;
  for (const span of critical.keys()) {
    const time = criticalTime(critical, span);
    if (!best || time > best.time) best = { span, time };
  }
  return best;
}
