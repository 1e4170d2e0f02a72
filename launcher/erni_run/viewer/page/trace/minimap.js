/** @file The whole trace in a strip: every span as a line, errors and hits in front, the window that is looked at. */

import { h } from "/page/element.js";
import { canvasColour, themeColour } from "/page/colour.js";
import { onChange } from "/page/theme.js";
import { dragToLook } from "/page/trace/axis.js";

const HEIGHT = 44;

/** The strip. */
export class Minimap {
  /**
   * @param {import("/page/trace/model.js").Trace} trace
   * @param {import("/page/trace/axis.js").Axis} axis
   * @param {AbortSignal} signal
   */
  constructor(trace, axis, signal) {
    this.trace = trace;
    this.axis = axis;
    this.hits = new Set();
    this.frame = 0;
    this.canvas = h("canvas", { "aria-hidden": "true" });
    this.window = h("span", { class: "window" });
    this.element = h(
      "div",
      {
        class: "minimap",
        role: "img",
        title: "Drag to look closer, double click for all of it",
        "aria-label": "The whole trace. Keys + and − zoom, 0 shows all of it.",
      },
      this.canvas,
      this.window,
    );
    dragToLook(this.element, (share) => share * trace.duration, axis);
    const observer = new ResizeObserver(() => this.draw());
    observer.observe(this.element);
    signal.addEventListener("abort", () => observer.disconnect());
    onChange(() => this.draw(), signal);
  }

  /** Paints everything anew with the next frame: after a change of size, theme or search. */
  draw() {
    this.frame ||= requestAnimationFrame(() => this.#paint());
  }

  #paint() {
    this.frame = 0;
    const width = this.element.clientWidth;
    if (!width) return;
    const ratio = devicePixelRatio || 1;
    this.canvas.width = width * ratio;
    this.canvas.height = HEIGHT * ratio;
    const context = this.canvas.getContext("2d");
    context.scale(ratio, ratio);
    this.#paintSpans(context, width);
    this.moveWindow();
  }

  /** Shows which part is looked at. */
  moveWindow() {
    const { from, to, duration, isWhole } = this.axis;
    this.window.hidden = isWhole;
    this.window.style.left = `${(from / duration) * 100}%`;
    this.window.style.width = `${((to - from) / duration) * 100}%`;
  }

  #paintSpans(context, width) {
    const { spans, duration } = this.trace;
    const row = (HEIGHT - 4) / spans.length;
    const thickness = Math.max(1, Math.min(5, row * 0.75));
    const colours = new Map();
    const paint = (span, colour, extra = 0) => {
      context.fillStyle = colour;
      const left = (span.start / duration) * width;
      context.fillRect(
        left,
        2 + span.order * row - extra / 2,
        Math.max(1 + extra, (span.duration / duration) * width),
        thickness + extra,
      );
    };
    for (const span of spans) {
      const { service } = span.raw;
      if (!colours.has(service)) colours.set(service, canvasColour(service));
      paint(span, colours.get(service));
    }
    const [error, hit] = [themeColour("--error"), themeColour("--accent")];
    for (const span of spans) {
      if (span.isError) paint(span, error, 2);
      else if (this.hits.has(span)) paint(span, hit, 1);
    }
  }
}
