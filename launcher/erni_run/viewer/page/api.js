/**
 * @file The viewer's own API, as docs/viewer.md describes it.
 * Times are decimal strings of nanoseconds since the epoch, durations decimal strings of nanoseconds.
 */

/**
 * @typedef {{name: string, spans: number, errors: number}} ServiceShare
 * @typedef {{traceId: string, root: {service: string, name: string, kind: string}, start: string, duration: string,
 *   spans: number, errors: number, orphans: number, services: ServiceShare[], agents: string[],
 *   complete: boolean}} Summary
 * @typedef {{time: string, name: string, attributes: Record<string, any>}} Event
 * @typedef {{spanId: string, parentId: string | null, name: string, kind: string, service: string, resource: number,
 *   scope: {name: string, version: string}, start: string, duration: string,
 *   status: {code: "unset" | "ok" | "error", message: string}, attributes: Record<string, any>, events: Event[],
 *   links: {traceId: string, spanId: string, attributes: Record<string, any>}[],
 *   dropped: {attributes: number, events: number, links: number}}} RawSpan
 * @typedef {{time: string, severity: string, severityNumber: number, body: any, attributes: Record<string, any>,
 *   spanId: string | null}} RawLog
 * @typedef {{traceId: string, summary: Summary, resources: {attributes: Record<string, any>}[], spans: RawSpan[],
 *   logs: RawLog[]}} RawTrace
 */

/** What the viewer answered instead of data; `status` is 0 if it did not answer at all. */
export class ApiError extends Error {
  /**
   * @param {number} status
   * @param {string} message
   */
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

/**
 * @param {string} path below /api/view
 * @param {URLSearchParams | Record<string, string>} [query]
 * @param {AbortSignal} [signal]
 * @returns {Promise<any>} the answer's JSON; rejects with {@link ApiError}, or as `signal` says once it is aborted
 */
export async function get(path, query = {}, signal = undefined) {
  const words = new URLSearchParams(query).toString();
  const body = await answer(await ask(`/api/view/${path}${words && `?${words}`}`, { signal }));
  signal?.throwIfAborted(); // it may have been, while the body was read: whoever asked has left
  return body;
}

/** Forgets every stored trace. */
export async function clearTraces() {
  return answer(await ask("/api/view/traces", { method: "DELETE" }));
}

/** Where one trace can be downloaded, as OTLP in JSON.
 * @param {string} traceId
 */
export function downloadAddress(traceId) {
  return `/api/view/traces/${encodeURIComponent(traceId)}/otlp`;
}

async function ask(address, options) {
  try {
    return await fetch(address, { headers: { Accept: "application/json" }, ...options });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new ApiError(0, "The viewer does not answer. Is erni-run view still running?");
  }
}

async function answer(response) {
  const body = await response.json().catch(() => null);
  if (response.ok) return body;
  throw new ApiError(response.status, body?.error ?? `The viewer answered ${response.status}.`);
}
