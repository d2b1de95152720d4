// Controls for single values in a form, and for groups of them.

import { isObject, parseExact, readNumber, textOf, Unparsed, withEntry } from "./exact.js";
import { Records } from "./records.js";
import { isSame, shapeOf, sliderOf, splitTime } from "./schemas.js";
import { html, useRef, useState } from "./view.js";

/**
 * What all fields of one form share.
 * @typedef {object} FormContext
 * @property {string} id begins the identifiers of its controls
 * @property {boolean} isDisabled
 * @property {(path: string[]) => string[]} faultsAt messages about the value at a path
 * @property {(path: string[]) => {path: string[], message: string}[]} faultsUnder those about its
 *   parts
 */

/**
 * A field: a control with its label, or a group of fields.
 * @param {object} props
 * @param {FormContext} props.form
 * @param {string[]} props.path the first part names the input
 * @param {object | boolean | null} props.schema
 * @param {object} props.root the schema that references start from
 * @param {unknown} props.value
 * @param {unknown} props.sample the value before it was edited
 * @param {(value: unknown) => void} props.change
 * @param {boolean} [props.isOptional] whether it may be left out of its group
 * @param {boolean} [props.asJson]
 */
export function ValueField(props) {
  const { form, path, schema, root, value, sample, change, isOptional = false, asJson } = props;
  const shape = shapeOf(schema, value, sample, root);
  const kind = asJson ? "json" : shape.kind;
  const title = props.title ?? shape.schema.title ?? path.at(-1);
  const hint = props.hint ?? shape.schema.description ?? null;
  const unit = shape.schema.unit ?? null;
  const own = { form, path, title, unit, hint, shape, root, value, sample, change, isOptional };
  if (value === undefined) return html`<${MissingField} ...${own} />`;
  if (kind === "group" && value !== null) return html`<${Group} ...${own} legend=${props.legend} />`;
  return html`<${LabelledField} ...${own} kind=${kind} />`;
}

const idOf = (form, path) => `${form.id}/${path.map(encodeURIComponent).join("/")}`;

/** An entry that is left out: what it would be, and a button that adds it. */
function MissingField({ form, path, title, hint, shape, change }) {
  const add = () => change(firstValue(shape));
  return html`<div class="field" role="group" aria-label=${title}>
    <span>${title}</span>
    <span class="control">
      <span class="quiet">not given</span>
      ${!form.isDisabled &&
      html`<button type="button" aria-label=${`Give ${title}`} onClick=${add}>Give</button>`}
    </span>
    ${hint && html`<small>${hint}</small>`}
    <${Faults} id=${`${idOf(form, path)}/faults`} messages=${form.faultsAt(path)} />
  </div>`;
}

/** Return what a value is at first: the default of its schema, or an empty control. */
function firstValue({ kind, schema, isNullable }) {
  if (schema.default !== undefined) return schema.default;
  if (kind === "group") return {};
  if (kind === "records") return [];
  if (kind === "flag") return false;
  if (kind === "text" || kind === "long text") return "";
  return isNullable ? null : new Unparsed("", PROBLEMS[kind]);
}

const PROBLEMS = {
  choice: "Select one.",
  number: "Give a number.",
  date: "Give a date.",
  time: "Give a date and a time.",
  json: "Give a value as JSON.",
};

function LabelledField(props) {
  const { form, path, title, unit, hint, shape, kind, value, change, isOptional } = props;
  const former = useRef(firstValue(shape));
  const id = idOf(form, path);
  const messages = form.faultsAt(path);
  const described = [hint && `${id}/hint`, messages.length > 0 && `${id}/faults`].filter(Boolean);
  const toggleNull = () => {
    if (value !== null) former.current = value;
    change(value === null ? former.current : null);
  };
  const Control = CONTROLS[kind];
  const control = {
    id,
    disabled: form.isDisabled,
    "aria-invalid": messages.length > 0,
    "aria-describedby": described.join(" ") || null,
  };
  return html`<div class="field">
    <label for=${id}>${title}${unit && html` <span class="quiet">(${unit})</span>`}</label>
    <span class=${`control of-${kind.replace(" ", "-")}`}>
      ${value === null && kind !== "json"
        ? html`<input ...${control} value="no value" readonly />`
        : html`<${Control}
            control=${control}
            title=${title}
            shape=${shape}
            value=${value}
            change=${change}
            form=${form}
            path=${path}
          />`}
      ${shape.isNullable &&
      kind !== "json" &&
      html`<label class="null"
        ><input
          type="checkbox"
          checked=${value === null}
          disabled=${form.isDisabled}
          onChange=${toggleNull}
        />
        no value</label
      >`}
      ${isOptional && !form.isDisabled && html`<${LeaveOut} title=${title} change=${change} />`}
    </span>
    ${hint && html`<small id=${`${id}/hint`}>${hint}</small>`}
    <${Faults} id=${`${id}/faults`} messages=${messages} />
  </div>`;
}

function LeaveOut({ title, text = "✕", change }) {
  return html`<button
    type="button"
    class="plain small"
    aria-label=${`Leave out ${title}`}
    title="Leave out"
    onClick=${() => change(undefined)}
  >
    ${text}
  </button>`;
}

export function Faults({ id, messages }) {
  if (messages.length === 0) return null;
  return html`<small class="fault" id=${id}>${messages.join(" ")}</small>`;
}

function Group({ form, path, title, hint, legend, shape, root, value, sample, change, isOptional }) {
  const required = shape.schema.required ?? [];
  const isClosed = shape.schema.additionalProperties === false;
  const known = shape.properties.map(([name]) => name);
  const others = Object.keys(value).filter((name) => !known.includes(name));
  const fields = [...shape.properties, ...others.map((name) => [name, null])];
  return html`<fieldset class="group">
    <legend class=${legend === false ? "unseen" : ""}>${title}</legend>
    ${hint && legend !== false && html`<small>${hint}</small>`}
    <${Faults} id=${`${idOf(form, path)}/faults`} messages=${form.faultsAt(path)} />
    <div class="fields">
      ${fields.map(
        ([name, schema]) => html`<${ValueField}
          key=${name}
          form=${form}
          path=${[...path, name]}
          schema=${schema}
          root=${root}
          value=${Object.hasOwn(value, name) ? value[name] : undefined}
          sample=${isObject(sample) && Object.hasOwn(sample, name) ? sample[name] : undefined}
          change=${(next) => change(withEntry(value, name, next))}
          isOptional=${!required.includes(name)}
          hint=${schema === null && isClosed ? "Not in the schema." : undefined}
        />`,
      )}
    </div>
    ${isOptional &&
    !form.isDisabled &&
    html`<p><${LeaveOut} title=${title} text="Leave out" change=${change} /></p>`}
  </fieldset>`;
}

/** Keep a typed text as long as it stands for the value, and follow the value otherwise. */
function useTyped(value, read, show) {
  const [typed, setTyped] = useState(null);
  if (value instanceof Unparsed) return [value.text, setTyped];
  const isCurrent = typed !== null && textOf(read(typed)) === textOf(value);
  return [isCurrent ? typed : show(value), setTyped];
}

function NumberControl({ control, title, shape, value, change }) {
  const read = (text) => readNumber(text, shape.isInteger);
  const [text, setTyped] = useTyped(value, read, ({ rawJSON }) => rawJSON);
  const slider = sliderOf(shape);
  const give = (next) => {
    setTyped(next);
    change(read(next));
  };
  return html`${slider !== null &&
    html`<input
      type="range"
      aria-label=${`${title}, slider`}
      min=${slider.min}
      max=${slider.max}
      step=${slider.step}
      value=${value instanceof Unparsed ? slider.min : value.rawJSON}
      disabled=${control.disabled}
      onInput=${(event) => give(Number(event.currentTarget.value).toFixed(slider.decimals))}
    />`}
    <input
      ...${control}
      class="figure"
      inputmode="decimal"
      autocomplete="off"
      value=${text}
      onInput=${(event) => give(event.currentTarget.value)}
    />`;
}

function ChoiceControl({ control, shape, value, change }) {
  const index = shape.options.findIndex((option) => isSame(option.value, value));
  return html`<select
    ...${control}
    value=${String(index)}
    onChange=${(event) => change(shape.options[Number(event.currentTarget.value)].value)}
  >
    ${index === -1 && html`<option value="-1" disabled>Select…</option>`}
    ${shape.options.map(
      (option, number) => html`<option key=${number} value=${String(number)}>${option.text}</option>`,
    )}
  </select>`;
}

function FlagControl({ control, value, change }) {
  return html`<input
    ...${control}
    type="checkbox"
    role="switch"
    class="switch"
    checked=${value}
    onChange=${(event) => change(event.currentTarget.checked)}
  />`;
}

function DateControl({ control, value, change }) {
  if (value instanceof Unparsed && value.text !== "") {
    return html`<${TextControl} control=${control} value=${value.text} change=${change} />`;
  }
  return html`<input
    ...${control}
    type="date"
    value=${value instanceof Unparsed ? "" : value}
    onInput=${({ currentTarget: { value: text } }) =>
      change(text === "" ? new Unparsed("", PROBLEMS.date) : text)}
  />`;
}

function TimeControl({ control, title, value, change }) {
  const { local, offset } = splitTime(value instanceof Unparsed ? "" : value) ?? {
    local: "",
    offset: "Z",
  };
  const give = (text) => {
    // The picker leaves out seconds that are zero; times of JSON Schema have them.
    const whole = text.length === "2026-01-31T12:00".length ? `${text}:00` : text;
    change(text === "" ? new Unparsed("", PROBLEMS.time) : `${whole}${offset}`);
  };
  return html`<input
      ...${control}
      type="datetime-local"
      step="any"
      value=${local}
      onInput=${(event) => give(event.currentTarget.value)}
    />
    <span class="quiet" aria-label=${`Time zone of ${title}`}>
      ${offset === "Z" ? "UTC" : offset || "no time zone"}
    </span>`;
}

function TextControl({ control, value, change }) {
  return html`<input
    ...${control}
    type="text"
    autocomplete="off"
    value=${value}
    onInput=${(event) => change(event.currentTarget.value)}
  />`;
}

function LongTextControl({ control, value, change }) {
  return html`<textarea
    ...${control}
    rows="4"
    value=${value}
    onInput=${(event) => change(event.currentTarget.value)}
  />`;
}

function readJson(text) {
  try {
    return parseExact(text);
  } catch (error) {
    return new Unparsed(text, `Not valid JSON: ${error.message}.`);
  }
}

function JsonControl({ control, value, change }) {
  const [text, setTyped] = useTyped(value, readJson, (known) => textOf(known, 2) ?? "");
  return html`<textarea
    ...${control}
    rows=${Math.min(16, Math.max(2, text.split("\n").length))}
    spellcheck="false"
    value=${text}
    onInput=${({ currentTarget }) => {
      setTyped(currentTarget.value);
      change(readJson(currentTarget.value));
    }}
  />`;
}

const CONTROLS = {
  choice: ChoiceControl,
  flag: FlagControl,
  number: NumberControl,
  date: DateControl,
  time: TimeControl,
  text: TextControl,
  "long text": LongTextControl,
  records: Records,
  json: JsonControl,
};
