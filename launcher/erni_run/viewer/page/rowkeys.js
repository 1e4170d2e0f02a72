/** @file Keys that walk through the rows of a table, from link to link. */

/** Follows the link that has the focus. Links within a picture have no click() of their own. */
function follow() {
  document.activeElement?.dispatchEvent(new MouseEvent("click", { bubbles: true, cancelable: true }));
}

/**
 * @param {() => HTMLElement[]} links one a row, from top to bottom
 * @param {string} noun what a row is
 * @returns {import("/page/keyboard.js").Binding[]}
 */
export function rowKeys(links, noun) {
  const move = (by) => {
    const all = links();
    const at = all.indexOf(/** @type {HTMLElement} */ (document.activeElement));
    const next = at < 0 ? (by > 0 ? 0 : all.length - 1) : Math.max(0, Math.min(all.length - 1, at + by));
    all[next]?.focus();
  };
  return [
    { keys: ["j", "ArrowDown"], does: `next ${noun}`, act: () => move(1) },
    { keys: ["k", "ArrowUp"], does: `previous ${noun}`, act: () => move(-1) },
    { keys: ["Enter"], does: `open the ${noun}`, act: follow },
  ];
}
