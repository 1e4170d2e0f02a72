/** @file The columns of calls, errors and durations, for operations and for handoffs. */

import { paint } from "/page/colour.js";
import { h } from "/page/element.js";
import * as format from "/page/format.js";
import { listAddress } from "/page/list/query.js";
import { sparkline } from "/page/sparkline.js";

/** Rows with numbers for durations, and the share of the largest total. */
export function withShares(rows) {
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

/** The columns of the table of operations. */
export function operationColumns() {
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

/** The columns of the table of handoffs. */
export function handoffColumns() {
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
