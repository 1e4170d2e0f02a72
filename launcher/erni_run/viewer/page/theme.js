/** @file Light, dark, or as the system has it. Loaded before the first paint, so that no page flashes. */

const KEPT = "erni-run.theme";
const THEMES = ["auto", "light", "dark"];

apply(chosen());

/** @returns {string} one of auto, light, dark */
export function chosen() {
  try {
    const theme = localStorage.getItem(KEPT) ?? "auto";
    return THEMES.includes(theme) ? theme : "auto";
  } catch {
    return "auto";
  }
}

/** Goes on to the next theme and remembers it.
 * @returns {string} the new one
 */
export function next() {
  const theme = THEMES[(THEMES.indexOf(chosen()) + 1) % THEMES.length];
  try {
    localStorage.setItem(KEPT, theme);
  } catch {
    // Without storage the theme lasts as long as the page.
  }
  apply(theme);
  return theme;
}

/** Calls back whenever colours have changed, for what is painted on canvases.
 * @param {() => void} callback
 * @param {AbortSignal} signal
 */
export function onChange(callback, signal) {
  document.addEventListener("themechange", callback, { signal });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", callback, { signal });
}

function apply(theme) {
  document.documentElement.dataset.theme = theme;
  document.dispatchEvent(new Event("themechange"));
}
