/** @file The keys of a trace's page. */

import { copy } from "/page/announce.js";

/**
 * @param {import("/page/trace/trace.js").TracePage} page
 * @returns {import("/page/keyboard.js").Binding[]}
 */
export function traceKeys(page) {
  const { waterfall, axis } = page;
  return [
    { keys: ["j", "ArrowDown"], does: "next row", act: () => waterfall.move(1) },
    { keys: ["k", "ArrowUp"], does: "previous row", act: () => waterfall.move(-1) },
    { keys: ["PageDown"], does: "a page down", act: () => waterfall.move(waterfall.list.pageSize) },
    { keys: ["PageUp"], does: "a page up", act: () => waterfall.move(-waterfall.list.pageSize) },
    { keys: ["Home"], does: "first row", act: () => waterfall.move(-Infinity) },
    { keys: ["End"], does: "last row", act: () => waterfall.move(Infinity) },
    { keys: ["ArrowRight"], does: "open", act: () => waterfall.turn(true) },
    { keys: ["ArrowLeft"], does: "close, or go to the parent", act: () => waterfall.turn(false) },
    { keys: ["Enter"], does: "open the span's panel", act: () => page.enter() },
    { keys: ["e"], does: "next error", act: () => page.toError(1) },
    { keys: ["E"], does: "previous error", act: () => page.toError(-1) },
    { keys: ["a"], does: "next agent or handoff", act: () => page.toAgent(1) },
    { keys: ["A"], does: "previous agent or handoff", act: () => page.toAgent(-1) },
    { keys: ["/"], does: "search in this trace", act: () => page.toolbar.field.focus() },
    { keys: ["n"], does: "next hit", act: () => page.toHit(1) },
    { keys: ["N"], does: "previous hit", act: () => page.toHit(-1) },
    { keys: ["f"], does: "fold repeated siblings, or not", act: () => page.toggle("folds") },
    { keys: ["c"], does: "critical path, or not", act: () => page.toggle("critical") },
    { keys: ["l"], does: "log lines between the spans, or not", act: () => page.toggle("logs") },
    { keys: ["1"], does: "close all but the top", act: () => waterfall.closeAt(1) },
    { keys: ["9"], does: "open all", act: () => waterfall.closeAt(0) },
    { keys: ["z"], does: "zoom to the span", act: () => page.zoomToSpan() },
    { keys: ["+", "="], does: "closer", act: () => axis.zoom(0.5) },
    { keys: ["-"], does: "further away", act: () => axis.zoom(2) },
    { keys: ["[", "]"], does: "earlier, later", act: (event) => axis.pan(event.key === "[" ? -0.25 : 0.25) },
    { keys: ["0"], does: "the whole trace", act: () => axis.reset() },
    { keys: ["y"], does: "copy the link", act: () => copy(location.href, "Link") },
    { keys: ["Escape"], does: "close the panel, the search, the zoom", act: () => page.escape() },
  ];
}
