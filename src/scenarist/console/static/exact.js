// JSON values in forms: numbers keep the digits that were sent or typed, and nothing is converted.
//
// A number is what JSON.rawJSON returns, so 1.0 stays 1.0 and a large integer keeps all its digits.

/** A text that was typed and is no value of its field: kept, and refused when the form is sent. */
export class Unparsed {
  /**
   * @param {string} text
   * @param {string} problem a sentence for the user
   */
  constructor(text, problem) {
    this.text = text;
    this.problem = problem;
  }
}

/** Whether the browser can keep the digits of numbers. */
export const canBeExact = typeof JSON.rawJSON === "function";

const NUMBER = /^([+\-−]?)(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i;

export const isNumber = (value) => canBeExact && JSON.isRawJSON(value);
export const toDouble = (value) => (isNumber(value) ? Number(value.rawJSON) : NaN);

export const isObject = (value) =>
  value !== null &&
  typeof value === "object" &&
  !Array.isArray(value) &&
  !isNumber(value) &&
  !(value instanceof Unparsed);

/** Parse JSON; each number keeps its text. */
export function parseExact(text) {
  return JSON.parse(text, (_key, value, context) =>
    typeof value === "number" && canBeExact ? JSON.rawJSON(context.source) : value,
  );
}

/** Return a value as JSON; undefined when there is no value, or it has a part that is none. */
export function textOf(value, indent) {
  return value === undefined || findUnparsed(value).length > 0
    ? undefined
    : JSON.stringify(value, null, indent);
}

/** Return the number that a text shows, with its digits, or an `Unparsed`. */
export function readNumber(text, isInteger = false) {
  const found = NUMBER.exec(text.trim());
  if (found === null || (isInteger && !/^\d+$/.test(found[2]) && !/^\d+\.0*$/.test(found[2]))) {
    return new Unparsed(text, isInteger ? "Give a whole number." : "Give a number, such as 2.5.");
  }
  const [, sign, digits, exponent = ""] = found;
  const [whole, fraction] = digits.split(".");
  const start = `${sign === "" || sign === "+" ? "" : "-"}${whole.replace(/^0+(?=\d)/, "") || "0"}`;
  return JSON.rawJSON(`${start}${fraction === undefined ? "" : `.${fraction || "0"}`}${exponent}`);
}

/** Return the parts of a value that are none, with their paths. */
export function findUnparsed(value, path = []) {
  if (value instanceof Unparsed) return [{ path, message: value.problem }];
  if (Array.isArray(value)) {
    return value.flatMap((item, index) => findUnparsed(item, [...path, String(index)]));
  }
  if (!isObject(value)) return [];
  return Object.entries(value).flatMap(([name, item]) => findUnparsed(item, [...path, name]));
}

/** Return an object with one entry set, or without it when the value is undefined. */
export function withEntry(object, name, value) {
  const entries = Object.entries(object).filter(([key]) => value !== undefined || key !== name);
  const changed = entries.map(([key, item]) => [key, key === name ? value : item]);
  if (value !== undefined && !Object.hasOwn(object, name)) changed.push([name, value]);
  return Object.fromEntries(changed);
}

/** Parse a JSON Pointer (RFC 6901). */
export const pathOfPointer = (pointer) =>
  pointer
    .split("/")
    .slice(1)
    .map((part) => part.replaceAll("~1", "/").replaceAll("~0", "~"));
