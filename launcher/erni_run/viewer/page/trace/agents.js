/** @file The path through the agents: who had the work, in which order, how long, at what cost in tokens. */

import { h } from "/page/element.js";
import * as format from "/page/format.js";
import { agentOf, modelOf, tokensOf } from "/page/trace/roles.js";
import { isWithin } from "/page/trace/model.js";

/**
 * @typedef {object} Step one agent's turn
 * @property {string} agent
 * @property {import("/page/trace/model.js").Span} span the handoff to it, or its first invocation
 * @property {import("/page/trace/model.js").Span[]} spans the handoff and the invocation that followed
 * @property {number} duration nanoseconds of these together
 * @property {boolean} isHandoff
 * @property {boolean} isError
 * @property {number} errors spans with an error within it
 * @property {{input: number, output: number}} tokens
 */

/**
 * @param {import("/page/trace/model.js").Trace} trace
 * @returns {Step[]} by time; an agent that hands over and has the work again in between is named once, at the start
 */
function pathOf(trace) {
  const acting = trace.spans
    .filter((span) => span.role === "handoff" || span.role === "agent")
    .toSorted((a, b) => a.start - b.start || a.order - b.order);
  const targets = new Set(acting.filter((span) => span.role === "handoff").map(agentOf));
  const steps = [];
  for (const span of acting) {
    const agent = agentOf(span);
    const latest = steps.findLast((step) => step.agent === agent);
    const goesOn = latest && span.role === "agent" && (!targets.has(agent) || latest.spans.length === 1);
    if (goesOn) latest.spans.push(span);
    else steps.push({ agent, span, spans: [span] });
  }
  return steps.map((step) => sum(step, trace));
}

function sum(step, trace) {
  const outer = step.spans.filter((span) => !step.spans.some((other) => other !== span && isWithin(span, other)));
  const within = (span) => outer.some((top) => isWithin(span, top));
  const others = (span) => !step.spans.includes(span) && (span.role === "handoff" || span.role === "agent");
  const foreign = trace.spans.filter((span) => within(span) && others(span));
  const own = trace.spans.filter((span) => within(span) && !foreign.some((top) => isWithin(span, top)));
  return {
    ...step,
    isHandoff: step.span.role === "handoff",
    isError: step.spans.some((span) => span.isError),
    errors: own.filter((span) => span.isError).length,
    duration:
      outer.reduce((total, span) => total + span.duration, 0) -
      foreign
        .filter((span) => !foreign.some((top) => top !== span && isWithin(span, top)))
        .reduce((total, span) => total + span.duration, 0),
    tokens: tokens(own),
  };
}

function tokens(spans) {
  const sums = { input: 0, output: 0 };
  for (const span of spans.filter((candidate) => candidate.role === "model")) {
    const used = tokensOf(span);
    sums.input += used?.input ?? 0;
    sums.output += used?.output ?? 0;
  }
  return sums;
}

/** The path as a row of buttons; null if no agent took part.
 * @param {import("/page/trace/model.js").Trace} trace
 * @param {(span: import("/page/trace/model.js").Span) => void} select
 */
export function agentPath(trace, select) {
  const steps = pathOf(trace);
  if (!steps.length) return null;
  const models = [
    ...new Set(
      trace.spans
        .filter((span) => span.role === "model")
        .map(modelOf)
        .filter(Boolean),
    ),
  ];
  const all = tokens(trace.spans);
  const longest = Math.max(...steps.map((step) => step.duration));
  return h(
    "section",
    { class: "agents-path", "aria-label": "Path through the agents" },
    h(
      "ol",
      {},
      steps.map((step) => h("li", {}, stepButton(step, longest, select))),
    ),
    h(
      "p",
      { class: "model-sum" },
      models.map((model) => h("span", { class: "badge model" }, model)),
      all.input + all.output > 0 &&
        h(
          "span",
          { title: "Tokens in → out, of all calls of models in this trace" },
          `${format.count(all.input, true)} → ${format.count(all.output, true)} tokens`,
        ),
    ),
  );
}

function stepButton(step, longest, select) {
  const { input, output } = step.tokens;
  return h(
    "button",
    {
      type: "button",
      class: step.isError ? "step error" : "step",
      "data-span": step.span.id,
      title: step.span.raw.name,
      on: { click: () => select(step.span) },
    },
    h(
      "span",
      { class: "step-agent" },
      step.isHandoff && h("span", { class: "step-kind", "aria-label": "handoff to" }, "→ "),
      step.agent,
    ),
    h(
      "span",
      { class: "step-facts" },
      format.duration(step.duration),
      input + output > 0 && h("span", { class: "faint" }, ` · ${format.count(input + output, true)} tok`),
      step.errors > 0 && h("span", { class: "error-text" }, ` · ${format.counted(step.errors, "error")}`),
    ),
    h("span", { class: "step-meter", "aria-hidden": "true", css: { width: `${(100 * step.duration) / longest}%` } }),
  );
}
