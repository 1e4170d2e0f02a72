/** @file Log lines: their severity, their text, and a list of them by time. */

import { h } from "/page/element.js";
import * as format from "/page/format.js";
import { isWithin } from "/page/trace/model.js";

const SCOPES = { span: "This span", subtree: "With those below", trace: "Whole trace" };
const MOST = 500;

/** One of trace, debug, info, warn, error, fatal, by OpenTelemetry's severity numbers.
 * @param {import("/page/api.js").RawLog} raw
 */
export function severityOf(raw) {
  const number = raw.severityNumber || numberOf(raw.severity);
  return ["trace", "debug", "info", "warn", "error", "fatal"][Math.max(0, Math.min(5, Math.floor((number - 1) / 4)))];
}

/** The line's text, whatever its body is.
 * @param {import("/page/api.js").RawLog} raw
 */
export function bodyText(raw) {
  return typeof raw.body === "string" ? raw.body : (JSON.stringify(raw.body) ?? "");
}

/** The log lines around a span, with a choice of how far around.
 * @param {import("/page/trace/model.js").Trace} trace
 * @param {import("/page/trace/model.js").Span} span
 * @param {string} scope one of span, subtree, trace
 * @param {{scope: (scope: string) => void, select: (span: import("/page/trace/model.js").Span) => void}} on
 */
export function logSection(trace, span, scope, on) {
  const chosen = {
    span: span.logs,
    trace: trace.logs,
    subtree: trace.logs.filter((log) => log.span && isWithin(log.span, span)),
  };
  const lines = chosen[scope];
  return h(
    "div",
    { class: "logs" },
    h(
      "div",
      { class: "segmented small", role: "group", "aria-label": "Which log lines" },
      Object.entries(SCOPES).map(([key, name]) =>
        h(
          "button",
          { type: "button", "aria-pressed": String(key === scope), on: { click: () => on.scope(key) } },
          name,
          h("span", { class: "faint" }, ` ${format.count(chosen[key].length)}`),
        ),
      ),
    ),
    lines.length
      ? h(
          "ol",
          { class: "log-lines" },
          lines.slice(0, MOST).map((log) => logLine(log, span, on.select)),
        )
      : h("p", { class: "faint" }, "No log lines."),
    lines.length > MOST && h("p", { class: "faint" }, `${format.count(lines.length - MOST)} more in the download.`),
  );
}

function logLine(log, span, select) {
  const severity = severityOf(log.raw);
  const elsewhere = log.span && log.span !== span;
  const line = h(
    "li",
    { class: `log-line severity-${severity}` },
    h("time", { title: format.moment(log.raw.time) }, format.clock(log.raw.time)),
    h("span", { class: "severity" }, severity),
    h("span", { class: "body" }, bodyText(log.raw)),
  );
  const pairs = Object.entries(log.raw.attributes);
  if (pairs.length)
    line.append(
      h(
        "span",
        { class: "pairs" },
        pairs.map(([key, value]) =>
          h(
            "span",
            {},
            h("span", { class: "key" }, `${key}=`),
            typeof value === "object" ? JSON.stringify(value) : String(value),
            " ",
          ),
        ),
      ),
    );
  if (elsewhere)
    line.append(
      h("button", { type: "button", class: "quiet origin", on: { click: () => select(log.span) } }, log.span.raw.name),
    );
  return line;
}

function numberOf(text) {
  const names = {
    trace: 1,
    debug: 5,
    info: 9,
    information: 9,
    warn: 13,
    warning: 13,
    error: 17,
    critical: 21,
    fatal: 21,
  };
  return names[String(text ?? "").toLowerCase()] ?? 9;
}
