// Submissions: the list, and one with its progress, its jobs over time, and their logs.

import { ask, askAll, pathOf } from "./api.js";
import { Gantt } from "./gantt.js";
import { JobLog } from "./jobs.js";
import {
  Action,
  Chooser,
  EntityLink,
  Facts,
  Heading,
  Listing,
  Loaded,
  Moment,
  Progress,
  Status,
} from "./parts.js";
import { submittedAs, useNames } from "./names.js";
import { ofKind, useResource } from "./resources.js";
import { go, linkTo } from "./router.js";
import { may } from "./session.js";
import { html, useState } from "./view.js";
import { hasEnded, labelOf } from "./words.js";

const PAGE = 50;
const STATUSES = [
  "SUBMITTED",
  "BLOCKED",
  "PENDING",
  "RUNNING",
  "COMPLETED",
  "FAILED",
  "CANCELED",
];
const TYPES = ["SCENARIO", "SEQUENCE", "TASK"];

/** Submit a scenario, a sequence or a task; the jobs are made when this returns. */
export function submitTo(kind, id) {
  return ask("POST", pathOf([kind, "submit", id]), {
    headers: { "Idempotency-Key": crypto.randomUUID?.() ?? `${Date.now()} ${Math.random()}` },
    json: {},
  });
}

export function Submissions({ parameters }) {
  const { status, entity_type, cursor } = parameters;
  const list = useResource(
    pathOf(["submissions"], { status, entity_type, cursor, limit: PAGE, sort: "-creation_date" }),
    ofKind("SUBMISSION", "JOB"),
  );
  const narrow = (change) => go(["submissions"], { ...parameters, cursor: null, ...change });
  return html`
    <${Heading} title="Submissions" />
    <div class="filters">
      <${Chooser}
        label="Status"
        value=${status}
        options=${STATUSES}
        choose=${(value) => narrow({ status: value })}
      />
      <${Chooser}
        label="Of a"
        value=${entity_type}
        options=${TYPES}
        choose=${(value) => narrow({ entity_type: value })}
      />
    </div>
    <${Listing}
      resource=${list}
      parts=${["submissions"]}
      parameters=${parameters}
      noun="submission"
      none="Nothing was submitted yet."
      otherwise=${html`<a href=${linkTo(["scenarios"])}>Choose a scenario to submit</a>`}
    >
      ${(submissions) => html`<${SubmissionTable} submissions=${submissions} />`}
    <//>
  `;
}

/** @param {{submissions: object[]}} props */
export function SubmissionTable({ submissions }) {
  const name = useNames(submissions.map(({ entity_id }) => entity_id));
  return html`<div class="table"><table>
    <thead>
      <tr>
        <th scope="col">Status</th>
        <th scope="col">Submission</th>
        <th scope="col">Progress</th>
        <th scope="col">Submitted</th>
        <th scope="col">Ended</th>
      </tr>
    </thead>
    <tbody>
      ${submissions.map(
        (submission) => html`<tr key=${submission.id}>
          <td>
            <${Status} status=${submission.status} />
            ${isPaused(submission) && html` <${Status} status="PAUSED" />`}
          </td>
          <td>
            <a href=${linkTo(["submissions", submission.id])} title=${submission.id}
              >${submittedAs(submission.entity_id, name)}</a
            >
          </td>
          <td><${Progress} counts=${submission.job_counts} /></td>
          <td><${Moment} at=${submission.submitted_at} /></td>
          <td><${Moment} at=${submission.finished_at} /></td>
        </tr>`,
      )}
    </tbody>
  </table></div>`;
}

const isPaused = ({ status, paused_at }) => paused_at !== null && !hasEnded(status);

export function Submission({ id }) {
  const submission = useResource(
    pathOf(["submissions", id]),
    (change) => change.entity_id === id || change.submission_id === id,
  );
  const jobs = useResource(
    `jobs of ${id}`,
    (change) => change.submission_id === id,
    () => askAll(["jobs"], { submission_id: id }),
  );
  return html`<${Loaded} resource=${submission}>
    ${(data) => html`<${Shown} submission=${data.submission} jobs=${jobs} />`}
  <//>`;
}

function Shown({ submission, jobs }) {
  const name = useNames([submission.entity_id]);
  const [picked, setPicked] = useState(null);
  const list = jobs.data ?? [];
  const job =
    list.find(({ id }) => id === picked) ??
    list.find(({ status }) => status === "FAILED") ??
    list.find(({ status }) => status === "RUNNING") ??
    list[0];
  return html`
    <${Heading} title=${submittedAs(submission.entity_id, name)} kind="Submission">
      <${Actions} submission=${submission} />
    <//>
    <section class="card">
      <p class="line">
        <${Status} status=${submission.status} />
        ${isPaused(submission) && html`<${Status} status="PAUSED" />`}
        <${Progress} counts=${submission.job_counts} label="jobs that have ended" />
      </p>
      <${Facts}
        facts=${[
          ["Of", html`<${Submitted} submission=${submission} />`],
          submission.retry_of !== null && [
            "Tries again",
            html`<${EntityLink} id=${submission.retry_of} text="an earlier submission" />`,
          ],
          ["Submitted", html`<${Moment} at=${submission.submitted_at} />`],
          ["Started", html`<${Moment} at=${submission.run_at} />`],
          isPaused(submission) && [
            "Paused",
            html`<${Moment} at=${submission.paused_at} />`,
          ],
          ["Ended", html`<${Moment} at=${submission.finished_at} />`],
        ]}
      />
    </section>
    <section class="card">
      <h2>Jobs</h2>
      <${Loaded} resource=${jobs}>
        ${(found) =>
          html`<${Gantt} jobs=${found} picked=${job?.id} pick=${(one) => setPicked(one.id)} />`}
      <//>
    </section>
    ${job !== undefined && html`<${JobLog} key=${job.id} job=${job} />`}
  `;
}

/** The scenario that a submission belongs to; a sequence knows its own. */
function Submitted({ submission }) {
  const { entity_type, entity_id } = submission;
  const sequence = useResource(
    entity_type === "SEQUENCE" ? pathOf(["sequences", entity_id]) : null,
  );
  const task = useResource(entity_type === "TASK" ? pathOf(["tasks", entity_id]) : null);
  const kind = entity_type.toLowerCase();
  const name = sequence.data?.sequence.name ?? task.data?.task.config_id ?? labelOf(entity_id);
  const owner = sequence.data?.sequence.owner_id ?? task.data?.task.owner_id;
  const called = useNames([entity_type === "SCENARIO" ? entity_id : owner]);
  if (entity_type === "SCENARIO") {
    return html`<${EntityLink} id=${entity_id} text=${called(entity_id)} />`;
  }
  if (!owner) return `${kind} ${name}`;
  return html`${kind} ${name} of <${EntityLink}
      id=${owner}
      text=${called(owner)}
    />`;
}

function Actions({ submission }) {
  const isOver = hasEnded(submission.status);
  const { FAILED = 0, CANCELED = 0, ABANDONED = 0 } = submission.job_counts;
  async function retry() {
    const answer = await ask("POST", pathOf(["submissions", "retry", submission.id]), { json: {} });
    go(["submissions", answer.submission.id]);
  }
  const pausing = submission.paused_at === null ? "pause" : "resume";
  async function remove() {
    await ask("DELETE", pathOf(["submissions", submission.id]));
    go(["submissions"]);
  }
  return html`
    ${may("execute") &&
    !isOver &&
    html`<${Action}
      label=${pausing === "pause" ? "Pause" : "Resume"}
      title=${pausing === "pause" ? "Begins none of its jobs; those that run go on" : null}
      run=${() => ask("POST", pathOf(["submissions", pausing, submission.id]))}
    />`}
    ${may("execute") &&
    !isOver &&
    html`<${Action}
      label="Cancel"
      kind="danger"
      run=${() => ask("POST", pathOf(["submissions", "cancel", submission.id]))}
    />`}
    ${may("execute") &&
    isOver &&
    FAILED + CANCELED + ABANDONED > 0 &&
    html`<${Action} label="Retry" kind="primary" run=${retry} />`}
    ${may("edit") &&
    isOver &&
    html`<${Action}
      label="Delete"
      kind="danger"
      question="The submission is deleted with its jobs and logs; the values they wrote stay."
      run=${remove}
    />`}
  `;
}
