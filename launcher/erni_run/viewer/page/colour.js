/**
 * @file One colour a service, the same on every page and after every reload.
 *
 * A name's place on the wheel follows from the name. If another service has that place or one like it, it takes the one
 * that is least like those in use, and keeps it in this browser. Red is left out: red is for errors.
 */

const KEPT = "erni-run.colours";
const HUES = [255, 165, 305, 85, 210, 340, 130, 280, 105, 190, 235, 322];
const DISTINCT = 45; // degrees

/** @type {Map<string, number>} */
const places = new Map(kept());

/** The hue of `service`, in degrees of OKLCH.
 * @param {string} service
 */
export function hue(service) {
  if (!places.has(service)) take(service);
  return HUES[places.get(service) ?? 0];
}

/** Gives colours to services that are shown together; in one order, so that they are the same in every browser.
 * @param {string[]} services
 */
export function introduce(services) {
  for (const service of [...new Set(services)].sort()) hue(service);
}

/** Gives the element the service's colour, as the custom property `--service`; its lightness is the theme's.
 * @template {HTMLElement | SVGElement} T
 * @param {T} element
 * @param {string} service
 * @returns {T}
 */
export function paint(element, service) {
  element.style.setProperty("--service", `oklch(var(--service-l) var(--service-c) ${hue(service)})`);
  return element;
}

/** The service's colour for a canvas in the present theme.
 * @param {string} service
 */
export function canvasColour(service) {
  const style = getComputedStyle(document.documentElement);
  const [lightness, chroma] = ["--service-l", "--service-c"].map((name) => style.getPropertyValue(name).trim());
  return `oklch(${lightness} ${chroma} ${hue(service)})`;
}

/** A colour of the theme for a canvas, by the name of its custom property.
 * @param {string} property
 */
export function themeColour(property) {
  return getComputedStyle(document.documentElement).getPropertyValue(property).trim();
}

function take(service) {
  const taken = [...places.values()];
  const distance = (place) => Math.min(360, ...taken.map((other) => between(HUES[place], HUES[other])));
  const first = hash(service) % HUES.length;
  const best = [...HUES.keys()].reduce((a, b) => (distance(b) > distance(a) ? b : a), first);
  places.set(service, distance(first) >= DISTINCT ? first : best);
  keep();
}

/** Degrees from one hue to another, the shorter way round. */
function between(a, b) {
  const apart = Math.abs(a - b) % 360;
  return Math.min(apart, 360 - apart);
}

/** FNV-1a, 32 bits. */
function hash(text) {
  let value = 0x811c9dc5;
  for (const character of text) value = Math.imul(value ^ character.codePointAt(0), 0x01000193);
  return value >>> 0;
}

function kept() {
  try {
    return Object.entries(JSON.parse(localStorage.getItem(KEPT) ?? "{}")).filter(([, place]) => HUES[place]);
  } catch {
    return [];
  }
}

function keep() {
  try {
    localStorage.setItem(KEPT, JSON.stringify(Object.fromEntries([...places].slice(-100))));
  } catch {
    // Without storage the colours last as long as the page.
  }
}
