/** @file The waterfall: a tree of spans beside their bars, of which only the visible rows are drawn. */

import { h } from "/page/element.js";
import { divider } from "/page/divider.js";
import { VirtualRows } from "/page/virtual.js";
import { dragToLook, drawRuler } from "/page/trace/axis.js";
import { createRow, drawRow } from "/page/trace/row.js";
import { reveal, rowsOf, spanOfRow } from "/page/trace/rows.js";

const ROW = 26;
const PHONE_ROW = 40;

/** The tree and its bars. */
export class Waterfall {
  /**
   * @param {import("/page/trace/model.js").Trace} trace
   * @param {import("/page/trace/axis.js").Axis} axis
   * @param {import("/page/trace/rows.js").Showing} showing
   * @param {(span: import("/page/trace/model.js").Span, isOpening: boolean) => void} select
   * @param {AbortSignal} signal
   */
  constructor(trace, axis, showing, select, signal) {
    this.trace = trace;
    this.axis = axis;
    this.showing = showing;
    this.select = select;
    this.drawing = {
      place: (time) => axis.place(time),
      critical: null,
      isHit: () => false,
      isSearching: false,
      duration: trace.duration,
      selected: "",
    };
    /** @type {import("/page/trace/rows.js").Row[]} */
    this.rows = [];
    this.at = 0;
    this.phone = matchMedia("(max-width: 700px)");
    this.ruler = h("div", { class: "ruler", title: "Drag to look closer, double click for all of it" });
    this.lines = h("div", { class: "grid-lines", "aria-hidden": "true" });
    this.element = this.#frame(signal);
    this.list = new VirtualRows(
      this.element,
      {
        create: createRow,
        height: () => (this.phone.matches ? PHONE_ROW : ROW),
        draw: (element, index) => this.#drawRow(element, index),
      },
      signal,
    );
    this.list.space.prepend(this.lines);
    this.#listen(signal);
    dragToLook(this.ruler, (share) => axis.from + share * (axis.to - axis.from), axis);
  }

  #frame(signal) {
    const name = h("div", { class: "cell name", role: "columnheader" }, "Span");
    const box = h("div", {
      class: "waterfall",
      role: "treegrid",
      tabindex: "0",
      "aria-label": "Spans of this trace",
      "aria-colcount": "4",
    });
    box.append(
      h(
        "div",
        { class: "row head", role: "row", "aria-rowindex": "1" },
        name,
        h("div", { class: "cell number", role: "columnheader" }, "Duration"),
        h(
          "div",
          { class: "cell number self", role: "columnheader", title: "Time in which none of its children ran" },
          "Self",
        ),
        h("div", { class: "cell time", role: "columnheader", "aria-label": "Time" }, this.ruler),
        divider(box, {
          property: "--name-width",
          kept: "erni-run.name-width",
          label: "Width of the names",
          side: "left",
          least: 140,
          most: () => box.clientWidth - 240,
          signal,
        }),
      ),
    );
    return box;
  }

  /** Works out the rows anew: something was opened, closed, folded, or logs came or went. */
  rebuild() {
    const current = this.rows[this.at];
    this.rows = rowsOf(this.trace, this.showing);
    this.at = current ? Math.max(0, this.#indexOfRow(current)) : 0;
    this.element.setAttribute("aria-rowcount", String(this.rows.length + 1));
    this.list.setCount(this.rows.length);
    this.#tellActive();
  }

  /** Draws the visible rows anew: the window of time, the search or the selection has changed. */
  redraw() {
    drawRuler(this.axis, this.ruler, this.lines);
    this.list.refresh();
  }

  /** Goes to the row of `span`, opening what hides it.
   * @param {import("/page/trace/model.js").Span} span
   */
  goTo(span) {
    reveal(span, this.showing);
    this.drawing.selected = span.id;
    this.rebuild();
    this.at = Math.max(0, this.#indexOf(span));
    this.list.reach(this.at, true);
    this.list.refresh();
    this.#tellActive();
  }

  /** Moves by `by` rows and selects what stands there. */
  move(by) {
    if (!this.rows.length) return;
    this.at = Math.max(0, Math.min(this.rows.length - 1, this.at + by));
    this.list.reach(this.at);
    this.#tellActive();
    this.#choose(false);
  }

  /** Opens or closes the present row; where there is nothing to close, goes to what it belongs to. */
  turn(isOpening) {
    const row = this.rows[this.at];
    if (!row) return;
    const isOpen = row.type === "log" ? null : row.isOpen;
    if (isOpening && isOpen) this.move(1);
    else if (!isOpening && isOpen !== true) this.#goOut(row);
    else this.#toggle(row);
  }

  /** Opens the present row's fold, or the panel of its span. */
  enter() {
    const row = this.rows[this.at];
    if (row?.type === "fold") this.#toggle(row);
    else if (row) this.#choose(true);
  }

  /** Closes all spans and folds that are `depth` deep; 0 opens all spans. */
  closeAt(depth) {
    this.showing.closed.clear();
    if (depth) this.showing.opened.clear();
    const isClosed = (span) => depth > 0 && span.depth >= depth && span.children.length > 0;
    for (const span of this.trace.spans.filter(isClosed)) this.showing.closed.add(span.id);
    this.rebuild();
  }

  #goOut(row) {
    for (let index = this.at - 1; index >= 0; index -= 1) {
      if (this.rows[index].depth < row.depth) return this.move(index - this.at);
    }
    return undefined;
  }

  #toggle(row) {
    if (row.type === "log" || row.isOpen === null) return;
    const [set, key] = row.type === "fold" ? [this.showing.opened, row.fold.id] : [this.showing.closed, row.span.id];
    if (set.has(key)) set.delete(key);
    else set.add(key);
    this.rebuild();
  }

  #choose(isOpening) {
    const row = this.rows[this.at];
    const span = row && spanOfRow(row);
    if (!span) return;
    this.drawing.selected = span.id;
    this.list.refresh();
    this.select(span, isOpening);
  }

  /** Where a row is now; if it is gone, where its span is. */
  #indexOfRow(row) {
    const isSame = {
      fold: (other) => other.fold?.id === row.fold?.id,
      log: (other) => other.log === row.log,
      span: (other) => other.span === row.span,
    }[row.type];
    const index = this.rows.findIndex((other) => other.type === row.type && isSame(other));
    const span = spanOfRow(row);
    return index >= 0 || !span ? index : this.#indexOf(span);
  }

  #indexOf(span) {
    const exact = this.rows.findIndex((row) => row.type === "span" && row.span === span);
    return exact >= 0 ? exact : this.rows.findIndex((row) => row.type === "fold" && row.fold.spans.includes(span));
  }

  #drawRow(element, index) {
    drawRow(element, this.rows[index], index, this.drawing);
    element.classList.toggle("current", index === this.at);
  }

  #tellActive() {
    this.element.setAttribute("aria-activedescendant", `row-${this.at}`);
    for (const [index, row] of this.list.shown) row.classList.toggle("current", index === this.at);
  }

  #listen(signal) {
    this.element.addEventListener(
      "click",
      (event) => {
        const element = event.target.closest(".virtual .row");
        if (!element) return;
        this.at = Number(element.dataset.index);
        this.#tellActive();
        const row = this.rows[this.at];
        if (event.target.closest(".twisty") || row.type === "fold") this.#toggle(row);
        else this.#choose(true);
      },
      { signal },
    );
    this.phone.addEventListener("change", () => this.list.refresh(), { signal });
    const observer = new ResizeObserver(() => drawRuler(this.axis, this.ruler, this.lines));
    observer.observe(this.ruler);
    signal.addEventListener("abort", () => observer.disconnect());
  }
}
