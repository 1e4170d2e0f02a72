/** @file A long list of which only the visible rows exist; rows that leave are used again for those that come. */

import { h } from "/page/element.js";

const SPARE = 6; // rows above and below what is visible

/**
 * A list in a box that scrolls.
 * @template {HTMLElement} T
 */
export class VirtualRows {
  /**
   * @param {HTMLElement} box what scrolls
   * @param {{create: () => T, draw: (row: T, index: number) => void, height: () => number}} rows `height` in pixels
   * @param {AbortSignal} signal
   */
  constructor(box, rows, signal) {
    this.box = box;
    this.rows = rows;
    this.count = 0;
    /** @type {Map<number, T>} */
    this.shown = new Map();
    /** @type {T[]} */
    this.idle = [];
    this.frame = 0;
    this.space = h("div", { class: "virtual", role: "presentation" });
    box.append(this.space);
    box.addEventListener("scroll", () => this.#soon(), { passive: true, signal });
    const observer = new ResizeObserver(() => this.refresh());
    observer.observe(box);
    signal.addEventListener("abort", () => observer.disconnect());
  }

  /** There are now `count` rows; draws those that are visible.
   * @param {number} count
   */
  setCount(count) {
    this.count = count;
    this.refresh();
  }

  /** Draws every visible row anew. */
  refresh() {
    this.space.style.height = `${this.count * this.rows.height()}px`;
    const [first, last] = this.#range();
    for (const [index, row] of this.shown) if (index < first || index >= last) this.#retire(index, row);
    for (let index = first; index < last; index += 1) this.#place(index);
  }

  /** Scrolls as far as needed for row `index` to be seen, with some rows around it.
   * @param {number} index
   * @param {boolean} [centred] to the middle, if it is not visible
   */
  reach(index, centred = false) {
    const height = this.rows.height();
    const [top, bottom] = [index * height, (index + 1) * height];
    const [from, room] = [this.box.scrollTop, this.box.clientHeight - this.#headHeight()];
    const margin = Math.min(2 * height, room / 4);
    if (top >= from + margin && bottom <= from + room - margin) return;
    if (centred && (bottom < from || top > from + room)) this.box.scrollTop = top - room / 2;
    else this.box.scrollTop = top < from + margin ? top - margin : bottom - room + margin;
    this.refresh();
  }

  /** Rows that fit into the box. */
  get pageSize() {
    return Math.max(1, Math.floor((this.box.clientHeight - this.#headHeight()) / this.rows.height()) - 1);
  }

  #headHeight() {
    return this.space.offsetTop - this.box.clientTop;
  }

  #soon() {
    this.frame ||= requestAnimationFrame(() => {
      this.frame = 0;
      this.#scrolled();
    });
  }

  #scrolled() {
    const [first, last] = this.#range();
    for (const [index, row] of this.shown) if (index < first || index >= last) this.#retire(index, row);
    for (let index = first; index < last; index += 1) if (!this.shown.has(index)) this.#place(index);
  }

  #range() {
    const height = this.rows.height();
    const first = Math.floor(this.box.scrollTop / height) - SPARE;
    const last = Math.ceil((this.box.scrollTop + this.box.clientHeight) / height) + SPARE;
    return [Math.max(0, first), Math.min(this.count, last)];
  }

  #place(index) {
    const row = this.shown.get(index) ?? this.idle.pop() ?? this.rows.create();
    if (!this.shown.has(index)) {
      this.shown.set(index, row);
      row.style.transform = `translateY(${index * this.rows.height()}px)`;
      if (!row.isConnected) this.space.append(row);
    } else {
      row.style.transform = `translateY(${index * this.rows.height()}px)`;
    }
    row.hidden = false;
    this.rows.draw(row, index);
  }

  #retire(index, row) {
    this.shown.delete(index);
    row.hidden = true;
    this.idle.push(row);
  }
}
