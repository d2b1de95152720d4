// The list of scenarios: found by config, cycle and tag, made from a config, chosen to compare.

import { ask, pathOf } from "./api.js";
import { Chooser, Dialog, Field, Form, Heading, Listing, Moment } from "./parts.js";
import { ofKind, useResource } from "./resources.js";
import { go, linkTo } from "./router.js";
import { may } from "./session.js";
import { html, useState } from "./view.js";
import { labelOf, nameOf } from "./words.js";

const PAGE = 50;
const CYCLES = 200; // the newest ones, to choose from

export const useConfigs = () => useResource(pathOf(["configs", "scenarios"]));

export function Scenarios({ parameters }) {
  const configs = useConfigs();
  const cycles = useResource(
    pathOf(["cycles"], { sort: "-creation_date", limit: CYCLES }),
    ofKind("CYCLE"),
  );
  const [isMaking, setMaking] = useState(false);
  const [chosen, setChosen] = useState([]);
  const { config, cycle, tag, cursor } = parameters;
  const list = useResource(
    pathOf(["scenarios"], {
      config_id: config,
      cycle_id: cycle,
      tag,
      cursor,
      limit: PAGE,
      sort: "-creation_date",
    }),
    ofKind("SCENARIO"),
  );
  const narrow = (change) => go(["scenarios"], { ...parameters, cursor: null, ...change });
  const known = configs.data?.results ?? [];
  const cycleNames = new Map((cycles.data?.results ?? []).map((item) => [item.id, item.name]));
  if (cycle && !cycleNames.has(cycle)) cycleNames.set(cycle, labelOf(cycle));

  return html`
    <${Heading} title="Scenarios">
      ${may("edit") &&
      html`<button type="button" class="primary" onClick=${() => setMaking(true)}>
        New scenario
      </button>`}
    <//>
    <div class="filters">
      <${Chooser}
        label="Config"
        value=${config}
        options=${known.map(({ id }) => [id, id])}
        choose=${(value) => narrow({ config: value })}
      />
      <${Chooser}
        label="Cycle"
        value=${cycle}
        options=${[...cycleNames]}
        choose=${(value) => narrow({ cycle: value })}
      />
      <form
        class="filter"
        onSubmit=${(event) => {
          event.preventDefault();
          narrow({ tag: new FormData(event.currentTarget).get("tag") });
        }}
      >
        <label
          ><span>Tag</span>
          <input name="tag" type="search" key=${tag} defaultValue=${tag ?? ""} />
        </label>
      </form>
      <${CompareButton} chosen=${chosen} configs=${known} clear=${() => setChosen([])} />
    </div>
    <${Listing}
      resource=${list}
      parts=${["scenarios"]}
      parameters=${parameters}
      noun="scenario"
      none="There are no scenarios yet."
      otherwise=${html`<${MakeTheFirst} make=${() => setMaking(true)} />`}
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
    ${isMaking &&
    html`<${NewScenario} configs=${known} config=${config} close=${() => setMaking(false)} />`}
  `;
}

function MakeTheFirst({ make }) {
  return may("edit")
    ? html`<p>A scenario is made from a config of the application, with data nodes and tasks.</p>
        <button type="button" class="primary" onClick=${make}>Make the first one</button>`
    : html`<p>Somebody with the role TAIPY_EDITOR makes the first one.</p>`;
}

function CompareButton({ chosen, configs, clear }) {
  if (chosen.length === 0) return null;
  const configIds = new Set(chosen.map((scenario) => scenario.config_id));
  const comparators = configs.find(({ id }) => id === chosen[0].config_id)?.comparators ?? {};
  let why = null;
  if (chosen.length < 2) why = "Choose one more to compare.";
  else if (configIds.size > 1) why = "Only scenarios of one config can be compared.";
  else if (may("execute") && Object.keys(comparators).length === 0)
    why = "Their config has no comparators: their facts are set side by side.";
  const ids = chosen.map(({ id }) => id).join(",");
  return html`<div class="filter grow chosen" role="status">
    <span>${chosen.length} chosen</span>
    ${chosen.length >= 2 &&
    configIds.size === 1 &&
    html`<a class="button primary" href=${linkTo(["compare"], { ids })}>Compare</a>`}
    <button type="button" onClick=${clear}>Clear</button>
    ${why && html`<span class="quiet">${why}</span>`}
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
        <th scope="col"><span class="unseen">Choose to compare</span></th>
        <th scope="col">Scenario</th>
        <th scope="col">Config</th>
        <th scope="col">Cycle</th>
        <th scope="col">Tags</th>
        <th scope="col">Created</th>
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
          <td><${Moment} at=${scenario.creation_date} /></td>
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

/** Read tags from one line, with commas between them. */
export const tagsOf = (text) =>
  text
    .split(",")
    .map((tag) => tag.trim())
    .filter(Boolean);

function NewScenario({ configs, config, close }) {
  const [picked, setPicked] = useState(config ?? configs[0]?.id ?? "");
  const authorized = configs.find(({ id }) => id === picked)?.authorized_tags ?? null;
  async function create(given) {
    const wish = { config_id: picked, tags: tagsOf(given.tags) };
    if (given.name.trim() !== "") wish.name = given.name.trim();
    const made = await ask("POST", pathOf(["scenarios"]), { json: wish });
    close();
    go(["scenarios", made.scenario.id]);
  }
  if (configs.length === 0) {
    return html`<${Dialog} title="New scenario" close=${close}>
      <p>The application declares no scenario config, so none can be made.</p>
      <div class="buttons"><button type="button" onClick=${close}>Close</button></div>
    <//>`;
  }
  return html`<${Dialog} title="New scenario" close=${close}>
    <${Form} label="Create" submit=${create} close=${close}>
      <${Field} label="Config">
        <select value=${picked} onChange=${(event) => setPicked(event.currentTarget.value)}>
          ${configs.map(({ id }) => html`<option key=${id} value=${id}>${id}</option>`)}
        </select>
      <//>
      <${Field} label="Name" hint="May be left out.">
        <input name="name" maxlength="256" autocomplete="off" />
      <//>
      <${Field}
        label="Tags"
        hint=${authorized === null
          ? "Commas between them; may be left out."
          : `Of these: ${authorized.join(", ")}`}
      >
        <input name="tags" autocomplete="off" />
      <//>
    <//>
  <//>`;
}
