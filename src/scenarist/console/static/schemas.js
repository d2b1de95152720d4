// JSON Schemas as fields of a form: which control shows a value, if any can show it exactly.

import { isNumber, isObject, textOf, toDouble, Unparsed } from "./exact.js";

/** Keywords that say nothing about the values, or only something that the server checks. */
const NOTES = [
  ...["title", "description", "unit", "order", "group", "default", "examples", "deprecated"],
  ...["readOnly", "writeOnly", "$comment", "$schema", "$id", "$defs", "definitions", "format"],
];
const LIMITS = {
  number: ["minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"],
  integer: ["minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"],
  string: ["minLength", "maxLength", "pattern"],
  boolean: [],
  array: ["items", "minItems", "maxItems", "uniqueItems"],
  object: ["properties", "required", "additionalProperties", "minProperties", "maxProperties"],
};
const DATE = /^\d{4}-\d{2}-\d{2}$/;
const LOCAL_TIME = /^(\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(?::\d{2}(?:\.\d{1,3})?)?)(Z|[+-]\d{2}:\d{2}|)$/;
const DEEPEST = 6; // levels of nested groups; what is deeper is edited as JSON
const MOST_STEPS = 200; // positions of a slider between fractions
const LONG_TEXT = 200; // characters, from which on a text gets several lines

/** Which control shows a value; the last one shows everything. */
const SCALARS = ["choice", "flag", "number", "date", "time", "text"];

/**
 * @typedef {object} FieldShape
 * @property {"choice"|"flag"|"number"|"date"|"time"|"text"|"long text"|"records"|"group"|"json"} kind
 * @property {boolean} isNullable
 * @property {object} schema without references and without null
 * @property {{value: unknown, text: string}[]} [options] of a choice
 * @property {boolean} [isInteger]
 * @property {Column[]} [columns] of records
 * @property {boolean} [isPlainList] whether the records are a list of their single column
 * @property {[string, object][]} [properties] of a group, in the order in which to show them
 */

/** @typedef {{name: string, title: string, unit: string, isRequired: boolean, shape: FieldShape}} Column */

/**
 * Return how to show a value of a schema; the schema has been parsed by `parseExact`.
 * @param {object | boolean | null} schema null and true for any value: the sample decides
 * @param {unknown} value undefined when there is none
 * @param {unknown} sample the value before it was edited: a control must not change while one types
 * @returns {FieldShape}
 */
export function shapeOf(schema, value, sample = value, root = schema, depth = 0) {
  const [resolved, isNullable] = resolve(schema, root);
  const shape = { ...findShape(resolved, sample, root, depth), isNullable };
  shape.schema = isObject(resolved) ? resolved : {};
  const isShown = value === undefined || (value === null && isNullable) || fits(shape, value);
  return isShown ? shape : { ...shape, kind: "json" };
}

function findShape(schema, sample, root, depth) {
  if (schema === null || schema === true || isAnything(schema)) return inferShape(sample, depth);
  if (!isObject(schema) || depth > DEEPEST) return { kind: "json" };
  const options = optionsOf(schema);
  if (options !== null) return { kind: "choice", options };
  const { type } = schema;
  const known = [...NOTES, "type", ...(LIMITS[type] ?? [])];
  const isKnown = Object.keys(schema).every((key) => known.includes(key) || key.startsWith("x-"));
  if (LIMITS[type] === undefined || !isKnown) return { kind: "json" };
  if (type === "boolean") return { kind: "flag" };
  if (type === "number" || type === "integer") {
    return { kind: "number", isInteger: type === "integer" };
  }
  if (type === "string") return { kind: textKind(schema, sample) };
  if (type === "array") return recordsShape(schema.items, sample, root, depth);
  if (!isObject(schema.properties)) return { kind: "json" };
  return { kind: "group", properties: inOrder(Object.entries(schema.properties)) };
}

const isAnything = (schema) =>
  isObject(schema) && Object.keys(schema).every((key) => NOTES.includes(key));

/** Follow references, and tell null from the other values of a schema. */
function resolve(schema, root, depth = 0) {
  if (!isObject(schema) || depth > DEEPEST) return [schema, false];
  const { $ref, ...others } = schema;
  if (typeof $ref === "string") {
    const found = $ref.startsWith("#/") ? findPart(root, $ref) : undefined;
    if (!isObject(found)) return [{ $ref }, false];
    return resolve({ ...found, ...others }, root, depth + 1);
  }
  const { anyOf, type, ...rest } = schema;
  if (Array.isArray(anyOf) && type === undefined) {
    const real = anyOf.filter((one) => one?.type !== "null");
    if (real.length === 1 && anyOf.length === 2) {
      const [inner] = resolve({ ...real[0], ...rest }, root, depth + 1);
      return [inner, true];
    }
  }
  if (Array.isArray(type) && type.includes("null") && type.length === 2) {
    return [{ ...schema, type: type.find((one) => one !== "null") }, true];
  }
  return [schema, false];
}

function findPart(root, reference) {
  const parts = reference.slice(2).split("/");
  return parts.reduce(
    (found, part) => found?.[decodeURIComponent(part).replaceAll("~1", "/").replaceAll("~0", "~")],
    root,
  );
}

/** Return the values of a choice with their texts: of an enum, or of constants with titles. */
function optionsOf(schema) {
  const { enum: values, oneOf, anyOf } = schema;
  const alternatives = oneOf ?? anyOf;
  const others = Object.keys(schema).filter(
    (key) => !["type", "enum", "oneOf", "anyOf", "enumNames"].includes(key) && !NOTES.includes(key),
  );
  if (others.length > 0) return null;
  if (Array.isArray(values) && alternatives === undefined) {
    const names = Array.isArray(schema.enumNames) ? schema.enumNames : [];
    return values.map((value, number) => ({ value, text: names[number] ?? optionText(value) }));
  }
  const isConstant = (one) =>
    isObject(one) &&
    Object.hasOwn(one, "const") &&
    Object.keys(one).every((key) => ["const", "title", "description", "type"].includes(key));
  if (!Array.isArray(alternatives) || !alternatives.every(isConstant)) return null;
  return alternatives.map((one) => ({ value: one.const, text: one.title ?? optionText(one.const) }));
}

const optionText = (value) => (typeof value === "string" && value !== "" ? value : textOf(value));

function textKind({ format, maxLength }, sample) {
  const text = typeof sample === "string" ? sample : null;
  if (format === "date" && (text === null || DATE.test(text))) return "date";
  if (format === "date-time" && (text === null || LOCAL_TIME.test(text))) return "time";
  const isLong = Math.max(toDouble(maxLength) || 0, text?.length ?? 0) > LONG_TEXT;
  return isLong || text?.includes("\n") ? "long text" : "text";
}

function recordsShape(items, sample, root, depth) {
  if (!isObject(items)) return inferShape(sample, depth);
  const [inner, isNullable] = resolve(items, root);
  const isTable = isObject(inner) && inner.type === "object";
  if (isTable && (isNullable || !isObject(inner.properties))) return { kind: "json" };
  const required = isTable ? (inner.required ?? []) : ["value"];
  const properties = isTable ? inOrder(Object.entries(inner.properties)) : [["value", items]];
  const columns = properties.map(([name, schema]) => {
    const shape = shapeOf(schema, undefined, undefined, root, depth + 1);
    if (shape.kind === "long text") shape.kind = "text";
    const { title, unit } = shape.schema;
    const isRequired = required.includes(name);
    return { name, title: title ?? name, unit: unit ?? "", isRequired, shape };
  });
  const isShown = columns.length > 0 && columns.every(({ shape }) => SCALARS.includes(shape.kind));
  return isShown ? { kind: "records", columns, isPlainList: !isTable } : { kind: "json" };
}

/** Return how to show values of which only one sample is known. */
function inferShape(sample, depth) {
  if (isNumber(sample)) return { kind: "number" };
  if (typeof sample === "boolean") return { kind: "flag" };
  if (typeof sample === "string") return { kind: textKind({}, sample) };
  if (isObject(sample) && depth <= DEEPEST && Object.keys(sample).length > 0) {
    return { kind: "group", properties: Object.keys(sample).map((name) => [name, {}]) };
  }
  if (!Array.isArray(sample) || sample.length === 0) return { kind: "json" };
  const isTable = sample.every(isObject);
  const names = isTable ? [...new Set(sample.flatMap((row) => Object.keys(row)))] : ["value"];
  const columns = names.map((name) => {
    const cells = sample.map((row) => (isTable ? row[name] : row));
    const present = cells.filter((cell) => cell !== undefined);
    const shape = { kind: kindOfAll(present), isNullable: present.includes(null), schema: {} };
    return { name, title: name, unit: "", isRequired: present.length === cells.length, shape };
  });
  if (columns.length === 0 || columns.some(({ shape }) => shape.kind === "json")) {
    return { kind: "json" };
  }
  return { kind: "records", columns, isPlainList: !isTable };
}

function kindOfAll(cells) {
  const present = cells.filter((cell) => cell !== null);
  if (present.every(isNumber)) return "number";
  if (present.every((cell) => typeof cell === "boolean")) return "flag";
  return present.every((cell) => typeof cell === "string" && !/[\r\n]/.test(cell)) ? "text" : "json";
}

/** Return whether the control of a shape shows a value as it is. */
function fits(shape, value) {
  const { kind } = shape;
  if (value instanceof Unparsed) return kind !== "group" && kind !== "records";
  if (kind === "choice") return shape.options.some((option) => isSame(option.value, value));
  if (kind === "flag") return typeof value === "boolean";
  if (kind === "number") return isNumber(value);
  if (kind === "date") return typeof value === "string" && DATE.test(value);
  if (kind === "time") return typeof value === "string" && LOCAL_TIME.test(value);
  if (kind === "text") return typeof value === "string" && !/[\r\n]/.test(value);
  if (kind === "long text") return typeof value === "string" && !value.includes("\r");
  if (kind === "group") return isObject(value);
  if (kind === "records") return Array.isArray(value) && value.every((row) => fitsRow(shape, row));
  return true;
}

function fitsRow({ columns, isPlainList }, row) {
  const fitsCell = (column, cell) =>
    cell === undefined || (cell === null && column.shape.isNullable) || fits(column.shape, cell);
  if (isPlainList) return row !== undefined && fitsCell(columns[0], row);
  if (!isObject(row)) return false;
  const known = new Map(columns.map((column) => [column.name, column]));
  return Object.entries(row).every(([name, cell]) => {
    const column = known.get(name);
    return column !== undefined && fitsCell(column, cell);
  });
}

/** Whether two JSON values are equal, as JSON Schema has it: 1 and 1.0 are. */
export function isSame(one, other) {
  if (isNumber(one) && isNumber(other)) {
    return one.rawJSON === other.rawJSON || toDouble(one) === toDouble(other);
  }
  return textOf(one) === textOf(other);
}

/** Split a time into the part that a picker edits and its offset; null for any other text. */
export function splitTime(text) {
  const found = LOCAL_TIME.exec(text);
  return found === null ? null : { local: found[1], offset: found[2] };
}

/** Return the ends and the step of a slider for a number; null when its bounds are not known. */
export function sliderOf({ schema, isInteger }) {
  const step = toDouble(schema.multipleOf);
  const low = Math.max(...[schema.minimum, schema.exclusiveMinimum].map(orElse(-Infinity)));
  const high = Math.min(...[schema.maximum, schema.exclusiveMaximum].map(orElse(Infinity)));
  if (!(high > low) || !Number.isFinite(high - low)) return null;
  const nice = roundDown((high - low) / MOST_STEPS);
  const chosen = step > 0 ? step : isInteger ? Math.max(1, Math.round(nice)) : nice;
  const decimals = isInteger ? 0 : Math.max(1, (String(chosen).split(".")[1] ?? "").length);
  const excludes = (bound, end) => toDouble(bound) === end;
  return {
    min: excludes(schema.exclusiveMinimum, low) ? low + chosen : low,
    max: excludes(schema.exclusiveMaximum, high) ? high - chosen : high,
    step: chosen,
    decimals: Math.min(decimals, 12),
  };
}

const orElse = (other) => (bound) => (isNumber(bound) ? toDouble(bound) : other);

/** Return the largest of 1, 2 and 5 times a power of ten that is not above a number. */
function roundDown(number) {
  const power = 10 ** Math.floor(Math.log10(number));
  const factor = [5, 2, 1].find((one) => one * power <= number * (1 + 1e-9)) ?? 1;
  return Number((factor * power).toPrecision(3));
}

/** Return properties with those first that have an `order`. */
function inOrder(properties) {
  const orderOf = ([, schema]) => (isNumber(schema?.order) ? toDouble(schema.order) : Infinity);
  return [...properties].sort((one, other) => compare(orderOf(one), orderOf(other)));
}

const compare = (one, other) => (one === other ? 0 : one < other ? -1 : 1);
