/** @file Places services in columns, so that calls lead from left to right. */

/**
 * @typedef {{service: string, column: number, row: number}} Placed
 * @param {{service: string}[]} nodes
 * @param {{parent: string, child: string}[]} edges
 * @returns {Map<string, Placed>} the columns and rows begin at 0
 */
export function layers(nodes, edges) {
  const names = nodes.map((node) => node.service);
  const columns = depths(
    names,
    edges.filter((edge) => edge.parent !== edge.child),
  );
  const placed = new Map();
  for (const column of [...new Set(columns.values())].sort((a, b) => a - b)) {
    const members = names.filter((name) => columns.get(name) === column);
    const wish = (name) =>
      mean(
        edges
          .filter((edge) => edge.child === name && placed.has(edge.parent))
          .map((edge) => placed.get(edge.parent).row),
      );
    members.sort((a, b) => wish(a) - wish(b) || a.localeCompare(b));
    for (const [row, service] of members.entries()) placed.set(service, { service, column, row });
  }
  return placed;
}

/** The longest way from a service that nobody calls. Calls that lead back are left out of account. */
function depths(names, edges) {
  const [depth, onWay] = [new Map(), new Set()];
  const called = new Set(edges.map((edge) => edge.child));
  const visit = (name, at) => {
    if (onWay.has(name) || (depth.get(name) ?? -1) >= at) return;
    depth.set(name, at);
    onWay.add(name);
    for (const edge of edges) if (edge.parent === name) visit(edge.child, at + 1);
    onWay.delete(name);
  };
  for (const name of names) if (!called.has(name)) visit(name, 0);
  for (const name of names) if (!depth.has(name)) visit(name, 0);
  return depth;
}

function mean(values) {
  return values.length ? values.reduce((sum, value) => sum + value, 0) / values.length : 0;
}
