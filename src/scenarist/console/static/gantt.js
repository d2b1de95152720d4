// Timeline of the jobs of a submission: how long each waited and ran.

import { Status } from "./components.js";
import { formatDuration, hasEnded, labelOf } from "./format.js";
import { html, useEffect, useState } from "./view.js";

const TICK_INTERVAL = 250;

/** Return the current time, updated while jobs run. */
function useNow(isRunning) {
  const [now, setNow] = useState(Date.now());
  useEffect(() => {
    setNow(Date.now());
    if (!isRunning) return undefined;
    const timer = setInterval(() => setNow(Date.now()), TICK_INTERVAL);
    return () => clearInterval(timer);
  }, [isRunning]);
  return now;
}

export function Gantt({ jobs, selectedId, onSelect }) {
  const isRunning = jobs.some(({ status }) => !hasEnded(status));
  const now = useNow(isRunning);
  const start = Math.min(...jobs.map((job) => Date.parse(job.submitted_at)));
  const ends = jobs.map((job) => Date.parse(job.finished_at ?? ""));
  const end = Math.max(isRunning ? now : 0, ...ends.filter((at) => !Number.isNaN(at)), start + 1);
  const percent = (at) => Math.min(100, Math.max(0, (100 * (at - start)) / (end - start)));
  return html`<div class="gantt">
    <div class="gantt-scale" aria-hidden="true">
      <span>0</span><span>${formatDuration((end - start) / 1000)}</span>
    </div>
    ${jobs.map(
      (job) => html`<${Row}
        key=${job.id}
        job=${job}
        percent=${percent}
        now=${now}
        isSelected=${job.id === selectedId}
        onSelect=${onSelect}
      />`,
    )}
  </div>`;
}

function Row({ job, percent, now, isSelected, onSelect }) {
  const left = percent(Date.parse(job.submitted_at));
  const end = job.finished_at === null ? now : Date.parse(job.finished_at);
  const run = job.run_at === null ? end : Date.parse(job.run_at);
  const duration = job.run_at === null ? null : Math.max(0, (end - run) / 1000);
  return html`<button
    type="button"
    class="plain gantt-row"
    aria-pressed=${isSelected}
    title="Show log"
    onClick=${() => onSelect(job)}
  >
    <span class="gantt-name">${labelOf(job.task_id)}</span>
    <${Status} status=${job.status} />
    <span class="gantt-track" aria-hidden="true">
      <span
        class="gantt-wait"
        style=${{ left: `${left}%`, width: `${percent(run) - left}%` }}
      />
      <span
        class="gantt-run"
        data-status=${job.status}
        style=${{ left: `${percent(run)}%`, width: `${percent(end) - percent(run)}%` }}
      />
    </span>
    <span class="figure">${duration === null ? "–" : formatDuration(duration)}</span>
  </button>`;
}
