// The list of scenarios: search and filter it, choose columns, create one, select some to compare.

import { pathOf } from "./api.js";
import { ColumnCell, ColumnChooser, useColumns } from "./columns.js";
import { ChosenVersion, FilterSelect, Heading, Listing, Status, Timestamp, Version } from "./components.js";
import { labelOf, nameOf } from "./format.js";
import { NewScenario } from "./new_scenario.js";
import { ofKind, useResource } from "./resources.js";
import { linkTo, navigate } from "./router.js";
import { can } from "./session.js";
import { html, useState } from "./view.js";

const PAGE = 50;
const CYCLES = 200; // how many of the newest the filter offers
const MOST_COMPARED = 20;

export const useConfigs = () => useResource(pathOf(["configs", "scenarios"]));

export function Scenarios({ parameters }) {
  const configs = useConfigs();
  const cycles = useResource(
    pathOf(["cycles"], { sort: "-creation_date", limit: CYCLES }),
    ofKind("CYCLE"),
  );
  const [isCreating, setCreating] = useState(false);
  const [chosen, setChosen] = useState([]);
  const { config, cycle, tag, version, search, cursor } = parameters;
  const known = configs.data?.results ?? [];
  const columns = useColumns(
    config ? [config] : known.map(({ id }) => id),
    parameters.columns,
  );
  const list = useResource(
    configs.data === undefined || !columns.isReady
      ? null
      : pathOf(["scenarios"], {
          config_id: config,
          cycle_id: cycle,
          tag,
          version,
          search,
          inputs: columns.inputs,
          last_submission: true,
          cursor,
          limit: PAGE,
          sort: parameters.sort ?? "-creation_date",
        }),
    ofKind("SCENARIO", "SUBMISSION", "JOB", "DATA_NODE"),
  );
  const setFilters = (change) =>
    navigate(["scenarios"], { ...parameters, cursor: null, ...change });
  const cycleNames = new Map((cycles.data?.results ?? []).map((item) => [item.id, item.name]));
  if (cycle && !cycleNames.has(cycle)) cycleNames.set(cycle, labelOf(cycle));

  return html`
    <${Heading} title="Scenarios">
      ${can("edit") &&
      html`<button type="button" class="primary" onClick=${() => setCreating(true)}>
        New scenario
      </button>`}
    <//>
    <div class="filters">
      <${TextFilter}
        name="search"
        label="Search"
        hint="Words of the name, of tags or of the identifier"
        value=${search}
        choose=${(value) => setFilters({ search: value })}
      />
      <${FilterSelect}
        label="Config"
        value=${config}
        options=${known.map(({ id }) => [id, id])}
        choose=${(value) => setFilters({ config: value, sort: null, columns: null })}
      />
      <${FilterSelect}
        label="Cycle"
        value=${cycle}
        options=${[...cycleNames]}
        choose=${(value) => setFilters({ cycle: value })}
      />
      <${TextFilter}
        name="tag"
        label="Tag"
        value=${tag}
        choose=${(value) => setFilters({ tag: value })}
      />
      <${ColumnChooser}
        columns=${columns}
        choose=${(value) => setFilters({ columns: value, cursor })}
      />
      <${ChosenVersion} version=${version} clear=${() => setFilters({ version: null })} />
      <${CompareButton} chosen=${chosen} clear=${() => setChosen([])} />
    </div>
    <${Listing}
      resource=${configs.error === null ? list : configs}
      parts=${["scenarios"]}
      parameters=${parameters}
      filters=${["config", "cycle", "tag", "version", "search", "cursor", "sort"]}
      noun="scenario"
      emptyTitle="No scenarios yet."
      emptyHint=${html`<${FirstScenarioHint} onCreate=${() => setCreating(true)} />`}
    >
      ${(scenarios) =>
        html`<${Table}
          scenarios=${scenarios}
          columns=${columns.shown}
          cycleNames=${cycleNames}
          chosen=${chosen}
          setChosen=${setChosen}
          parameters=${parameters}
        />`}
    <//>
    ${isCreating &&
    html`<${NewScenario} configs=${known} config=${config} close=${() => setCreating(false)} />`}
  `;
}

/** A filter by a text, which applies when it is confirmed. */
function TextFilter({ name, label, hint, value, choose }) {
  return html`<form
    class="filter"
    role=${name === "search" ? "search" : null}
    onSubmit=${(event) => {
      event.preventDefault();
      choose(new FormData(event.currentTarget).get(name).trim());
    }}
  >
    <label title=${hint}
      ><span>${label}</span>
      <input
        name=${name}
        type="search"
        maxlength="256"
        key=${value}
        defaultValue=${value ?? ""}
        onInput=${(event) => event.currentTarget.value === "" && value && choose(null)}
      />
    </label>
  </form>`;
}

function FirstScenarioHint({ onCreate }) {
  return can("edit")
    ? html`<p>
          A scenario is created from a config of the application, with its tasks and data nodes.
        </p>
        <button type="button" class="primary" onClick=${onCreate}>
          Create the first scenario
        </button>`
    : html`<p>A user with the role TAIPY_EDITOR can create one.</p>`;
}

function CompareButton({ chosen, clear }) {
  if (chosen.length === 0) return null;
  let hint = null;
  if (chosen.length < 2) hint = "Select one more to compare.";
  else if (chosen.length > MOST_COMPARED) hint = `At most ${MOST_COMPARED} can be compared at once.`;
  const ids = chosen.map(({ id }) => id).join(",");
  return html`<div class="filter grow chosen" role="status">
    <span>${chosen.length} selected</span>
    ${hint === null &&
    html`<a class="button primary" href=${linkTo(["compare"], { ids })}>Compare</a>`}
    <button type="button" onClick=${clear}>Clear</button>
    ${hint && html`<span class="quiet">${hint}</span>`}
  </div>`;
}

/** The heading of a column that the list can be sorted by. */
function SortHeading({ title, unit, name, parameters, className }) {
  const sort = parameters.sort ?? "-creation_date";
  const isDescending = sort === `-${name}`;
  const isSorted = isDescending || sort === name;
  const next = isSorted && !isDescending ? `-${name}` : name;
  return html`<th
    scope="col"
    class=${className}
    aria-sort=${isSorted ? (isDescending ? "descending" : "ascending") : null}
  >
    <a class="sort" href=${linkTo(["scenarios"], { ...parameters, sort: next, cursor: null })}
      >${title}${unit && html` <span class="quiet">(${unit})</span>`}
      ${isSorted && html`<span aria-hidden="true"> ${isDescending ? "↓" : "↑"}</span>`}</a
    >
  </th>`;
}

function Table({ scenarios, columns, cycleNames, chosen, setChosen, parameters }) {
  const isChosen = (scenario) => chosen.some(({ id }) => id === scenario.id);
  const toggle = (scenario) =>
    setChosen(
      isChosen(scenario)
        ? chosen.filter(({ id }) => id !== scenario.id)
        : [...chosen, scenario],
    );
  return html`<div class="table"><table>
    <thead>
      <tr>
        <th scope="col"><span class="unseen">Select to compare</span></th>
        <${SortHeading} title="Scenario" name="name" parameters=${parameters} />
        <th scope="col">Last submission</th>
        ${columns.map((column) =>
          column.outcome === undefined
            ? html`<th key=${column.key} scope="col" class="figure">
                ${column.title}${column.unit && html` <span class="quiet">(${column.unit})</span>`}
              </th>`
            : html`<${SortHeading}
                key=${column.key}
                title=${column.title}
                unit=${column.unit}
                name=${`outcomes.${column.outcome}`}
                parameters=${parameters}
                className="figure"
              />`,
        )}
        <th scope="col">Config</th>
        <th scope="col">Cycle</th>
        <th scope="col">Tags</th>
        <${SortHeading} title="Created" name="creation_date" parameters=${parameters} />
        <th scope="col">Version</th>
      </tr>
    </thead>
    <tbody>
      ${scenarios.map(
        (scenario) => html`<tr key=${scenario.id}>
          <td>
            <input
              type="checkbox"
              aria-label=${`Compare ${nameOf(scenario)}`}
              checked=${isChosen(scenario)}
              onChange=${() => toggle(scenario)}
            />
          </td>
          <td>
            <a href=${linkTo(["scenarios", scenario.id])} title=${scenario.id}
              >${nameOf(scenario)}</a
            >
            ${scenario.primary_scenario && html` <span class="mark">primary</span>`}
          </td>
          <td><${LastSubmission} submission=${scenario.last_submission} /></td>
          ${columns.map(
            (column) => html`<td key=${column.key} class="figure">
              <${ColumnCell} column=${column} scenario=${scenario} />
            </td>`,
          )}
          <td>${scenario.config_id}</td>
          <td>
            ${scenario.cycle === null
              ? html`<span class="quiet">–</span>`
              : (cycleNames.get(scenario.cycle) ?? labelOf(scenario.cycle))}
          </td>
          <td><${Tags} tags=${scenario.tags} parameters=${parameters} /></td>
          <td><${Timestamp} at=${scenario.creation_date} /></td>
          <td>
            <${Version} version=${scenario.version} parts=${["scenarios"]} parameters=${parameters} />
          </td>
        </tr>`,
      )}
    </tbody>
  </table></div>`;
}

function LastSubmission({ submission }) {
  if (!submission) return html`<span class="quiet">never</span>`;
  return html`<a class="bare" href=${linkTo(["submissions", submission.id])} title=${submission.id}
    ><${Status} status=${submission.status}
  /></a>`;
}

export function Tags({ tags, parameters = {} }) {
  return tags.map(
    (tag) =>
      html`<a
        key=${tag}
        class="tag"
        href=${linkTo(["scenarios"], { ...parameters, tag, cursor: null })}
        >${tag}</a
      > `,
  );
}
