// Pausing of all jobs: shown to everyone, paused and resumed by administrators.

import { pathOf, request } from "./api.js";
import { Action, Timestamp } from "./components.js";
import { ofKind, useResource } from "./resources.js";
import { can } from "./session.js";
import { html } from "./view.js";

const useOrchestration = () =>
  useResource(pathOf(["orchestration"]), ofKind("ORCHESTRATION")).data?.orchestration;

const resume = () => request("POST", pathOf(["orchestration", "resume"]));

/** A banner on every view while other versions of the application are connected. */
export function VersionBanner() {
  const { version, other_versions: others = [] } = useOrchestration() ?? {};
  return html`<div role="status" aria-live="polite">
    ${others.length > 0 &&
    html`<div class="banner">
      <p>
        Other versions of the application are connected to this database:
        ${" "}${others.join(", ")}. This server has the version ${version}.
      </p>
    </div>`}
  </div>`;
}

/** A banner on every view while files of the application differ from what the server has loaded. */
export function CodeBanner() {
  const { changed_files: files = [] } = useOrchestration() ?? {};
  return html`<div role="status" aria-live="polite">
    ${files.length > 0 &&
    html`<div class="banner">
      <p>
        Files of the application have changed, and this server goes on with the former code until
        it is restarted: ${files.join(", ")}.
      </p>
    </div>`}
  </div>`;
}

/** A banner on every view while all jobs are paused, with the user who paused them. */
export function PausedBanner() {
  const orchestration = useOrchestration();
  return html`<div role="status" aria-live="polite">
    ${orchestration?.paused_at &&
    html`<div class="banner">
      <p>
        No new jobs start: ${orchestration.paused_by} paused all jobs on
        ${" "}<${Timestamp} at=${orchestration.paused_at} />.
      </p>
      ${can("administer") && html`<${Action} label="Resume all jobs" run=${resume} />`}
    </div>`}
  </div>`;
}

/** The button that pauses all jobs. */
export function PauseAll() {
  const orchestration = useOrchestration();
  if (!can("administer") || !orchestration || orchestration.paused_at !== null) return null;
  return html`<${Action}
    label="Pause all jobs"
    question="Running jobs continue. No new job starts until jobs are resumed."
    run=${() => request("POST", pathOf(["orchestration", "pause"]))}
  />`;
}
