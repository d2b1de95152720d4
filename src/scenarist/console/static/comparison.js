// Scenarios side by side: what differs in their inputs, their outcomes, their tables laid over each
// other, and the results of the comparators of their config.

import { pathOf, request } from "./api.js";
import { BarChart, LineChart } from "./chart.js";
import { OutcomeValue } from "./columns.js";
import {
  Empty,
  EntityLink,
  ErrorMessage,
  FilterSelect,
  Heading,
  Loaded,
  Timestamp,
  useAction,
} from "./components.js";
import { pathOfPointer } from "./exact.js";
import { formatValue, nameOf, plural, shorten, shortId, toJson } from "./format.js";
import { useInputConfigs } from "./inputs.js";
import { useNames } from "./names.js";
import { ofKind, useResource } from "./resources.js";
import { linkTo, navigate } from "./router.js";
import { useConfigs } from "./scenarios.js";
import { can } from "./session.js";
import { html, useEffect, useMemo, useState } from "./view.js";

const LONGEST_PART = 60; // characters of a value in a cell
const PERCENT = new Intl.NumberFormat(undefined, {
  maximumFractionDigits: 1,
  signDisplay: "exceptZero",
});
const CHANGE = new Intl.NumberFormat(undefined, {
  maximumFractionDigits: 6,
  signDisplay: "exceptZero",
});

const DIRECTIONS = { minimize: "lower is better", maximize: "higher is better" };

export function Comparison({ parameters }) {
  const ids = (parameters.ids ?? "").split(",").filter(Boolean);
  const base = ids.includes(parameters.base) ? parameters.base : ids[0];
  const scenarios = useResource(ids.join(",") || null, ofKind("SCENARIO"), () =>
    Promise.all(
      ids.map((id) => request("GET", pathOf(["scenarios", id])).then(({ scenario }) => scenario)),
    ),
  );
  if (ids.length < 2) {
    return html`<${Heading} title="Comparison" /><${Empty} title="Nothing to compare.">
      <p>Select two or more scenarios in the list.</p>
      <a href=${linkTo(["scenarios"])}>Go to scenarios</a>
    <//>`;
  }
  const setParameters = (change) => navigate(["compare"], { ...parameters, ...change });
  return html`
    <${Heading} title="Comparison" />
    <${ErrorMessage} error=${scenarios.error} />
    ${scenarios.data &&
    html`<${Differences}
        ids=${ids}
        base=${base}
        scenarios=${scenarios.data}
        parameters=${parameters}
        setParameters=${setParameters}
      />
      <${ComparatorResults} ids=${ids} scenarios=${scenarios.data} />
      <section>
        <div class="section-head"><h2>Scenarios</h2></div>
        <${FactTable} scenarios=${scenarios.data} />
      </section>`}
  `;
}

/** The outcomes, the inputs that differ, and the tables that are laid over each other. */
function Differences({ ids, base, scenarios, parameters, setParameters }) {
  const found = useResource(
    pathOf(["scenarios", "compare"], { ids, base, all: parameters.all }),
    ofKind("SCENARIO", "DATA_NODE", "JOB"),
  );
  return html`<${Loaded} resource=${found}>
      ${({ inputs, outcomes }) => html`
        <div class="filters">
          <${FilterSelect}
            label="Compare with"
            value=${base}
            options=${scenarios.map((scenario) => [scenario.id, nameOf(scenario)])}
            choose=${(value) => setParameters({ base: value || null })}
            all=${null}
          />
        </div>
        ${outcomes.length > 0 &&
        html`<section>
          <div class="section-head"><h2>Outcomes</h2></div>
          <${OutcomeTable} outcomes=${outcomes} scenarios=${scenarios} base=${base} />
        </section>`}
        <section>
          <div class="section-head">
            <h2>Inputs</h2>
            <button
              type="button"
              aria-pressed=${parameters.all === "true"}
              onClick=${() => setParameters({ all: parameters.all === "true" ? null : "true" })}
            >
              ${parameters.all === "true" ? "Only what differs" : "Also what is the same"}
            </button>
          </div>
          ${inputs.length === 0
            ? html`<${Empty} title="All inputs are the same." />`
            : html`<${InputTable} inputs=${inputs} scenarios=${scenarios} base=${base} />`}
        </section>
      `}
    <//>
    <${Tables} ids=${ids} scenarios=${scenarios} parameters=${parameters} setParameters=${setParameters} />`;
}

function OutcomeTable({ outcomes, scenarios, base }) {
  const names = scenarios.map(nameOf);
  const comparable = outcomes.filter(({ values }) =>
    scenarios.every(({ id }) => Number.isFinite(values[id]?.value)),
  );
  return html`<div class="table"><table>
      <${TableHead} scenarios=${scenarios} className="figure" />
      <tbody>
        ${outcomes.map((outcome) => {
          const best = bestOf(outcome, scenarios);
          return html`<tr key=${outcome.name}>
            <th scope="row">
              ${outcome.title ?? outcome.name}
              ${outcome.direction && html` <small>${DIRECTIONS[outcome.direction]}</small>`}
            </th>
            ${scenarios.map(({ id }) => {
              const value = outcome.values[id];
              return html`<td key=${id} class="figure">
                <${OutcomeValue} outcome=${value} withUnit=${true} />
                ${best.has(id) && html` <span class="mark best">best</span>`}
                ${id !== base && html`<${Change} value=${value} direction=${outcome.direction} />`}
              </td>`;
            })}
          </tr>`;
        })}
      </tbody>
    </table></div>
    <div class="bars-grid">
      ${comparable.map(
        ({ name, title, values }) =>
          html`<${BarChart}
            key=${name}
            title=${title ?? name}
            names=${names}
            values=${scenarios.map(({ id }) => values[id].value)}
          />`,
      )}
    </div>`;
}

/** Return the scenarios with the best value of an outcome, unless all have the same. */
function bestOf({ direction, values }, scenarios) {
  const numbers = scenarios.map(({ id }) => values[id]?.value).filter(Number.isFinite);
  const units = new Set(scenarios.map(({ id }) => values[id]?.unit));
  if (!direction || units.size > 1 || new Set(numbers).size < 2) return new Set();
  const best = direction === "maximize" ? Math.max(...numbers) : Math.min(...numbers);
  return new Set(scenarios.map(({ id }) => id).filter((id) => values[id]?.value === best));
}

/** The difference of an outcome from that of the base. */
function Change({ value, direction }) {
  const { difference = null, percent = null } = value ?? {};
  if (difference === null) return null;
  const isBetter = direction === "maximize" ? difference > 0 : difference < 0;
  const tone = !direction || difference === 0 ? "quiet" : isBetter ? "better" : "worse";
  return html`<small class=${`change ${tone}`}>
    ${CHANGE.format(difference)}${percent !== null && ` (${PERCENT.format(percent)} %)`}
  </small>`;
}

/** Inputs by name, and the places within them that differ. */
function InputTable({ inputs, scenarios, base }) {
  const configs = useInputConfigs(scenarios[0].config_id);
  const schemas = new Map((configs.data ?? []).map(({ name, schema }) => [name, schema]));
  return html`<div class="table"><table>
    <${TableHead} scenarios=${scenarios} className="figure" />
    ${inputs.map((input) => {
      const rows = input.differences.filter(({ pointer }) => pointer !== "");
      const more = input.difference_count - input.differences.length;
      return html`<tbody key=${input.name}>
        <tr>
          <th scope=${rows.length > 0 ? "rowgroup" : "row"}>
            ${input.title ?? input.name}${input.unit && html` <small class="quiet">(${input.unit})</small>`}
          </th>
          ${scenarios.map(
            ({ id }) => html`<td
              key=${id}
              class=${rows.length === 0 && differs(input.values[id]) ? "figure differs" : "figure"}
            >
              ${rows.length > 0
                ? html`<span class="quiet">${describeWhole(input, id, base)}</span>`
                : describeInput(input.values[id])}
            </td>`,
          )}
        </tr>
        ${rows.map(
          ({ pointer, parts }) => html`<tr key=${pointer}>
            <th scope="row" class="part">${titleOf(pointer, schemas.get(input.name))}</th>
            ${scenarios.map(
              ({ id }) => html`<td
                key=${id}
                class=${toJson(parts[id]) === toJson(parts[base]) ? "figure" : "figure differs"}
              >
                ${describePart(parts[id])}
              </td>`,
            )}
          </tr>`,
        )}
        ${more > 0 &&
        html`<tr>
          <td colspan=${scenarios.length + 1} class="quiet">
            and ${plural(more, "more difference")}
          </td>
        </tr>`}
      </tbody>`;
    })}
  </table></div>`;
}

const differs = (value) => value?.is_same === false;

const describeWhole = ({ lengths, values }, id, base) => {
  if (lengths[id] !== undefined) return plural(lengths[id], "row");
  if (id === base) return "";
  return values[id]?.reason ?? (differs(values[id]) ? "differs" : "the same");
};

function describeInput(value) {
  if (value === undefined) return html`<span class="quiet">no such input</span>`;
  if (value.value !== undefined) return shorten(formatValue(value.value), LONGEST_PART);
  return html`<span class="quiet">${value.reason ?? (differs(value) ? "differs" : "the same")}</span>`;
}

function describePart(part) {
  if (part === undefined || part.is_missing) return html`<span class="quiet">not given</span>`;
  if (part.is_large) return html`<span class="quiet">large</span>`;
  return shorten(formatValue(part.value), LONGEST_PART);
}

/** Return the titles of the parts of a value that a JSON Pointer leads through. */
function titleOf(pointer, schema) {
  let place = schema;
  const titles = pathOfPointer(pointer).map((part) => {
    place = place?.properties?.[part];
    return place?.title ?? (/^\d+$/.test(part) ? `row ${Number(part) + 1}` : part);
  });
  return titles.join(", ");
}

/** Numeric columns of one data node, laid over each other: a line for each scenario. */
function Tables({ ids, scenarios, parameters, setParameters }) {
  const configs = useConfigs();
  const { data_node, column } = parameters;
  const found = useResource(
    data_node ? pathOf(["scenarios", "compare"], { ids, data_node }) : null,
    ofKind("DATA_NODE", "JOB"),
  );
  const configIds = new Set(scenarios.map(({ config_id }) => config_id));
  const nodes = (configs.data?.results ?? [])
    .filter(({ id }) => configIds.has(id))
    .flatMap(({ data_nodes }) => data_nodes);
  const table = found.data?.table ?? null;
  const columns = Object.keys(table?.columns ?? {});
  const shown = columns.includes(column) ? column : columns[0];
  return html`<section>
    <div class="section-head"><h2>Tables</h2></div>
    <div class="filters">
      <${FilterSelect}
        label="Data node"
        value=${data_node}
        options=${[...new Set(nodes)].map((name) => [name, name])}
        all="select one"
        choose=${(value) => setParameters({ data_node: value, column: null })}
      />
      ${columns.length > 1 &&
      html`<${FilterSelect}
        label="Column"
        value=${shown}
        options=${columns.map((name) => [name, name])}
        all=${null}
        choose=${(value) => setParameters({ column: value })}
      />`}
    </div>
    ${data_node &&
    html`<${Loaded} resource=${found}>
      ${() => html`<${Overlay} table=${table} column=${shown} scenarios=${scenarios} />`}
    <//>`}
  </section>`;
}

function Overlay({ table, column, scenarios }) {
  const names = namesOf(scenarios);
  const lines = useMemo(() => rowsOfTable(table, column, scenarios, names), [table, column]);
  const reasons = scenarios
    .filter(({ id }) => table?.reasons?.[id])
    .map(({ id }, number) => html`<li key=${id}>${names[number]}: ${table.reasons[id]}</li>`);
  if (column === undefined) {
    return html`<${Empty} title="No columns with numbers.">
      ${reasons.length > 0 ? html`<ul>${reasons}</ul>` : "Its values are no tables with numbers."}
    <//>`;
  }
  const cut = scenarios.some(({ id }) => (table.lengths[id] ?? 0) > lines.rows.length);
  return html`<div class="card">
    <${LineChart} rows=${lines.rows} x=${lines.x} columns=${lines.columns} />
    ${cut && html`<p class="hint">Only the first ${lines.rows.length} rows are shown.</p>`}
    ${reasons.length > 0 && html`<ul class="quiet">${reasons}</ul>`}
  </div>`;
}

/** Return names that tell scenarios apart. */
function namesOf(scenarios) {
  const names = scenarios.map(nameOf);
  return names.map((name, number) =>
    names.indexOf(name) === names.lastIndexOf(name)
      ? name
      : `${name} (${shortId(scenarios[number].id)})`,
  );
}

/** Return the rows of a chart with a line for each scenario. */
function rowsOfTable(table, column, scenarios, names) {
  if (table === null || column === undefined) return { rows: [], x: null, columns: [] };
  const byScenario = table.columns[column];
  const present = scenarios
    .map(({ id }, number) => ({ id, name: names[number] }))
    .filter(({ id }) => byScenario[id] !== undefined);
  const isDated =
    table.label !== null &&
    present.every(({ id }) => table.labels[id]?.every((text) => isDate(text)) ?? false);
  const rows = new Map();
  for (const { id, name } of present) {
    byScenario[id].forEach((value, number) => {
      const key = isDated ? table.labels[id][number] : number;
      const row = rows.get(key) ?? { [table.label ?? "row"]: key };
      row[name] = typeof value === "number" ? value : null;
      rows.set(key, row);
    });
  }
  return {
    rows: [...rows.values()],
    x: isDated ? table.label : null,
    columns: present.map(({ name }) => name),
  };
}

const isDate = (text) =>
  typeof text === "string" && /^\d{4}-\d{2}/.test(text) && !Number.isNaN(Date.parse(text));

function FactTable({ scenarios }) {
  const name = useNames(scenarios.map(({ cycle }) => cycle));
  const rows = [
    ["Config", (scenario) => scenario.config_id],
    ["Cycle", (scenario) => (scenario.cycle === null ? "–" : name(scenario.cycle))],
    ["Primary", (scenario) => (scenario.primary_scenario ? "yes" : "no")],
    ["Tags", (scenario) => scenario.tags.join(", ") || "–"],
    ["Created", (scenario) => html`<${Timestamp} at=${scenario.creation_date} />`],
    ["Version", (scenario) => scenario.version],
  ];
  return html`<div class="table"><table>
    <${TableHead} scenarios=${scenarios} />
    <tbody>
      ${rows.map(
        ([name, render]) => html`<tr key=${name}>
          <th scope="row">${name}</th>
          ${scenarios.map((scenario) => html`<td key=${scenario.id}>${render(scenario)}</td>`)}
        </tr>`,
      )}
    </tbody>
  </table></div>`;
}

function TableHead({ scenarios, className }) {
  return html`<thead>
    <tr>
      <td></td>
      ${scenarios.map(
        (scenario) => html`<th key=${scenario.id} scope="col" class=${className}>
          <${EntityLink} id=${scenario.id} text=${nameOf(scenario)} />
        </th>`,
      )}
    </tr>
  </thead>`;
}

function ComparatorResults({ ids, scenarios }) {
  const configs = useConfigs();
  const [comparisons, setComparisons] = useState(null);
  const configIds = new Set(scenarios.map(({ config_id }) => config_id));
  const config = (configs.data?.results ?? []).find(({ id }) => id === scenarios[0].config_id);
  const canCompare =
    can("execute") && configIds.size === 1 && Object.keys(config?.comparators ?? {}).length > 0;
  const compare = useAction(async () => {
    const answer = await request("POST", pathOf(["scenarios", "compare"]), {
      json: { scenario_ids: ids },
    });
    setComparisons(answer);
  });
  useEffect(() => {
    if (canCompare) compare.start();
  }, [ids.join(","), canCompare]);
  if (!canCompare) return null;
  return html`<section aria-busy=${compare.isBusy}>
    <div class="section-head">
      <h2>Comparator results</h2>
      <button type="button" disabled=${compare.isBusy} onClick=${() => compare.start()}>
        Compare again
      </button>
    </div>
    <${ErrorMessage} error=${compare.error} />
    ${compare.isBusy && comparisons === null && html`<p class="quiet loading">Comparing…</p>`}
    ${(comparisons?.errors ?? []).map(
      ({ data_node_config_id, comparator, message }) => html`<section
        class="card"
        key=${`${data_node_config_id}/${comparator}`}
      >
        <h3>${data_node_config_id}${comparator !== null && `: ${comparator}`}</h3>
        <${ErrorMessage} error=${{ message }} />
      </section>`,
    )}
    ${comparisons !== null &&
    Object.entries(comparisons.comparisons).flatMap(([node, byComparator]) =>
      Object.entries(byComparator).map(
        ([comparator, result]) => html`<section class="card" key=${`${node}/${comparator}`}>
          <h3>${node}: ${comparator}</h3>
          <${Result} result=${result} scenarios=${scenarios} />
        </section>`,
      ),
    )}
  </section>`;
}

/** The result of a comparator: a table if it has one value for each scenario, else JSON. */
function Result({ result, scenarios }) {
  const rows = rowsOf(result, scenarios.length);
  if (rows === null) return html`<pre>${toJson(result, 2)}</pre>`;
  const names = scenarios.map(nameOf);
  return html`
    <div class="table"><table>
      <${TableHead} scenarios=${scenarios} />
      <tbody>
        ${rows.map(
          ([name, values]) => html`<tr key=${name}>
            <th scope="row">${name}</th>
            ${values.map((value) => html`<td class="figure">${formatValue(value)}</td>`)}
          </tr>`,
        )}
      </tbody>
    </table></div>
    <div class="bars-grid">
      ${rows
        .filter(([, values]) => values.every(Number.isFinite))
        .map(
          ([name, values]) =>
            html`<${BarChart} key=${name} title=${name} names=${names} values=${values} />`,
        )}
    </div>
  `;
}

function rowsOf(result, count) {
  if (Array.isArray(result)) return result.length === count ? [["result", result]] : null;
  if (result === null || typeof result !== "object") return null;
  const rows = Object.entries(result);
  const isRow = ([, value]) => Array.isArray(value) && value.length === count;
  return rows.length > 0 && rows.every(isRow) ? rows : null;
}
