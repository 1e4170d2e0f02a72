/** @file Chooses the trace to compare with, among the latest that began with the same operation. */

import * as api from "/page/api.js";
import { fill, h } from "/page/element.js";
import * as format from "/page/format.js";

const MOST = 30;

/**
 * @param {import("/page/api.js").Summary} summary of the trace that is compared
 * @param {AbortSignal} signal
 * @returns {Promise<string>} the other trace's id; "" if none was chosen
 */
export async function chooseOther(summary, signal) {
  const { service, name } = summary.root;
  const page = await api.get("traces", { service, operation: name, limit: String(MOST) }, signal);
  const others = page.traces.filter((trace) => trace.traceId !== summary.traceId);
  return new Promise((resolve) => open(summary, others, resolve, signal));
}

function open(summary, others, resolve, signal) {
  const dialog = h("dialog", { class: "choose", "aria-labelledby": "choose-title" });
  const close = (chosen) => {
    resolve(chosen);
    dialog.remove();
  };
  const field = h("input", { placeholder: "or paste a trace id", "aria-label": "Trace id", spellcheck: "false" });
  fill(
    dialog,
    h("h2", { id: "choose-title" }, "Compare with"),
    h(
      "p",
      { class: "faint" },
      others.length ? `The latest of ${summary.root.name}:` : "No other trace of this operation yet.",
    ),
    h(
      "ul",
      {},
      others.map((trace) =>
        h(
          "li",
          {},
          h(
            "button",
            { type: "button", on: { click: () => close(trace.traceId) } },
            h("time", {}, format.moment(trace.start)),
            h("b", {}, format.duration(Number(trace.duration))),
            trace.errors > 0 && h("span", { class: "badge error" }, format.counted(trace.errors, "error")),
          ),
        ),
      ),
    ),
    h(
      "form",
      {
        method: "dialog",
        on: {
          submit: (event) => {
            event.preventDefault();
            close(field.value.trim().toLowerCase());
          },
        },
      },
      field,
      h("button", { type: "submit" }, "Compare"),
      h("button", { type: "button", class: "quiet", on: { click: () => close("") } }, "Cancel"),
    ),
  );
  dialog.addEventListener("cancel", () => close(""));
  signal.addEventListener("abort", () => close(""));
  document.body.append(dialog);
  dialog.showModal();
}
