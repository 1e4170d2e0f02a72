/** @file Two traces side by side: what one did that the other did not, and where the time went. */

import * as api from "/page/api.js";
import { introduce, paint } from "/page/colour.js";
import { fill, h } from "/page/element.js";
import { createLine, difference, drawLine, isDifferent } from "/page/compareline.js";
import * as format from "/page/format.js";
import { bind } from "/page/keyboard.js";
import { merge } from "/page/merge.js";
import { go, note } from "/page/router.js";
import { readTrace } from "/page/trace/model.js";
import { VirtualRows } from "/page/virtual.js";

const ROW = 28;

/** @type {import("/page/router.js").View} */
export async function show(main, place, signal) {
  const raws = await Promise.all(place.parts.map((id) => api.get(`traces/${encodeURIComponent(id)}`, {}, signal)));
  const [first, second] = raws.map(readTrace);
  introduce([first, second].flatMap((trace) => trace.summary.services.map((service) => service.name)));
  new ComparePage(first, second, place.query.get("only") === "differences", signal).open(main);
}

class ComparePage {
  constructor(first, second, isOnlyDifferent, signal) {
    this.traces = [first, second];
    this.signal = signal;
    this.all = merge(first, second);
    this.isOnlyDifferent = isOnlyDifferent;
    this.most = this.all.reduce((most, line) => Math.max(most, Math.abs(line.difference)), 1);
    this.at = -1;
    this.box = h(
      "div",
      { class: "compare-box", role: "table", tabindex: "0", "aria-label": "Spans of both traces" },
      head(),
    );
    this.list = new VirtualRows(
      this.box,
      {
        create: createLine,
        height: () => ROW,
        draw: (row, index) =>
          drawLine(row, this.lines[index], { traces: this.traces, most: this.most, isCurrent: index === this.at }),
      },
      signal,
    );
    this.only = h(
      "button",
      { type: "button", class: "toggle", on: { click: () => this.#toggle() } },
      "Only differences ",
      h("kbd", {}, "f"),
    );
  }

  open(main) {
    const [first, second] = this.traces;
    fill(
      main,
      h(
        "div",
        { class: "compare" },
        h(
          "header",
          { class: "compare-head" },
          h("div", { class: "compare-title" }, h("h1", {}, "Compare"), this.#verdict(), this.only),
          card("A", first),
          this.#swap(),
          card("B", second),
        ),
        this.box,
      ),
    );
    this.#draw();
    bind(
      "Compare",
      [
        { keys: ["f"], does: "only differences, or all", act: () => this.#toggle() },
        { keys: ["n"], does: "next large difference", act: () => this.#toLarge(1) },
        { keys: ["N"], does: "previous large difference", act: () => this.#toLarge(-1) },
        {
          keys: ["j", "ArrowDown"],
          does: "down",
          act: () => {
            this.box.scrollTop += 2 * ROW;
          },
        },
        {
          keys: ["k", "ArrowUp"],
          does: "up",
          act: () => {
            this.box.scrollTop -= 2 * ROW;
          },
        },
        { keys: ["x"], does: "swap the two", act: () => this.#exchange() },
      ],
      this.signal,
    );
  }

  #draw() {
    this.lines = this.isOnlyDifferent ? this.all.filter((line) => isDifferent(line, this.traces)) : this.all;
    this.only.setAttribute("aria-pressed", String(this.isOnlyDifferent));
    this.box.setAttribute("aria-rowcount", String(this.lines.length + 1));
    this.list.setCount(this.lines.length);
  }

  #toggle() {
    this.isOnlyDifferent = !this.isOnlyDifferent;
    note(location.pathname, new URLSearchParams(this.isOnlyDifferent ? { only: "differences" } : {}));
    this.#draw();
  }

  #toLarge(direction) {
    const large = this.lines
      .map((line, index) => ({ line, index }))
      .filter(({ line }) => Math.abs(line.difference) > this.most * 0.2 || line.spans.some((side) => !side.length));
    const next =
      direction > 0
        ? (large.find(({ index }) => index > this.at) ?? large[0])
        : (large.findLast(({ index }) => index < this.at) ?? large.at(-1));
    if (!next) return;
    this.at = next.index;
    this.list.reach(this.at, true);
    this.list.refresh();
  }

  #exchange() {
    go(`/compare/${this.traces[1].id}/${this.traces[0].id}`);
  }

  #swap() {
    return h(
      "button",
      {
        type: "button",
        class: "quiet swap",
        title: "Swap the two (x)",
        "aria-label": "Swap the two traces",
        on: { click: () => this.#exchange() },
      },
      "⇄",
    );
  }

  #verdict() {
    const [first, second] = this.traces;
    const only = (side) => this.all.filter((line) => line.spans[side].length && !line.spans[1 - side].length).length;
    return h(
      "p",
      { class: "compare-verdict" },
      "B took ",
      difference(second.duration - first.duration),
      " · ",
      format.counted(only(0), "place"),
      " only in A · ",
      format.counted(only(1), "place"),
      " only in B",
    );
  }
}

function head() {
  const cell = (name, kind = "") => h("div", { class: `cell ${kind}`, role: "columnheader" }, name);
  return h(
    "div",
    { class: "compare-row head", role: "row" },
    cell("Span", "name"),
    cell("A", "number"),
    cell("B", "number"),
    cell("Difference", "number"),
    cell("", "change"),
  );
}

function card(letter, trace) {
  const { root, errors } = trace.summary;
  return h(
    "a",
    { class: `compare-card side-${letter.toLowerCase()}`, href: `/trace/${trace.id}` },
    h("b", { class: "letter" }, letter),
    h("span", { class: "operation" }, paint(h("span", { class: "dot" }), root.service), root.name),
    h(
      "span",
      { class: "faint" },
      format.moment(trace.start),
      " · ",
      format.counted(trace.spans.length, "span"),
      errors > 0 && h("span", { class: "error-text" }, ` · ${format.counted(errors, "error")}`),
    ),
    h("b", { class: "number" }, format.duration(trace.duration)),
  );
}
