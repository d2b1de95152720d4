// The value of a data node: as a table, a chart of its numbers, fields, or JSON.

import { LineChart } from "./chart.js";
import { formatValue, indentJson, toJson } from "./format.js";
import { html, useState } from "./view.js";

const FIRST_ROWS = 100;
const FIRST_LINES = 4;
const DATE = /^\d{4}-\d{2}(-\d{2})?([T ]|$)/;

const isNumber = (value) => typeof value === "number" || typeof value === "bigint";
const isObject = (value) => value !== null && typeof value === "object" && !Array.isArray(value);

/** Return a value as records, also for a list of numbers; null when it has none. */
function recordsOf(value) {
  if (!Array.isArray(value) || value.length === 0) return null;
  if (value.every(isObject)) return value;
  if (value.every((item) => typeof item === "number" || item === null)) {
    return value.map((item) => ({ value: item }));
  }
  return null;
}

function columnsOf(records) {
  const names = new Set();
  for (const record of records) for (const name of Object.keys(record)) names.add(name);
  return [...names];
}

/** Return the numeric columns, and the column of dates that serves as x axis, if any. */
function chartOf(records) {
  const columns = columnsOf(records);
  const everyValue = (column, predicate) =>
    records.some((record) => (record[column] ?? null) !== null) &&
    records.every((record) => (record[column] ?? null) === null || predicate(record[column]));
  const isDouble = (item) => typeof item === "number";
  const numeric = columns.filter((column) => everyValue(column, isDouble));
  const isDate = (item) =>
    typeof item === "string" && DATE.test(item) && !Number.isNaN(Date.parse(item));
  const x = columns.find(
    (column) => everyValue(column, isDate) && records.every((record) => record[column] !== null),
  );
  return { x: x ?? null, numeric };
}

/**
 * @param {{data: unknown, json?: string, isComplete: boolean, hint?: string}} props json is the
 *   value as the server sent it; hint tells how to get the whole of an incomplete one
 */
export function Value({ data, json, isComplete, hint = "" }) {
  const records = recordsOf(data);
  const chart = records === null ? null : chartOf(records);
  const modes = [
    records !== null && "Table",
    chart !== null && chart.numeric.length > 0 && records.length > 1 && "Chart",
    records === null && isObject(data) && Object.keys(data).length > 0 && "Fields",
    "JSON",
  ].filter(Boolean);
  const [selectedMode, setSelectedMode] = useState(null);
  const mode = modes.includes(selectedMode) ? selectedMode : modes[0];
  return html`
    ${modes.length > 1 &&
    html`<div class="tabs" role="group" aria-label="View as">
      ${modes.map(
        (one) => html`<button
          key=${one}
          type="button"
          aria-pressed=${one === mode}
          onClick=${() => setSelectedMode(one)}
        >
          ${one}
        </button>`,
      )}
    </div>`}
    ${!isComplete &&
    html`<p class="hint">
      ${records === null
        ? "Only the beginning is shown."
        : `Only the first ${records.length} rows are shown.`}
      ${" "}${hint}
    </p>`}
    ${mode === "Table" && html`<${Table} records=${records} />`}
    ${mode === "Chart" && html`<${Chart} records=${records} chart=${chart} />`}
    ${mode === "Fields" && html`<${Fields} data=${data} />`}
    ${mode === "JSON" && html`<pre class="log" tabindex="0" aria-label="JSON">${json === undefined ? toJson(data, 2) : indentJson(json)}</pre>`}
  `;
}

function Table({ records }) {
  const [isWhole, setWhole] = useState(false);
  const columns = columnsOf(records);
  const numericColumns = new Set(chartOf(records).numeric);
  const shown = isWhole ? records : records.slice(0, FIRST_ROWS);
  return html`<div class="table data" tabindex="0" role="region" aria-label="Rows"><table>
      <thead>
        <tr>
          ${columns.map(
            (column) =>
              html`<th
                key=${column}
                scope="col"
                class=${numericColumns.has(column) ? "figure" : ""}
              >
                ${column}
              </th>`,
          )}
        </tr>
      </thead>
      <tbody>
        ${shown.map(
          (record, number) => html`<tr key=${number}>
            ${columns.map(
              (column) =>
                html`<td class=${isNumber(record[column]) ? "figure" : ""}>
                  ${formatValue(record[column])}
                </td>`,
            )}
          </tr>`,
        )}
      </tbody>
    </table></div>
    ${shown.length < records.length &&
    html`<button type="button" onClick=${() => setWhole(true)}>
      Show all ${records.length} rows
    </button>`}`;
}

function Chart({ records, chart }) {
  const [hidden, setHidden] = useState(new Set(chart.numeric.slice(FIRST_LINES)));
  const columns = chart.numeric.filter((column) => !hidden.has(column));
  function toggle(column) {
    const next = new Set(hidden);
    if (!next.delete(column)) next.add(column);
    setHidden(next);
  }
  return html`
    ${chart.numeric.length > 1 &&
    html`<fieldset class="columns">
      <legend>Columns</legend>
      ${chart.numeric.map(
        (column) => html`<label key=${column}>
          <input
            type="checkbox"
            checked=${!hidden.has(column)}
            onChange=${() => toggle(column)}
          />
          ${column}
        </label>`,
      )}
    </fieldset>`}
    ${columns.length > 0
      ? html`<${LineChart} rows=${records} x=${chart.x} columns=${columns} />`
      : html`<p class="quiet">Select a column.</p>`}
  `;
}

/** The fields of an object; fields that are tables come last. */
function Fields({ data }) {
  const entries = Object.entries(data);
  const tables = entries.filter(([, value]) => recordsOf(value) !== null);
  const plain = entries.filter(([, value]) => recordsOf(value) === null);
  return html`
    ${plain.length > 0 &&
    html`<dl class="facts">
      ${plain.map(
        ([name, value]) =>
          html`<div key=${name}><dt>${name}</dt><dd>${formatValue(value)}</dd></div>`,
      )}
    </dl>`}
    ${tables.map(
      ([name, value]) => html`<section key=${name} class="nested">
        <h3>${name}</h3>
        <${Value} data=${value} isComplete=${true} />
      </section>`,
    )}
  `;
}
