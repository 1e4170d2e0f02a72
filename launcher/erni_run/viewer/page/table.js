/** @file A table that sorts by each of its columns. */

import { fill, h } from "/page/element.js";

const MOST = 300; // rows; more are shown on request

/**
 * @template Row
 * @typedef {object} Column
 * @property {string} key
 * @property {string} label
 * @property {(row: Row) => any} cell
 * @property {((row: Row) => number | string) | null} [by] what it sorts by; without it, it does not
 * @property {boolean} [isNumber]
 * @property {string} [title]
 */

/** A table of rows; numbers sort with the largest first.
 * @template Row
 */
export class SortedTable {
  /**
   * @param {string} label
   * @param {Column<Row>[]} columns
   * @param {{key: string, isDown: boolean}} order
   * @param {(order: {key: string, isDown: boolean}) => void} [sorted]
   */
  constructor(label, columns, order, sorted = () => {}) {
    this.columns = columns;
    this.order = order;
    this.sorted = sorted;
    /** @type {Row[]} */
    this.rows = [];
    this.isWhole = false;
    this.head = h("tr", {});
    this.body = h("tbody", {});
    this.more = h("button", {
      type: "button",
      hidden: true,
      on: {
        click: () => {
          this.isWhole = true;
          this.#draw();
        },
      },
    });
    this.element = h(
      "div",
      { class: "table-box" },
      h("table", { class: "sorted", "aria-label": label }, h("thead", {}, this.head), this.body),
      this.more,
    );
  }

  /** @param {Row[]} rows */
  show(rows) {
    this.rows = rows;
    this.#draw();
  }

  #draw() {
    const column = this.columns.find((candidate) => candidate.key === this.order.key) ?? this.columns[0];
    const sign = this.order.isDown ? -1 : 1;
    const rows = this.rows.toSorted((a, b) => sign * compare(column.by(a), column.by(b)));
    const shown = this.isWhole ? rows : rows.slice(0, MOST);
    const focused = document.activeElement?.dataset?.column;
    fill(
      this.head,
      this.columns.map((each) => this.#heading(each)),
    );
    fill(
      this.body,
      shown.map((row) =>
        h(
          "tr",
          {},
          this.columns.map((each) =>
            h(
              "td",
              { class: each.isNumber ? `number ${each.key}` : each.key, "data-label": each.label },
              each.cell(row),
            ),
          ),
        ),
      ),
    );
    this.more.hidden = shown.length === rows.length;
    this.more.textContent = `Show all ${rows.length}`;
    if (focused) this.head.querySelector(`[data-column="${focused}"]`)?.focus();
  }

  #heading(column) {
    const isOn = column.key === this.order.key;
    const direction = isOn ? (this.order.isDown ? "descending" : "ascending") : "none";
    return h(
      "th",
      {
        class: column.isNumber ? `number ${column.key}` : column.key,
        title: column.title ?? null,
        scope: "col",
        "aria-sort": column.by ? direction : null,
      },
      column.by
        ? h(
            "button",
            { type: "button", "data-column": column.key, on: { click: () => this.#sort(column) } },
            column.label,
            h("span", { class: "arrow", "aria-hidden": "true" }, isOn ? (this.order.isDown ? " ↓" : " ↑") : ""),
          )
        : column.label,
    );
  }

  #sort(column) {
    const isOn = column.key === this.order.key;
    this.order = { key: column.key, isDown: isOn ? !this.order.isDown : Boolean(column.isNumber) };
    this.sorted(this.order);
    this.#draw();
  }
}

function compare(a, b) {
  return typeof a === "string" ? a.localeCompare(String(b)) : a - Number(b);
}
