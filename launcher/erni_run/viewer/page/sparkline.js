/** @file A trend in the width of a word: calls as bars, errors in them, the 95th percentile as a line. */

import { svg } from "/page/element.js";
import * as format from "/page/format.js";

const [WIDTH, HEIGHT, NARROWEST] = [132, 26, 2];

/** @typedef {{time: string, calls: number, errors: number, p95: string}} Step */

/** @param {Step[]} trend by time */
export function sparkline(trend) {
  if (!trend.length) return null;
  const places = scale(trend);
  const most = Math.max(...trend.map((step) => step.calls));
  const slowest = Math.max(1, ...trend.map((step) => Number(step.p95)));
  const point = (step, index) => {
    const [x, share] = [places.at(index) + places.width / 2, Number(step.p95) / slowest];
    return `${x.toFixed(1)},${(HEIGHT - 2 - share * (HEIGHT - 5)).toFixed(1)}`;
  };
  const tall = (share) => Math.max(1, share * (HEIGHT - 4));
  const last = trend.at(-1);
  const label =
    `${format.count(trend.reduce((sum, step) => sum + step.calls, 0))} calls, at most ${format.count(most)} a step; ` +
    `p95 last ${format.duration(Number(last.p95))}, highest ${format.duration(slowest)}`;
  return svg(
    "svg",
    { class: "sparkline", width: WIDTH, height: HEIGHT, role: "img", "aria-label": label },
    svg("title", {}, label),
    trend.map((step, index) => [
      bar("calls", places.at(index), places.width, tall(step.calls / most)),
      step.errors > 0 && bar("errors", places.at(index), places.width, tall(step.errors / most)),
    ]),
    trend.length > 1 && svg("polyline", { class: "p95", points: trend.map(point).join(" ") }),
  );
}

/** Steps without calls are left out of a trend; the others stand where their time is. */
function scale(trend) {
  const times = trend.map((step) => format.milliseconds(step.time));
  const gaps = times.slice(1).map((time, index) => time - times[index]);
  const length = Math.min(...gaps, Infinity);
  const steps = gaps.length ? Math.round((times.at(-1) - times[0]) / length) + 1 : 1;
  const pitch = Math.min(12, WIDTH / steps);
  return {
    width: Math.max(NARROWEST, pitch - 1),
    at: (index) => WIDTH - pitch * (steps - (gaps.length ? Math.round((times[index] - times[0]) / length) : 0)),
  };
}

function bar(kind, x, width, height) {
  return svg("rect", {
    class: kind,
    x: x.toFixed(1),
    y: (HEIGHT - height).toFixed(1),
    width: width.toFixed(1),
    height: height.toFixed(1),
  });
}
