/** @file The filters of the trace list, between the page's address and the API's. */

/**
 * @typedef {object} Filters
 * @property {string} service
 * @property {string} operation
 * @property {"" | "error" | "ok"} status
 * @property {string[]} attributes each `key=value`; the value may end in `*`
 * @property {string} min duration with its unit
 * @property {string} max duration with its unit
 * @property {string} last how far back, such as `15m`; "" for all, if start and end are "" too
 * @property {string} start decimal nanoseconds since the epoch
 * @property {string} end decimal nanoseconds since the epoch
 * @property {"start" | "duration"} sort
 * @property {"desc" | "asc"} order
 */

const SECONDS = { m: 60, h: 3600, d: 86400 };
const PLAIN = /** @type {const} */ (["service", "operation", "status", "min", "max", "last", "start", "end"]);

/** The choices of how far back, by their value in the address. */
export const SPANS_OF_TIME = {
  "": "Any time",
  "5m": "Last 5 min",
  "15m": "Last 15 min",
  "1h": "Last hour",
  "6h": "Last 6 h",
  "1d": "Last day",
  "7d": "Last 7 days",
};

/** @returns {Filters} of the page's address */
export function fromAddress(/** @type {URLSearchParams} */ query) {
  const filters = /** @type {any} */ (Object.fromEntries(PLAIN.map((key) => [key, query.get(key) ?? ""])));
  filters.attributes = query.getAll("attribute").filter((pair) => pair.includes("="));
  filters.sort = query.get("sort") === "duration" ? "duration" : "start";
  filters.order = query.get("order") === "asc" ? "asc" : "desc";
  return filters;
}

/** @returns {URLSearchParams} for the page's address; what is not filtered is left out */
export function toAddress(/** @type {Filters} */ filters) {
  const query = new URLSearchParams(PLAIN.filter((key) => filters[key]).map((key) => [key, filters[key]]));
  for (const pair of filters.attributes) query.append("attribute", pair);
  if (filters.sort !== "start") query.set("sort", filters.sort);
  if (filters.order !== "desc") query.set("order", filters.order);
  return query;
}

/**
 * @param {Filters} filters
 * @param {number} now milliseconds since the epoch
 * @returns {URLSearchParams} for the API
 */
export function toApi(filters, now) {
  const query = toAddress({ ...filters, last: "" });
  const start = since(filters.last, now);
  if (start) query.set("start", start);
  query.set("sort", filters.sort);
  query.set("order", filters.order);
  return query;
}

/** The start of the time `last` reaches back to, as decimal nanoseconds; "" for no limit.
 * @param {string} last
 * @param {number} now milliseconds since the epoch
 */
export function since(last, now) {
  const seconds = Number.parseInt(last, 10) * (SECONDS[last.slice(-1)] ?? Number.NaN);
  return seconds > 0 ? `${Math.max(0, Math.floor(now - seconds * 1000))}000000` : "";
}

/** Whether anything is filtered at all. */
export function isFiltered(/** @type {Filters} */ filters) {
  return filters.attributes.length > 0 || PLAIN.some((key) => filters[key]);
}

/** The filters with none set, sorted as before. */
export function cleared(/** @type {Filters} */ filters) {
  return { ...fromAddress(new URLSearchParams()), sort: filters.sort, order: filters.order };
}

/** The address of the list with these filters.
 * @param {Record<string, string>} some
 */
export function listAddress(some) {
  return `/?${new URLSearchParams(some)}`;
}
