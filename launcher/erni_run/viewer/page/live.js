/**
 * @file The viewer's events, for as long as somebody looks.
 * A hidden page lets go of its connection: browsers allow few to one server, and they are shared by all tabs.
 */

/**
 * @param {{trace: (summary: import("/page/api.js").Summary) => void, cleared?: () => void,
 *   state?: (state: "live" | "broken" | "asleep") => void}} on
 * @param {AbortSignal} signal
 */
export function listen(on, signal) {
  /** @type {EventSource | null} */
  let source = null;
  const sleep = () => {
    source?.close();
    source = null;
  };
  const wake = () => {
    if (source || document.hidden || signal.aborted) return;
    source = new EventSource("/api/view/live");
    source.addEventListener("open", () => on.state?.("live"));
    source.addEventListener("error", () => on.state?.("broken"));
    source.addEventListener("trace", (event) => on.trace(JSON.parse(event.data)));
    source.addEventListener("cleared", () => on.cleared?.());
  };
  document.addEventListener(
    "visibilitychange",
    () => {
      if (!document.hidden) return wake();
      sleep();
      return on.state?.("asleep");
    },
    { signal },
  );
  signal.addEventListener("abort", sleep);
  wake();
}
