/** @file Round places on an axis. */

const STEPS = [
  1,
  2,
  5,
  10,
  20,
  50,
  100,
  200,
  500,
  1e3,
  2e3,
  5e3,
  10e3,
  15e3,
  30e3,
  60e3,
  2 * 60e3,
  5 * 60e3,
  10 * 60e3,
  15 * 60e3,
  30 * 60e3,
  3600e3,
  2 * 3600e3,
  6 * 3600e3,
  12 * 3600e3,
  86400e3,
  2 * 86400e3,
  7 * 86400e3,
]; // milliseconds

/** Powers of ten from `min` to `max`, with halves between if there would be few.
 * @param {number} min
 * @param {number} max
 */
export function decades(min, max) {
  const [first, last] = [Math.floor(Math.log10(min)), Math.ceil(Math.log10(max))];
  const multiples = last - first > 3 ? [1] : last - first > 1 ? [1, 3] : [1, 2, 5];
  const values = [];
  for (let power = first; power <= last; power += 1) values.push(...multiples.map((times) => times * 10 ** power));
  return values.filter((value) => value >= min && value <= max);
}

/** Round times of day, local, at most about `most` of them.
 * @param {number} from milliseconds since the epoch
 * @param {number} to
 * @param {number} most
 * @returns {{at: number, label: string}[]}
 */
export function clockTicks(from, to, most) {
  const step = STEPS.find((size) => (to - from) / size <= most) ?? 30 * 86400e3;
  const offset = new Date(from).getTimezoneOffset() * 60e3;
  const ticks = [];
  for (let at = Math.ceil((from - offset) / step) * step + offset; at <= to; at += step) {
    ticks.push({ at, label: timeLabel(new Date(at), step) });
  }
  return ticks;
}

/** Round durations from `from` to `to`, at most about `most` of them.
 * @param {number} from nanoseconds
 * @param {number} to
 * @param {number} most
 */
export function durationTicks(from, to, most) {
  const rough = (to - from) / most;
  const size = 10 ** Math.floor(Math.log10(Math.max(rough, 1)));
  const step = [1, 2, 5, 10].map((times) => times * size).find((candidate) => candidate >= rough) ?? size * 10;
  const ticks = [];
  for (let at = Math.ceil(from / step) * step; at <= to; at += step) ticks.push(at);
  return ticks;
}

function timeLabel(date, step) {
  const pad = (value, width = 2) => String(value).padStart(width, "0");
  if (step >= 86400e3) return `${date.getMonth() + 1}-${pad(date.getDate())}`;
  const minutes = `${pad(date.getHours())}:${pad(date.getMinutes())}`;
  if (step >= 60e3) return minutes;
  const seconds = `${minutes}:${pad(date.getSeconds())}`;
  return step >= 1000 ? seconds : `${seconds}.${pad(date.getMilliseconds(), 3)}`;
}
