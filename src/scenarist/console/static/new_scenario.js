// Dialogs that make a scenario: from a config, or as a fork of another.

import { pathOf, request } from "./api.js";
import { Dialog, EntityLink, ErrorMessage, Field, Form } from "./components.js";
import { nameOf, plural } from "./format.js";
import { copyDrafts, forgetDrafts, InputFields, toNewInputs, useDrafts, useInputConfigs } from "./inputs.js";
import { navigate } from "./router.js";
import { html, useState } from "./view.js";

/** Parse a comma-separated list of tags. */
export const tagsOf = (text) =>
  text
    .split(",")
    .map((tag) => tag.trim())
    .filter(Boolean);

/** Say how tags are given, and which ones a scenario may have. */
export const hintOfTags = (authorized) =>
  authorized === null
    ? "Optional, comma-separated"
    : `Optional, comma-separated. Allowed: ${authorized.join(", ")}`;

/** Create a scenario from a config. */
export function NewScenario({ configs, config, close }) {
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
      <${Field} label="Tags" hint=${hintOfTags(authorized)}>
        <input name="tags" autocomplete="off" />
      <//>
      <${ErrorMessage} error=${declared.error} />
      <${InputFields} key=${configId} id="new" inputs=${inputs} drafts=${drafts} />
      <${UndoButton} drafts=${drafts} />
    <//>
  <//>`;
}

function UndoButton({ drafts }) {
  const count = drafts.changed.length;
  if (count === 0) return null;
  return html`<button type="button" onClick=${drafts.discard}>
    Undo ${plural(count, "changed input")}
  </button>`;
}

/** A button that forks a scenario; what is typed into its inputs goes into the fork. */
export function ForkButton({ scenario, inputs }) {
  const [isOpen, setOpen] = useState(false);
  const key = `fork of ${scenario.id}`;
  const open = () => {
    copyDrafts(key, scenario.id);
    setOpen(true);
  };
  return html`<button type="button" onClick=${open}>Fork</button>
    ${isOpen &&
    html`<${ForkDialog}
      scenario=${scenario}
      inputs=${inputs}
      draftsKey=${key}
      close=${() => setOpen(false)}
    />`}`;
}

function ForkDialog({ scenario, inputs, draftsKey, close }) {
  // The data nodes of the fork do not exist yet: an upload would replace the value of the source.
  const given = inputs
    .filter((input) => !input.is_read_only)
    .map((input) => ({ ...input, dataNodeId: null }));
  const drafts = useDrafts(draftsKey, given);
  const [forked, setForked] = useState(null);
  const open = (fork) => {
    close();
    navigate(["scenarios", fork.scenario.id]);
  };
  async function fork({ name, tags }) {
    const json = { tags: tagsOf(tags) };
    if (name.trim() !== "") json.name = name.trim();
    if (drafts.changed.length > 0) json.inputs = drafts.collect();
    let made;
    try {
      made = await request("POST", pathOf(["scenarios", scenario.id, "fork"]), { json });
    } catch (error) {
      throw drafts.explain(error, ["inputs"]);
    }
    drafts.discard();
    forgetDrafts(scenario.id); // they are in the fork now
    if ((made.not_shared ?? []).length > 0) setForked(made);
    else open(made);
  }
  if (forked !== null) {
    return html`<${Dialog} title="Forked" close=${() => open(forked)}>
      <p>These values are not shared with the fork:</p>
      <ul>
        ${forked.not_shared.map(
          ({ data_node_id, config_id, because }) =>
            html`<li key=${data_node_id}>
              <${EntityLink} id=${data_node_id} text=${config_id} />: ${because}
            </li>`,
        )}
      </ul>
      <div class="buttons">
        <button type="button" class="primary" onClick=${() => open(forked)}>Open the fork</button>
      </div>
    <//>`;
  }
  return html`<${Dialog} title=${`Fork ${nameOf(scenario)}`} close=${close}>
    <p class="quiet">
      A new scenario that starts from the present values of this one. What its changed inputs do not
      concern is kept.
    </p>
    <${Form} label="Fork" submit=${fork} close=${close}>
      <${Field} label="Name">
        <input
          name="name"
          maxlength="256"
          autocomplete="off"
          defaultValue=${`Fork of ${nameOf(scenario)}`.slice(0, 256)}
        />
      <//>
      <${Field} label="Tags" hint=${hintOfTags(scenario.authorized_tags)}>
        <input name="tags" autocomplete="off" defaultValue=${scenario.tags.join(", ")} />
      <//>
      <${InputFields} id="fork" inputs=${given} drafts=${drafts} />
      <${UndoButton} drafts=${drafts} />
    <//>
  <//>`;
}
