// A list of records in a form: a table whose cells are edited, and into which a spreadsheet pastes.

import { findUnparsed, readNumber, Unparsed, withEntry } from "./exact.js";
import { plural } from "./format.js";
import { isSame } from "./schemas.js";
import { html, useState } from "./view.js";

const PAGE = 50; // rows
const MOST_FAULTS = 20;

/** @param {{shape: import("./schemas.js").FieldShape, value: unknown[]}} props */
export function Records({ control, title, shape, value, change, form, path }) {
  const [first, setFirst] = useState(0);
  const [notice, setNotice] = useState(null);
  const { columns, isPlainList } = shape;
  const faults = form.faultsUnder(path);
  const faulty = new Set(faults.map((fault) => fault.path.join("/")));
  const rows = isPlainList ? value.map((item) => ({ value: item })) : value;
  const give = (next) => change(isPlainList ? next.map((row) => row.value) : next);
  const start = Math.min(first, Math.max(0, Math.floor((rows.length - 1) / PAGE) * PAGE));
  const shown = rows.slice(start, start + PAGE);
  const setCell = (number, { name }, cell) =>
    give(rows.map((row, at) => (at === number ? withEntry(row, name, cell) : row)));

  function paste(event, number, column) {
    const cells = splitCells(event.clipboardData.getData("text/plain"));
    if (cells.length === 1 && cells[0].length === 1) return;
    event.preventDefault();
    const pasted = pasteCells(rows, columns, cells, number, column);
    if (pasted.problem === undefined) give(pasted.rows);
    setNotice(pasted.problem ?? `Pasted ${plural(pasted.count, "row")}.`);
  }

  function add() {
    give([...rows, makeRow(columns)]);
    setFirst(Math.floor(rows.length / PAGE) * PAGE);
  }

  return html`<div class="records">
    <div
      class="table"
      id=${control.id}
      role="region"
      tabindex="0"
      aria-label=${`Rows of ${title}`}
      aria-describedby=${control["aria-describedby"]}
    >
      <table>
        <thead>
          <tr>
            <th scope="col" class="narrow-cell"><span class="unseen">Row</span></th>
            ${columns.map(
              (column) => html`<th key=${column.name} scope="col">
                ${column.title}${column.unit && html` <span class="quiet">(${column.unit})</span>`}
              </th>`,
            )}
            ${!control.disabled && html`<td class="narrow-cell"></td>`}
          </tr>
        </thead>
        <tbody>
          ${shown.map((row, position) => {
            const number = start + position;
            return html`<tr key=${number}>
              <td class="quiet figure">${number + 1}</td>
              ${columns.map(
                (column, index) => html`<td key=${column.name}>
                  <${Cell}
                    label=${`${column.title}, row ${number + 1}`}
                    column=${column}
                    value=${row[column.name]}
                    disabled=${control.disabled}
                    isFaulty=${faulty.has(isPlainList ? `${number}` : `${number}/${column.name}`)}
                    change=${(cell) => setCell(number, column, cell)}
                    onPaste=${(event) => paste(event, number, index)}
                  />
                </td>`,
              )}
              ${!control.disabled &&
              html`<td>
                <button
                  type="button"
                  class="plain small"
                  aria-label=${`Remove row ${number + 1}`}
                  title="Remove row"
                  onClick=${() => give(rows.filter((_, at) => at !== number))}
                >
                  ✕
                </button>
              </td>`}
            </tr>`;
          })}
        </tbody>
      </table>
    </div>
    <div class="line">
      ${!control.disabled && html`<button type="button" onClick=${add}>Add a row</button>`}
      ${!control.disabled &&
      rows.length === 0 &&
      html`<input
        class="paste"
        aria-label=${`Paste rows of ${title}`}
        placeholder="or paste rows here"
        value=""
        onPaste=${(event) => paste(event, 0, 0)}
        onInput=${(event) => {
          event.currentTarget.value = "";
        }}
      />`}
      ${rows.length > PAGE &&
      html`<button
          type="button"
          disabled=${start === 0}
          onClick=${() => setFirst(start - PAGE)}
        >
          Previous rows
        </button>
        <button
          type="button"
          disabled=${start + PAGE >= rows.length}
          onClick=${() => setFirst(start + PAGE)}
        >
          Next rows
        </button>`}
      <span class="quiet">${describeRows(rows.length, start, shown.length)}</span>
      <span role="status">${notice}</span>
    </div>
    <${CellFaults} faults=${faults} columns=${columns} isPlainList=${isPlainList} />
  </div>`;
}

const describeRows = (count, start, shown) =>
  count > shown ? `Rows ${start + 1} to ${start + shown} of ${count}` : plural(count, "row");

/** The faults of rows and cells, with their places. */
function CellFaults({ faults, columns, isPlainList }) {
  if (faults.length === 0) return null;
  const titleOf = (name) => columns.find((column) => column.name === name)?.title ?? name;
  return html`<ul class="fault">
    ${faults.slice(0, MOST_FAULTS).map(({ path: [row, ...rest], message }) => {
      const place = isPlainList ? rest : rest.map(titleOf);
      return html`<li>${[`Row ${Number(row) + 1}`, ...place].join(", ")}: ${message}</li>`;
    })}
    ${faults.length > MOST_FAULTS && html`<li>and ${faults.length - MOST_FAULTS} more</li>`}
  </ul>`;
}

function Cell({ label, column, value, disabled, isFaulty, change, onPaste }) {
  const { shape } = column;
  const [typed, setTyped] = useState(null);
  const shared = { "aria-label": label, "aria-invalid": isFaulty, disabled };
  if (shape.kind === "flag" && column.isRequired && typeof value === "boolean") {
    return html`<input
      ...${shared}
      type="checkbox"
      checked=${value}
      onChange=${(event) => change(event.currentTarget.checked)}
    />`;
  }
  if (shape.kind === "choice" || shape.kind === "flag") {
    const options = shape.options ?? FLAG_OPTIONS;
    const index = options.findIndex((option) => isSame(option.value, value));
    const isOpen = !column.isRequired || shape.isNullable;
    return html`<select
      ...${shared}
      value=${String(index)}
      onPaste=${onPaste}
      onChange=${({ currentTarget: { value: at } }) =>
        change(at === "-1" ? readCell(column, "") : options[Number(at)].value)}
    >
      ${(index === -1 || isOpen) && html`<option value="-1">${isOpen ? "–" : ""}</option>`}
      ${options.map(
        (option, number) => html`<option key=${number} value=${String(number)}>${option.text}</option>`,
      )}
    </select>`;
  }
  const isCurrent =
    typed !== null &&
    !(value instanceof Unparsed) &&
    findUnparsed(readCell(column, typed)).length === 0 &&
    isSame(readCell(column, typed), value);
  return html`<input
    ...${shared}
    class=${shape.kind === "number" ? "figure" : ""}
    autocomplete="off"
    placeholder=${value === null ? "no value" : value === undefined ? "not given" : ""}
    value=${isCurrent ? typed : showCell(value)}
    onPaste=${onPaste}
    onInput=${(event) => {
      setTyped(event.currentTarget.value);
      change(readCell(column, event.currentTarget.value));
    }}
  />`;
}

const FLAG_OPTIONS = [true, false].map((value) => ({ value, text: String(value) }));

function showCell(value) {
  if (value === null || value === undefined) return "";
  if (value instanceof Unparsed) return value.text;
  return typeof value === "string" ? value : (value.rawJSON ?? String(value));
}

/** Return the value that a text stands for in a column. */
function readCell({ shape, isRequired }, text) {
  const { kind, isNullable } = shape;
  if (kind === "text") return text;
  if (text.trim() === "" && (!isRequired || isNullable)) return isRequired ? null : undefined;
  if (kind === "number") return readNumber(text, shape.isInteger);
  const word = text.trim();
  if (kind === "flag") {
    const found = { true: true, false: false }[word.toLowerCase()];
    return found ?? new Unparsed(text, "Give true or false.");
  }
  if (kind === "choice") {
    const found = shape.options.find(
      (option) => option.text === word || option.value === word || option.value?.rawJSON === word,
    );
    return found === undefined ? new Unparsed(text, "Select one of the choices.") : found.value;
  }
  return /^\d{4}-\d{2}-\d{2}/.test(word)
    ? word
    : new Unparsed(text, `Give a date, such as 2026-01-31${kind === "time" ? "T12:00:00Z" : ""}.`);
}

/** Return a row for the user to fill in. */
function makeRow(columns) {
  const cells = columns
    .filter(({ isRequired }) => isRequired)
    .map((column) => [column.name, readCell(column, column.shape.kind === "flag" ? "false" : "")]);
  return Object.fromEntries(cells);
}

/**
 * Split what a spreadsheet copies: rows end with a line break and cells with a tab; a cell in
 * quotes may have both.
 */
export function splitCells(text) {
  const rows = [[]];
  const parts = /"((?:[^"]|"")*)"(?=\t|\r?\n|$)|[^\t\r\n]*/y;
  for (let at = 0; at <= text.length; ) {
    parts.lastIndex = at;
    const found = parts.exec(text);
    rows.at(-1).push(found[1]?.replaceAll('""', '"') ?? found[0]);
    at = parts.lastIndex;
    const end = /\t|\r\n|\r|\n/y;
    end.lastIndex = at;
    const separator = end.exec(text)?.[0];
    if (separator === undefined) break;
    at += separator.length;
    if (separator !== "\t") rows.push([]);
  }
  const last = rows.at(-1);
  if (rows.length > 1 && (last.length === 0 || (last.length === 1 && last[0] === ""))) rows.pop();
  return rows;
}

/**
 * Put cells into rows, from a cell on; rows are added as needed. A first row with the names of
 * columns says where the others go.
 * @returns {{rows: object[], count: number} | {problem: string}}
 */
export function pasteCells(rows, columns, cells, number, column) {
  const named = cells[0].map((text) => {
    const word = text.trim();
    return columns.find(({ name, title }) => name === word || title === word);
  });
  const hasNames = cells.length > 1 && named.every(Boolean) && new Set(named).size === named.length;
  const targets = hasNames ? named : columns.slice(column);
  const pasted = hasNames ? cells.slice(1) : cells;
  const widest = Math.max(...pasted.map((row) => row.length));
  if (widest > targets.length) {
    return {
      problem: `Nothing was pasted: ${plural(widest, "column")} were copied, and there ${
        targets.length === 1 ? "is" : "are"
      } only ${targets.length} from this cell on.`,
    };
  }
  const next = [...rows];
  pasted.forEach((row, offset) => {
    const at = number + offset;
    let changed = next[at] ?? makeRow(columns);
    row.forEach((text, index) => {
      changed = withEntry(changed, targets[index].name, readCell(targets[index], text));
    });
    next[at] = changed;
  });
  return { rows: next, count: pasted.length };
}
