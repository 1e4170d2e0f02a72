/** @file A border that can be moved, with the pointer or with the arrow keys. */

import { h } from "/page/element.js";

const STEP = 24; // pixels a key press

/**
 * @param {HTMLElement} owner gets the width, as the custom property `property`
 * @param {{property: string, kept: string, label: string, side: "left" | "right", least: number, most: () => number,
 *   signal: AbortSignal}} options `side`: of which side of the owner the width is; `kept`: where it is remembered
 * @returns {HTMLElement}
 */
export function divider(owner, { property, kept, label, side, least, most, signal }) {
  const handle = h("div", {
    class: `divider ${side}`,
    role: "separator",
    tabindex: "0",
    "aria-orientation": "vertical",
    "aria-label": label,
    title: `${label}: drag, or use the arrow keys`,
  });
  const set = (width) => {
    const bounded = Math.round(Math.max(least, Math.min(most(), width)));
    owner.style.setProperty(property, `${bounded}px`);
    handle.setAttribute("aria-valuenow", String(bounded));
    remember(kept, bounded);
  };
  const width = () => {
    const [box, own] = [owner.getBoundingClientRect(), handle.getBoundingClientRect()];
    return side === "left" ? own.left - box.left : box.right - own.right;
  };
  const remembered = Number(recall(kept));
  if (remembered >= least) owner.style.setProperty(property, `${remembered}px`);
  handle.addEventListener(
    "pointerdown",
    (event) => {
      event.preventDefault();
      event.stopPropagation();
      handle.setPointerCapture(event.pointerId);
    },
    { signal },
  );
  handle.addEventListener(
    "pointermove",
    (event) => {
      if (!handle.hasPointerCapture(event.pointerId)) return;
      const box = owner.getBoundingClientRect();
      set(side === "left" ? event.clientX - box.left : box.right - event.clientX);
    },
    { signal },
  );
  handle.addEventListener(
    "keydown",
    (event) => {
      const direction = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
      if (!direction) return;
      event.preventDefault();
      set(width() + direction * STEP * (side === "left" ? 1 : -1));
    },
    { signal },
  );
  return handle;
}

function recall(key) {
  try {
    return localStorage.getItem(key);
  } catch {
    return null;
  }
}

function remember(key, value) {
  try {
    localStorage.setItem(key, String(value));
  } catch {
    // Without storage the width lasts as long as the page.
  }
}
