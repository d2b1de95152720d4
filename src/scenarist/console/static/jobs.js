// Jobs: the list, a single job, and its log.

import { pathOf, request } from "./api.js";
import {
  Action,
  ChosenVersion,
  EntityLink,
  Facts,
  FilterSelect,
  Heading,
  Listing,
  Loaded,
  ServerText,
  Status,
  Timestamp,
  Version,
} from "./components.js";
import { formatDuration, hasEnded, labelOf } from "./format.js";
import { describeSubmitted, useNames } from "./names.js";
import { PauseAll } from "./orchestration.js";
import { ofKind, useResource } from "./resources.js";
import { linkTo, navigate } from "./router.js";
import { can } from "./session.js";
import { html, useEffect, useRef } from "./view.js";

const PAGE = 50;
const STATUSES = [
  "BLOCKED",
  "PENDING",
  "RUNNING",
  "COMPLETED",
  "FAILED",
  "CANCELED",
  "SKIPPED",
  "ABANDONED",
];
const TIME_RANGES = [
  ["1", "last hour"],
  ["24", "last day"],
  ["168", "last week"],
];
const HOUR = 3600 * 1000;
const LOG_INTERVAL = 1000; // milliseconds, as often as the server stores the output of running jobs

export function Jobs({ parameters }) {
  const { status, hours, task_id, version, cursor } = parameters;
  // Rounded to the minute, so that the path does not change with each render.
  const since = hours && new Date(Math.floor(Date.now() / 60000) * 60000 - hours * HOUR);
  const list = useResource(
    pathOf(["jobs"], {
      status,
      task_id,
      version,
      created_after: since ? since.toISOString() : null,
      cursor,
      limit: PAGE,
      sort: "-creation_date",
    }),
    ofKind("JOB"),
  );
  const setFilters = (change) => navigate(["jobs"], { ...parameters, cursor: null, ...change });
  return html`
    <${Heading} title="Jobs"><${PauseAll} /><//>
    <div class="filters">
      <${FilterSelect}
        label="Status"
        value=${status}
        options=${STATUSES}
        choose=${(value) => setFilters({ status: value })}
      />
      <${FilterSelect}
        label="Submitted"
        value=${hours}
        options=${TIME_RANGES}
        all="any time"
        choose=${(value) => setFilters({ hours: value })}
      />
      ${task_id &&
      html`<div class="filter chosen">
        <span>Task: ${labelOf(task_id)}</span>
        <button type="button" onClick=${() => setFilters({ task_id: null })}>Show all tasks</button>
      </div>`}
      <${ChosenVersion} version=${version} clear=${() => setFilters({ version: null })} />
    </div>
    <${Listing}
      resource=${list}
      parts=${["jobs"]}
      parameters=${parameters}
      noun="job"
      emptyTitle="No jobs yet."
      emptyHint=${html`<a href=${linkTo(["scenarios"])}>Select a scenario to submit</a>`}
    >
      ${(jobs) => html`<${JobTable} jobs=${jobs} parameters=${parameters} />`}
    <//>
  `;
}

function JobTable({ jobs, parameters }) {
  const name = useNames(jobs.map(({ submit_entity_id }) => submit_entity_id));
  return html`<div class="table"><table>
    <thead>
      <tr>
        <th scope="col">Status</th>
        <th scope="col">Job</th>
        <th scope="col">Submission</th>
        <th scope="col">Submitted</th>
        <th scope="col" class="figure">Waited</th>
        <th scope="col" class="figure">Ran</th>
        <th scope="col">Version</th>
        <th scope="col">Reason</th>
      </tr>
    </thead>
    <tbody>
      ${jobs.map(
        (job) => html`<tr key=${job.id}>
          <td><${Status} status=${job.status} /></td>
          <td><${EntityLink} id=${job.id} /></td>
          <td>
            <${EntityLink}
              id=${job.submission_id}
              text=${describeSubmitted(job.submit_entity_id, name)}
            />
          </td>
          <td><${Timestamp} at=${job.submitted_at} /></td>
          <td class="figure">${formatOptionalDuration(job.pending_duration)}</td>
          <td class="figure">${formatOptionalDuration(job.execution_duration)}</td>
          <td><${Version} version=${job.version} parts=${["jobs"]} parameters=${parameters} /></td>
          <td class="reason-cell"><${ServerText} text=${job.reason ?? ""} /></td>
        </tr>`,
      )}
    </tbody>
  </table></div>`;
}

const formatOptionalDuration = (seconds) => (seconds === null ? "–" : formatDuration(seconds));

export function Job({ id }) {
  const job = useResource(pathOf(["jobs", id]), (change) => change.entity_id === id);
  return html`<${Loaded} resource=${job}>
    ${(data) => html`<${JobView} job=${data.job} />`}
  <//>`;
}

function JobView({ job }) {
  const name = useNames([job.submit_entity_id]);
  const isFinished = hasEnded(job.status);
  async function remove() {
    await request("DELETE", pathOf(["jobs", job.id]));
    navigate(["jobs"]);
  }
  return html`
    <${Heading} title=${labelOf(job.task_id)} kind="Job">
      ${can("execute") &&
      !isFinished &&
      html`<${Action}
        label="Cancel"
        kind="danger"
        run=${() => request("POST", pathOf(["jobs", "cancel", job.id]))}
      />`}
      ${can("edit") &&
      isFinished &&
      html`<${Action}
        label="Delete"
        kind="danger"
        question="Deletes the job and its log. The values that it wrote are kept."
        run=${remove}
      />`}
    <//>
    <section class="card">
      <p class="line">
        <${Status} status=${job.status} />
        ${job.reason !== null &&
        html`<span class="reason"><${ServerText} text=${job.reason} /></span>`}
      </p>
      <${Facts}
        facts=${[
          [
            "Submission",
            html`<${EntityLink}
              id=${job.submission_id}
              text=${describeSubmitted(job.submit_entity_id, name)}
            />`,
          ],
          ["Task", html`<a href=${linkTo(["jobs"], { task_id: job.task_id })}>${labelOf(job.task_id)}</a>`],
          ["Attempts", job.attempts],
          job.run_reason !== null && ["Ran because", html`<${ServerText} text=${job.because} />`],
          job.waiting_for.length > 0 && [
            "Waiting for",
            job.waiting_for.map(
              // Files and machines come as text with spaces, the rest as identifiers.
              (blocker) => html`<${EntityLink}
                key=${blocker}
                id=${blocker}
                text=${blocker.includes(" ") ? blocker : undefined}
              /> `,
            ),
          ],
          ["Submitted", html`<${Timestamp} at=${job.submitted_at} />`],
          ["Started", html`<${Timestamp} at=${job.run_at} />`],
          ["Ended", html`<${Timestamp} at=${job.finished_at} />`],
          job.execution_duration !== null && ["Duration", formatDuration(job.execution_duration)],
          job.cancel_requested_at !== null && [
            "Cancel requested",
            html`<${Timestamp} at=${job.cancel_requested_at} />`,
          ],
          job.cached_from !== null && [
            "Taken from",
            html`<${EntityLink} id=${job.cached_from} />`,
          ],
          ["Version", html`<${Version} version=${job.version} parts=${["jobs"]} />`],
          ["Identifier", html`<code>${job.id}</code>`],
        ]}
      />
    </section>
    <${JobLog} job=${job} />
  `;
}

/** Log and failure reason of a job, reloaded with each change of the job. */
export function JobLog({ job }) {
  const log = useResource(
    pathOf(["jobs", job.id, "log"]),
    (change) => change.entity_id === job.id,
  );
  const attempts = log.data?.attempts ?? [];
  const isRunning = job.status === "RUNNING";
  useEffect(() => {
    // Output raises no event, so a running job is polled while its log is open.
    if (!isRunning) return undefined;
    const timer = setInterval(log.refresh, LOG_INTERVAL);
    return () => clearInterval(timer);
  }, [isRunning]);
  return html`<section class="card">
    <div class="section-head">
      <h2>Log of <${EntityLink} id=${job.id} text=${labelOf(job.task_id)} /></h2>
    </div>
    ${job.reason !== null && html`<p class="reason"><${ServerText} text=${job.reason} /></p>`}
    <${Loaded} resource=${log}>
      ${() =>
        attempts.length === 0
          ? html`<p class="quiet">${emptyLogText(job)}</p>`
          : attempts.map(
              ({ attempt, text }) => html`<${AttemptLog}
                key=${attempt}
                title=${attempts.length > 1 || job.attempts > 1 ? `Attempt ${attempt}` : null}
                text=${text}
              />`,
            )}
    <//>
    ${job.stacktrace.length > 0 &&
    html`<details open>
      <summary>Stack trace</summary>
      <pre tabindex="0">${job.stacktrace.join("\n")}</pre>
    </details>`}
  </section>`;
}

function emptyLogText(job) {
  if (job.status === "RUNNING") return "No output yet.";
  return hasEnded(job.status) ? "No output." : "Not started yet.";
}

function AttemptLog({ title, text }) {
  const end = useRef(null);
  const wasAtEnd = useRef(true);
  useEffect(() => {
    if (wasAtEnd.current) end.current.scrollTop = end.current.scrollHeight;
  }, [text]);
  return html`${title && html`<h3>${title}</h3>`}
    <pre
      class="log"
      tabindex="0"
      aria-label="Log"
      ref=${end}
      onScroll=${({ currentTarget: box }) => {
        wasAtEnd.current = box.scrollTop + box.clientHeight > box.scrollHeight - 24;
      }}
    >
${text}</pre
    >`;
}
