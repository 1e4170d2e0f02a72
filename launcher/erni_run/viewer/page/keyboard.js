/** @file Keys, single (`j`) or in a row (`g t`), and the sheet that lists them. */

import { fill, h } from "/page/element.js";

/**
 * @typedef {{keys: string[], does: string, act: (event: KeyboardEvent) => void, group?: string}} Binding
 * `keys` are as KeyboardEvent.key has them; two in a row are separated by a space.
 */

const PATIENCE = 1200; // milliseconds between the two keys of a row
const NAMES = { ArrowDown: "↓", ArrowUp: "↑", ArrowLeft: "←", ArrowRight: "→", Escape: "Esc", " ": "Space" };

/** @type {Binding[]} */
const bindings = [];
let pending = "";
let pendingUntil = 0;

/** Adds bindings, until `signal` takes them away.
 * @param {string} group heading in the sheet
 * @param {Binding[]} added
 * @param {AbortSignal} [signal]
 */
export function bind(group, added, signal = undefined) {
  const mine = added.map((binding) => ({ ...binding, group }));
  bindings.push(...mine);
  signal?.addEventListener("abort", () => {
    for (const binding of mine) bindings.splice(bindings.indexOf(binding), 1);
  });
}

/** Starts to listen. */
export function listen() {
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
    if (isTyping(event.target) && event.key !== "Escape") return;
    if (document.querySelector("dialog[open]")) return;
    press(event);
  });
}

function press(event) {
  const row = pending && performance.now() < pendingUntil ? `${pending} ${event.key}` : event.key;
  pending = "";
  const found = bindings.findLast((binding) => binding.keys.includes(row));
  if (found) {
    event.preventDefault();
    found.act(event);
  } else if (bindings.some((binding) => binding.keys.some((keys) => keys.startsWith(`${event.key} `)))) {
    pending = event.key;
    pendingUntil = performance.now() + PATIENCE;
  }
}

/** Whether keys are text for what has the focus. */
function isTyping(target) {
  return target instanceof HTMLElement && target.matches("input:not([type=checkbox]), textarea, select");
}

/** Opens the sheet of all keys that mean something now.
 * @param {HTMLDialogElement} dialog
 */
export function openSheet(dialog) {
  const groups = new Map();
  for (const binding of bindings) groups.set(binding.group, [...(groups.get(binding.group) ?? []), binding]);
  fill(
    dialog,
    h("header", {}, h("h2", { id: "sheet-title" }, "Keyboard"), closeButton(dialog)),
    h(
      "div",
      { class: "sheet-groups" },
      [...groups].reverse().map(([title, members]) => section(title, members)),
    ),
  );
  dialog.showModal();
}

function section(title, members) {
  return h(
    "section",
    {},
    h("h3", {}, title),
    h(
      "dl",
      {},
      members.map((binding) =>
        h(
          "div",
          {},
          h(
            "dt",
            {},
            binding.keys.map((keys) => keyCaps(keys)),
          ),
          h("dd", {}, binding.does),
        ),
      ),
    ),
  );
}

function keyCaps(keys) {
  return h(
    "span",
    { class: "key-row" },
    keys.split(" ").map((key) => h("kbd", {}, NAMES[key] ?? key)),
  );
}

function closeButton(dialog) {
  return h("button", { type: "button", class: "quiet", on: { click: () => dialog.close() } }, "Close");
}
