/** @file The service map: who calls whom, how often, how fast, and where it fails. */

import * as api from "/page/api.js";
import { attempt } from "/page/announce.js";
import { introduce, paint } from "/page/colour.js";
import { fill, h, svg } from "/page/element.js";
import * as format from "/page/format.js";
import { bind } from "/page/keyboard.js";
import { layers } from "/page/layers.js";
import { listAddress } from "/page/list/query.js";
import { note } from "/page/router.js";
import { rowKeys } from "/page/rowkeys.js";
import { SortedTable } from "/page/table.js";
import { timeQuery, timespan } from "/page/timespan.js";

const [WIDTH, HEIGHT, ACROSS, DOWN, EDGE] = [204, 70, 330, 104, 24];

/** @type {import("/page/router.js").View} */
export async function show(main, place, signal) {
  const picture = h("div", { class: "map-box" });
  const table = new SortedTable("Calls between services", callColumns(), { key: "calls", isDown: true });
  const calls = h("section", {}, h("h2", {}, "Calls between services"), table.element);
  const alone = h(
    "p",
    { class: "faint", hidden: true },
    "No calls between services so far. Whatever a service calls stands here once it sends spans itself.",
  );
  const load = async (last) => {
    const map = await api.get("map", timeQuery(last), signal);
    introduce(map.nodes.map((node) => node.service));
    draw(picture, map);
    calls.hidden = map.edges.length === 0;
    alone.hidden = map.nodes.length === 0 || map.edges.length > 0;
    table.show(map.edges.map((edge) => ({ ...edge, rate: rate(edge), p50: Number(edge.p50), p99: Number(edge.p99) })));
  };
  bind(
    "Map",
    rowKeys(() => [...main.querySelectorAll("svg .node, .row-link")], "service"),
    signal,
  );
  fill(
    main,
    h(
      "div",
      { class: "overview" },
      h(
        "header",
        { class: "overview-head" },
        h("h1", {}, "Service map"),
        h(
          "div",
          { class: "fields" },
          timespan(place.query.get("last") ?? "", (last) => {
            note("/map", new URLSearchParams(last ? { last } : {}));
            attempt(signal, () => load(last));
          }),
        ),
      ),
      picture,
      alone,
      calls,
    ),
  );
  await load(place.query.get("last") ?? "");
}

function draw(box, { nodes, edges }) {
  if (!nodes.length) return fill(box, h("p", { class: "empty" }, "No service so far."));
  const places = layers(nodes, edges);
  const most = Math.max(1, ...edges.map((edge) => edge.calls));
  const all = [...places.values()];
  const [columns, rows] = [
    1 + Math.max(...all.map((each) => each.column)),
    1 + Math.max(...all.map((each) => each.row)),
  ];
  const calls = edges.filter((edge) => edge.parent !== edge.child);
  const counts = new Map();
  for (const each of all) counts.set(each.column, (counts.get(each.column) ?? 0) + 1);
  const at = (service) => {
    const place = places.get(service);
    const above = ((rows - counts.get(place.column)) * DOWN) / 2;
    return { x: EDGE + place.column * ACROSS, y: EDGE + above + place.row * DOWN };
  };
  const size = { width: 2 * EDGE + (columns - 1) * ACROSS + WIDTH, height: 2 * EDGE + (rows - 1) * DOWN + HEIGHT };
  fill(
    box,
    svg(
      "svg",
      {
        class: "map",
        viewBox: `0 0 ${size.width} ${size.height}`,
        width: size.width,
        height: size.height,
        "aria-label": "Services and their calls",
      },
      svg(
        "g",
        {},
        calls.map((edge) => line(edge, at, most)),
      ),
      svg(
        "g",
        { class: "labels", "aria-hidden": "true" },
        calls.map((edge) => label(edge, at)),
      ),
      svg(
        "g",
        {},
        nodes.map((node) => card(node, at(node.service))),
      ),
    ),
  );
  return undefined;
}

/** Where a call begins and ends; one that leads back goes below the cards. */
function ends(edge, at) {
  const [from, to] = [at(edge.parent), at(edge.child)];
  const isBack = to.x <= from.x;
  const [along, down] = isBack ? [WIDTH / 2, HEIGHT] : [WIDTH, HEIGHT / 2];
  return { isBack, x1: from.x + along, y1: from.y + down, x2: to.x + (isBack ? along : 0), y2: to.y + down };
}

function label(edge, at) {
  const { isBack, x1, y1, x2, y2 } = ends(edge, at);
  const [x, y] = [(x1 + x2) / 2, (y1 + y2) / 2 + (isBack ? 45 : 0)];
  return [
    svg(
      "text",
      { x, y: y - (Math.abs(y2 - y1) < 30 ? 8 : 3), "text-anchor": "middle" },
      `${format.count(edge.calls, true)} · ${format.duration(Number(edge.p50))}`,
    ),
    edge.errors > 0 &&
      svg(
        "text",
        { class: "error-text", x, y: y + 13, "text-anchor": "middle" },
        `${format.percent(rate(edge))} errors`,
      ),
  ];
}

function line(edge, at, most) {
  const { isBack, x1, y1, x2, y2 } = ends(edge, at);
  const bend = isBack
    ? `C ${x1} ${y1 + 60}, ${x2} ${y2 + 60}, ${x2} ${y2}`
    : `C ${(x1 + x2) / 2} ${y1}, ${(x1 + x2) / 2} ${y2}, ${x2} ${y2}`;
  const times = format.counted(edge.calls, "time");
  const width = 1 + 4 * (Math.log1p(edge.calls) / Math.log1p(most));
  return paint(
    svg(
      "a",
      {
        class: edge.errors ? "call error" : "call",
        href: listAddress({ service: edge.child }),
        "aria-label": `${edge.parent} calls ${edge.child} ${times}, ${format.counted(edge.errors, "error")}`,
      },
      svg("path", { d: `M ${x1} ${y1} ${bend}`, "stroke-width": width.toFixed(1) }),
      svg("path", {
        class: "arrow",
        d: isBack
          ? `M ${x2 - 5} ${y2 + 8} L ${x2} ${y2} L ${x2 + 5} ${y2 + 8}`
          : `M ${x2 - 8} ${y2 - 5} L ${x2} ${y2} L ${x2 - 8} ${y2 + 5}`,
      }),
    ),
    edge.parent,
  );
}

function card(node, { x, y }) {
  const name = node.service.length > 25 ? `${node.service.slice(0, 24)}…` : node.service;
  return paint(
    svg(
      "a",
      {
        class: node.errors ? "node error" : "node",
        href: listAddress({ service: node.service }),
        "aria-label": `${node.service}: ${format.counted(node.calls, "span")}, ${format.percent(rate(node))} errors`,
      },
      svg("rect", { class: "card", x, y, width: WIDTH, height: HEIGHT, rx: 6 }),
      svg("rect", { class: "stripe", x, y: y + 6, width: 4, height: HEIGHT - 12, rx: 2 }),
      svg("text", { class: "name", x: x + 16, y: y + 22 }, name, svg("title", {}, node.service)),
      svg(
        "text",
        { x: x + 16, y: y + 41 },
        `${format.count(node.calls, true)} spans · p50 ${format.duration(Number(node.p50))}`,
      ),
      svg(
        "text",
        { class: node.errors ? "error-text" : "faint", x: x + 16, y: y + 58 },
        `${format.percent(rate(node))} errors`,
      ),
      svg(
        "text",
        { class: "faint", x: x + WIDTH - 12, y: y + 58, "text-anchor": "end" },
        `p99 ${format.duration(Number(node.p99))}`,
      ),
    ),
    node.service,
  );
}

function callColumns() {
  const name = (service) => [paint(h("span", { class: "dot" }), service), service];
  return [
    { key: "name", label: "From", by: (row) => row.parent, cell: (row) => name(row.parent) },
    {
      key: "service",
      label: "To",
      by: (row) => row.child,
      cell: (row) => h("a", { class: "row-link", href: listAddress({ service: row.child }) }, name(row.child)),
    },
    { key: "calls", label: "Calls", isNumber: true, by: (row) => row.calls, cell: (row) => format.count(row.calls) },
    {
      key: "rate",
      label: "Errors",
      isNumber: true,
      by: (row) => row.rate,
      cell: (row) => h("span", { class: row.errors ? "badge error" : "faint" }, format.percent(row.rate)),
    },
    { key: "p50", label: "p50", isNumber: true, by: (row) => row.p50, cell: (row) => format.duration(row.p50) },
    { key: "p99", label: "p99", isNumber: true, by: (row) => row.p99, cell: (row) => format.duration(row.p99) },
  ];
}

function rate({ calls, errors }) {
  return calls ? errors / calls : 0;
}
