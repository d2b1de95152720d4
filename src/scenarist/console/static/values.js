// A value, as whatever it is: a table with a chart of its numbers, fields, or JSON.

import { Lines } from "./chart.js";
import { html, useState } from "./view.js";
import { figureOf, jsonOf, laidOut } from "./words.js";

const FIRST_ROWS = 100;
const FIRST_LINES = 4;
const DATE = /^\d{4}-\d{2}(-\d{2})?([T ]|$)/;

const isFigure = (value) => typeof value === "number" || typeof value === "bigint";
const isObject = (value) => value !== null && typeof value === "object" && !Array.isArray(value);

/** Return the records that a value is, a list of plain figures among them; null for others. */
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

/** Return which columns can be drawn, and which one they are drawn over. */
function chartOf(records) {
  const columns = columnsOf(records);
  const holds = (column, isRight) =>
    records.some((record) => (record[column] ?? null) !== null) &&
    records.every((record) => (record[column] ?? null) === null || isRight(record[column]));
  const numeric = columns.filter((column) => holds(column, (item) => typeof item === "number"));
  const isMoment = (item) =>
    typeof item === "string" && DATE.test(item) && !Number.isNaN(Date.parse(item));
  const x = columns.find(
    (column) => holds(column, isMoment) && records.every((record) => record[column] !== null),
  );
  return { x: x ?? null, numeric };
}

/**
 * @param {{data: unknown, json?: string, isComplete: boolean, more?: string}} props json is the
 *   value as the server has written it; more says how to have all of one that is not complete
 */
export function Value({ data, json, isComplete, more = "" }) {
  const records = recordsOf(data);
  const chart = records === null ? null : chartOf(records);
  const kinds = [
    records !== null && "Table",
    chart !== null && chart.numeric.length > 0 && records.length > 1 && "Chart",
    records === null && isObject(data) && Object.keys(data).length > 0 && "Fields",
    "JSON",
  ].filter(Boolean);
  const [wanted, setWanted] = useState(null);
  const kind = kinds.includes(wanted) ? wanted : kinds[0];
  return html`
    ${kinds.length > 1 &&
    html`<div class="tabs" role="group" aria-label="Shown as">
      ${kinds.map(
        (one) => html`<button
          key=${one}
          type="button"
          aria-pressed=${one === kind}
          onClick=${() => setWanted(one)}
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
      ${" "}${more}
    </p>`}
    ${kind === "Table" && html`<${Table} records=${records} />`}
    ${kind === "Chart" && html`<${Chart} records=${records} chart=${chart} />`}
    ${kind === "Fields" && html`<${Fields} data=${data} />`}
    ${kind === "JSON" && html`<pre class="log" tabindex="0" aria-label="JSON">${json === undefined ? jsonOf(data, 2) : laidOut(json)}</pre>`}
  `;
}

function Table({ records }) {
  const [isWhole, setWhole] = useState(false);
  const columns = columnsOf(records);
  const figures = new Set(chartOf(records).numeric);
  const shown = isWhole ? records : records.slice(0, FIRST_ROWS);
  return html`<div class="table data" tabindex="0" role="region" aria-label="Rows"><table>
      <thead>
        <tr>
          ${columns.map(
            (column) =>
              html`<th key=${column} scope="col" class=${figures.has(column) ? "figure" : ""}>
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
                html`<td class=${isFigure(record[column]) ? "figure" : ""}>
                  ${figureOf(record[column])}
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
      ? html`<${Lines} rows=${records} x=${chart.x} columns=${columns} />`
      : html`<p class="quiet">Choose a column.</p>`}
  `;
}

/** The fields of an object; those that are tables come below. */
function Fields({ data }) {
  const entries = Object.entries(data);
  const tables = entries.filter(([, value]) => recordsOf(value) !== null);
  const plain = entries.filter(([, value]) => recordsOf(value) === null);
  return html`
    ${plain.length > 0 &&
    html`<dl class="facts">
      ${plain.map(
        ([name, value]) =>
          html`<div key=${name}><dt>${name}</dt><dd>${figureOf(value)}</dd></div>`,
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
