// What is said of one task or data node beside the graph, and how it looks in it.

import { Action, EntityLink, Facts, Moment, Status } from "./parts.js";
import { linkTo } from "./router.js";
import { hasIdentities, may } from "./session.js";
import { submitTo } from "./submissions.js";
import { html } from "./view.js";
import { durationOf } from "./words.js";

export function lookOfTask(task, job, marks) {
  const state = job?.status ?? "NONE";
  const words = job === undefined ? "not submitted" : job.status.toLowerCase();
  return { title: task.config_id, state, words, marks };
}

/** Who edits, as a client said, and who it was where authorization tells. */
export function saidBy(editor, actor) {
  return !hasIdentities() || actor === null || actor === editor ? editor : `${editor} (by ${actor})`;
}

/** The state of a data node: whether it has a value, and what stands in its way. */
export function stateOf(node) {
  if (node.edit_in_progress) {
    return node.editor_expiration_date === null
      ? ["WRITING", "a job will write it"]
      : ["LOCKED", `locked by ${saidBy(node.editor_id, node.lock_holder)}`];
  }
  if (node.last_edit_id === null) return ["EMPTY", "no value yet"];
  if (node.expiration_date !== null && new Date(node.expiration_date) < new Date())
    return ["EXPIRED", "its validity period has ended"];
  return ["WRITTEN", "has a value"];
}

export function lookOfDataNode(node) {
  const [state, words] = stateOf(node);
  return { title: node.name ?? node.config_id, state, words };
}

export function TaskDetails({ task, job }) {
  return html`
    <h2>${task.config_id}</h2>
    <p class="kind">Task</p>
    ${job === undefined
      ? html`<p class="quiet">It has not been submitted yet.</p>`
      : html`<p><${Status} status=${job.status} /></p>
          ${job.reason !== null && html`<p class="reason">${job.reason}</p>`}`}
    <${Facts}
      facts=${[
        ["Function", html`<code>${task.function_module}.${task.function_name}</code>`],
        job && ["Job", html`<${EntityLink} id=${job.id} text="its newest job" />`],
        job?.run_at && ["Started", html`<${Moment} at=${job.run_at} />`],
        job?.execution_duration != null && ["Ran for", durationOf(job.execution_duration)],
        ["Reads", html`<${Ends} ids=${task.input_ids} />`],
        ["Writes", html`<${Ends} ids=${task.output_ids} />`],
        task.skippable && ["Skippable", "when its outputs were made of the present inputs"],
        task.retries > 0 && ["Retries", task.retries],
        task.timeout_seconds !== null && ["Timeout", durationOf(task.timeout_seconds)],
      ]}
    />
    ${may("execute") &&
    html`<${Action} label="Submit this task" run=${() => submitTo("tasks", task.id)} />`}
  `;
}

function Ends({ ids }) {
  if (ids.length === 0) return html`<span class="quiet">nothing</span>`;
  return ids.map((id, number) => html`${number > 0 && ", "}<${EntityLink} key=${id} id=${id} />`);
}

export function DataNodeDetails({ node }) {
  const [state, words] = stateOf(node);
  return html`
    <h2>${node.name ?? node.config_id}</h2>
    <p class="kind">Data node</p>
    <p><span class="node-state" data-status=${state}>${words}</span></p>
    <${Facts}
      facts=${[
        ["Storage", node.storage_type],
        ["Scope", node.scope.toLowerCase()],
        ["Last written", html`<${Moment} at=${node.last_edit_date} />`],
      ]}
    />
    <p>
      <a class="button" href=${linkTo(["data-nodes", node.id])}
        >${node.last_edit_id === null ? "Open it" : "See its value"}</a
      >
    </p>
  `;
}
