// Formatting of identifiers, timestamps, numbers, values and statuses.

const UUID = /_[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;
const KIND = /^(?:SCENARIO|SEQUENCE|TASK|DATANODE|JOB|CYCLE|KEY)_/;
const OF_SCENARIO = /_SCENARIO_.*$/;

/** Return the readable part of an identifier. For display only: it is not unique. */
export function labelOf(id) {
  if (id.startsWith("SUBMISSION_")) return `…${id.slice(-8)}`;
  const inner = id.startsWith("SEQUENCE_") ? id.replace(OF_SCENARIO, "") : id.replace(UUID, "");
  return inner.replace(KIND, "").replaceAll("TPSPACE", " ");
}

/** Return the beginning of a text that has more characters than *most*. */
export const shorten = (text, most) => (text.length <= most ? text : `${text.slice(0, most)}…`);

/** Return a suffix that tells entities with the same label apart. */
export const shortId = (id) => id.slice(-6);

/** Return the name of a scenario, or its config with a short suffix. */
export function nameOf(scenario) {
  return scenario.name ?? `${scenario.config_id} ${shortId(scenario.id)}`;
}

const DAY_AND_TIME = new Intl.DateTimeFormat(undefined, {
  day: "numeric",
  month: "short",
  year: "numeric",
  hour: "2-digit",
  minute: "2-digit",
  second: "2-digit",
});
export const formatTimestamp = (text) => DAY_AND_TIME.format(new Date(text));

export function formatDuration(seconds) {
  if (seconds < 1) return `${Math.round(seconds * 1000)} ms`;
  if (seconds < 60) return `${seconds.toFixed(1)} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min ${Math.round(seconds % 60)} s`;
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

const UNITS = ["bytes", "KiB", "MiB", "GiB"];
export function formatSize(bytes) {
  let amount = bytes;
  let unit = 0;
  while (amount >= 1024 && unit < UNITS.length - 1) {
    amount /= 1024;
    unit += 1;
  }
  return `${unit ? amount.toFixed(1) : amount} ${UNITS[unit]}`;
}

const NUMBER = new Intl.NumberFormat(undefined, {
  maximumFractionDigits: 6,
  signDisplay: "negative",
});
const SMALL = new Intl.NumberFormat(undefined, { maximumSignificantDigits: 6 });
const EXTREME = new Intl.NumberFormat(undefined, {
  notation: "scientific",
  maximumSignificantDigits: 16,
});
/** Format a number for people; objects and lists become JSON. */
export function formatValue(value) {
  if (typeof value === "bigint") return NUMBER.format(value);
  if (typeof value === "number") {
    const size = Math.abs(value);
    if (size !== 0 && (size < 1e-9 || size >= 1e15)) return EXTREME.format(value);
    // Six decimals would show little or nothing of a small number.
    return (size !== 0 && size < 1e-3 ? SMALL : NUMBER).format(value);
  }
  if (value === null || value === undefined) return "–";
  return typeof value === "string" ? value : toJson(value);
}

/** Serialize a value as JSON; a BigInt keeps all its digits. */
export function toJson(value, indent) {
  const exact = (_key, item) =>
    typeof item === "bigint" ? (JSON.rawJSON?.(String(item)) ?? String(item)) : item;
  return JSON.stringify(value, exact, indent);
}

const JSON_PARTS = /"(?:[^"\\]|\\.)*"|[[\]{},:]|[^\s"[\]{},:]+/g;
const CLOSING = { "[": "]", "{": "}" };
/** Indent JSON without parsing it, so that each number keeps its digits. */
export function indentJson(json) {
  const parts = json.match(JSON_PARTS) ?? [];
  let depth = 0;
  let text = "";
  const line = () => `\n${"  ".repeat(depth)}`;
  parts.forEach((part, number) => {
    const isEmpty = CLOSING[part] !== undefined && parts[number + 1] === CLOSING[part];
    const isEndOfEmpty = CLOSING[parts[number - 1]] === part;
    if (CLOSING[part] !== undefined && !isEmpty) {
      depth += 1;
      text += part + line();
    } else if ((part === "]" || part === "}") && !isEndOfEmpty) {
      depth -= 1;
      text += line() + part;
    } else if (part === ",") text += part + line();
    else text += part === ":" ? ": " : part;
  });
  return text;
}

const ENDED = ["COMPLETED", "FAILED", "CANCELED", "SKIPPED", "ABANDONED"];
export const hasEnded = (status) => ENDED.includes(status);
export const plural = (count, word) => `${count} ${word}${count === 1 ? "" : "s"}`;
