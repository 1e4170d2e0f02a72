/** @file What the list says when it is empty: how to send the first trace, or that the filters let none through. */

import * as api from "/page/api.js";
import { fill, h } from "/page/element.js";

/**
 * @param {HTMLElement} place
 * @param {boolean} isFiltered
 * @param {AbortSignal} signal
 */
export async function welcome(place, isFiltered, signal) {
  if (isFiltered) {
    fill(place, h("p", {}, "No trace passes these filters."), h("p", {}, h("a", { href: "/" }, "Show all traces")));
    return;
  }
  const about = await api.get("about", {}, signal);
  fill(
    place,
    h("h2", {}, "No traces yet"),
    h("p", {}, "Start your application with erni-run, and what it does appears here:"),
    h("pre", {}, "erni-run uvicorn agency.main:app"),
    h(
      "p",
      { class: "faint" },
      "Anything that speaks OTLP is welcome: gRPC at ",
      h("code", {}, String(about.grpc)),
      ", HTTP at ",
      h("code", {}, String(about.http)),
      ".",
    ),
  );
}
