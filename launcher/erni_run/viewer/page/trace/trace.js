/** @file The page of one trace: where to look first, the path through the agents, minimap, waterfall, panel. */

import * as api from "/page/api.js";
import { attempt, say, toast } from "/page/announce.js";
import { introduce } from "/page/colour.js";
import { fill, h } from "/page/element.js";
import { bind } from "/page/keyboard.js";
import { go, note } from "/page/router.js";
import { readAddress, writeAddress } from "/page/trace/address.js";
import { agentPath } from "/page/trace/agents.js";
import { Axis } from "/page/trace/axis.js";
import { chooseOther } from "/page/trace/choose.js";
import { criticalPath } from "/page/trace/critical.js";
import { growth } from "/page/trace/growth.js";
import { traceKeys } from "/page/trace/keys.js";
import { Minimap } from "/page/trace/minimap.js";
import { readTrace } from "/page/trace/model.js";
import { Panel } from "/page/trace/panel.js";
import { pointers } from "/page/trace/pointers.js";
import { Search, neighbour } from "/page/trace/search.js";
import { traceTitle } from "/page/trace/title.js";
import { Toolbar } from "/page/trace/toolbar.js";
import { Waterfall } from "/page/trace/waterfall.js";

/** @type {import("/page/router.js").View} */
export async function show(main, place, signal) {
  const [traceId, spanId] = place.parts;
  fill(main, h("p", { class: "loading" }, "Loading the trace …"));
  const raw = await api.get(`traces/${encodeURIComponent(traceId)}`, {}, signal);
  introduce(raw.summary.services.map((service) => service.name));
  if (!signal.aborted) new TracePage(readTrace(raw), place.query, signal).open(main, spanId);
}

/** The page, and what its parts may ask of each other. */
export class TracePage {
  /**
   * @param {import("/page/trace/model.js").Trace} trace
   * @param {URLSearchParams} query
   * @param {AbortSignal} signal
   */
  constructor(trace, query, signal) {
    const { words, showing, from, to } = readAddress(query, trace.duration);
    this.trace = trace;
    this.signal = signal;
    this.showing = showing;
    /** @type {import("/page/trace/model.js").Span | null} */
    this.current = null;
    this.critical = criticalPath(trace);
    this.errors = trace.spans.filter((span) => span.isError);
    this.agents = trace.spans.filter((span) => span.role === "handoff" || span.role === "agent");
    this.search = new Search(trace);
    this.search.find(words);
    this.axis = new Axis(trace.duration, () => this.#axisChanged());
    Object.assign(this.axis, { from, to });
    this.minimap = new Minimap(trace, this.axis, signal);
    this.waterfall = new Waterfall(
      trace,
      this.axis,
      showing,
      (span, isOpening) => this.#selected(span, isOpening || this.panel.isOpen),
      signal,
    );
    this.waterfall.drawing.isHit = (span) => this.search.hits.has(span);
    this.panel = new Panel(
      trace,
      this.critical,
      { select: (span) => this.select(span, true), close: () => this.close() },
      signal,
    );
    this.toolbar = new Toolbar(this);
    bind("Trace", traceKeys(this), signal);
  }

  /** Puts the page into `main`, with the span of the address selected.
   * @param {HTMLElement} main
   * @param {string} spanId
   */
  open(main, spanId) {
    const select = (span) => this.select(span, true);
    fill(
      main,
      h(
        "div",
        { class: "trace" },
        h(
          "div",
          { class: "trace-head" },
          traceTitle(this.trace),
          growth(this.trace, this.signal),
          pointers(this.trace, this.critical, select),
          agentPath(this.trace, select),
          this.toolbar.element,
          this.minimap.element,
        ),
        h("div", { class: "trace-body" }, this.waterfall.element, this.panel.element),
      ),
    );
    document.title = `${this.trace.summary.root.name} · erni-run view`;
    this.toolbar.draw();
    this.#draw();
    this.#drawHits();
    const span = this.trace.byId.get(spanId);
    if (span) this.select(span, true);
    else if (spanId) toast("That span is not in this trace");
    this.focus();
  }

  /** Gives the keyboard to the waterfall. */
  focus() {
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

  /** Opens the present row, and moves into its panel. */
  enter() {
    const focused = document.activeElement;
    if (focused !== document.body && focused !== this.waterfall.element) return focused?.click?.();
    this.waterfall.enter();
    if (this.panel.isOpen) this.panel.focus();
    return undefined;
  }

  /** Closes the panel. */
  close() {
    const hadFocus = this.panel.element.contains(document.activeElement);
    this.panel.hide();
    this.#noteAddress();
    if (hadFocus) this.focus();
  }

  /** Undoes one thing: the panel, else the search, else the zoom. */
  escape() {
    if (this.panel.isOpen) this.close();
    else if (this.search.words) this.toolbar.clear();
    else if (!this.axis.isWhole) this.axis.reset();
    this.focus();
  }

  /** Searches for `text`. */
  find(text) {
    this.search.find(text);
    this.#drawHits();
    this.#noteAddress();
  }

  /** Goes to the next hit of the search, or to the previous one. */
  toHit(direction) {
    const hits = [...this.search.hits];
    const span = neighbour(hits, this.current, direction);
    this.select(span, this.panel.isOpen);
    if (span) this.toolbar.drawFound(hits.indexOf(span) + 1);
  }

  /** Goes to the next error, or to the previous one. */
  toError(direction) {
    if (!this.errors.length) say("No errors in this trace");
    this.select(neighbour(this.errors, this.current, direction), true);
  }

  /** Goes to the next agent or handoff, or to the previous one. */
  toAgent(direction) {
    this.select(neighbour(this.agents, this.current, direction), this.panel.isOpen);
  }

  /** Switches one of folds, logs, critical.
   * @param {"folds" | "logs" | "critical"} what
   */
  toggle(what) {
    this.showing[what] = !this.showing[what];
    if (what === "folds") this.showing.opened.clear();
    this.toolbar.draw();
    this.#draw();
    this.#noteAddress();
  }

  /** Looks at the time of the selected span alone. */
  zoomToSpan() {
    if (!this.current) return;
    const margin = Math.max(this.current.duration * 0.05, 500);
    this.axis.look(this.current.start - margin, this.current.end + margin);
  }

  /** Lets the user choose another trace, and compares the two. */
  async compare() {
    await attempt(this.signal, async () => {
      const other = await chooseOther(this.trace.summary, this.signal);
      if (other) go(`/compare/${this.trace.id}/${other}`);
    });
  }

  #selected(span, isOpening) {
    this.current = span;
    if (isOpening) this.panel.show(span);
    for (const button of document.querySelectorAll(".step, .pointer")) {
      button.classList.toggle("chosen", button.dataset.span === span.id);
    }
    this.#noteAddress();
  }

  #draw() {
    this.waterfall.drawing.critical = this.showing.critical ? this.critical : null;
    this.waterfall.rebuild();
    this.waterfall.redraw();
  }

  #drawHits() {
    this.waterfall.drawing.isSearching = this.search.words !== "";
    this.waterfall.redraw();
    this.minimap.hits = this.search.hits;
    this.minimap.draw();
    this.toolbar.drawFound();
  }

  #axisChanged() {
    this.waterfall.redraw();
    this.minimap.moveWindow();
    this.#noteAddress();
  }

  #noteAddress() {
    const span = this.panel.isOpen && this.current ? `/${this.current.id}` : "";
    note(`/trace/${this.trace.id}${span}`, writeAddress(this.search.words, this.showing, this.axis));
  }
}
