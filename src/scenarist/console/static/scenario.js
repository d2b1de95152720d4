// One scenario: its graph with live states, its sequences, and what was submitted.

import { ask, askAll, pathOf } from "./api.js";
import { Graph } from "./graph.js";
import { Action, Dialog, Empty, Facts, Field, Form, Heading, Loaded, Refused } from "./parts.js";
import { ofKind, useResource } from "./resources.js";
import { go, linkTo } from "./router.js";
import { Tags, tagsOf } from "./scenarios.js";
import { Selection, Sequences } from "./sequences.js";
import { may } from "./session.js";
import { SubmissionTable, submitTo } from "./submissions.js";
import { DataNodeDetails, TaskDetails, lookOfDataNode, lookOfTask } from "./details.js";
import { html, useEffect, useMemo, useState } from "./view.js";
import { labelOf, nameOf } from "./words.js";

const SUBMISSIONS = 10;

export function Scenario({ id }) {
  const scenario = useResource(
    pathOf(["scenarios", id]),
    (change, data) =>
      change.entity_id === id ||
      ["SEQUENCE", "SUBMISSION"].includes(change.entity_type) ||
      (change.entity_type === "DATA_NODE" &&
        (data?.scenario.data_nodes ?? []).includes(change.entity_id)),
  );
  return html`<${Loaded} resource=${scenario}>
    ${(data) => html`<${Shown} scenario=${data.scenario} refresh=${scenario.refresh} />`}
  <//>`;
}

/** All that the view of a scenario shows, each read again when it changes. */
function useParts(scenario) {
  const { id } = scenario;
  const tasks = useResource(`tasks of ${id}`, ofKind("TASK"), () =>
    askAll(["tasks"], { scenario_id: id }),
  );
  const dataNodes = useResource(
    `data nodes of ${id}`,
    (change) => scenario.data_nodes.includes(change.entity_id),
    () => askAll(["datanodes"], { scenario_id: id }),
  );
  const submissions = useResource(
    pathOf(["submissions"], { scenario_id: id, sort: "-creation_date", limit: SUBMISSIONS }),
    (change, data) =>
      change.entity_type === "SUBMISSION"
        ? change.change !== "UPDATED" || has(data, change.entity_id)
        : change.entity_type === "JOB" && has(data, change.submission_id),
  );
  const jobs = useResource(
    `newest jobs of ${id}`,
    (change) => change.entity_type === "JOB" && has(submissions.data, change.submission_id),
    () => askAll(["jobs"], { newest_of: id }),
  );
  // A job that was accepted just now is not known by its submission yet.
  const newest = submissions.data?.results[0]?.id;
  useEffect(() => jobs.refresh(), [newest]);
  return { tasks, dataNodes, submissions, jobs };
}

const has = (data, id) => (data?.results ?? []).some((submission) => submission.id === id);

function Shown({ scenario, refresh }) {
  const parts = useParts(scenario);
  const [selected, setSelected] = useState(new Set());
  const [opened, setOpened] = useState(null);
  const [shownSequence, setShownSequence] = useState(null);
  const sequences = useMemo(
    () =>
      Object.entries(scenario.sequences).map(([name, sequence], number) => ({
        ...sequence,
        name,
        number: number + 1,
      })),
    [scenario],
  );
  const shown = sequences.find(({ id }) => id === shownSequence) ?? null;
  const group = useMemo(() => (shown === null ? null : new Set(shown.tasks)), [shown]);
  const ready = parts.tasks.data !== undefined && parts.dataNodes.data !== undefined;

  function choose({ id, kind }) {
    setOpened(id);
    if (kind !== "task") return;
    const next = new Set(selected);
    if (!next.delete(id)) next.add(id);
    setSelected(next);
  }

  return html`
    <${Head} scenario=${scenario} />
    <${Refused} refusal=${parts.tasks.refusal ?? parts.dataNodes.refusal ?? parts.jobs.refusal} />
    <div class="scenario">
      <section class="card graph-card" aria-label="Graph">
        ${!ready && html`<p class="quiet loading">Reading…</p>`}
        ${ready && parts.tasks.data.length === 0 && html`<${Empty} title="It has no tasks." />`}
        ${ready &&
        parts.tasks.data.length > 0 &&
        html`<${Drawn}
          parts=${parts}
          sequences=${sequences}
          group=${group}
          selected=${selected}
          opened=${opened}
          choose=${choose}
        />`}
        ${may("edit") &&
        ready &&
        html`<${Selection}
          scenario=${scenario}
          tasks=${parts.tasks.data}
          selected=${selected}
          clear=${() => setSelected(new Set())}
          made=${(sequence) => {
            setSelected(new Set());
            setShownSequence(sequence.id);
            refresh();
          }}
        />`}
      </section>
      <aside class="card details" aria-label="Details" aria-live="polite">
        <${Details} opened=${opened} parts=${parts} />
      </aside>
    </div>
    <${Sequences}
      sequences=${sequences}
      shown=${shown}
      show=${(sequence) => setShownSequence(sequence?.id ?? null)}
      submitted=${parts.submissions.refresh}
    />
    <section>
      <div class="section-head"><h2>Submissions</h2></div>
      <${Loaded} resource=${parts.submissions}>
        ${(page) =>
          page.results.length === 0
            ? html`<${Empty} title="Nothing was submitted yet.">
                ${may("execute")
                  ? "Submit the scenario, or one of its sequences, to make its jobs run."
                  : "Somebody with the role TAIPY_EXECUTOR submits it."}
              <//>`
            : html`<${SubmissionTable} submissions=${page.results} />`}
      <//>
    </section>
  `;
}

function Head({ scenario }) {
  const [isChanging, setChanging] = useState(false);
  const cycle = useResource(
    scenario.cycle === null ? null : pathOf(["cycles", scenario.cycle]),
  );
  const why = (what) => (scenario.reasons?.[what] ?? []).join("; ");
  return html`
    <${Heading} title=${nameOf(scenario)} kind=${`Scenario of ${scenario.config_id}`}>
      ${may("execute") &&
      html`<${Action}
        label="Submit"
        kind="primary"
        title=${why("submit")}
        run=${() => submitTo("scenarios", scenario.id)}
      />`}
      ${may("edit") &&
      html`<button type="button" onClick=${() => setChanging(true)}>Edit</button>`}
      ${may("edit") &&
      scenario.is_promotable &&
      html`<${Action}
        label="Make primary"
        run=${() => ask("POST", pathOf(["scenarios", "promote", scenario.id]))}
      />`}
      ${may("edit") && html`<${Delete} scenario=${scenario} why=${why("delete")} />`}
    <//>
    <div class="line">
      ${scenario.cycle !== null &&
      html`<a href=${linkTo(["scenarios"], { cycle: scenario.cycle })}
        >Cycle ${cycle.data?.cycle.name ?? labelOf(scenario.cycle)}</a
      >`}
      ${scenario.primary_scenario && html`<span class="mark">primary</span>`}
      <${Tags} tags=${scenario.tags} />
      ${!scenario.is_submittable &&
      html`<span class="hint">Jobs would wait: ${why("submit")}</span>`}
    </div>
    ${isChanging && html`<${Change} scenario=${scenario} close=${() => setChanging(false)} />`}
  `;
}

function Delete({ scenario, why }) {
  return html`<${Action}
    label="Delete"
    kind="danger"
    title=${why}
    question="It is deleted with its sequences, tasks and data nodes, and with what was submitted of them. This cannot be undone."
    run=${async () => {
      await ask("DELETE", pathOf(["scenarios", scenario.id]));
      go(["scenarios"]);
    }}
  />`;
}

function Change({ scenario, close }) {
  async function change({ name, tags }) {
    const json = { name: name.trim() === "" ? null : name.trim(), tags: tagsOf(tags) };
    await ask("PATCH", pathOf(["scenarios", scenario.id]), { json });
    close();
  }
  const hint =
    scenario.authorized_tags === null
      ? "Commas between them."
      : `Of these: ${scenario.authorized_tags.join(", ")}`;
  return html`<${Dialog} title="Edit the scenario" close=${close}>
    <${Form} label="Save" submit=${change} close=${close}>
      <${Field} label="Name">
        <input name="name" defaultValue=${scenario.name ?? ""} maxlength="256" autocomplete="off" />
      <//>
      <${Field} label="Tags" hint=${hint}>
        <input name="tags" defaultValue=${scenario.tags.join(", ")} autocomplete="off" />
      <//>
    <//>
    <${Facts} facts=${[["Identifier", html`<code>${scenario.id}</code>`]]} />
  <//>`;
}

function Drawn({ parts, sequences, group, selected, opened, choose }) {
  const looks = useMemo(() => {
    const jobOf = new Map((parts.jobs.data ?? []).map((job) => [job.task_id, job]));
    const found = new Map();
    for (const task of parts.tasks.data) {
      const marks = sequences
        .filter((sequence) => sequence.tasks.includes(task.id))
        .map(({ number }) => number);
      found.set(task.id, lookOfTask(task, jobOf.get(task.id), marks));
    }
    for (const node of parts.dataNodes.data) found.set(node.id, lookOfDataNode(node));
    return found;
  }, [parts.jobs.data, parts.tasks.data, parts.dataNodes.data, sequences]);
  return html`<${Graph}
    tasks=${parts.tasks.data}
    dataNodes=${parts.dataNodes.data}
    look=${(id) => looks.get(id)}
    selected=${selected}
    group=${group}
    opened=${opened}
    choose=${choose}
  />`;
}

function Details({ opened, parts }) {
  const task = (parts.tasks.data ?? []).find(({ id }) => id === opened);
  if (task !== undefined) {
    const job = (parts.jobs.data ?? []).find(({ task_id }) => task_id === opened);
    return html`<${TaskDetails} task=${task} job=${job} />`;
  }
  const node = (parts.dataNodes.data ?? []).find(({ id }) => id === opened);
  if (node !== undefined) return html`<${DataNodeDetails} node=${node} />`;
  return html`<h2>Details</h2>
    <p class="quiet">
      Choose a task or a data node in the graph.
      ${may("edit") && " Tasks that are chosen together can become a sequence."}
    </p>`;
}
