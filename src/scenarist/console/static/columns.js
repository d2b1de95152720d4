// Columns of the list of scenarios that the user chooses: inputs, parts of them, and outcomes.

import { ApiError, pathOf, request } from "./api.js";
import { formatValue, shorten } from "./format.js";
import { useResource } from "./resources.js";
import { html } from "./view.js";

const MOST_CONFIGS = 10; // whose columns are offered at once
const MOST_INPUTS = 8; // as many as the server adds to a list
const FIRST_OUTCOMES = 3; // shown unless the user chooses
const LONGEST_VALUE = 40; // characters in a cell

/**
 * @typedef {object} Column
 * @property {string} key identifies it in the address
 * @property {string} title
 * @property {string | null} unit
 * @property {string} [input] the input that it is, or is a part of
 * @property {string[]} [path] where in the value of the input
 * @property {string} [outcome]
 */

/** Return the columns that scenarios of some configs can have, and those that are shown. */
export function useColumns(configIds, chosen) {
  const ids = configIds.slice(0, MOST_CONFIGS);
  const configs = useResource(ids.length ? `columns of ${ids.join(" ")}` : null, undefined, () =>
    Promise.all(ids.map(readConfig)),
  );
  const offered = new Map();
  for (const config of configs.data ?? []) {
    for (const column of columnsOf(config)) offered.set(column.key, column);
  }
  const all = [...offered.values()];
  const wanted =
    chosen === undefined
      ? all.filter(({ outcome }) => outcome !== undefined).slice(0, FIRST_OUTCOMES)
      : chosen.split(",").map((key) => offered.get(key)).filter(Boolean);
  const inputs = [...new Set(wanted.map(({ input }) => input).filter(Boolean))].slice(0, MOST_INPUTS);
  return {
    all,
    shown: wanted.filter(({ input }) => input === undefined || inputs.includes(input)),
    inputs,
    isReady: configs.data !== undefined || ids.length === 0,
  };
}

async function readConfig(id) {
  try {
    return (await request("GET", pathOf(["configs", "scenarios", id]))).config;
  } catch (error) {
    if (error instanceof ApiError && error.status === 404) return { inputs: [], outcomes: {} };
    throw error;
  }
}

function columnsOf({ inputs, outcomes }) {
  return [
    ...Object.entries(outcomes).map(([name, { title, unit }]) => ({
      key: `out:${encodeURIComponent(name)}`,
      title: title ?? name,
      unit,
      outcome: name,
    })),
    ...inputs.filter(({ is_read_only }) => !is_read_only).flatMap((input) => {
      const { name, title, unit, schema } = input;
      const own = { key: `in:${encodeURIComponent(name)}`, title: title ?? name, unit };
      const parts = Object.entries(schema?.properties ?? {});
      if (parts.length === 0) return [{ ...own, input: name, path: [] }];
      return parts.map(([part, about]) => ({
        key: `${own.key}/${encodeURIComponent(part)}`,
        title: about?.title ?? part,
        unit: about?.unit ?? null,
        input: name,
        path: [part],
      }));
    }),
  ];
}

/** Choose the columns of the list. */
export function ColumnChooser({ columns, choose }) {
  if (columns.all.length === 0) return null;
  const keys = columns.shown.map(({ key }) => key);
  const toggle = (key) => {
    const next = keys.includes(key) ? keys.filter((one) => one !== key) : [...keys, key];
    choose(next.length > 0 ? next.join(",") : "none");
  };
  const isFull = columns.inputs.length === MOST_INPUTS;
  return html`<details class="chooser">
    <summary class="button">Columns</summary>
    <fieldset class="chooser-list">
      <legend class="unseen">Shown columns</legend>
      ${columns.all.map(
        ({ key, title, unit, input, outcome }) => html`<label key=${key}>
          <input
            type="checkbox"
            checked=${keys.includes(key)}
            disabled=${isFull && input !== undefined && !columns.inputs.includes(input)}
            onChange=${() => toggle(key)}
          />
          ${title}${unit && ` (${unit})`}
          ${outcome !== undefined && html` <span class="mark">outcome</span>`}
        </label>`,
      )}
      ${isFull && html`<small class="quiet">At most ${MOST_INPUTS} inputs are shown at once.</small>`}
    </fieldset>
  </details>`;
}

/** The value of a scenario in a column. */
export function ColumnCell({ column, scenario }) {
  if (column.outcome !== undefined) {
    return html`<${OutcomeValue} outcome=${scenario.outcomes[column.outcome]} />`;
  }
  const value = column.path.reduce((found, part) => found?.[part], scenario.inputs?.[column.input]);
  return value === undefined ? html`<span class="quiet">–</span>` : shorten(formatValue(value), LONGEST_VALUE);
}

/** The value of an outcome, or why there is none, and whether it is of older inputs. */
export function OutcomeValue({ outcome, withUnit = false }) {
  if (outcome === undefined) return html`<span class="quiet">–</span>`;
  if (outcome.value === null) {
    return html`<span class="quiet" title=${outcome.reason}>–<span class="unseen">: ${outcome.reason}</span></span>`;
  }
  return html`${formatValue(outcome.value)}${withUnit && outcome.unit && ` ${outcome.unit}`}
  ${outcome.is_stale && html` <${StaleMark} />`}`;
}

const StaleMark = () =>
  html`<span class="mark stale" title="The inputs or the code have changed since">stale</span>`;
