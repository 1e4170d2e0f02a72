/** @file Duration over time, a point a trace: click one to open it, drag over some to filter for them. */

import { fill, h, svg } from "/page/element.js";
import { paint } from "/page/colour.js";
import * as format from "/page/format.js";
import { clockTicks, decades } from "/page/ticks.js";

const HEIGHT = 148;
const EDGE = { left: 58, right: 14, top: 10, bottom: 22 };
const LEAST_DRAG = 6; // pixels; less is a click

/**
 * @typedef {{trace: import("/page/api.js").Summary, x: number, y: number}} Point `x` in ms, `y` in ns
 * @typedef {{from: number, to: number, min: number, max: number}} Range times in ms, durations in ns
 */

/** The plot. */
export class Scatter {
  /**
   * @param {{open: (traceId: string) => void, hover: (traceId: string | null) => void,
   *   choose: (range: Range) => void}} on
   * @param {AbortSignal} signal
   */
  constructor(on, signal) {
    this.on = on;
    /** @type {Point[]} */
    this.points = [];
    this.picture = svg("svg", { class: "plot", role: "img", height: HEIGHT });
    this.tip = h("div", { class: "tip", hidden: true });
    this.element = h("figure", { class: "scatter" }, this.picture, this.tip);
    this.#listen();
    const observer = new ResizeObserver(() => this.#draw());
    observer.observe(this.element);
    signal.addEventListener("abort", () => observer.disconnect());
  }

  /** @param {import("/page/api.js").Summary[]} traces */
  show(traces) {
    this.points = traces.map((trace) => ({
      trace,
      x: format.milliseconds(trace.start),
      y: Math.max(1000, Number(trace.duration)),
    }));
    this.#draw();
  }

  /** Makes one point stand out.
   * @param {string | null} traceId
   */
  mark(traceId) {
    this.picture.querySelector(".marked")?.classList.remove("marked");
    if (traceId) this.picture.querySelector(`[data-trace="${CSS.escape(traceId)}"]`)?.classList.add("marked");
  }

  #draw() {
    this.element.hidden = this.points.length === 0; // before it is measured: what is hidden has no width
    const width = this.element.clientWidth;
    if (!width || !this.points.length) return;
    this.scale = scales(this.points, width);
    this.picture.setAttribute("viewBox", `0 0 ${width} ${HEIGHT}`);
    this.picture.setAttribute("width", String(width));
    this.picture.setAttribute(
      "aria-label",
      `Duration over time of ${format.counted(this.points.length, "trace")}; the table below has the same ones`,
    );
    fill(
      this.picture,
      this.#axes(width),
      this.points.toSorted((a, b) => a.trace.errors - b.trace.errors).map((point) => this.#dot(point)),
      svg("rect", { class: "brush", visibility: "hidden" }),
    );
  }

  #axes(width) {
    const { scale } = this;
    return svg(
      "g",
      { class: "axes", "aria-hidden": "true" },
      decades(scale.min, scale.max).map((value) => [
        svg("line", { x1: EDGE.left, x2: width - EDGE.right, y1: scale.y(value), y2: scale.y(value) }),
        svg("text", { x: EDGE.left - 8, y: scale.y(value) + 4, "text-anchor": "end" }, format.duration(value)),
      ]),
      clockTicks(scale.from, scale.to, Math.max(2, Math.floor(width / 140))).map((tick) =>
        svg("text", { x: scale.x(tick.at), y: HEIGHT - 5, "text-anchor": "middle" }, tick.label),
      ),
    );
  }

  #dot({ trace, x, y }) {
    const radius = 3 + Math.min(3, Math.log10(Math.max(1, trace.spans)));
    return paint(
      svg("circle", {
        class: trace.errors ? "dot error" : "dot",
        cx: this.scale.x(x),
        cy: this.scale.y(y),
        r: radius.toFixed(1),
        "data-trace": trace.traceId,
      }),
      trace.root.service,
    );
  }

  #listen() {
    let from = null;
    const at = (event) => {
      const box = this.picture.getBoundingClientRect();
      return { x: event.clientX - box.left, y: event.clientY - box.top };
    };
    this.picture.addEventListener("pointerdown", (event) => {
      if (event.button) return;
      from = at(event);
      if (event.pointerType === "mouse") this.picture.setPointerCapture(event.pointerId);
    });
    this.picture.addEventListener("pointermove", (event) => {
      if (from) this.#drawBrush(from, at(event));
      this.#point(this.#nearest(at(event)));
    });
    this.picture.addEventListener("pointerleave", () => this.#point(null));
    this.picture.addEventListener("pointercancel", () => {
      from = null;
      this.#drawBrush(null, null);
    });
    this.picture.addEventListener("pointerup", (event) => {
      const [start, end] = [from, at(event)];
      from = null;
      this.#drawBrush(null, null);
      if (start) this.#released(start, end);
    });
  }

  #released(start, end) {
    if (Math.hypot(end.x - start.x, end.y - start.y) < LEAST_DRAG) {
      const point = this.#nearest(end);
      if (point) this.on.open(point.trace.traceId);
      return;
    }
    const { scale } = this;
    const [left, right] = [start.x, end.x].sort((a, b) => a - b);
    const [top, bottom] = [start.y, end.y].sort((a, b) => a - b);
    this.on.choose({
      from: scale.time(left),
      to: scale.time(right),
      min: scale.length(bottom),
      max: scale.length(top),
    });
  }

  #drawBrush(start, end) {
    const brush = this.picture.querySelector(".brush");
    brush?.setAttribute("visibility", start ? "visible" : "hidden");
    if (!start || !brush) return;
    brush.setAttribute("x", Math.min(start.x, end.x));
    brush.setAttribute("y", Math.min(start.y, end.y));
    brush.setAttribute("width", Math.abs(end.x - start.x));
    brush.setAttribute("height", Math.abs(end.y - start.y));
  }

  /** The point within reach of a finger or pointer, if any. */
  #nearest({ x, y }) {
    let [best, distance] = [null, 14];
    for (const point of this.points) {
      const length = Math.hypot(this.scale.x(point.x) - x, this.scale.y(point.y) - y);
      if (length < distance) [best, distance] = [point, length];
    }
    return best;
  }

  #point(point) {
    this.picture.classList.toggle("pointing", Boolean(point));
    this.tip.hidden = !point;
    this.mark(point?.trace.traceId ?? null);
    this.on.hover(point?.trace.traceId ?? null);
    if (!point) return;
    fill(
      this.tip,
      h("b", {}, format.duration(point.y)),
      ` ${point.trace.root.name}`,
      h("br"),
      `${format.clock(point.trace.start)} · ${format.counted(point.trace.spans, "span")}`,
      point.trace.errors > 0 && h("span", { class: "error-text" }, ` · ${format.counted(point.trace.errors, "error")}`),
    );
    const left = Math.min(this.scale.x(point.x) + 12, this.element.clientWidth - 260);
    this.tip.style.setProperty("left", `${Math.max(0, left)}px`);
    this.tip.style.setProperty("top", `${Math.min(this.scale.y(point.y) + 8, HEIGHT - 30)}px`);
  }
}

function scales(points, width) {
  const [xs, ys] = [points.map((point) => point.x), points.map((point) => point.y)];
  const [first, last] = [Math.min(...xs), Math.max(...xs)];
  const room = Math.max(500, (last - first) * 0.02);
  const [from, to] = [first - room, last + room];
  const [low, high] = [Math.log10(Math.min(...ys) / 1.5), Math.log10(Math.max(...ys) * 1.5)];
  const [inner, tall] = [width - EDGE.left - EDGE.right, HEIGHT - EDGE.top - EDGE.bottom];
  return {
    from,
    to,
    min: 10 ** low,
    max: 10 ** high,
    x: (time) => EDGE.left + ((time - from) / (to - from)) * inner,
    y: (length) => EDGE.top + (1 - (Math.log10(length) - low) / (high - low)) * tall,
    time: (x) => from + ((x - EDGE.left) / inner) * (to - from),
    length: (y) => 10 ** (low + (1 - (y - EDGE.top) / tall) * (high - low)),
  };
}
