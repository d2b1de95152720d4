// Whether jobs are begun at all: said to everybody, paused and resumed by administrators.

import { ask, pathOf } from "./api.js";
import { Action, Moment } from "./parts.js";
import { ofKind, useResource } from "./resources.js";
import { may } from "./session.js";
import { html } from "./view.js";

const useOrchestration = () =>
  useResource(pathOf(["orchestration"]), ofKind("ORCHESTRATION")).data?.orchestration;

const resume = () => ask("POST", pathOf(["orchestration", "resume"]));

/** Says on every view that no job is begun, and by whose wish. */
export function PausedBanner() {
  const orchestration = useOrchestration();
  return html`<div role="status" aria-live="polite">
    ${orchestration?.paused_at &&
    html`<div class="banner">
      <p>
        No job is begun: ${orchestration.paused_by} has paused all of them, since
        ${" "}<${Moment} at=${orchestration.paused_at} />.
      </p>
      ${may("administer") && html`<${Action} label="Resume all jobs" run=${resume} />`}
    </div>`}
  </div>`;
}

/** The button that pauses all jobs. */
export function PauseAll() {
  const orchestration = useOrchestration();
  if (!may("administer") || !orchestration || orchestration.paused_at !== null) return null;
  return html`<${Action}
    label="Pause all jobs"
    question="Jobs that run go on; no other is begun until they are resumed."
    run=${() => ask("POST", pathOf(["orchestration", "pause"]))}
  />`;
}
