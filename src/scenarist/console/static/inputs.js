// Forms made of the schemas of inputs, and what is typed into them until it is sent.

import { ApiError, pathOf, send } from "./api.js";
import { EntityLink } from "./components.js";
import { canBeExact, findUnparsed, parseExact, pathOfPointer, textOf } from "./exact.js";
import { Faults, ValueField } from "./fields.js";
import { shorten } from "./format.js";
import { useResource } from "./resources.js";
import { shapeOf } from "./schemas.js";
import { listenToSession } from "./session.js";
import { html, useEffect, useRef, useState } from "./view.js";
import { UploadDialog } from "./writing.js";

const KEPT_HERE = ["csv", "excel", "json", "parquet", "pickle", "in_memory"];
const LONGEST_VALUE = 80; // characters of a value that others have written
const FILES = ["csv", "excel", "json", "parquet"];
const SHARED = {
  CYCLE: "Shared with the other scenarios of its cycle.",
  GLOBAL: "Shared with all scenarios.",
};

/**
 * @typedef {object} Input
 * @property {string} name
 * @property {string} title
 * @property {string | null} description
 * @property {string | null} unit
 * @property {string | null} group
 * @property {object | null} schema
 * @property {string} scope
 * @property {string} storage_type
 * @property {boolean} is_read_only
 * @property {unknown} value undefined when there is none, or when it is large or kept in a file
 * @property {string | null} editId
 * @property {string | null} dataNodeId null before the scenario exists
 */

/** What is typed, by form: it outlives the view, so that a look elsewhere loses nothing. */
const kept = new Map();
let keptFor = null;

// It also outlives a session that has expired, but is shown to nobody else.
listenToSession(({ state, id }) => {
  if (state !== "in") return;
  if (keptFor !== null && keptFor !== id) kept.clear();
  keptFor = id;
});

/** Copy what is typed into one form to another into which nothing is typed. */
export function copyDrafts(key, from) {
  const isEmpty = Object.keys(kept.get(key) ?? {}).length === 0;
  if (isEmpty && kept.has(from)) kept.set(key, kept.get(from));
}

/** Forget what is typed into a form that is not shown now. */
export const forgetDrafts = (key) => kept.delete(key);

/** Read the declared inputs of a scenario config; null when the application no longer has it. */
export function useInputConfigs(configId) {
  return useResource(
    configId ? `inputs of config ${configId}` : null,
    () => false,
    async () => {
      try {
        const response = await send("GET", pathOf(["configs", "scenarios", configId]));
        return parseExact(await response.text()).config.inputs;
      } catch (error) {
        if (error.status === 404) return null;
        throw error;
      }
    },
  );
}

/** Return the inputs that can be given for a new scenario, with their defaults. */
export const toNewInputs = (configs) =>
  (configs ?? [])
    .filter(({ is_read_only }) => !is_read_only)
    .map((config) => ({
      ...config,
      title: config.title ?? config.name,
      value: config.default,
      editId: null,
      dataNodeId: null,
    }));

/** Return the inputs of a scenario, with their present values. */
export function toPresentInputs(configs, present) {
  const byName = new Map((configs ?? []).map((config) => [config.name, config]));
  const names = [...byName.keys()].filter((name) => Object.hasOwn(present, name));
  names.push(...Object.keys(present).filter((name) => !byName.has(name)));
  return names.map((name) => {
    const { data_node_id, edit_id, scope, value } = present[name];
    const config = byName.get(name) ?? UNDECLARED;
    const title = config.title ?? name;
    return { ...config, name, title, scope, value, editId: edit_id, dataNodeId: data_node_id };
  });
}

/** An input that the application declares no longer. */
const UNDECLARED = {
  description: null,
  unit: null,
  group: null,
  schema: null,
  storage_type: "json",
  is_read_only: true,
};

/**
 * Keep what is typed into the form of some inputs.
 * @param {string} key names the form, such as an identifier
 * @param {Input[]} inputs
 */
export function useDrafts(key, inputs) {
  const [, setNumber] = useState(0);
  const [faults, setFaults] = useState([]);
  const drafts = kept.get(key) ?? {};
  const store = (next) => {
    kept.set(key, next);
    setNumber((number) => number + 1);
  };
  const byName = new Map(inputs.map((input) => [input.name, input]));
  // What was saved gives way to what the server has made of it.
  const gone = Object.entries(drafts).filter(
    ([name, draft]) => draft.savedOver !== undefined && byName.get(name)?.editId !== draft.savedOver,
  );
  useEffect(() => {
    if (gone.length === 0) return;
    const names = gone.map(([name]) => name);
    store(Object.fromEntries(Object.entries(drafts).filter(([name]) => !names.includes(name))));
  });
  const draftOf = (name) =>
    !Object.hasOwn(drafts, name) || gone.some(([other]) => other === name) ? null : drafts[name];
  const valueOf = (input) => {
    const draft = draftOf(input.name);
    return draft === null ? input.value : draft.value;
  };
  const isChanged = (input) => {
    const draft = draftOf(input.name);
    if (draft === null || draft.savedOver !== undefined) return false;
    return findUnparsed(draft.value).length > 0 || textOf(draft.value) !== textOf(input.value);
  };
  const changed = inputs.filter(isChanged);

  function set(input, value) {
    const former = valueOf(input);
    const base = draftOf(input.name)?.base ?? input.editId;
    store({ ...drafts, [input.name]: { value, base } });
    setFaults(
      faults.filter(
        ({ path: [name, ...path] }) => name !== input.name || at(former, path) === at(value, path),
      ),
    );
  }

  /** Return the changed values by name. */
  function collect() {
    const unparsed = changed.flatMap((input) => findUnparsed(valueOf(input), [input.name]));
    const missing = changed.filter((input) => valueOf(input) === undefined);
    setFaults(unparsed);
    if (unparsed.length > 0) throw new ApiError(400, { message: "Correct the marked inputs." });
    const given = changed.filter((input) => !missing.includes(input));
    return Object.fromEntries(given.map((input) => [input.name, valueOf(input)]));
  }

  /** Show the faults of a refused request at their fields; return the error that remains. */
  function explain(error, prefix) {
    if (error.code !== "inputs_invalid") return error;
    const found = error.errors.map(({ pointer, message }) => ({
      path: pathOfPointer(pointer ?? "").slice(prefix.length),
      message: sentence(message),
    }));
    setFaults(found);
    return new ApiError(400, { message: "Correct the marked inputs; nothing was stored." });
  }

  function markSaved() {
    const entries = changed.map((input) => [
      input.name,
      { ...drafts[input.name], savedOver: input.editId },
    ]);
    store({ ...drafts, ...Object.fromEntries(entries) });
  }

  function discard() {
    store({});
    setFaults([]);
  }

  /** Whether others have written an input since it was typed into. */
  const isContested = (input) => isChanged(input) && draftOf(input.name).base !== input.editId;
  return { valueOf, isChanged, isContested, changed, faults, set, collect, explain, markSaved, discard };
}

const sentence = (text) => `${text[0].toUpperCase()}${text.slice(1)}${/[.!?]$/.test(text) ? "" : "."}`;

const at = (value, path) => path.reduce((found, part) => found?.[part], value);

/**
 * The fields of inputs, in their groups.
 * @param {{id: string, inputs: Input[], drafts: ReturnType<typeof useDrafts>, isDisabled?: boolean}} props
 */
export function InputFields({ id, inputs, drafts, isDisabled = false }) {
  const element = useRef(null);
  useEffect(() => {
    if (drafts.faults.length > 0) element.current?.querySelector('[aria-invalid="true"]')?.focus();
  }, [drafts.faults.length > 0]);
  if (!canBeExact) {
    return html`<p class="hint">
      This browser cannot keep all digits of numbers in a form. Update it, or write the data nodes
      one by one.
    </p>`;
  }
  const groups = [...new Set(inputs.map(({ group }) => group ?? null))];
  return html`<div class="inputs" ref=${element}>
    ${groups.map((group) => {
      const members = inputs
        .filter((input) => (input.group ?? null) === group)
        .map(
          (input) => html`<${InputField}
            key=${input.name}
            id=${id}
            input=${input}
            drafts=${drafts}
            isDisabled=${isDisabled}
          />`,
        );
      if (group === null) return members;
      return html`<fieldset class="group" key=${group}><legend>${group}</legend>${members}</fieldset>`;
    })}
  </div>`;
}

function InputField({ id, input, drafts, isDisabled }) {
  const [asJson, setAsJson] = useState(false);
  const value = drafts.valueOf(input);
  const isKeptElsewhere = !KEPT_HERE.includes(input.storage_type);
  const isHidden = value === undefined && input.editId !== null;
  const isFixed = isDisabled || input.is_read_only || isKeptElsewhere;
  const shown = new Set();
  const form = {
    id,
    isDisabled: isFixed,
    faultsAt: (path) => {
      const found = drafts.faults.filter((fault) => isSamePath(fault.path, path));
      found.forEach((fault) => shown.add(fault));
      return found.map(({ message }) => message);
    },
    faultsUnder: (path) => {
      const found = drafts.faults.filter(
        (fault) => fault.path.length > path.length && isSamePath(fault.path.slice(0, path.length), path),
      );
      found.forEach((fault) => shown.add(fault));
      return found.map((fault) => ({ path: fault.path.slice(path.length), message: fault.message }));
    },
  };
  const schema = withNotes(input);
  const kind = shapeOf(schema, value, input.value).kind;
  const canSwitch = kind !== "json" && value !== undefined && !isFixed;
  return html`<div class="input" data-changed=${drafts.isChanged(input)}>
    ${canSwitch &&
    html`<button
      type="button"
      class="plain small as-json"
      aria-label=${`Edit ${input.title} as JSON`}
      aria-pressed=${asJson}
      disabled=${findUnparsed(value).length > 0}
      onClick=${() => setAsJson(!asJson)}
    >
      JSON
    </button>`}
    ${isHidden || (isFixed && value === undefined)
      ? html`<${HiddenValue} input=${input} />`
      : html`<${ValueField}
          form=${form}
          path=${[input.name]}
          title=${input.title}
          schema=${schema}
          root=${schema}
          value=${value}
          sample=${input.value}
          asJson=${asJson}
          change=${(next) => drafts.set(input, next)}
        />`}
    <${Notes} input=${input} drafts=${drafts} isFixed=${isFixed} isHidden=${isHidden} />
    <${OtherFaults} name=${input.name} faults=${drafts.faults} shown=${shown} />
  </div>`;
}

const isSamePath = (one, other) =>
  one.length === other.length && one.every((part, number) => part === other[number]);

/** Return the schema of an input; what an input without one is, is told by its value. */
const withNotes = ({ schema, unit, description }) =>
  schema ?? { ...(unit && { unit }), ...(description && { description }) };

/** An input whose value is not part of the list of inputs. */
function HiddenValue({ input }) {
  const { title, editId, dataNodeId } = input;
  const reason = editId === null ? "No value yet." : "Large, or kept in a file or database.";
  return html`<div class="field" role="group" aria-label=${title}>
    <span>${title}</span>
    <span class="control"
      ><span class="quiet">${reason}</span>
      ${dataNodeId !== null && html`<${EntityLink} id=${dataNodeId} text="Open" />`}</span
    >
  </div>`;
}

function Notes({ input, drafts, isFixed, isHidden }) {
  const [isUploading, setUploading] = useState(false);
  const { scope, is_read_only, storage_type, dataNodeId, schema } = input;
  const isTable = storage_type !== "json" || isHidden || schema?.type === "array";
  const canUpload = FILES.includes(storage_type) && isTable && !isFixed;
  const notes = [
    is_read_only && "Read-only.",
    SHARED[scope],
    canUpload && dataNodeId === null && "A file can be uploaded once the scenario exists.",
  ].filter(Boolean);
  return html`
    ${notes.length > 0 && html`<small class="quiet">${notes.join(" ")}</small>`}
    ${canUpload &&
    dataNodeId !== null &&
    html`<p class="upload">
      <button type="button" aria-label=${`Upload ${input.title}`} onClick=${() => setUploading(true)}>
        Upload a file
      </button>
    </p>`}
    ${isUploading &&
    html`<${UploadDialog}
      node=${{ id: dataNodeId, name: input.title, storage_type }}
      close=${() => setUploading(false)}
    />`}
    ${drafts.isContested(input) &&
    html`<small class="hint" role="status">
      Others have written it since you began. Saving replaces their value:
      <code>${shorten(textOf(input.value) ?? "a large one", LONGEST_VALUE)}</code>
    </small>`}
  `;
}

/** Faults of parts that have no field of their own. */
function OtherFaults({ name, faults, shown }) {
  const others = faults.filter((fault) => fault.path[0] === name && !shown.has(fault));
  const texts = others.map(({ path, message }) => `${path.slice(1).join(" / ")}: ${message}`);
  return html`<${Faults} messages=${texts} />`;
}
