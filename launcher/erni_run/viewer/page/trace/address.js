/** @file What a trace's address says of how it is shown, besides the trace and the span. */

/**
 * @param {URLSearchParams} query
 * @param {number} duration of the trace
 * @returns {{words: string, showing: import("/page/trace/rows.js").Showing, from: number, to: number}}
 */
export function readAddress(query, duration) {
  const match = (query.get("window") ?? "").match(/^(\d+)-(\d+)$/);
  const [from, to] = match ? [Number(match[1]), Math.min(Number(match[2]), duration)] : [0, duration];
  return {
    words: query.get("q") ?? "",
    ...(from < to ? { from, to } : { from: 0, to: duration }),
    showing: {
      closed: new Set(),
      opened: new Set(),
      folds: query.get("folds") !== "0",
      logs: query.get("logs") === "1",
      critical: query.get("critical") !== "0",
    },
  };
}

/**
 * @param {string} words that are searched for
 * @param {import("/page/trace/rows.js").Showing} showing
 * @param {import("/page/trace/axis.js").Axis} axis
 * @returns {URLSearchParams} without what is so anyway
 */
export function writeAddress(words, showing, axis) {
  const query = new URLSearchParams();
  if (words) query.set("q", words);
  if (!showing.folds) query.set("folds", "0");
  if (showing.logs) query.set("logs", "1");
  if (!showing.critical) query.set("critical", "0");
  if (!axis.isWhole) query.set("window", `${Math.floor(axis.from)}-${Math.ceil(axis.to)}`);
  return query;
}
