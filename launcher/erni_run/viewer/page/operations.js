/** @file Calls, errors and durations by operation, and those of the handoffs to agents in a table of their own. */

import * as api from "/page/api.js";
import { attempt } from "/page/announce.js";
import { introduce } from "/page/colour.js";
import { fill, h } from "/page/element.js";
import { handoffColumns, operationColumns, withShares } from "/page/figures.js";
import { bind } from "/page/keyboard.js";
import { note } from "/page/router.js";
import { rowKeys } from "/page/rowkeys.js";
import { SortedTable } from "/page/table.js";
import { timeQuery, timespan } from "/page/timespan.js";

/** @type {import("/page/router.js").View} */
export async function show(main, place, signal) {
  const page = new OperationsPage(place.query, signal);
  fill(main, page.element);
  await page.load();
}

class OperationsPage {
  constructor(query, signal) {
    this.signal = signal;
    this.state = {
      last: query.get("last") ?? "",
      q: query.get("q") ?? "",
      service: query.get("service") ?? "",
      sort: query.get("sort") ?? "total",
      order: query.get("order") ?? "desc",
    };
    this.operations = [];
    const order = { key: this.state.sort, isDown: this.state.order !== "asc" };
    this.table = new SortedTable("Operations", operationColumns(), order, ({ key, isDown }) =>
      this.#note({ sort: key, order: isDown ? "desc" : "asc" }),
    );
    this.handoffs = new SortedTable("Agent handoffs", handoffColumns(), { key: "total", isDown: true });
    this.handoffSection = h("section", { hidden: true }, h("h2", {}, "Agent handoffs"), this.handoffs.element);
    this.field = h("input", {
      type: "search",
      name: "q",
      value: this.state.q,
      placeholder: "Name contains …",
      "aria-label": "Name contains",
      class: "wide",
      spellcheck: "false",
      on: {
        input: () => {
          this.#note({ q: this.field.value });
          this.#draw();
        },
      },
    });
    this.services = h("select", {
      name: "service",
      on: {
        change: () => {
          this.#note({ service: this.services.value });
          this.#draw();
        },
      },
    });
    this.nothing = h("p", { class: "empty", hidden: true }, "No operation so far.");
    this.element = h(
      "div",
      { class: "overview" },
      h(
        "header",
        { class: "overview-head" },
        h("h1", {}, "Operations"),
        h(
          "div",
          { class: "fields" },
          h("label", { class: "field" }, h("span", { class: "label" }, "Service"), this.services),
          this.field,
          timespan(this.state.last, (last) => {
            this.#note({ last });
            attempt(signal, () => this.load());
          }),
        ),
      ),
      this.handoffSection,
      h("section", {}, h("h2", {}, "By operation"), this.table.element, this.nothing),
    );
    bind(
      "Operations",
      [
        ...rowKeys(() => [...this.element.querySelectorAll(".row-link")], "row"),
        { keys: ["/"], does: "filter by name", act: () => this.field.focus() },
        { keys: ["Escape"], does: "leave a field", act: () => document.activeElement?.blur?.() },
      ],
      signal,
    );
  }

  async load() {
    const query = timeQuery(this.state.last);
    const [operations, handoffs] = await Promise.all([
      api.get("operations", query, this.signal),
      api.get("handoffs", query, this.signal),
    ]);
    this.operations = operations.operations;
    introduce(this.operations.map((row) => row.service));
    this.handoffSection.hidden = handoffs.handoffs.length === 0;
    this.handoffs.show(withShares(handoffs.handoffs));
    this.#drawServices();
    this.#draw();
  }

  #note(some) {
    Object.assign(this.state, some);
    const plain = { last: "", q: "", service: "", sort: "total", order: "desc" };
    const entries = Object.entries(this.state).filter(([key, value]) => value !== plain[key]);
    note("/operations", new URLSearchParams(entries));
  }

  #drawServices() {
    const names = [
      ...new Set([...this.operations.map((row) => row.service), ...(this.state.service ? [this.state.service] : [])]),
    ];
    fill(
      this.services,
      h("option", { value: "" }, "All services"),
      names.sort().map((name) => h("option", { value: name, selected: name === this.state.service }, name)),
    );
  }

  #draw() {
    const { q, service } = this.state;
    const rows = this.operations.filter(
      (row) => (!service || row.service === service) && row.name.toLowerCase().includes(q.trim().toLowerCase()),
    );
    this.table.show(withShares(rows));
    this.nothing.hidden = rows.length > 0;
  }
}
