/** @file Which page an address means, and how one moves on: the address is the state, so it can be sent to others. */

/**
 * @typedef {{name: string, parts: string[], query: URLSearchParams}} Place
 * @typedef {(main: HTMLElement, place: Place, signal: AbortSignal) => void | Promise<void>} View
 */

const PAGES = [
  [/^\/$/, "traces"],
  [/^\/trace\/([^/]+)(?:\/([^/]+))?$/, "trace"],
  [/^\/operations$/, "operations"],
  [/^\/map$/, "map"],
  [/^\/compare\/([^/]+)\/([^/]+)$/, "compare"],
  [/^\/delivery$/, "delivery"],
];

/** @type {(() => void) | null} */
let show = null;

/** Shows the present address, and from now on every address that is moved to.
 * @param {(place: Place) => void} callback
 */
export function start(callback) {
  show = () => callback(place());
  addEventListener("popstate", show);
  document.addEventListener("click", follow);
  show();
}

/** @returns {Place} what the present address means; `name` is "" for none of our pages */
export function place() {
  const query = new URLSearchParams(location.search);
  for (const [pattern, name] of PAGES) {
    const match = location.pathname.match(pattern);
    if (match) return { name, parts: match.slice(1).map((part) => (part ? decodeURIComponent(part) : "")), query };
  }
  return { name: "", parts: [], query };
}

/** Moves on to an address of ours, as a link does.
 * @param {string} address
 */
export function go(address) {
  if (address === location.pathname + location.search) return;
  history.pushState(null, "", address);
  show?.();
}

/** Shows the present address anew. */
export function again() {
  show?.();
}

/** Notes the page's state in the address, without an entry in the history.
 * @param {string} path
 * @param {URLSearchParams} [query]
 */
export function note(path, query = new URLSearchParams()) {
  const words = query.toString();
  history.replaceState(null, "", path + (words && `?${words}`));
}

function follow(event) {
  if (event.defaultPrevented || event.button || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey)
    return;
  const link = event.target.closest?.("a[href]");
  const isOurs = link && link.getAttribute("href").startsWith("/") && !link.hasAttribute("download");
  if (!isOurs) return;
  event.preventDefault();
  go(link.getAttribute("href"));
}
