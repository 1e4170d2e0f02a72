/** @file The page of one trace: where to look first, the path through the agents, minimap, waterfall, panel. */

import * as api from "/page/api.js";
import { copy, say, toast } from "/page/announce.js";
import { paint } from "/page/colour.js";
import { fill, h } from "/page/element.js";
import * as format from "/page/format.js";
import { bind } from "/page/keyboard.js";
import { go, note } from "/page/router.js";
import { agentPath } from "/page/trace/agents.js";
import { Axis } from "/page/trace/axis.js";
import { chooseOther } from "/page/trace/choose.js";
import { criticalPath } from "/page/trace/critical.js";
import { Minimap } from "/page/trace/minimap.js";
import { readTrace } from "/page/trace/model.js";
import { Panel } from "/page/trace/panel.js";
import { pointers } from "/page/trace/pointers.js";
import { Search, neighbour } from "/page/trace/search.js";
import { Waterfall } from "/page/trace/waterfall.js";

/** @type {import("/page/router.js").View} */
export async function show(main, place, signal) {
  const [traceId, spanId] = place.parts;
  fill(main, h("p", { class: "loading" }, "Loading the trace …"));
  const raw = await api.get(`traces/${encodeURIComponent(traceId)}`, {}, signal);
  if (!signal.aborted) new TracePage(readTrace(raw), place.query, signal).open(main, spanId);
}

class TracePage {
  constructor(trace, query, signal) {
    this.trace = trace;
    this.signal = signal;
    this.current = null;
    this.critical = criticalPath(trace);
    this.errors = trace.spans.filter((span) => span.isError);
    this.showing = { closed: new Set(), opened: new Set(), folds: query.get("folds") !== "0", logs: query.get("logs") === "1" };
    this.isCriticalShown = query.get("critical") !== "0";
    this.search = new Search(trace);
    this.search.find(query.get("q") ?? "");
    this.axis = new Axis(trace.duration, () => this.#axisChanged());
    [this.axis.from, this.axis.to] = windowOf(query, trace.duration);
    const select = (span) => this.select(span, true);
    this.minimap = new Minimap(trace, this.axis, signal);
    this.waterfall = new Waterfall(trace, this.axis, this.showing, (span, isOpening) =>
      this.#selected(span, isOpening || this.panel.isOpen), signal);
    this.panel = new Panel(trace, this.critical, { select, close: () => this.close() }, signal);
    this.field = h("input", { type: "search", class: "trace-search", placeholder: "Search in this trace",
      "aria-label": "Search in this trace", "aria-keyshortcuts": "/", autocomplete: "off", spellcheck: "false",
      value: this.search.words, on: { input: () => this.find(this.field.value), keydown: (event) => this.#searchKey(event) } });
    this.found = h("span", { class: "found", "aria-live": "polite" });
    this.tools = h("div", { class: "trace-tools" });
    this.#bindKeys();
  }

  /** Puts the page into `main`, with the span of the address selected.
   * @param {HTMLElement} main
   * @param {string} spanId
   */
  open(main, spanId) {
    const select = (span) => this.select(span, true);
    const head = h("div", { class: "trace-head" }, this.#title(), pointers(this.trace, this.critical, select),
      agentPath(this.trace, select), this.tools, this.minimap.element);
    fill(main, h("div", { class: "trace" }, head,
      h("div", { class: "trace-body" }, this.waterfall.element, this.panel.element)));
    document.title = `${this.trace.summary.root.name} · erni-run view`;
    this.waterfall.drawing.isHit = (span) => this.search.hits.has(span);
    this.#drawTools();
    this.#applyShowing();
    this.#applySearch();
    const span = this.trace.byId.get(spanId);
    if (span) this.select(span, true);
    else if (spanId) toast("That span is not in this trace");
    this.waterfall.element.focus({ preventScroll: true });
  }

  /** Selects a span and brings its row into sight.
   * @param {import("/page/trace/model.js").Span | null} span
   * @param {boolean} isOpening whether its panel opens
   */
  select(span, isOpening) {
    if (!span) return;
    this.waterfall.goTo(span);
    this.#selected(span, isOpening);
  }

  /** Closes the panel. */
  close() {
    const hadFocus = this.panel.element.contains(document.activeElement);
    this.panel.hide();
    this.#noteAddress();
    if (hadFocus) this.waterfall.element.focus({ preventScroll: true });
  }

  /** Searches for `text`. */
  find(text) {
    this.search.find(text);
    this.#applySearch();
    this.#noteAddress();
  }

  #selected(span, isOpening) {
    this.current = span;
    if (isOpening) this.panel.show(span);
    for (const step of document.querySelectorAll(".step, .pointer")) {
      step.classList.toggle("chosen", step.dataset.span === span.id);
    }
    this.#noteAddress();
  }

  #title() {
    const { summary } = this.trace;
    return h("div", { class: "trace-title" },
      h("h1", {}, paint(h("span", { class: "dot" }), summary.root.service), summary.root.name || "(no name)",
        h("span", { class: "service" }, summary.root.service)),
      h("p", { class: "trace-facts" }, h("b", {}, format.duration(this.trace.duration)), " · ",
        h("time", {}, format.moment(this.trace.start)), " · ", format.counted(summary.spans, "span"),
        this.errors.length > 0 && h("span", { class: "error-text" }, ` · ${format.counted(this.errors.length, "error")}`),
        this.trace.logs.length > 0 && ` · ${format.counted(this.trace.logs.length, "log line")}`,
        summary.orphans > 0 && h("span", { class: "warn-text" }, ` · ${format.counted(summary.orphans, "missing parent")}`),
        " · ", h("code", { title: this.trace.id }, this.trace.id.slice(0, 8))),
      this.#legend());
  }

  #legend() {
    const { services } = this.trace.summary;
    return services.length > 1 && h("ul", { class: "legend", "aria-label": "Services" }, services.slice(0, 12).map((service) =>
      h("li", {}, paint(h("span", { class: "dot" }), service.name), service.name)));
  }

  #drawTools() {
    const toggle = (name, key, isOn, act) => h("button", { type: "button", class: "toggle", "aria-pressed": String(isOn),
      on: { click: act } }, name, " ", h("kbd", { "aria-hidden": "true" }, key));
    const focused = document.activeElement === this.field;
    fill(this.tools, this.field, this.found,
      h("span", { class: "tool-group" },
        this.errors.length > 0 && h("button", { type: "button", class: "error-jump", title: "Next error (e), previous (E)",
          on: { click: () => this.#toError(1) } }, format.counted(this.errors.length, "error"), " ", h("kbd", {}, "e")),
        toggle("Fold repeats", "f", this.showing.folds, () => this.#toggleFolds()),
        toggle("Critical path", "c", this.isCriticalShown, () => this.#toggleCritical()),
        this.trace.logs.length > 0 && toggle("Log lines", "l", this.showing.logs, () => this.#toggleLogs()),
        h("button", { type: "button", on: { click: () => this.#compare() } }, "Compare …"),
        h("a", { class: "button", href: api.downloadAddress(this.trace.id), download: `trace-${this.trace.id}.json` },
          "Download JSON")));
    if (focused) this.field.focus();
  }

  #applyShowing() {
    this.waterfall.drawing.critical = this.isCriticalShown ? this.critical : null;
    this.waterfall.rebuild();
    this.waterfall.redraw();
  }

  #applySearch() {
    const { words, hits } = this.search;
    this.waterfall.drawing.isSearching = words !== "";
    this.waterfall.redraw();
    this.minimap.hits = hits;
    this.minimap.draw();
    this.found.textContent = words === "" ? "" : hits.size ? `${format.counted(hits.size, "hit")}` : "nothing found";
  }

  #axisChanged() {
    this.waterfall.redraw();
    this.minimap.moveWindow();
    this.#noteAddress();
  }

  #noteAddress() {
    const query = new URLSearchParams();
    if (this.search.words) query.set("q", this.search.words);
    if (!this.showing.folds) query.set("folds", "0");
    if (this.showing.logs) query.set("logs", "1");
    if (!this.isCriticalShown) query.set("critical", "0");
    if (!this.axis.isWhole) query.set("window", `${Math.floor(this.axis.from)}-${Math.ceil(this.axis.to)}`);
    note(`/trace/${this.trace.id}${this.panel.isOpen && this.current ? `/${this.current.id}` : ""}`, query);
  }

  #toError(direction) {
    const span = neighbour(this.errors, this.current, direction);
    if (!span) say("No errors in this trace");
    this.select(span, true);
  }

  #toHit(direction) {
    const hits = [...this.search.hits];
    const span = neighbour(hits, this.current, direction);
    if (!span) return;
    this.select(span, this.panel.isOpen);
    this.found.textContent = `${format.count(hits.indexOf(span) + 1)} of ${format.counted(hits.length, "hit")}`;
  }

  #toAgent(direction) {
    this.select(neighbour(this.trace.spans.filter((span) => span.role === "handoff" || span.role === "agent"),
      this.current, direction), this.panel.isOpen);
  }

  #searchKey(event) {
    if (event.key === "Enter") {
      event.preventDefault();
      this.#toHit(event.shiftKey ? -1 : 1);
    } else if (event.key === "Escape") {
      event.preventDefault();
      if (this.field.value) {
        this.field.value = "";
        this.find("");
      }
      this.waterfall.element.focus({ preventScroll: true });
    }
  }

  #toggleFolds() {
    this.showing.folds = !this.showing.folds;
    this.showing.opened.clear();
    this.#shownDifferently();
  }

  #toggleLogs() {
    this.showing.logs = !this.showing.logs;
    this.#shownDifferently();
  }

  #toggleCritical() {
    this.isCriticalShown = !this.isCriticalShown;
    this.#shownDifferently();
  }

  #shownDifferently() {
    this.#drawTools();
    this.#applyShowing();
    this.#noteAddress();
  }

  async #compare() {
    const other = await chooseOther(this.trace.summary, this.signal);
    if (other) go(`/compare/${this.trace.id}/${other}`);
  }

  #zoomToCurrent() {
    if (!this.current) return;
    const margin = Math.max(this.current.duration * 0.05, 500);
    this.axis.look(this.current.start - margin, this.current.end + margin);
  }

  #escape() {
    if (this.panel.isOpen) this.close();
    else if (this.search.words) {
      this.field.value = "";
      this.find("");
    } else if (!this.axis.isWhole) this.axis.reset();
  }

  #enter() {
    const focused = document.activeElement;
    if (focused !== document.body && focused !== this.waterfall.element) return focused?.click?.();
    this.waterfall.enter();
    if (this.panel.isOpen && this.panel.span === this.current) this.panel.focus();
    return undefined;
  }

  #bindKeys() {
    const { waterfall, axis } = this;
    bind("Trace", [
      { keys: ["j", "ArrowDown"], does: "next row", act: () => waterfall.move(1) },
      { keys: ["k", "ArrowUp"], does: "previous row", act: () => waterfall.move(-1) },
      { keys: ["PageDown"], does: "a page down", act: () => waterfall.move(waterfall.list.pageSize) },
      { keys: ["PageUp"], does: "a page up", act: () => waterfall.move(-waterfall.list.pageSize) },
      { keys: ["Home"], does: "first row", act: () => waterfall.move(-Infinity) },
      { keys: ["End"], does: "last row", act: () => waterfall.move(Infinity) },
      { keys: ["ArrowRight"], does: "open", act: () => waterfall.turn(true) },
      { keys: ["ArrowLeft"], does: "close, or go to the parent", act: () => waterfall.turn(false) },
      { keys: ["Enter"], does: "open the span's panel", act: () => this.#enter() },
      { keys: ["e"], does: "next error", act: () => this.#toError(1) },
      { keys: ["E"], does: "previous error", act: () => this.#toError(-1) },
      { keys: ["a"], does: "next agent or handoff", act: () => this.#toAgent(1) },
      { keys: ["A"], does: "previous agent or handoff", act: () => this.#toAgent(-1) },
      { keys: ["/"], does: "search in this trace", act: () => this.field.focus() },
      { keys: ["n"], does: "next hit", act: () => this.#toHit(1) },
      { keys: ["N"], does: "previous hit", act: () => this.#toHit(-1) },
      { keys: ["f"], does: "fold repeated siblings, or not", act: () => this.#toggleFolds() },
      { keys: ["c"], does: "critical path, or not", act: () => this.#toggleCritical() },
      { keys: ["l"], does: "log lines between the spans, or not", act: () => this.trace.logs.length && this.#toggleLogs() },
      { keys: ["1"], does: "close all but the top", act: () => waterfall.closeAt(1) },
      { keys: ["9"], does: "open all", act: () => waterfall.closeAt(0) },
      { keys: ["z"], does: "zoom to the span", act: () => this.#zoomToCurrent() },
      { keys: ["+", "="], does: "closer", act: () => axis.zoom(0.5) },
      { keys: ["-"], does: "further away", act: () => axis.zoom(2) },
      { keys: ["[", "]"], does: "earlier, later", act: (event) => axis.pan(event.key === "[" ? -0.25 : 0.25) },
      { keys: ["0"], does: "the whole trace", act: () => axis.reset() },
      { keys: ["y"], does: "copy the link", act: () => copy(location.href, "Link") },
      { keys: ["Escape"], does: "close the panel, the search, the zoom", act: () => this.#escape() },
    ], this.signal);
  }
}

/** The window of time in the address, else all of it. */
function windowOf(query, duration) {
  const match = (query.get("window") ?? "").match(/^(\d+)-(\d+)$/);
  const [from, to] = match ? [Number(match[1]), Math.min(Number(match[2]), duration)] : [0, duration];
  return from < to ? [from, to] : [0, duration];
}
