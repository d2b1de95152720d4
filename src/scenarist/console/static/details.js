// A task or data node: its details beside the graph, and its appearance in it.

import { Action, EntityLink, Facts, ServerText, Status, Timestamp } from "./components.js";
import { formatDuration } from "./format.js";
import { linkTo } from "./router.js";
import { can, hasIdentities } from "./session.js";
import { submitEntity } from "./submissions.js";
import { html } from "./view.js";

export function describeTask(task, job, badges) {
  const state = job?.status ?? "NONE";
  const label = job === undefined ? "not submitted" : job.status.toLowerCase();
  return { title: task.config_id, state, label, badges };
}

/** Return the editor that a client named, and the actor where authorization knows it. */
export function formatEditor(editor, actor) {
  return !hasIdentities() || actor === null || actor === editor ? editor : `${editor} (by ${actor})`;
}

/** Return state and label of a data node: whether it has a value, is locked or expired. */
export function stateOf(node) {
  if (node.edit_in_progress) {
    return node.editor_expiration_date === null
      ? ["WRITING", "a job will write it"]
      : ["LOCKED", `locked by ${formatEditor(node.editor_id, node.lock_holder)}`];
  }
  if (node.last_edit_id === null) return ["EMPTY", "no value yet"];
  if (node.expiration_date !== null && new Date(node.expiration_date) < new Date())
    return ["EXPIRED", "expired"];
  return ["WRITTEN", "has a value"];
}

/** @param {string} [because] why its value is stale, if it is */
export function describeDataNode(node, because) {
  const [state, label] = stateOf(node);
  const isStale = because !== undefined;
  const whole = isStale ? `${label}, stale: ${because}` : label;
  return { title: node.name ?? node.config_id, state, label: whole, isStale };
}

export function TaskDetails({ task, job }) {
  return html`
    <h2>${task.config_id}</h2>
    <p class="kind">Task</p>
    ${job === undefined
      ? html`<p class="quiet">Not submitted yet.</p>`
      : html`<p><${Status} status=${job.status} /></p>
          ${job.reason !== null && html`<p class="reason">${job.reason}</p>`}`}
    <${Facts}
      facts=${[
        ["Function", html`<code>${task.function_module}.${task.function_name}</code>`],
        job && ["Job", html`<${EntityLink} id=${job.id} text="latest job" />`],
        job?.run_at && ["Started", html`<${Timestamp} at=${job.run_at} />`],
        job?.execution_duration != null && ["Duration", formatDuration(job.execution_duration)],
        job?.run_reason != null && ["Ran because", html`<${ServerText} text=${job.because} />`],
        ["Reads", html`<${DataNodeLinks} ids=${task.input_ids} />`],
        ["Writes", html`<${DataNodeLinks} ids=${task.output_ids} />`],
        task.skippable && ["Skippable", "if its outputs are up to date with its inputs"],
        task.retries > 0 && ["Retries", task.retries],
        task.timeout_seconds !== null && ["Timeout", formatDuration(task.timeout_seconds)],
      ]}
    />
    ${can("execute") &&
    html`<${Action} label="Submit this task" run=${() => submitEntity("tasks", task.id)} />`}
  `;
}

function DataNodeLinks({ ids }) {
  if (ids.length === 0) return html`<span class="quiet">none</span>`;
  return ids.map((id, number) => html`${number > 0 && ", "}<${EntityLink} key=${id} id=${id} />`);
}

/** Say that a value is stale, and since which change. */
export function StaleValue({ because }) {
  return html`<p class="hint">
    Stale, not of the present inputs or code: <${ServerText} text=${because} />
  </p>`;
}

export function DataNodeDetails({ node, because }) {
  const [state, label] = stateOf(node);
  return html`
    <h2>${node.name ?? node.config_id}</h2>
    <p class="kind">Data node</p>
    <p><span class="node-state" data-status=${state}>${label}</span></p>
    ${because !== undefined && html`<${StaleValue} because=${because} />`}
    <${Facts}
      facts=${[
        ["Storage", node.storage_type],
        ["Scope", node.scope.toLowerCase()],
        ["Last written", html`<${Timestamp} at=${node.last_edit_date} />`],
      ]}
    />
    <p>
      <a class="button" href=${linkTo(["data-nodes", node.id])}
        >${node.last_edit_id === null ? "Open" : "View value"}</a
      >
    </p>
  `;
}
