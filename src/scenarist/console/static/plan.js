// Plans: what a submit would run now, and why.

import { pathOf, request } from "./api.js";
import { Action, Dialog, Empty, Loaded, ServerText, StatusIcon } from "./components.js";
import { formatDuration, plural } from "./format.js";
import { ofKind, useResource } from "./resources.js";
import { can } from "./session.js";
import { submitEntity } from "./submissions.js";
import { html, useState } from "./view.js";

/** What would become of a task: the label, and the status whose icon and colour it has. */
const ACTIONS = {
  RUN: ["runs", "RUNNING"],
  SKIP: ["is skipped", "SKIPPED"],
  TAKE: ["is taken from the cache", "SKIPPED"],
  WAIT: ["waits", "BLOCKED"],
  FAIL: ["fails", "FAILED"],
};

/**
 * A button that opens the plan of a scenario or sequence.
 * @param {object} props
 * @param {() => object} [props.readBody] what a submit would send, such as inputs to write first
 * @param {() => Promise<unknown>} [props.submit]
 */
export function PlanButton({
  kind,
  id,
  onSubmitted = () => {},
  readBody = () => ({}),
  submit = () => submitEntity(kind, id),
}) {
  const [isOpen, setOpen] = useState(false);
  return html`<button type="button" onClick=${() => setOpen(true)}>What would run?</button>
    ${isOpen &&
    html`<${PlanDialog}
      path=${pathOf([kind, id, "plan"])}
      readBody=${readBody}
      submit=${() => submit().then(onSubmitted)}
      close=${() => setOpen(false)}
    />`}`;
}

function PlanDialog({ path, readBody, submit, close }) {
  const plan = useResource(path, ofKind("DATA_NODE", "JOB", "SUBMISSION"), async () =>
    request("POST", path, { json: readBody() }),
  );
  return html`<${Dialog} title="What would run?" close=${close}>
    <${Loaded} resource=${plan}>
      ${({ plan: { tasks, counts, seconds } }) =>
        tasks.length === 0
          ? html`<${Empty} title="No tasks." />`
          : html`<p class="plan-summary">${summarize(counts, seconds)}</p>
              <${PlanTable} tasks=${tasks} />`}
    <//>
    <div class="buttons">
      ${can("execute") &&
      html`<${Action}
        label="Submit"
        kind="primary"
        run=${async () => {
          await submit();
          close();
        }}
      />`}
      <button type="button" onClick=${close}>Close</button>
    </div>
  <//>`;
}

function PlanTable({ tasks }) {
  return html`<div class="table" tabindex="0" role="region" aria-label="Plan">
    <table>
      <thead>
        <tr>
          <th scope="col">Task</th>
          <th scope="col">Plan</th>
          <th scope="col">Time</th>
          <th scope="col">Why</th>
        </tr>
      </thead>
      <tbody>
        ${tasks.map(
          (task) => html`<tr key=${task.task_id}>
            <td title=${task.task_id}>${task.task_config_id}</td>
            <td><${Planned} action=${task.action} /></td>
            <td>${task.seconds === null ? "–" : formatDuration(task.seconds)}</td>
            <td class="plan-why"><${ServerText} text=${task.because} /></td>
          </tr>`,
        )}
      </tbody>
    </table>
  </div>`;
}

function Planned({ action }) {
  const [label, status] = ACTIONS[action] ?? [action.toLowerCase(), "SKIPPED"];
  return html`<span class="status" data-status=${status}>
    <${StatusIcon} status=${status} />${label}
  </span>`;
}

function summarize(counts, seconds) {
  const parts = [...new Set([...Object.keys(ACTIONS), ...Object.keys(counts)])]
    .filter((action) => counts[action])
    .map((action) => `${counts[action]} ${action.toLowerCase()}`);
  const all = Object.values(counts).reduce((sum, count) => sum + count, 0);
  const time = seconds ? `, about ${formatDuration(seconds)} of work` : "";
  return `${plural(all, "task")}: ${parts.join(", ")}${time}.`;
}
