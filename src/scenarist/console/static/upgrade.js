// What has changed about the application since scenarios were created, and upgrades of scenarios.

import { pathOf, request } from "./api.js";
import { Action, Dialog, Loaded, ServerText } from "./components.js";
import { plural } from "./format.js";
import { ofKind, useResource } from "./resources.js";
import { can } from "./session.js";
import { html, useState } from "./view.js";

const useDrift = () =>
  useResource(pathOf(["configs", "drift"]), ofKind("SCENARIO")).data?.differences ?? [];

/** A banner above the scenarios while some are not as the application declares them now. */
export function DriftBanner() {
  const differences = useDrift();
  return html`<div role="status" aria-live="polite">
    ${differences.length > 0 &&
    html`<details class="banner drift">
      <summary>
        The application has changed since some scenarios were created:
        ${" "}${plural(differences.length, "difference")}.
      </summary>
      <ul>
        ${differences.map(
          ({ message }) => html`<li key=${message}><${ServerText} text=${message} /></li>`,
        )}
      </ul>
    </details>`}
  </div>`;
}

/** A button that upgrades a scenario, where the scenarios of its config may need it. */
export function UpgradeButton({ scenario }) {
  const [isOpen, setOpen] = useState(false);
  const isOffered = useDrift().some(({ scenario_config_ids: ids }) =>
    ids.includes(scenario.config_id),
  );
  if (!can("edit") || !(isOffered || isOpen)) return null;
  return html`<button type="button" onClick=${() => setOpen(true)}>Upgrade</button>
    ${isOpen && html`<${UpgradeDialog} id=${scenario.id} close=${() => setOpen(false)} />`}`;
}

function UpgradeDialog({ id, close }) {
  const path = pathOf(["scenarios", id, "upgrade"]);
  const planned = useResource(path, ofKind("SCENARIO"), () =>
    request("POST", path, { json: { dry_run: true } }),
  );
  const isNeeded = (planned.data?.upgrade.changes.length ?? 0) > 0;
  return html`<${Dialog} title="Upgrade to the present application" close=${close}>
    <${Loaded} resource=${planned}>
      ${({ upgrade: { changes, notes } }) => html`
        <p>
          ${changes.length === 0
            ? "The scenario is as its config declares it."
            : "Values stay. What is detached can still be read by its identifier."}
        </p>
        ${changes.length > 0 && html`<${Changes} changes=${changes} />`}
        ${notes.map((note) => html`<p key=${note} class="hint"><${ServerText} text=${note} /></p>`)}
      `}
    <//>
    <div class="buttons">
      ${isNeeded &&
      html`<${Action}
        label="Upgrade scenario"
        kind="primary"
        run=${async () => {
          await request("POST", path, { json: {} });
          close();
        }}
      />`}
      <button type="button" onClick=${close}>Close</button>
    </div>
  <//>`;
}

function Changes({ changes }) {
  return html`<div class="table" tabindex="0" role="region" aria-label="Changes">
    <table>
      <thead>
        <tr>
          <th scope="col">Change</th>
          <th scope="col">What</th>
          <th scope="col">Why</th>
        </tr>
      </thead>
      <tbody>
        ${changes.map(
          ({ action, entity_type: type, name, because }) => html`<tr key=${`${type} ${name}`}>
            <td>${action.toLowerCase()}</td>
            <td>${type.toLowerCase().replace("_", " ")} ${name}</td>
            <td class="plan-why"><${ServerText} text=${because} /></td>
          </tr>`,
        )}
      </tbody>
    </table>
  </div>`;
}
