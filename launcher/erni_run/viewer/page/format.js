/** @file Numbers, durations and times as people read them. */

const SPACE = "\u00a0"; // no line breaks at it
const UNITS = [
  [1e9 * 3600, "h"],
  [1e9 * 60, "min"],
  [1e9, "s"],
  [1e6, "ms"],
  [1e3, "µs"],
];

/** A duration with the unit that suits it: `850 µs`, `12.3 ms`, `4.56 s`.
 * @param {number} nanoseconds
 */
export function duration(nanoseconds) {
  if (!(nanoseconds > 0)) return nanoseconds === 0 ? "0" : "–";
  for (const [size, unit] of UNITS) {
    if (nanoseconds >= size * 0.9995) return `${significant(nanoseconds / size)}${SPACE}${unit}`;
  }
  return `${nanoseconds}${SPACE}ns`;
}

/** A duration with its sign, for differences.
 * @param {number} nanoseconds
 */
export function difference(nanoseconds) {
  if (nanoseconds === 0) return "0";
  return `${nanoseconds > 0 ? "+" : "−"}${duration(Math.abs(nanoseconds))}`;
}

/** At most three significant digits, without an exponent.
 * @param {number} value
 */
function significant(value) {
  if (value >= 99.95) return String(Math.round(value));
  return value >= 9.995 ? value.toFixed(1) : value.toFixed(2);
}

/** `1 234 567`, and `12.3k` from ten thousand on if `short`.
 * @param {number} value
 * @param {boolean} [short]
 */
export function count(value, short = false) {
  if (short && value >= 1e6) return `${significant(value / 1e6)}M`;
  if (short && value >= 1e4) return `${significant(value / 1e3)}k`;
  return String(value).replace(/\B(?=(\d{3})+(?!\d))/g, SPACE);
}

/** `3 spans`, `1 span`.
 * @param {number} value
 * @param {string} noun
 * @param {string} [plural]
 */
export function counted(value, noun, plural = `${noun}s`) {
  return `${count(value)} ${value === 1 ? noun : plural}`;
}

/** A share of one as per cent: `0.4 %`, `12 %`.
 * @param {number} share
 */
export function percent(share) {
  if (!(share > 0)) return "0 %";
  if (share < 0.001) return "<0.1 %";
  return `${share < 0.0995 ? (share * 100).toFixed(1) : Math.round(share * 100)} %`;
}

/** Bytes: `512 B`, `1.20 MB`.
 * @param {number} value
 */
export function bytes(value) {
  for (const [size, unit] of [
    [1e9, "GB"],
    [1e6, "MB"],
    [1e3, "kB"],
  ]) {
    if (value >= size) return `${significant(value / size)} ${unit}`;
  }
  return `${value} B`;
}

/** Milliseconds since the epoch of a decimal string of nanoseconds.
 * @param {string} nanoseconds
 */
export function milliseconds(nanoseconds) {
  return Number(BigInt(nanoseconds) / 1000n) / 1000;
}

/** Local time of day with milliseconds, `18:52:57.059`.
 * @param {string} nanoseconds since the epoch
 */
export function clock(nanoseconds) {
  const date = new Date(milliseconds(nanoseconds));
  const [hours, minutes, seconds] = [date.getHours(), date.getMinutes(), date.getSeconds()].map(two);
  return `${hours}:${minutes}:${seconds}.${String(date.getMilliseconds()).padStart(3, "0")}`;
}

/** Local date and time, `2026-11-23 18:52:57.059`.
 * @param {string} nanoseconds since the epoch
 */
export function moment(nanoseconds) {
  return `${day(nanoseconds)} ${clock(nanoseconds)}`;
}

/** Local date, `2026-11-23`.
 * @param {string} nanoseconds since the epoch
 */
export function day(nanoseconds) {
  const date = new Date(milliseconds(nanoseconds));
  return `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
}

/** How long ago: `just now`, `4 min ago`, `3 d ago`.
 * @param {number} seconds
 */
export function ago(seconds) {
  if (seconds < 5) return "just now";
  for (const [size, unit] of [
    [86400, "d"],
    [3600, "h"],
    [60, "min"],
  ]) {
    if (seconds >= size) return `${Math.floor(seconds / size)} ${unit} ago`;
  }
  return `${Math.floor(seconds)} s ago`;
}

function two(value) {
  return String(value).padStart(2, "0");
}
