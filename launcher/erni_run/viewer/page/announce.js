/** @file Tells what happened to those who listen to the page, and shows it for a moment to those who look. */

import { h } from "/page/element.js";

const SHOWN = 2600; // milliseconds

/** Says `text` to screen readers alone.
 * @param {string} text
 */
export function say(text) {
  const announcer = document.getElementById("announcer");
  if (announcer) announcer.textContent = text;
}

/** Says `text`, and shows it at the lower edge.
 * @param {string} text
 */
export function toast(text) {
  say(text);
  document.querySelector(".toast")?.remove();
  const note = h("div", { class: "toast", "aria-hidden": "true" }, text);
  document.body.append(note);
  setTimeout(() => note.remove(), SHOWN);
}

/** Does what the user has asked for. What goes wrong is said, unless they have left meanwhile.
 * @param {AbortSignal} signal
 * @param {() => Promise<void>} work
 */
export async function attempt(signal, work) {
  try {
    await work();
  } catch (error) {
    if (!signal.aborted) toast(error.message);
  }
}

/** Copies `text`, and says so; where the browser refuses, says that instead.
 * @param {string} text
 * @param {string} what
 */
export async function copy(text, what) {
  try {
    await navigator.clipboard.writeText(text);
    toast(`${what} copied`);
  } catch {
    toast(`The browser does not let us copy the ${what.toLowerCase()}`);
  }
}
