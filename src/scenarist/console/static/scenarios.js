// The list of scenarios: filter by config, cycle and tag, create one, select some to compare.

import { pathOf, request } from "./api.js";
import {
  ChosenVersion,
  Dialog,
  ErrorMessage,
  Field,
  FilterSelect,
  Form,
  Heading,
  Listing,
  Timestamp,
  Version,
} from "./components.js";
import { labelOf, nameOf } from "./format.js";
import { InputFields, toNewInputs, useDrafts, useInputConfigs } from "./inputs.js";
import { ofKind, useResource } from "./resources.js";
import { linkTo, navigate } from "./router.js";
import { can } from "./session.js";
import { html, useState } from "./view.js";

const PAGE = 50;
const CYCLES = 200; // how many of the newest the filter offers

export const useConfigs = () => useResource(pathOf(["configs", "scenarios"]));

export function Scenarios({ parameters }) {
  const configs = useConfigs();
  const cycles = useResource(
    pathOf(["cycles"], { sort: "-creation_date", limit: CYCLES }),
    ofKind("CYCLE"),
  );
  const [isCreating, setCreating] = useState(false);
  const [chosen, setChosen] = useState([]);
  const { config, cycle, tag, version, cursor } = parameters;
  const list = useResource(
    pathOf(["scenarios"], {
      config_id: config,
      cycle_id: cycle,
      tag,
      version,
      cursor,
      limit: PAGE,
      sort: "-creation_date",
    }),
    ofKind("SCENARIO"),
  );
  const setFilters = (change) =>
    navigate(["scenarios"], { ...parameters, cursor: null, ...change });
  const known = configs.data?.results ?? [];
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
      <${FilterSelect}
        label="Config"
        value=${config}
        options=${known.map(({ id }) => [id, id])}
        choose=${(value) => setFilters({ config: value })}
      />
      <${FilterSelect}
        label="Cycle"
        value=${cycle}
        options=${[...cycleNames]}
        choose=${(value) => setFilters({ cycle: value })}
      />
      <form
        class="filter"
        onSubmit=${(event) => {
          event.preventDefault();
          setFilters({ tag: new FormData(event.currentTarget).get("tag") });
        }}
      >
        <label
          ><span>Tag</span>
          <input name="tag" type="search" key=${tag} defaultValue=${tag ?? ""} />
        </label>
      </form>
      <${ChosenVersion} version=${version} clear=${() => setFilters({ version: null })} />
      <${CompareButton} chosen=${chosen} configs=${known} clear=${() => setChosen([])} />
    </div>
    <${Listing}
      resource=${list}
      parts=${["scenarios"]}
      parameters=${parameters}
      noun="scenario"
      emptyTitle="No scenarios yet."
      emptyHint=${html`<${FirstScenarioHint} onCreate=${() => setCreating(true)} />`}
    >
      ${(scenarios) =>
        html`<${Table}
          scenarios=${scenarios}
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

function CompareButton({ chosen, configs, clear }) {
  if (chosen.length === 0) return null;
  const configIds = new Set(chosen.map((scenario) => scenario.config_id));
  const comparators = configs.find(({ id }) => id === chosen[0].config_id)?.comparators ?? {};
  let hint = null;
  if (chosen.length < 2) hint = "Select one more to compare.";
  else if (configIds.size > 1) hint = "Only scenarios of the same config can be compared.";
  else if (can("execute") && Object.keys(comparators).length === 0)
    hint = "This config has no comparators, so only the facts are compared.";
  const ids = chosen.map(({ id }) => id).join(",");
  return html`<div class="filter grow chosen" role="status">
    <span>${chosen.length} selected</span>
    ${chosen.length >= 2 &&
    configIds.size === 1 &&
    html`<a class="button primary" href=${linkTo(["compare"], { ids })}>Compare</a>`}
    <button type="button" onClick=${clear}>Clear</button>
    ${hint && html`<span class="quiet">${hint}</span>`}
  </div>`;
}

function Table({ scenarios, cycleNames, chosen, setChosen, parameters }) {
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
        <th scope="col">Scenario</th>
        <th scope="col">Config</th>
        <th scope="col">Cycle</th>
        <th scope="col">Tags</th>
        <th scope="col">Created</th>
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

/** Parse a comma-separated list of tags. */
export const tagsOf = (text) =>
  text
    .split(",")
    .map((tag) => tag.trim())
    .filter(Boolean);

function NewScenario({ configs, config, close }) {
  const [configId, setConfigId] = useState(config ?? configs[0]?.id ?? "");
  const authorized = configs.find(({ id }) => id === configId)?.authorized_tags ?? null;
  const declared = useInputConfigs(configId || null);
  const inputs = toNewInputs(declared.data);
  const drafts = useDrafts(`new ${configId}`, inputs);
  async function create(fields) {
    const json = { config_id: configId, tags: tagsOf(fields.tags) };
    if (fields.name.trim() !== "") json.name = fields.name.trim();
    if (drafts.changed.length > 0) json.inputs = drafts.collect();
    let created;
    try {
      created = await request("POST", pathOf(["scenarios"]), { json });
    } catch (error) {
      throw drafts.explain(error, ["inputs"]);
    }
    drafts.discard();
    close();
    navigate(["scenarios", created.scenario.id]);
  }
  if (configs.length === 0) {
    return html`<${Dialog} title="New scenario" close=${close}>
      <p>The application declares no scenario config, so no scenario can be created.</p>
      <div class="buttons"><button type="button" onClick=${close}>Close</button></div>
    <//>`;
  }
  return html`<${Dialog} title="New scenario" close=${close}>
    <${Form} label="Create" submit=${create} close=${close}>
      <${Field} label="Config">
        <select value=${configId} onChange=${(event) => setConfigId(event.currentTarget.value)}>
          ${configs.map(({ id }) => html`<option key=${id} value=${id}>${id}</option>`)}
        </select>
      <//>
      <${Field} label="Name" hint="Optional">
        <input name="name" maxlength="256" autocomplete="off" />
      <//>
      <${Field}
        label="Tags"
        hint=${authorized === null
          ? "Optional, comma-separated"
          : `Optional, comma-separated. Allowed: ${authorized.join(", ")}`}
      >
        <input name="tags" autocomplete="off" />
      <//>
      <${ErrorMessage} error=${declared.error} />
      <${InputFields} key=${configId} id="new" inputs=${inputs} drafts=${drafts} />
    <//>
  <//>`;
}
