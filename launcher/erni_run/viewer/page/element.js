/** @file Builds elements. Text becomes text nodes, so what a span says is shown and never run. */

const SVG = "http://www.w3.org/2000/svg";

/** @typedef {Node | string | number | null | undefined | false} Child */

/**
 * An HTML element. Of `properties`, `on` holds listeners by event, `css` custom properties and styles,
 * `true` sets an empty attribute, `null`, `undefined` and `false` set none; all else becomes an attribute.
 *
 * @param {string} name
 * @param {Record<string, any>} [properties]
 * @param {...(Child | Child[])} children
 * @returns {any} the element; its class depends on `name`
 */
export function h(name, properties = {}, ...children) {
  return furnish(document.createElement(name), properties, children);
}

/** As {@link h}, in SVG's namespace.
 * @param {string} name
 * @param {Record<string, any>} [properties]
 * @param {...(Child | Child[])} children
 * @returns {any}
 */
export function svg(name, properties = {}, ...children) {
  return furnish(document.createElementNS(SVG, name), properties, children);
}

/** Puts `children` where the element's children were.
 * @param {Element} element
 * @param {...(Child | Child[])} children
 */
export function fill(element, ...children) {
  element.replaceChildren(...nodes(children));
}

function furnish(element, properties, children) {
  for (const [key, value] of Object.entries(properties)) {
    if (key === "on") listen(element, value);
    else if (key === "css") style(element, value);
    else if (value === true) element.setAttribute(key, "");
    else if (value !== false && value !== null && value !== undefined) element.setAttribute(key, String(value));
  }
  element.append(...nodes(children));
  return element;
}

function listen(element, listeners) {
  for (const [event, listener] of Object.entries(listeners)) element.addEventListener(event, listener);
}

function style(element, declarations) {
  for (const [property, value] of Object.entries(declarations)) element.style.setProperty(property, value);
}

function nodes(children) {
  return children.flat(3).filter((child) => child !== null && child !== undefined && child !== false && child !== "");
}
