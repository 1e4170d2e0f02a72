/** @file What became of the spans on their way: delivered, waiting, rejected, dropped. As `erni-run status` says it. */

import * as api from "/page/api.js";
import { fill, h } from "/page/element.js";
import * as format from "/page/format.js";

const PAUSE = 2000; // milliseconds between two looks

/**
 * @typedef {{destination: string, pending_spans: number, pending_bytes: number, oldest_age_seconds: number | null,
 *   delivered: number, rejected: Record<string, number>, dropped: Record<string, number>}} Destination
 */

/** @type {import("/page/router.js").View} */
export async function show(main, place, signal) {
  const verdict = h("p", { class: "verdict", role: "status" });
  const places = h("div", { class: "destinations" });
  const store = h("section", { class: "store" });
  fill(
    main,
    h(
      "div",
      { class: "overview" },
      h(
        "header",
        { class: "overview-head" },
        h("h1", {}, "Delivery"),
        h(
          "p",
          { class: "faint" },
          "What ",
          h("code", {}, "erni-run status"),
          " shows: the way of the spans from your processes to their backends.",
        ),
      ),
      verdict,
      places,
      store,
    ),
  );
  const look = async () => {
    const [delivery, about] = await Promise.all([api.get("delivery", {}, signal), api.get("about", {}, signal)]);
    drawVerdict(verdict, delivery);
    fill(places, delivery.destinations.map(destination));
    drawStore(store, about);
  };
  await look();
  const timer = setInterval(() => document.hidden || look().catch(() => {}), PAUSE);
  signal.addEventListener("abort", () => clearInterval(timer));
}

function drawVerdict(verdict, { destinations, error }) {
  const [lost, waiting] = [
    destinations.reduce((total, each) => total + sum(each.rejected) + sum(each.dropped), 0),
    destinations.reduce((total, each) => total + each.pending_spans, 0),
  ];
  verdict.className = `verdict ${error || lost ? "bad" : waiting ? "waiting" : "good"}`;
  if (error) verdict.textContent = error;
  else if (!destinations.length) verdict.textContent = "Nothing has been recorded on this machine yet.";
  else if (lost) verdict.textContent = `${format.counted(lost, "span")} did not arrive; the reasons stand below.`;
  else if (waiting)
    verdict.textContent = `${format.counted(waiting, "span is", "spans are")} still on the way; nothing is lost.`;
  else verdict.textContent = "Everything that was recorded has been delivered.";
}

/** @param {Destination} each */
function destination(each) {
  const figures = [
    ["Delivered", format.count(each.delivered), "good"],
    ["Waiting", `${format.count(each.pending_spans)}`, each.pending_spans ? "late" : ""],
    ["Waiting on disk", format.bytes(each.pending_bytes), ""],
    ["Oldest", each.pending_spans && each.oldest_age_seconds !== null ? format.ago(each.oldest_age_seconds) : "–", ""],
    ["Rejected", format.count(sum(each.rejected)), sum(each.rejected) ? "bad" : ""],
    ["Dropped", format.count(sum(each.dropped)), sum(each.dropped) ? "bad" : ""],
  ];
  const reasons = [
    ...Object.entries(each.rejected).map(([why, spans]) => ["rejected", why, spans]),
    ...Object.entries(each.dropped).map(([why, spans]) => ["dropped", why, spans]),
  ].filter(([, , spans]) => spans > 0);
  return h(
    "section",
    { class: "destination" },
    h("h2", {}, each.destination),
    h(
      "dl",
      { class: "figures" },
      figures.map(([name, number, mood]) => h("div", { class: mood }, h("dt", {}, name), h("dd", {}, number))),
    ),
    reasons.length > 0 &&
      h(
        "ul",
        { class: "reasons" },
        reasons.map(([how, why, spans]) => h("li", {}, h("b", {}, format.count(spans)), ` ${how}: ${why}`)),
      ),
  );
}

function drawStore(store, about) {
  const share = about.maxBytes ? about.bytes / about.maxBytes : 0;
  fill(
    store,
    h("h2", {}, "This viewer"),
    h(
      "dl",
      { class: "figures" },
      figure("Spans", format.count(about.spans)),
      figure("Traces", format.count(about.traces ?? 0)),
      figure("Stored", `${format.bytes(about.bytes)} of ${format.bytes(about.maxBytes)}`),
      figure("Traces dropped for room", format.count(about.dropped ?? 0)),
      figure("Version", about.version),
    ),
    h(
      "div",
      { class: "meter wide", role: "img", "aria-label": `${format.percent(share)} of its room is used` },
      h("span", { css: { width: `${Math.min(100, share * 100)}%` } }),
    ),
    about.grpc &&
      h(
        "p",
        { class: "faint" },
        "Receives OTLP over gRPC at ",
        h("code", {}, about.grpc),
        " and over HTTP at ",
        h("code", {}, about.http),
        ".",
      ),
  );
}

function figure(name, number) {
  return h("div", {}, h("dt", {}, name), h("dd", {}, number));
}

function sum(numbers) {
  return Object.values(numbers).reduce((total, number) => total + number, 0);
}
