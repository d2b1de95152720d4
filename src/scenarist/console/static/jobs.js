// Jobs across everything, one job, and what it wrote.

import { ask, pathOf } from "./api.js";
import { submittedAs, useNames } from "./names.js";
import { PauseAll } from "./orchestration.js";
import {
  Action,
  Chooser,
  EntityLink,
  Facts,
  Heading,
  Listing,
  Loaded,
  Moment,
  Status,
  Words,
} from "./parts.js";
import { ofKind, useResource } from "./resources.js";
import { go, linkTo } from "./router.js";
import { may } from "./session.js";
import { html, useEffect, useRef } from "./view.js";
import { durationOf, hasEnded, labelOf } from "./words.js";

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
const SINCE = [
  ["1", "last hour"],
  ["24", "last day"],
  ["168", "last week"],
];
const HOUR = 3600 * 1000;
const LOG_PAUSE = 1000; // milliseconds: the server keeps what jobs write as often

export function Jobs({ parameters }) {
  const { status, hours, task_id, cursor } = parameters;
  // To the minute, so that the address of the list does not change with each look.
  const since = hours && new Date(Math.floor(Date.now() / 60000) * 60000 - hours * HOUR);
  const list = useResource(
    pathOf(["jobs"], {
      status,
      task_id,
      created_after: since ? since.toISOString() : null,
      cursor,
      limit: PAGE,
      sort: "-creation_date",
    }),
    ofKind("JOB"),
  );
  const narrow = (change) => go(["jobs"], { ...parameters, cursor: null, ...change });
  return html`
    <${Heading} title="Jobs"><${PauseAll} /><//>
    <div class="filters">
      <${Chooser}
        label="Status"
        value=${status}
        options=${STATUSES}
        choose=${(value) => narrow({ status: value })}
      />
      <${Chooser}
        label="Submitted"
        value=${hours}
        options=${SINCE}
        all="at any time"
        choose=${(value) => narrow({ hours: value })}
      />
      ${task_id &&
      html`<div class="filter chosen">
        <span>of the task ${labelOf(task_id)}</span>
        <button type="button" onClick=${() => narrow({ task_id: null })}>Show all tasks</button>
      </div>`}
    </div>
    <${Listing}
      resource=${list}
      parts=${["jobs"]}
      parameters=${parameters}
      noun="job"
      none="There are no jobs yet."
      otherwise=${html`<a href=${linkTo(["scenarios"])}>Choose a scenario to submit</a>`}
    >
      ${(jobs) => html`<${JobTable} jobs=${jobs} />`}
    <//>
  `;
}

function JobTable({ jobs }) {
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
        <th scope="col">Why</th>
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
              text=${submittedAs(job.submit_entity_id, name)}
            />
          </td>
          <td><${Moment} at=${job.submitted_at} /></td>
          <td class="figure">${shownDuration(job.pending_duration)}</td>
          <td class="figure">${shownDuration(job.execution_duration)}</td>
          <td class="reason-cell"><${Words} text=${job.reason ?? ""} /></td>
        </tr>`,
      )}
    </tbody>
  </table></div>`;
}

const shownDuration = (seconds) => (seconds === null ? "–" : durationOf(seconds));

export function Job({ id }) {
  const job = useResource(pathOf(["jobs", id]), (change) => change.entity_id === id);
  return html`<${Loaded} resource=${job}>
    ${(data) => html`<${Shown} job=${data.job} />`}
  <//>`;
}

function Shown({ job }) {
  const name = useNames([job.submit_entity_id]);
  const isOver = hasEnded(job.status);
  async function remove() {
    await ask("DELETE", pathOf(["jobs", job.id]));
    go(["jobs"]);
  }
  return html`
    <${Heading} title=${labelOf(job.task_id)} kind="Job">
      ${may("execute") &&
      !isOver &&
      html`<${Action}
        label="Cancel"
        kind="danger"
        run=${() => ask("POST", pathOf(["jobs", "cancel", job.id]))}
      />`}
      ${may("edit") &&
      isOver &&
      html`<${Action}
        label="Delete"
        kind="danger"
        question="The job is deleted with its log; the values that it wrote stay."
        run=${remove}
      />`}
    <//>
    <section class="card">
      <p class="line">
        <${Status} status=${job.status} />
        ${job.reason !== null && html`<span class="reason"><${Words} text=${job.reason} /></span>`}
      </p>
      <${Facts}
        facts=${[
          [
            "Submission",
            html`<${EntityLink}
              id=${job.submission_id}
              text=${submittedAs(job.submit_entity_id, name)}
            />`,
          ],
          ["Task", html`<a href=${linkTo(["jobs"], { task_id: job.task_id })}>${labelOf(job.task_id)}</a>`],
          ["Attempts", job.attempts],
          job.waiting_for.length > 0 && [
            "Waits for",
            job.waiting_for.map(
              // A file or a machine is said in words, not by an identifier.
              (awaited) => html`<${EntityLink}
                key=${awaited}
                id=${awaited}
                text=${awaited.includes(" ") ? awaited : undefined}
              /> `,
            ),
          ],
          ["Submitted", html`<${Moment} at=${job.submitted_at} />`],
          ["Started", html`<${Moment} at=${job.run_at} />`],
          ["Ended", html`<${Moment} at=${job.finished_at} />`],
          job.execution_duration !== null && ["Ran for", durationOf(job.execution_duration)],
          job.cancel_requested_at !== null && [
            "Asked to stop",
            html`<${Moment} at=${job.cancel_requested_at} />`,
          ],
          ["Identifier", html`<code>${job.id}</code>`],
        ]}
      />
    </section>
    <${JobLog} job=${job} />
  `;
}

/** What a job wrote and why it failed, read again with each change of the job. */
export function JobLog({ job }) {
  const log = useResource(
    pathOf(["jobs", job.id, "log"]),
    (change) => change.entity_id === job.id,
  );
  const attempts = log.data?.attempts ?? [];
  const isRunning = job.status === "RUNNING";
  useEffect(() => {
    // What a job writes is no event: it is asked for while somebody looks at it.
    if (!isRunning) return undefined;
    const timer = setInterval(log.refresh, LOG_PAUSE);
    return () => clearInterval(timer);
  }, [isRunning]);
  return html`<section class="card">
    <div class="section-head">
      <h2>Log of <${EntityLink} id=${job.id} text=${labelOf(job.task_id)} /></h2>
    </div>
    ${job.reason !== null && html`<p class="reason"><${Words} text=${job.reason} /></p>`}
    <${Loaded} resource=${log}>
      ${() =>
        attempts.length === 0
          ? html`<p class="quiet">${silence(job)}</p>`
          : attempts.map(
              ({ attempt, text }) => html`<${Attempt}
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

function silence(job) {
  if (job.status === "RUNNING") return "It has written nothing so far.";
  return hasEnded(job.status) ? "It wrote nothing." : "It has not started yet.";
}

function Attempt({ title, text }) {
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
