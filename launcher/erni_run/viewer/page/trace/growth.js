/** @file A trace that is still arriving: offers its new spans, without moving what is being read. */

import { h } from "/page/element.js";
import * as format from "/page/format.js";
import { listen } from "/page/live.js";
import { again } from "/page/router.js";

const RECENT = 60; // seconds; a trace that ended longer ago and is complete will not grow

/**
 * @param {import("/page/trace/model.js").Trace} trace
 * @param {AbortSignal} signal
 * @returns {HTMLElement | null} hidden until there are new spans; null if none are expected
 */
export function growth(trace, signal) {
  const age = (Date.now() - format.milliseconds(trace.start) - trace.duration / 1e6) / 1000;
  if (trace.summary.complete && age > RECENT) return null;
  const button = h("button", { type: "button", class: "growth", hidden: true, on: { click: again } });
  const heard = (summary) => {
    const more = summary.spans - trace.spans.length;
    if (summary.traceId !== trace.id || more <= 0) return;
    button.hidden = false;
    button.textContent = `Show ${format.counted(more, "new span")}`;
  };
  const state = (now) => {
    button.dataset.state = now;
  };
  listen({ trace: heard, state }, signal);
  return button;
}
