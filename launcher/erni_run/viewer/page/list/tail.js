/** @file The live tail: learns of new traces as they arrive, unless it is paused. */

import { listen } from "/page/live.js";

const CALM = 700; // milliseconds: traces that arrive together are fetched together

/** @typedef {"connecting" | "live" | "paused" | "broken" | "asleep"} TailState */

/** Listens to the viewer's events, and calls back at most once in a while. */
export class Tail {
  /**
   * @param {{arrived: () => void, cleared: () => void, changed: (state: TailState, waiting: number) => void}} on
   * @param {AbortSignal} signal
   */
  constructor(on, signal) {
    this.on = on;
    this.isPaused = false;
    /** @type {Set<string>} */
    this.waiting = new Set();
    this.timer = 0;
    /** @type {TailState} */
    this.connection = "connecting";
    listen(
      {
        trace: (summary) => this.#heard(summary),
        cleared: () => on.cleared(),
        state: (state) => this.#connected(state),
      },
      signal,
    );
    signal.addEventListener("abort", () => clearTimeout(this.timer));
  }

  /** Pauses, or goes on and fetches what was missed. */
  toggle() {
    this.isPaused = !this.isPaused;
    if (!this.isPaused && this.waiting.size) this.#fetch();
    this.#tell();
  }

  #connected(state) {
    const hasMissed = state === "live" && (this.connection === "broken" || this.connection === "asleep");
    this.connection = state;
    if (hasMissed && !this.isPaused) this.on.arrived();
    this.#tell();
  }

  #heard(summary) {
    this.waiting.add(summary.traceId);
    if (this.isPaused) this.#tell();
    else this.timer ||= setTimeout(() => this.#fetch(), CALM);
  }

  #fetch() {
    this.timer = 0;
    if (this.isPaused) return;
    this.waiting.clear();
    this.on.arrived();
  }

  #tell() {
    this.on.changed(this.isPaused ? "paused" : this.connection, this.waiting.size);
  }
}
