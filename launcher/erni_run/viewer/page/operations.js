/** @file Calls, errors and durations by operation, and those of the handoffs to agents in a table of their own. */

import * as api from "/page/api.js";
import { attempt } from "/page/announce.js";
import { introduce, paint } from "/page/colour.js";
import { fill, h } from "/page/element.js";
import * as format from "/page/format.js";
import { bind } from "/page/keyboard.js";
import { listAddress } from "/page/list/query.js";
import { note } from "/page/router.js";
import { rowKeys } from "/page/rowkeys.js";
import { sparkline } from "/page/sparkline.js";
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

/** Rows with numbers for durations, and the share of the largest total. */
function withShares(rows) {
  const numbers = rows.map((row) => ({
    ...row,
    total: Number(row.total),
    p50: Number(row.p50),
    p95: Number(row.p95),
    p99: Number(row.p99),
    rate: row.calls ? row.errors / row.calls : 0,
  }));
  const most = Math.max(1, ...numbers.map((row) => row.total));
  return numbers.map((row) => ({ ...row, share: row.total / most }));
}

function operationColumns() {
  const tracesOf = (row, more = {}) => listAddress({ service: row.service, operation: row.name, ...more });
  return [
    {
      key: "name",
      label: "Operation",
      by: (row) => row.name,
      cell: (row) =>
        h(
          "a",
          { class: "row-link", href: tracesOf(row, { sort: "duration" }), title: "Its traces, the slowest first" },
          row.name || "(no name)",
        ),
    },
    {
      key: "service",
      label: "Service",
      by: (row) => row.service,
      cell: (row) => [paint(h("span", { class: "dot" }), row.service), row.service],
    },
    { key: "kind", label: "Kind", by: (row) => row.kind, cell: (row) => h("span", { class: "faint" }, row.kind) },
    ...figures((row) => tracesOf(row, { status: "error" })),
  ];
}

function handoffColumns() {
  const operation = (row) => ({ operation: `agent_handoff.${row.agent}` });
  return [
    {
      key: "name",
      label: "Agent",
      by: (row) => row.agent,
      cell: (row) =>
        h(
          "a",
          {
            class: "row-link",
            href: listAddress({ ...operation(row), sort: "duration" }),
            title: "Traces with this handoff, the slowest first",
          },
          h("span", { class: "role-mark handoff" }, "handoff"),
          row.agent,
        ),
    },
    { key: "service", label: "Type", by: (row) => row.type, cell: (row) => row.type },
    ...figures((row) => listAddress({ ...operation(row), status: "error" })),
  ];
}

function figures(errorAddress) {
  const time = (key, label) => ({
    key,
    label,
    isNumber: true,
    by: (row) => row[key],
    cell: (row) => format.duration(row[key]),
  });
  return [
    { key: "calls", label: "Calls", isNumber: true, by: (row) => row.calls, cell: (row) => format.count(row.calls) },
    {
      key: "rate",
      label: "Errors",
      isNumber: true,
      by: (row) => row.rate,
      cell: (row) =>
        row.errors
          ? h(
              "a",
              {
                class: "badge error",
                href: errorAddress(row),
                title: `${format.count(row.errors)} of them; see the traces`,
              },
              format.percent(row.rate),
            )
          : h("span", { class: "faint" }, "0 %"),
    },
    time("p50", "p50"),
    time("p95", "p95"),
    time("p99", "p99"),
    {
      key: "total",
      label: "Total",
      isNumber: true,
      title: "Sum of all durations",
      by: (row) => row.total,
      cell: (row) => [
        format.duration(row.total),
        h("span", { class: "meter", "aria-hidden": "true" }, h("span", { css: { width: `${row.share * 100}%` } })),
      ],
    },
    {
      key: "trend",
      label: "Trend",
      by: null,
      title: "Bars: calls, with errors in red. Line: p95",
      cell: (row) => sparkline(row.trend),
    },
  ];
}
