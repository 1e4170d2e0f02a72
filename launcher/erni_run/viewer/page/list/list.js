/** @file The trace list: filters, scatter, table, live tail. */

import * as api from "/page/api.js";
import { attempt, say, toast } from "/page/announce.js";
import { introduce } from "/page/colour.js";
import { fill, h } from "/page/element.js";
import * as format from "/page/format.js";
import { bind } from "/page/keyboard.js";
import { go, note } from "/page/router.js";
import { FilterForm } from "/page/list/filters.js";
import { drawHead } from "/page/list/head.js";
import { listKeys } from "/page/list/keys.js";
import { Pair } from "/page/list/pair.js";
import { fromAddress, isFiltered, toAddress, toApi } from "/page/list/query.js";
import { reconcile, traceRow } from "/page/list/rows.js";
import { Scatter } from "/page/list/scatter.js";
import { Tail } from "/page/list/tail.js";
import { welcome } from "/page/list/welcome.js";

const PAGE_SIZE = 100;
const ENOUGH = 25; // traces that fill a screen
const MOST_ASKED = 8; // requests for one page of the list

/** @type {import("/page/router.js").View} */
export async function show(main, place, signal) {
  const list = new TraceList(fromAddress(place.query), signal);
  fill(main, list.element);
  await list.load();
  list.follow();
}

/** The page, and what its parts may ask of each other. */
export class TraceList {
  constructor(filters, signal) {
    this.filters = filters;
    this.signal = signal;
    /** @type {import("/page/api.js").Summary[]} */
    this.traces = [];
    this.cursor = null;
    this.pair = new Pair();
    this.form = new FilterForm(filters, (changed) => this.change(changed));
    this.scatter = new Scatter(
      { open: (id) => go(`/trace/${id}`), hover: (id) => this.#highlight(id), choose: (range) => this.#choose(range) },
      signal,
    );
    this.body = h("tbody", { role: "rowgroup" });
    this.head = h("tr", { role: "row" });
    this.state = h("span", { class: "list-state" });
    this.tailButton = h("button", { type: "button", class: "tail", on: { click: () => this.tail?.toggle() } });
    this.more = h("button", { type: "button", hidden: true, on: { click: () => this.loadMore() } }, "Load more");
    this.nothing = h("div", { class: "empty", hidden: true });
    this.element = this.#frame();
    this.#listen();
    bind("Trace list", listKeys(this), signal);
  }

  #frame() {
    const clear = h("button", { type: "button", class: "quiet", on: { click: () => this.#clear() } }, "Clear store");
    return h(
      "div",
      { class: "list" },
      h("h1", { class: "visually-hidden" }, "Traces"),
      this.form.element,
      this.scatter.element,
      h("div", { class: "list-bar" }, this.state, this.pair.link, this.tailButton, clear),
      h(
        "table",
        { class: "traces", role: "table", "aria-label": "Traces" },
        h("thead", { role: "rowgroup" }, this.head),
        this.body,
      ),
      this.nothing,
      h("p", { class: "more" }, this.more),
    );
  }

  /** Fetches the first page of what the filters let through. */
  async load() {
    const page = await this.#fetch({});
    [this.traces, this.cursor] = [page.traces, page.next];
    await this.#draw();
    this.form.load(this.signal).catch(() => {}); // without suggestions the filters still filter
  }

  async loadMore() {
    await attempt(this.signal, async () => {
      const page = await this.#fetch({ cursor: this.cursor });
      this.cursor = page.next;
      await this.#merge(page.traces);
    });
  }

  /** Lets new traces in as they arrive. */
  follow() {
    this.tail = new Tail(
      {
        arrived: () => this.#refresh(),
        cleared: () => this.#cleared(),
        changed: (state, waiting) => this.#drawTail(state, waiting),
      },
      this.signal,
    );
    this.#drawTail("connecting", 0);
  }

  /** Applies other filters, and notes them in the address. */
  async change(filters) {
    this.filters = filters;
    note("/", toAddress(filters));
    await attempt(this.signal, async () => {
      const page = await this.#fetch({});
      if (this.filters !== filters) return; // others were chosen meanwhile
      [this.traces, this.cursor] = [page.traces, page.next];
      await this.#draw();
      say(`${format.counted(this.traces.length, "trace")} shown`);
    });
  }

  async #refresh() {
    const { filters } = this;
    try {
      const page = await this.#fetch({});
      if (this.filters !== filters) return;
      if (this.traces.length === 0) this.cursor = page.next;
      await this.#merge(page.traces);
    } catch {
      // The tail's own state says that the viewer is away; the next event tries again.
    }
  }

  /** One page of traces. A page of the API may be short although there are more; then the next ones are fetched too. */
  async #fetch(more) {
    const query = toApi(this.filters, Date.now());
    for (const [key, value] of Object.entries({ limit: PAGE_SIZE, ...more })) query.set(key, String(value));
    const page = await api.get("traces", query, this.signal);
    for (let asked = 1; page.next && page.traces.length < ENOUGH && asked < MOST_ASKED; asked += 1) {
      query.set("cursor", page.next);
      const another = await api.get("traces", query, this.signal);
      page.traces.push(...another.traces);
      page.next = another.next;
    }
    return page;
  }

  async #merge(newer) {
    const all = new Map([...this.traces, ...newer].map((trace) => [trace.traceId, trace]));
    const { sort, order } = this.filters;
    const sign = order === "asc" ? 1 : -1;
    this.traces = [...all.values()].sort((a, b) => {
      const [left, right] = [BigInt(a[sort]), BigInt(b[sort])];
      return left === right ? 0 : left < right ? -sign : sign;
    });
    await this.#draw();
  }

  async #draw() {
    introduce(this.traces.flatMap((trace) => trace.services.map((service) => service.name)));
    const longest = Math.max(1, ...this.traces.map((trace) => Number(trace.duration)));
    reconcile(
      this.body,
      this.traces,
      (trace) =>
        traceRow(trace, {
          longest,
          isMarked: this.pair.has(trace.traceId),
          mark: (id, isMarked) => this.pair.mark(id, isMarked),
        }),
      String(longest),
    );
    this.scatter.show(this.traces);
    drawHead(this.head, this.filters, (key) => this.#sort(key));
    this.more.hidden = !this.cursor;
    const failed = this.traces.filter((trace) => trace.errors).length;
    fill(
      this.state,
      h("b", {}, format.count(this.traces.length)),
      this.cursor ? " first traces" : " traces",
      failed > 0 && h("span", { class: "error-text" }, ` · ${format.count(failed)} with errors`),
    );
    this.nothing.hidden = this.traces.length > 0;
    this.body.parentElement.hidden = this.traces.length === 0;
    if (!this.traces.length) await welcome(this.nothing, isFiltered(this.filters), this.signal);
  }

  #sort(key) {
    const { sort, order } = this.filters;
    const turned = sort === key && order === "desc" ? "asc" : "desc";
    this.change({ ...this.filters, sort: key, order: turned });
  }

  #drawTail(state, waiting) {
    const words = {
      connecting: "Connecting",
      live: "Live",
      paused: "Paused",
      broken: "Reconnecting",
      asleep: "Asleep",
    };
    fill(
      this.tailButton,
      h("span", { class: "pulse", "aria-hidden": "true" }),
      words[state],
      state === "paused" && waiting > 0 && h("span", { class: "waiting" }, ` · ${format.count(waiting)} new`),
      h("kbd", { "aria-hidden": "true" }, "p"),
    );
    this.tailButton.dataset.state = state;
    this.tailButton.setAttribute("aria-pressed", String(state === "paused"));
    this.tailButton.title = state === "paused" ? "Go on with new traces (p)" : "Keep new traces back (p)";
  }

  #highlight(traceId) {
    this.body.querySelector(".pointed")?.classList.remove("pointed");
    if (traceId) this.body.querySelector(`[data-trace="${CSS.escape(traceId)}"]`)?.classList.add("pointed");
  }

  #choose(range) {
    const nanoseconds = (milliseconds) => `${Math.round(milliseconds)}000000`;
    const filters = {
      ...this.filters,
      last: "",
      start: nanoseconds(range.from),
      end: nanoseconds(range.to),
      min: `${Math.floor(range.min / 1000)}us`,
      max: `${Math.ceil(range.max / 1000)}us`,
    };
    this.form.set(filters);
    this.change(filters);
  }

  async #clear() {
    if (!confirm("Forget every stored trace? This cannot be undone.")) return;
    await attempt(this.signal, async () => {
      await api.clearTraces();
      toast("All traces are forgotten");
    });
    await this.#cleared();
  }

  async #cleared() {
    this.traces = [];
    this.pair.clear();
    await attempt(this.signal, () => this.load());
  }

  #listen() {
    const mark = (event) => this.scatter.mark(event.target.closest("tr")?.dataset.trace ?? null);
    this.body.addEventListener("focusin", mark);
    this.body.addEventListener("pointerover", mark);
    this.body.addEventListener("click", (event) => {
      if (event.target.closest("a, input")) return;
      const link = event.target.closest("tr")?.querySelector(".trace-link");
      if (link && !getSelection()?.toString()) link.click();
    });
  }
}
