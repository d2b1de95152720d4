// A scenario: its graph with live states, its sequences and its submissions.

import { pathOf, request, requestAll } from "./api.js";
import { OutcomeValue } from "./columns.js";
import {
  Action,
  Dialog,
  Empty,
  EntityLink,
  ErrorMessage,
  Facts,
  Field,
  Form,
  Heading,
  Loaded,
  ServerText,
} from "./components.js";
import { DataNodeDetails, describeDataNode, describeTask, TaskDetails } from "./details.js";
import { labelOf, nameOf, plural } from "./format.js";
import { Graph } from "./graph.js";
import { useNames } from "./names.js";
import { ForkButton, hintOfTags, tagsOf } from "./new_scenario.js";
import { PlanButton } from "./plan.js";
import { ofKind, useResource } from "./resources.js";
import { linkTo, navigate } from "./router.js";
import { InputPanel, useScenarioInputs } from "./scenario_inputs.js";
import { Tags } from "./scenarios.js";
import { Selection, Sequences } from "./sequences.js";
import { can } from "./session.js";
import { SubmissionTable, submitEntity } from "./submissions.js";
import { UpgradeButton } from "./upgrade.js";
import { html, useEffect, useMemo, useState } from "./view.js";

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
    ${(data) => html`<${ScenarioView} scenario=${data.scenario} refresh=${scenario.refresh} />`}
  <//>`;
}

/** Read everything that the view of a scenario shows, and reload each part when it changes. */
function useParts(scenario) {
  const { id } = scenario;
  const tasks = useResource(`tasks of ${id}`, ofKind("TASK"), () =>
    requestAll(["tasks"], { scenario_id: id }),
  );
  const dataNodes = useResource(
    `data nodes of ${id}`,
    (change) => scenario.data_nodes.includes(change.entity_id),
    () => requestAll(["datanodes"], { scenario_id: id }),
  );
  const submissions = useResource(
    pathOf(["submissions"], { scenario_id: id, sort: "-creation_date", limit: SUBMISSIONS }),
    (change, data) =>
      change.entity_type === "SUBMISSION"
        ? change.change !== "UPDATED" || includesSubmission(data, change.entity_id)
        : change.entity_type === "JOB" && includesSubmission(data, change.submission_id),
  );
  const jobs = useResource(
    `newest jobs of ${id}`,
    (change) =>
      change.entity_type === "JOB" && includesSubmission(submissions.data, change.submission_id),
    () => requestAll(["jobs"], { newest_of: id }),
  );
  // The jobs of a new submission raise events before the list has that submission.
  const newest = submissions.data?.results[0]?.id;
  useEffect(() => jobs.refresh(), [newest]);
  const stale = useMemo(
    () => new Map(scenario.stale.map((node) => [node.data_node_id, node.because])),
    [scenario],
  );
  return { tasks, dataNodes, submissions, jobs, stale };
}

const includesSubmission = (data, id) =>
  (data?.results ?? []).some((submission) => submission.id === id);

function ScenarioView({ scenario, refresh }) {
  const parts = useParts(scenario);
  const inputs = useScenarioInputs(scenario);
  const [panel, setPanel] = useState("Inputs");
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
    setPanel("Details");
    if (kind !== "task") return;
    const next = new Set(selected);
    if (!next.delete(id)) next.add(id);
    setSelected(next);
  }

  return html`
    <${ScenarioHeading} scenario=${scenario} inputs=${inputs} />
    <${ErrorMessage} error=${parts.tasks.error ?? parts.dataNodes.error ?? parts.jobs.error} />
    <div class="scenario">
      <section class="card graph-card" aria-label="Graph">
        ${!ready && html`<p class="quiet loading">Loading…</p>`}
        ${ready && parts.tasks.data.length === 0 && html`<${Empty} title="No tasks." />`}
        ${ready &&
        parts.tasks.data.length > 0 &&
        html`<${ScenarioGraph}
          parts=${parts}
          sequences=${sequences}
          group=${group}
          selected=${selected}
          opened=${opened}
          choose=${choose}
        />`}
        ${can("edit") &&
        ready &&
        html`<${Selection}
          scenario=${scenario}
          tasks=${parts.tasks.data}
          selected=${selected}
          clear=${() => setSelected(new Set())}
          onCreated=${(sequence) => {
            setSelected(new Set());
            setShownSequence(sequence.id);
            refresh();
          }}
        />`}
      </section>
      <aside class="card details" aria-label="Inputs and details">
        <div class="tabs" role="group" aria-label="Show">
          ${["Inputs", "Details"].map(
            (name) => html`<button
              key=${name}
              type="button"
              aria-pressed=${name === panel}
              onClick=${() => setPanel(name)}
            >
              ${name}
            </button>`,
          )}
        </div>
        <div hidden=${panel !== "Inputs"}>
          <${InputPanel} scenario=${scenario} known=${inputs} />
        </div>
        <div aria-live="polite" hidden=${panel !== "Details"}>
          <${Details} opened=${opened} parts=${parts} />
        </div>
      </aside>
    </div>
    <${Sequences}
      sequences=${sequences}
      shown=${shown}
      show=${(sequence) => setShownSequence(sequence?.id ?? null)}
      onSubmitted=${parts.submissions.refresh}
    />
    <section>
      <div class="section-head"><h2>Submissions</h2></div>
      <${Loaded} resource=${parts.submissions}>
        ${(page) =>
          page.results.length === 0
            ? html`<${Empty} title="No submissions yet.">
                ${can("execute")
                  ? "Submit the scenario or one of its sequences to run its tasks."
                  : "A user with the role TAIPY_EXECUTOR can submit it."}
              <//>`
            : html`<${SubmissionTable} submissions=${page.results} />`}
      <//>
    </section>
  `;
}

function ScenarioHeading({ scenario, inputs }) {
  const [isEditing, setEditing] = useState(false);
  const cycle = useResource(
    scenario.cycle === null ? null : pathOf(["cycles", scenario.cycle]),
  );
  const reason = (what) => (scenario.reasons?.[what] ?? []).join("; ");
  const isChanged = inputs.drafts.changed.length > 0;
  const readBody = () => (isChanged ? { inputs: inputs.drafts.collect() } : {});
  async function submit() {
    try {
      await submitEntity("scenarios", scenario.id, readBody());
    } catch (error) {
      throw inputs.drafts.explain(error, ["inputs"]);
    }
    inputs.drafts.markSaved();
    inputs.present.refresh();
  }
  return html`
    <${Heading} title=${nameOf(scenario)} kind=${`Scenario of ${scenario.config_id}`}>
      ${can("execute") &&
      html`<${Action}
        label=${isChanged ? "Save inputs and submit" : "Submit"}
        kind="primary"
        title=${reason("submit")}
        run=${submit}
      />`}
      <${PlanButton} kind="scenarios" id=${scenario.id} readBody=${readBody} submit=${submit} />
      <${UpgradeButton} scenario=${scenario} />
      ${can("edit") &&
      html`<${ForkButton} scenario=${scenario} inputs=${inputs.inputs} />
        <button type="button" onClick=${() => setEditing(true)}>Edit</button>`}
      ${can("edit") &&
      scenario.is_promotable &&
      html`<${Action}
        label="Make primary"
        run=${() => request("POST", pathOf(["scenarios", "promote", scenario.id]))}
      />`}
      ${can("edit") && html`<${Delete} scenario=${scenario} reason=${reason("delete")} />`}
    <//>
    <div class="line">
      ${scenario.cycle !== null &&
      html`<a href=${linkTo(["scenarios"], { cycle: scenario.cycle })}
        >Cycle ${cycle.data?.cycle.name ?? labelOf(scenario.cycle)}</a
      >`}
      ${scenario.primary_scenario && html`<span class="mark">primary</span>`}
      <${Tags} tags=${scenario.tags} />
      <a class="quiet" href=${linkTo(["scenarios"], { version: scenario.version })}
        >Version ${scenario.version}</a
      >
      ${scenario.forked_from && html`<${ForkedFrom} scenario=${scenario} />`}
      ${!scenario.is_submittable &&
      html`<span class="hint">Jobs would wait: <${ServerText} text=${reason("submit")} /></span>`}
    </div>
    <${Outcomes} scenario=${scenario} />
    ${isEditing && html`<${EditDialog} scenario=${scenario} close=${() => setEditing(false)} />`}
  `;
}

function ForkedFrom({ scenario: { id, forked_from } }) {
  const name = useNames([forked_from]);
  return html`<span>
    Fork of <${EntityLink} id=${forked_from} text=${name(forked_from)} />${" "}
    (<a href=${linkTo(["compare"], { ids: `${forked_from},${id}` })}>compare with it</a>)
  </span>`;
}

/** The figures by which the scenario is judged, and whether they are of its present inputs. */
function Outcomes({ scenario }) {
  const outcomes = Object.entries(scenario.outcomes);
  const { stale } = scenario;
  if (outcomes.length === 0 && stale.length === 0) return null;
  return html`<section class="card outcomes" aria-label="Outcomes">
    ${outcomes.length > 0 &&
    html`<${Facts}
      facts=${outcomes.map(([name, outcome]) => [
        outcome.title ?? name,
        html`<${OutcomeValue} outcome=${outcome} withUnit=${true} />`,
      ])}
    />`}
    ${stale.length > 0 &&
    html`<details>
      <summary class="hint">
        ${plural(stale.length, "stale value")}, not of the present inputs or code. A submit makes
        ${stale.length === 1 ? " it" : " them"} anew.
      </summary>
      <ul>
        ${stale.map(
          ({ data_node_id, config_id, because }) => html`<li key=${data_node_id}>
            <${EntityLink} id=${data_node_id} text=${config_id} />: <${ServerText} text=${because} />
          </li>`,
        )}
      </ul>
    </details>`}
  </section>`;
}

function Delete({ scenario, reason }) {
  return html`<${Action}
    label="Delete"
    kind="danger"
    title=${reason}
    question="Deletes the scenario with its sequences, tasks, data nodes and submissions. This cannot be undone."
    run=${async () => {
      await request("DELETE", pathOf(["scenarios", scenario.id]));
      navigate(["scenarios"]);
    }}
  />`;
}

function EditDialog({ scenario, close }) {
  async function change({ name, tags }) {
    const json = { name: name.trim() === "" ? null : name.trim(), tags: tagsOf(tags) };
    await request("PATCH", pathOf(["scenarios", scenario.id]), { json });
    close();
  }
  return html`<${Dialog} title="Edit scenario" close=${close}>
    <${Form} label="Save" submit=${change} close=${close}>
      <${Field} label="Name">
        <input name="name" defaultValue=${scenario.name ?? ""} maxlength="256" autocomplete="off" />
      <//>
      <${Field} label="Tags" hint=${hintOfTags(scenario.authorized_tags)}>
        <input name="tags" defaultValue=${scenario.tags.join(", ")} autocomplete="off" />
      <//>
    <//>
    <${Facts} facts=${[["Identifier", html`<code>${scenario.id}</code>`]]} />
  <//>`;
}

function ScenarioGraph({ parts, sequences, group, selected, opened, choose }) {
  const appearances = useMemo(() => {
    const jobOf = new Map((parts.jobs.data ?? []).map((job) => [job.task_id, job]));
    const found = new Map();
    for (const task of parts.tasks.data) {
      const badges = sequences
        .filter((sequence) => sequence.tasks.includes(task.id))
        .map(({ number }) => number);
      found.set(task.id, describeTask(task, jobOf.get(task.id), badges));
    }
    for (const node of parts.dataNodes.data)
      found.set(node.id, describeDataNode(node, parts.stale.get(node.id)));
    return found;
  }, [parts.jobs.data, parts.tasks.data, parts.dataNodes.data, parts.stale, sequences]);
  return html`<${Graph}
    tasks=${parts.tasks.data}
    dataNodes=${parts.dataNodes.data}
    describe=${(id) => appearances.get(id)}
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
  if (node !== undefined)
    return html`<${DataNodeDetails} node=${node} because=${parts.stale.get(node.id)} />`;
  return html`<h2>Details</h2>
    <p class="quiet">
      Select a task or a data node in the graph.
      ${can("edit") && " Select several tasks to create a sequence."}
    </p>`;
}
