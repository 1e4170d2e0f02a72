/** @file The two traces that are marked to be compared, and the link that compares them. */

import { h } from "/page/element.js";

/** The traces that were marked; of more than two, the latest two count. */
export class Pair {
  constructor() {
    /** @type {Set<string>} */
    this.ids = new Set();
    this.link = h("a", { class: "button", hidden: true });
  }

  /** @param {string} traceId */
  has(traceId) {
    return this.ids.has(traceId);
  }

  /** Marks a trace, or takes its mark away.
   * @param {string} traceId
   * @param {boolean} isMarked
   */
  mark(traceId, isMarked) {
    if (isMarked) this.ids.add(traceId);
    else this.ids.delete(traceId);
    this.#draw();
  }

  clear() {
    this.ids.clear();
    this.#draw();
  }

  #draw() {
    const [first, second] = [...this.ids].slice(-2);
    this.link.hidden = !first;
    this.link.textContent = second ? "Compare both" : "Mark a second one to compare";
    if (second) this.link.setAttribute("href", `/compare/${first}/${second}`);
    else this.link.removeAttribute("href");
  }
}
