// Sequences of a scenario: created from selected tasks, highlighted in the graph, submitted.

import { pathOf, request } from "./api.js";
import { Action, Dialog, Empty, Field, Form } from "./components.js";
import { plural } from "./format.js";
import { PlanButton } from "./plan.js";
import { can } from "./session.js";
import { submitEntity } from "./submissions.js";
import { html, useState } from "./view.js";

/** The tasks selected in the graph, with a form that creates a sequence of them. */
export function Selection({ scenario, tasks, selected, clear, onCreated }) {
  if (selected.size === 0) return null;
  // In the order of the scenario, not in the order of selection.
  const chosen = tasks.filter(({ id }) => selected.has(id));
  async function create({ name }) {
    const json = {
      scenario_id: scenario.id,
      sequence_name: name.trim(),
      tasks: chosen.map(({ id }) => id),
    };
    const answer = await request("POST", pathOf(["sequences"]), { json });
    onCreated(answer.sequence);
  }
  return html`<div class="selection" role="region" aria-label="Selected tasks">
    <p>
      <strong>${plural(chosen.length, "task")} selected:</strong> ${chosen
        .map(({ config_id }) => config_id)
        .join(", ")}
    </p>
    <${Form} label="Create sequence" submit=${create} close=${null}>
      <${Field} label="Sequence name">
        <input name="name" maxlength="128" required autocomplete="off" />
      <//>
    <//>
    <button type="button" onClick=${clear}>Clear selection</button>
  </div>`;
}

export function Sequences({ sequences, shown, show, onSubmitted }) {
  return html`<section>
    <div class="section-head"><h2>Sequences</h2></div>
    ${sequences.length === 0
      ? html`<${Empty} title="No sequences.">
          ${can("edit")
            ? "Select tasks in the graph to create one."
            : "A sequence is a group of tasks that are submitted together."}
        <//>`
      : html`<ul class="sequences">
          ${sequences.map(
            (sequence) => html`<li key=${sequence.id} class="card">
              <${Sequence}
                sequence=${sequence}
                isShown=${shown?.id === sequence.id}
                show=${show}
                onSubmitted=${onSubmitted}
              />
            </li>`,
          )}
        </ul>`}
  </section>`;
}

function Sequence({ sequence, isShown, show, onSubmitted }) {
  const [isRenaming, setRenaming] = useState(false);
  return html`
    <button
      type="button"
      class="plain sequence-name"
      aria-pressed=${isShown}
      title="Show its tasks in the graph"
      onClick=${() => show(isShown ? null : sequence)}
    >
      <span class="graph-mark">${sequence.number}</span>
      <strong>${sequence.name}</strong>
      <span class="quiet">${plural(sequence.tasks.length, "task")}</span>
    </button>
    <div class="actions">
      ${can("execute") &&
      html`<${Action}
        label="Submit"
        run=${async () => {
          await submitEntity("sequences", sequence.id);
          onSubmitted();
        }}
      />`}
      <${PlanButton} kind="sequences" id=${sequence.id} onSubmitted=${onSubmitted} />
      ${can("edit") &&
      html`<button type="button" onClick=${() => setRenaming(true)}>Rename</button>
        <${Action}
          label="Delete"
          kind="danger"
          question=${`Deletes the sequence ${sequence.name}. Its tasks and submissions are kept.`}
          run=${() => request("DELETE", pathOf(["sequences", sequence.id]))}
        />`}
    </div>
    ${isRenaming && html`<${Rename} sequence=${sequence} close=${() => setRenaming(false)} />`}
  `;
}

function Rename({ sequence, close }) {
  async function rename({ name }) {
    await request("PATCH", pathOf(["sequences", sequence.id]), { json: { name: name.trim() } });
    close();
  }
  return html`<${Dialog} title="Rename sequence" close=${close}>
    <${Form} label="Rename" submit=${rename} close=${close}>
      <${Field} label="Name">
        <input name="name" defaultValue=${sequence.name} maxlength="128" required autocomplete="off" />
      <//>
    <//>
  <//>`;
}
