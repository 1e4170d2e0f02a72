/** @file The part of the trace's time that is looked at, and the ruler over the bars. */

import { fill, h } from "/page/element.js";
import * as format from "/page/format.js";
import { durationTicks } from "/page/ticks.js";

const CLOSEST = 1000; // nanoseconds: one does not zoom in further

/** A window of time, in nanoseconds since the trace began. */
export class Axis {
  /**
   * @param {number} duration of the whole trace
   * @param {() => void} changed
   */
  constructor(duration, changed) {
    this.duration = duration;
    this.changed = changed;
    this.from = 0;
    this.to = duration;
  }

  /** Where a time stands: 0 at the left edge, 1 at the right one. */
  place(time) {
    return (time - this.from) / (this.to - this.from);
  }

  /** Looks at `from` to `to`, as far as the trace reaches. */
  look(from, to) {
    const length = Math.max(Math.min(to - from, this.duration), Math.min(CLOSEST, this.duration));
    this.from = Math.max(0, Math.min(from, this.duration - length));
    this.to = this.from + length;
    this.changed();
  }

  /** Zooms by `factor` (below 1: closer) around the time at `share` of the window. */
  zoom(factor, share = 0.5) {
    const length = this.to - this.from;
    const centre = this.from + length * share;
    this.look(centre - length * factor * share, centre + length * factor * (1 - share));
  }

  /** Moves the window by a share of its length. */
  pan(share) {
    const by = (this.to - this.from) * share;
    this.look(this.from + by, this.to + by);
  }

  reset() {
    this.look(0, this.duration);
  }

  get isWhole() {
    return this.from <= 0 && this.to >= this.duration;
  }
}

/** Labels for round durations, and lines that the rows stand on.
 * @param {Axis} axis
 * @param {HTMLElement} ruler
 * @param {HTMLElement} lines
 */
export function drawRuler(axis, ruler, lines) {
  const most = Math.max(2, Math.floor(ruler.clientWidth / 110));
  const ticks = durationTicks(axis.from, axis.to, most);
  const at = (tick) => ({ left: `${(axis.place(tick) * 100).toFixed(3)}%` });
  fill(
    ruler,
    ticks
      .filter((tick) => axis.place(tick) < 0.96)
      .map((tick) => h("span", { class: "tick", css: at(tick) }, format.duration(tick))),
  );
  fill(
    lines,
    ticks.map((tick) => h("span", { css: at(tick) })),
  );
}

/** Drags over an element become windows of time, a double click the whole.
 * @param {HTMLElement} element
 * @param {(share: number) => number} timeAt the time at a share of the element's width
 * @param {Axis} axis
 */
export function dragToLook(element, timeAt, axis) {
  const mark = h("span", { class: "drag-mark", hidden: true });
  const share = (event) => {
    const box = element.getBoundingClientRect();
    return Math.max(0, Math.min(1, (event.clientX - box.left) / box.width));
  };
  let from = null;
  element.addEventListener("pointerdown", (event) => {
    if (event.button) return;
    from = share(event);
    element.setPointerCapture(event.pointerId);
    element.append(mark);
  });
  element.addEventListener("pointermove", (event) => {
    if (from === null) return;
    const [left, right] = [from, share(event)].sort((a, b) => a - b);
    mark.hidden = right - left < 0.005;
    mark.style.left = `${left * 100}%`;
    mark.style.width = `${(right - left) * 100}%`;
  });
  const stop = (event) => {
    if (from === null) return;
    const [left, right] = [from, share(event)].sort((a, b) => a - b);
    from = null;
    mark.hidden = true;
    if (event.type === "pointerup" && right - left > 0.005) axis.look(timeAt(left), timeAt(right));
  };
  element.addEventListener("pointerup", stop);
  element.addEventListener("pointercancel", stop);
  element.addEventListener("dblclick", () => axis.reset());
}
