/** @file The bar over the waterfall: search, next error, what is shown, compare, download. */

import { downloadAddress } from "/page/api.js";
import { fill, h } from "/page/element.js";
import * as format from "/page/format.js";

/** The bar. What it does is the page's. */
export class Toolbar {
  /** @param {import("/page/trace/trace.js").TracePage} page */
  constructor(page) {
    this.page = page;
    this.field = h("input", {
      type: "search",
      class: "trace-search",
      placeholder: "Search in this trace",
      "aria-label": "Search in this trace",
      "aria-keyshortcuts": "/",
      autocomplete: "off",
      spellcheck: "false",
      value: page.search.words,
      on: { input: () => page.find(this.field.value), keydown: (event) => this.#key(event) },
    });
    this.found = h("span", { class: "found", "aria-live": "polite" });
    this.tools = h("span", { class: "tool-group" });
    this.element = h("div", { class: "trace-tools" }, this.field, this.found, this.tools);
  }

  /** Draws the buttons as things stand. */
  draw() {
    const { page } = this;
    const { errors, showing, trace } = page;
    fill(
      this.tools,
      errors.length > 0 &&
        h(
          "button",
          {
            type: "button",
            class: "error-jump",
            title: "Next error (e), previous (E)",
            on: { click: () => page.toError(1) },
          },
          format.counted(errors.length, "error"),
          h("kbd", {}, "e"),
        ),
      toggle("Fold repeats", "f", showing.folds, () => page.toggle("folds")),
      toggle("Critical path", "c", showing.critical, () => page.toggle("critical")),
      trace.logs.length > 0 && toggle("Log lines", "l", showing.logs, () => page.toggle("logs")),
      h("button", { type: "button", on: { click: () => page.compare() } }, "Compare …"),
      h("a", { class: "button", href: downloadAddress(trace.id), download: `trace-${trace.id}.json` }, "Download JSON"),
    );
  }

  /** Says how much was found, and at which hit one is.
   * @param {number} [at] 0 for none
   */
  drawFound(at = 0) {
    const { words, hits } = this.page.search;
    const sum = hits.size ? format.counted(hits.size, "hit") : "nothing found";
    this.found.textContent = words === "" ? "" : at ? `${format.count(at)} of ${sum}` : sum;
  }

  /** Forgets the search. */
  clear() {
    this.field.value = "";
    this.page.find("");
  }

  #key(event) {
    if (event.key !== "Enter" && event.key !== "Escape") return;
    event.preventDefault();
    if (event.key === "Enter") return this.page.toHit(event.shiftKey ? -1 : 1);
    if (this.field.value) this.clear();
    return this.page.focus();
  }
}

function toggle(name, key, isOn, act) {
  return h(
    "button",
    { type: "button", class: "toggle", "aria-pressed": String(isOn), on: { click: act } },
    name,
    h("kbd", { "aria-hidden": "true" }, key),
  );
}
