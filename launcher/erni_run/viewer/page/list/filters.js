/** @file The filters over the trace list, as a form. */

import * as api from "/page/api.js";
import { fill, h } from "/page/element.js";
import * as format from "/page/format.js";
import { go } from "/page/router.js";
import { SPANS_OF_TIME, cleared, isFiltered } from "/page/list/query.js";

const STATUS = { "": "All", error: "Errors", ok: "OK" };

/** The form. `changed` is called with the new filters whenever the user has decided on some. */
export class FilterForm {
  /**
   * @param {import("/page/list/query.js").Filters} filters
   * @param {(filters: import("/page/list/query.js").Filters) => void} changed
   */
  constructor(filters, changed) {
    this.filters = filters;
    this.changed = changed;
    this.services = [];
    this.keys = [];
    this.element = h("form", {
      class: "filters",
      role: "search",
      "aria-label": "Filter traces",
      on: { submit: (event) => event.preventDefault() },
    });
    this.#draw();
  }

  /** Fetches what there is to choose from. */
  async load(signal) {
    const [services, attributes] = await Promise.all([
      api.get("services", {}, signal),
      api.get("attributes", { prefix: "" }, signal),
    ]);
    [this.services, this.keys] = [services.services, attributes.keys];
    this.#drawChoices();
  }

  /** Shows other filters than before.
   * @param {import("/page/list/query.js").Filters} filters
   */
  set(filters) {
    this.filters = filters;
    this.#draw();
  }

  focus() {
    this.#attribute.focus();
  }

  get #attribute() {
    return /** @type {HTMLInputElement} */ (this.#find("[name=attribute]"));
  }

  #change(some) {
    this.filters = { ...this.filters, ...some };
    this.#draw();
    this.changed(this.filters);
  }

  #draw() {
    fill(this.element, this.#fields(), this.#chips());
    this.#drawChoices();
  }

  /** Fills in what there is to choose from, and leaves alone what the user is about to write. */
  #drawChoices() {
    const { service } = this.filters;
    const among = this.services.filter(({ name }) => !service || name === service);
    const names = [...new Set([...this.services.map(({ name }) => name), ...(service ? [service] : [])])];
    fill(this.#find("[name=service]"), options([["", "All services"], ...names.map((name) => [name, name])], service));
    fill(
      this.#find("#operations"),
      [...new Set(among.flatMap(({ operations }) => operations))].map((value) => h("option", { value })),
    );
    fill(
      this.#find("#keys"),
      this.keys.map((key) => h("option", { value: `${key}=` })),
    );
  }

  #find(selector) {
    return this.element.querySelector(selector);
  }

  #fields() {
    const { filters } = this;
    return h(
      "div",
      { class: "fields" },
      field(
        "Service",
        select("service", "", [], (service) => this.#change({ service, operation: "" })),
      ),
      field(
        "Operation",
        text("operation", filters.operation, "any", (operation) => this.#change({ operation }), {
          list: "operations",
          class: "wide",
        }),
      ),
      h("datalist", { id: "operations" }),
      this.#status(),
      h(
        "div",
        { class: "field pair", role: "group", "aria-label": "Duration" },
        h("span", { class: "label" }, "Duration"),
        text("min", filters.min, "min, 5ms", (min) => this.#change({ min }), { "aria-label": "Shortest duration" }),
        h("span", { "aria-hidden": "true" }, "–"),
        text("max", filters.max, "max, 2s", (max) => this.#change({ max }), { "aria-label": "Longest duration" }),
      ),
      field(
        "Time",
        select(
          "last",
          filters.start || filters.end ? "chosen" : filters.last,
          this.#times(),
          (last) => last !== "chosen" && this.#change({ last, start: "", end: "" }),
        ),
      ),
      field(
        "Attribute",
        h("input", {
          name: "attribute",
          placeholder: "key=value, or a trace id",
          list: "keys",
          class: "wide",
          autocomplete: "off",
          spellcheck: "false",
          enterkeyhint: "search",
          "aria-keyshortcuts": "/",
          on: { keydown: (event) => event.key === "Enter" && this.#addAttribute() },
        }),
      ),
      h("datalist", { id: "keys" }),
    );
  }

  #times() {
    const { start, end } = this.filters;
    const choices = Object.entries(SPANS_OF_TIME);
    if (!start && !end) return choices;
    return [["chosen", `${start ? format.clock(start) : "…"} – ${end ? format.clock(end) : "now"}`], ...choices];
  }

  #status() {
    return h(
      "fieldset",
      { class: "field segmented" },
      h("legend", { class: "label" }, "Status"),
      h(
        "div",
        {},
        Object.entries(STATUS).map(([value, name]) =>
          h(
            "label",
            {},
            h("input", {
              type: "radio",
              name: "status",
              value,
              checked: this.filters.status === value,
              on: { change: () => this.#change({ status: value }) },
            }),
            h("span", {}, name),
          ),
        ),
      ),
    );
  }

  #addAttribute() {
    const pair = this.#attribute.value.trim();
    if (!pair) return undefined;
    if (/^[0-9a-f]{32}$/i.test(pair)) return go(`/trace/${pair.toLowerCase()}`);
    if (!/^[^=]+=/.test(pair)) {
      this.#attribute.setCustomValidity("Write key=value, such as http.status_code=429, or key=* for any value.");
      this.#attribute.reportValidity();
      this.#attribute.addEventListener("input", (event) => event.target.setCustomValidity(""), { once: true });
      return undefined;
    }
    this.#attribute.value = "";
    this.#change({ attributes: [...new Set([...this.filters.attributes, pair])] });
    this.focus();
    return undefined;
  }

  #chips() {
    if (!isFiltered(this.filters)) return null;
    const { attributes } = this.filters;
    return h(
      "div",
      { class: "chips" },
      attributes.map((pair) =>
        h(
          "button",
          {
            type: "button",
            class: "chip",
            title: "Remove this filter",
            "aria-label": `Remove the filter ${pair}`,
            on: { click: () => this.#change({ attributes: attributes.filter((other) => other !== pair) }) },
          },
          h("code", {}, pair),
          h("span", { "aria-hidden": "true" }, "×"),
        ),
      ),
      h(
        "button",
        { type: "button", class: "quiet", on: { click: () => this.#change(cleared(this.filters)) } },
        "Clear filters",
      ),
    );
  }
}

function field(label, control) {
  return h("label", { class: "field" }, h("span", { class: "label" }, label), control);
}

function select(name, value, pairs, changed) {
  return h("select", { name, on: { change: (event) => changed(event.target.value) } }, options(pairs, value));
}

function options(pairs, value) {
  return pairs.map(([key, label]) => h("option", { value: key, selected: key === value }, label));
}

function text(name, value, placeholder, changed, more = {}) {
  return h("input", {
    name,
    value,
    placeholder,
    autocomplete: "off",
    spellcheck: "false",
    ...more,
    on: { change: (event) => changed(event.target.value.trim()) },
  });
}
