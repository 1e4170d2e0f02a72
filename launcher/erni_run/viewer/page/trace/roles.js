/**
 * @file What part a span plays in the path through the agents, and what to say of it in a few words.
 * Attributes are those of OpenTelemetry's semantic conventions, old names and new.
 */

/** @typedef {"" | "handoff" | "agent" | "model" | "tool" | "workflow"} Role */

const HANDOFF = "agent_handoff.";
const BY_OPERATION = {
  invoke_agent: "agent",
  create_agent: "agent",
  chat: "model",
  generate_content: "model",
  text_completion: "model",
  embeddings: "model",
  execute_tool: "tool",
  invoke_workflow: "workflow",
};
const STATUS = ["http.response.status_code", "http.status_code", "rpc.grpc.status_code"];
const URLS = ["url.full", "http.url"];
const PATHS = ["url.path", "http.target", "http.route"];
const QUERIES = ["db.query.text", "db.statement"];
const STORES = ["db.system.name", "db.system"];

/** @returns {Role} */
export function roleOf(/** @type {import("/page/api.js").RawSpan} */ raw) {
  if (raw.name.startsWith(HANDOFF)) return "handoff";
  const operation = raw.attributes["gen_ai.operation.name"] ?? raw.name.split(" ")[0];
  if (raw.attributes["gen_ai.operation.name"] || operation === "invoke_agent")
    return BY_OPERATION[operation] ?? "model";
  return "";
}

/** The agent that a handoff leads to, or that is invoked; "" for other spans. */
export function agentOf(/** @type {import("/page/trace/model.js").Span} */ span) {
  const { name, attributes } = span.raw;
  if (span.role === "handoff") return name.slice(HANDOFF.length);
  if (span.role !== "agent") return "";
  return String(attributes["gen_ai.agent.name"] ?? name.replace(/^\w+ /, ""));
}

/** The span's name without what its mark says already. */
export function titleOf(/** @type {import("/page/trace/model.js").Span} */ span) {
  const { name, attributes } = span.raw;
  if (span.role === "handoff" || span.role === "agent") return agentOf(span) || name;
  if (span.role === "tool") return String(attributes["gen_ai.tool.name"] ?? name);
  if (span.role === "model") return modelOf(span) || name;
  if (span.role === "workflow") return String(attributes["gen_ai.workflow.name"] ?? name);
  return name || "(no name)";
}

/** The model that answered, else the one that was asked; "" if neither is known. */
export function modelOf(/** @type {import("/page/trace/model.js").Span} */ span) {
  return String(first(span.raw, ["gen_ai.response.model", "gen_ai.request.model"]) ?? "");
}

/** Tokens of one call of a model.
 * @returns {{input: number, output: number} | null}
 */
export function tokensOf(/** @type {import("/page/trace/model.js").Span} */ span) {
  const input = first(span.raw, ["gen_ai.usage.input_tokens", "gen_ai.usage.prompt_tokens"]);
  const output = first(span.raw, ["gen_ai.usage.output_tokens", "gen_ai.usage.completion_tokens"]);
  if (input === undefined && output === undefined) return null;
  return { input: Number(input ?? 0) || 0, output: Number(output ?? 0) || 0 };
}

/** A few words beside the name: status, path, statement. */
export function detailOf(/** @type {import("/page/trace/model.js").Span} */ span) {
  const words = [first(span.raw, STATUS), pathOf(span.raw) || oneLine(first(span.raw, QUERIES))];
  return words.filter((word) => word !== undefined && word !== "" && String(word) !== span.raw.name).join(" ");
}

/** The store a span talks to, such as `sqlite`; "" for none. */
export function storeOf(/** @type {import("/page/trace/model.js").Span} */ span) {
  return String(first(span.raw, STORES) ?? "");
}

/** What went wrong in a span with an error, in one line; "" if nothing is said. */
export function errorText(/** @type {import("/page/trace/model.js").Span} */ span) {
  if (!span.isError) return "";
  const exception = span.raw.events.findLast((event) => event.name === "exception")?.attributes ?? {};
  const type = exception["exception.type"] ?? span.raw.attributes["error.type"];
  const message = span.raw.status.message || exception["exception.message"];
  const short = String(type ?? "").replace(/^[\w.]+\.(?=\w+$)/, "");
  const text = oneLine(message) ?? "";
  return [text.startsWith(short) ? "" : short, text].filter(Boolean).join(": ");
}

/** The status with which it was answered, such as `answered 429`; "" if there is none. */
export function answerOf(/** @type {import("/page/trace/model.js").Span} */ span) {
  const status = first(span.raw, STATUS);
  return status === undefined ? "" : `answered ${status}`;
}

function pathOf(raw) {
  const url = first(raw, URLS);
  if (url === undefined)
    return raw.name.includes(String(first(raw, PATHS) ?? "")) ? "" : String(first(raw, PATHS) ?? "");
  try {
    return new URL(String(url)).pathname;
  } catch {
    return String(url);
  }
}

function first(raw, keys) {
  for (const key of keys) if (raw.attributes[key] !== undefined) return raw.attributes[key];
  return undefined;
}

function oneLine(value) {
  return value === undefined || value === null ? undefined : String(value).replace(/\s+/g, " ").trim();
}
