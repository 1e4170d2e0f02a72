/** @file Wires the page: theme, keys, and one view for each address. */

import { h, fill } from "/page/element.js";
import * as keyboard from "/page/keyboard.js";
import * as router from "/page/router.js";
import * as theme from "/page/theme.js";
import { say } from "/page/announce.js";

/** Pages by name; each is loaded when it is first shown.
 * @type {Record<string, {title: string, load: () => Promise<{show: router.View}>}>}
 */
const PAGES = {
  traces: { title: "Traces", load: () => import("/page/list/list.js") },
  trace: { title: "Trace", load: () => import("/page/trace/trace.js") },
  operations: { title: "Operations", load: () => import("/page/operations.js") },
  map: { title: "Map", load: () => import("/page/map.js") },
  compare: { title: "Compare", load: () => import("/page/compare.js") },
  delivery: { title: "Delivery", load: () => import("/page/delivery.js") },
};

const main = /** @type {HTMLElement} */ (document.getElementById("main"));
const sheet = /** @type {HTMLDialogElement} */ (document.getElementById("sheet"));
let leaving = new AbortController();

/** Shows the page that `place` means.
 * @param {router.Place} place
 */
async function show(place) {
  leaving.abort();
  leaving = new AbortController();
  const { signal } = leaving;
  const page = PAGES[place.name];
  document.title = `${page?.title ?? "Not found"} · erni-run view`;
  markLink(place.name === "trace" || place.name === "compare" ? "traces" : place.name);
  main.dataset.page = place.name;
  main.scrollTop = 0;
  if (!page) return fill(main, failure("There is no such page.", null));
  try {
    const { show: view } = await page.load();
    if (!signal.aborted) await view(main, place, signal);
  } catch (error) {
    if (signal.aborted) return undefined;
    fill(
      main,
      failure(error.message, () => show(router.place())),
    );
    say(error.message);
  }
  return undefined;
}

function failure(message, retry) {
  return h(
    "div",
    { class: "empty", role: "alert" },
    h("p", {}, message),
    h(
      "p",
      {},
      retry && h("button", { type: "button", on: { click: retry } }, "Try again"),
      " ",
      h("a", { href: "/" }, "All traces"),
    ),
  );
}

function markLink(name) {
  for (const link of document.querySelectorAll(".top nav a")) {
    if (link.dataset.page === name) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
}

function nameTheme(name) {
  const button = /** @type {HTMLElement} */ (document.getElementById("theme"));
  button.textContent = { auto: "Auto", light: "Light", dark: "Dark" }[name] ?? name;
  button.setAttribute("aria-label", `Theme: ${name}`);
}

const changeTheme = () => nameTheme(theme.next());
const openSheet = () => keyboard.openSheet(sheet);
nameTheme(theme.chosen());
document.getElementById("theme")?.addEventListener("click", changeTheme);
document.getElementById("keys")?.addEventListener("click", openSheet);
sheet.addEventListener("click", (event) => event.target === sheet && sheet.close());
keyboard.bind("Everywhere", [
  { keys: ["?"], does: "this sheet", act: openSheet },
  { keys: ["g t"], does: "traces", act: () => router.go("/") },
  { keys: ["g o"], does: "operations", act: () => router.go("/operations") },
  { keys: ["g m"], does: "service map", act: () => router.go("/map") },
  { keys: ["g d"], does: "delivery", act: () => router.go("/delivery") },
  { keys: ["T"], does: "theme: auto, light, dark", act: changeTheme },
]);
keyboard.listen();
router.start(show);
