// The inputs of a scenario beside its graph: their present values, changed together.

import { pathOf, request, send } from "./api.js";
import { Empty, ErrorMessage, useAction } from "./components.js";
import { parseExact } from "./exact.js";
import { plural } from "./format.js";
import { InputFields, toPresentInputs, useDrafts, useInputConfigs } from "./inputs.js";
import { useResource } from "./resources.js";
import { can } from "./session.js";
import { html } from "./view.js";

/** Read the inputs of a scenario, and keep what is typed into them. */
export function useScenarioInputs(scenario) {
  const configs = useInputConfigs(scenario.config_id);
  const present = useResource(
    pathOf(["scenarios", scenario.id, "inputs"]),
    (change, data) =>
      Object.values(data?.inputs ?? {}).some((input) => input.data_node_id === change.entity_id),
    async (path) => {
      const response = await send("GET", path);
      return { etag: response.headers.get("etag"), ...parseExact(await response.text()) };
    },
  );
  const isReady = present.data !== undefined && configs.data !== undefined;
  const inputs = isReady ? toPresentInputs(configs.data, present.data.inputs) : [];
  const drafts = useDrafts(scenario.id, inputs);
  return { inputs, drafts, isReady, present, error: configs.error ?? present.error };
}

export function InputPanel({ scenario, known }) {
  const { inputs, drafts, isReady, present, error } = known;
  const count = drafts.changed.length;
  const save = useAction(async () => {
    try {
      await request("PATCH", pathOf(["scenarios", scenario.id, "inputs"]), {
        json: drafts.collect(),
        headers: { "If-Match": present.data.etag },
      });
    } catch (problem) {
      if (problem.status === 412) present.refresh();
      throw drafts.explain(problem, []);
    }
    drafts.markSaved();
    present.refresh();
  });
  if (!isReady) {
    return error === null
      ? html`<p class="quiet loading">Loading…</p>`
      : html`<${ErrorMessage} error=${error} />`;
  }
  if (inputs.length === 0) {
    return html`<${Empty} title="No inputs.">Tasks write all of its data nodes.<//>`;
  }
  return html`<form
    class="input-form"
    aria-label="Inputs"
    onSubmit=${(event) => {
      event.preventDefault();
      save.start();
    }}
  >
    <${InputFields} id=${scenario.id} inputs=${inputs} drafts=${drafts} isDisabled=${!can("edit")} />
    ${can("edit") &&
    html`<div class="buttons">
      <${ErrorMessage} error=${save.error} />
      <button type="submit" class="primary" disabled=${count === 0 || save.isBusy}>Save inputs</button>
      ${count > 0 && html`<button type="button" onClick=${drafts.discard}>Undo</button>`}
      <span class="quiet" role="status">${count > 0 && `${plural(count, "input")} changed`}</span>
    </div>`}
  </form>`;
}
