// Submissions: the list, and a single one with its progress, the timeline of its jobs and logs.

import { pathOf, request, requestAll } from "./api.js";
import {
  Action,
  ChosenVersion,
  EntityLink,
  Facts,
  FilterSelect,
  Heading,
  Listing,
  Loaded,
  Progress,
  Status,
  Timestamp,
  Version,
} from "./components.js";
import { hasEnded, labelOf } from "./format.js";
import { Gantt } from "./gantt.js";
import { JobLog } from "./jobs.js";
import { describeSubmitted, useNames } from "./names.js";
import { ofKind, useResource } from "./resources.js";
import { linkTo, navigate } from "./router.js";
import { can } from "./session.js";
import { html, useState } from "./view.js";

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

/** Submit a scenario, a sequence or a task; the jobs exist when this returns. */
export function submitEntity(kind, id, json = {}) {
  return request("POST", pathOf([kind, "submit", id]), {
    headers: { "Idempotency-Key": crypto.randomUUID?.() ?? `${Date.now()} ${Math.random()}` },
    json,
  });
}

export function Submissions({ parameters }) {
  const { status, entity_type, version, cursor } = parameters;
  const list = useResource(
    pathOf(["submissions"], {
      status,
      entity_type,
      version,
      cursor,
      limit: PAGE,
      sort: "-creation_date",
    }),
    ofKind("SUBMISSION", "JOB"),
  );
  const setFilters = (change) =>
    navigate(["submissions"], { ...parameters, cursor: null, ...change });
  return html`
    <${Heading} title="Submissions" />
    <div class="filters">
      <${FilterSelect}
        label="Status"
        value=${status}
        options=${STATUSES}
        choose=${(value) => setFilters({ status: value })}
      />
      <${FilterSelect}
        label="Type"
        value=${entity_type}
        options=${TYPES}
        choose=${(value) => setFilters({ entity_type: value })}
      />
      <${ChosenVersion} version=${version} clear=${() => setFilters({ version: null })} />
    </div>
    <${Listing}
      resource=${list}
      parts=${["submissions"]}
      parameters=${parameters}
      noun="submission"
      emptyTitle="No submissions yet."
      emptyHint=${html`<a href=${linkTo(["scenarios"])}>Select a scenario to submit</a>`}
    >
      ${(submissions) => html`<${SubmissionTable} submissions=${submissions} parameters=${parameters} />`}
    <//>
  `;
}

/** @param {{submissions: object[], parameters?: object}} props */
export function SubmissionTable({ submissions, parameters }) {
  const name = useNames(submissions.map(({ entity_id }) => entity_id));
  return html`<div class="table"><table>
    <thead>
      <tr>
        <th scope="col">Status</th>
        <th scope="col">Submission</th>
        <th scope="col">Progress</th>
        <th scope="col">Submitted</th>
        <th scope="col">Ended</th>
        <th scope="col">Version</th>
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
              >${describeSubmitted(submission.entity_id, name)}</a
            >
          </td>
          <td><${Progress} counts=${submission.job_counts} /></td>
          <td><${Timestamp} at=${submission.submitted_at} /></td>
          <td><${Timestamp} at=${submission.finished_at} /></td>
          <td>
            <${Version}
              version=${submission.version}
              parts=${["submissions"]}
              parameters=${parameters}
            />
          </td>
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
    () => requestAll(["jobs"], { submission_id: id }),
  );
  return html`<${Loaded} resource=${submission}>
    ${(data) => html`<${SubmissionView} submission=${data.submission} jobs=${jobs} />`}
  <//>`;
}

function SubmissionView({ submission, jobs }) {
  const name = useNames([submission.entity_id]);
  const [selectedId, setSelectedId] = useState(null);
  const list = jobs.data ?? [];
  const job =
    list.find(({ id }) => id === selectedId) ??
    list.find(({ status }) => status === "FAILED") ??
    list.find(({ status }) => status === "RUNNING") ??
    list[0];
  return html`
    <${Heading} title=${describeSubmitted(submission.entity_id, name)} kind="Submission">
      <${Actions} submission=${submission} />
    <//>
    <section class="card">
      <p class="line">
        <${Status} status=${submission.status} />
        ${isPaused(submission) && html`<${Status} status="PAUSED" />`}
        <${Progress} counts=${submission.job_counts} label="Finished jobs" />
      </p>
      <${Facts}
        facts=${[
          ["Entity", html`<${SubmittedEntity} submission=${submission} />`],
          submission.retry_of !== null && [
            "Retry of",
            html`<${EntityLink} id=${submission.retry_of} text="an earlier submission" />`,
          ],
          ["Submitted", html`<${Timestamp} at=${submission.submitted_at} />`],
          ["Started", html`<${Timestamp} at=${submission.run_at} />`],
          isPaused(submission) && [
            "Paused",
            html`<${Timestamp} at=${submission.paused_at} />`,
          ],
          ["Ended", html`<${Timestamp} at=${submission.finished_at} />`],
          ["Version", html`<${Version} version=${submission.version} parts=${["submissions"]} />`],
        ]}
      />
    </section>
    <section class="card">
      <h2>Jobs</h2>
      <${Loaded} resource=${jobs}>
        ${(found) =>
          html`<${Gantt}
            jobs=${found}
            selectedId=${job?.id}
            onSelect=${(one) => setSelectedId(one.id)}
          />`}
      <//>
    </section>
    ${job !== undefined && html`<${JobLog} key=${job.id} job=${job} />`}
  `;
}

/** The submitted entity, with a link to its scenario. */
function SubmittedEntity({ submission }) {
  const { entity_type, entity_id } = submission;
  const sequence = useResource(
    entity_type === "SEQUENCE" ? pathOf(["sequences", entity_id]) : null,
  );
  const task = useResource(entity_type === "TASK" ? pathOf(["tasks", entity_id]) : null);
  const kind = entity_type.toLowerCase();
  const name = sequence.data?.sequence.name ?? task.data?.task.config_id ?? labelOf(entity_id);
  const owner = sequence.data?.sequence.owner_id ?? task.data?.task.owner_id;
  const scenarioName = useNames([entity_type === "SCENARIO" ? entity_id : owner]);
  if (entity_type === "SCENARIO") {
    return html`<${EntityLink} id=${entity_id} text=${scenarioName(entity_id)} />`;
  }
  if (!owner) return `${kind} ${name}`;
  return html`${kind} ${name} of <${EntityLink}
      id=${owner}
      text=${scenarioName(owner)}
    />`;
}

function Actions({ submission }) {
  const isFinished = hasEnded(submission.status);
  const { FAILED = 0, CANCELED = 0, ABANDONED = 0 } = submission.job_counts;
  async function retry() {
    const path = pathOf(["submissions", "retry", submission.id]);
    const answer = await request("POST", path, { json: {} });
    navigate(["submissions", answer.submission.id]);
  }
  const pausing = submission.paused_at === null ? "pause" : "resume";
  async function remove() {
    await request("DELETE", pathOf(["submissions", submission.id]));
    navigate(["submissions"]);
  }
  return html`
    ${can("execute") &&
    !isFinished &&
    html`<${Action}
      label=${pausing === "pause" ? "Pause" : "Resume"}
      title=${pausing === "pause" ? "Starts no more of its jobs; running jobs continue" : null}
      run=${() => request("POST", pathOf(["submissions", pausing, submission.id]))}
    />`}
    ${can("execute") &&
    !isFinished &&
    html`<${Action}
      label="Cancel"
      kind="danger"
      run=${() => request("POST", pathOf(["submissions", "cancel", submission.id]))}
    />`}
    ${can("execute") &&
    isFinished &&
    FAILED + CANCELED + ABANDONED > 0 &&
    html`<${Action} label="Retry" kind="primary" run=${retry} />`}
    ${can("edit") &&
    isFinished &&
    html`<${Action}
      label="Delete"
      kind="danger"
      question="Deletes the submission with its jobs and logs. The values that they wrote are kept."
      run=${remove}
    />`}
  `;
}
