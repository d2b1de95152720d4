// Sequences of a scenario: made of the tasks that are selected, shown as groups, submitted.

import { ask, pathOf } from "./api.js";
import { Action, Dialog, Empty, Field, Form } from "./parts.js";
import { may } from "./session.js";
import { submitTo } from "./submissions.js";
import { html, useState } from "./view.js";
import { plural } from "./words.js";

/** What can be done with the tasks that are selected on the graph. */
export function Selection({ scenario, tasks, selected, clear, made }) {
  if (selected.size === 0) return null;
  // In the order in which the scenario has them, whatever was chosen first.
  const chosen = tasks.filter(({ id }) => selected.has(id));
  async function make({ name }) {
    const json = {
      scenario_id: scenario.id,
      sequence_name: name.trim(),
      tasks: chosen.map(({ id }) => id),
    };
    const answer = await ask("POST", pathOf(["sequences"]), { json });
    made(answer.sequence);
  }
  return html`<div class="selection" role="region" aria-label="Selected tasks">
    <p>
      <strong>${plural(chosen.length, "task")} selected:</strong> ${chosen
        .map(({ config_id }) => config_id)
        .join(", ")}
    </p>
    <${Form} label="Make a sequence" submit=${make} close=${null}>
      <${Field} label="Name of the sequence">
        <input name="name" maxlength="128" required autocomplete="off" />
      <//>
    <//>
    <button type="button" onClick=${clear}>Clear the selection</button>
  </div>`;
}

export function Sequences({ sequences, shown, show, submitted }) {
  return html`<section>
    <div class="section-head"><h2>Sequences</h2></div>
    ${sequences.length === 0
      ? html`<${Empty} title="It has no sequences.">
          ${may("edit")
            ? "Choose tasks in the graph to make one."
            : "A sequence is a part of the tasks that is submitted together."}
        <//>`
      : html`<ul class="sequences">
          ${sequences.map(
            (sequence) => html`<li key=${sequence.id} class="card">
              <${Sequence}
                sequence=${sequence}
                isShown=${shown?.id === sequence.id}
                show=${show}
                submitted=${submitted}
              />
            </li>`,
          )}
        </ul>`}
  </section>`;
}

function Sequence({ sequence, isShown, show, submitted }) {
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
      ${may("execute") &&
      html`<${Action}
        label="Submit"
        run=${async () => {
          await submitTo("sequences", sequence.id);
          submitted();
        }}
      />`}
      ${may("edit") &&
      html`<button type="button" onClick=${() => setRenaming(true)}>Rename</button>
        <${Action}
          label="Delete"
          kind="danger"
          question=${`The sequence ${sequence.name} is deleted; its tasks and what it has submitted stay.`}
          run=${() => ask("DELETE", pathOf(["sequences", sequence.id]))}
        />`}
    </div>
    ${isRenaming && html`<${Rename} sequence=${sequence} close=${() => setRenaming(false)} />`}
  `;
}

function Rename({ sequence, close }) {
  async function rename({ name }) {
    await ask("PATCH", pathOf(["sequences", sequence.id]), { json: { name: name.trim() } });
    close();
  }
  return html`<${Dialog} title="Rename the sequence" close=${close}>
    <${Form} label="Rename" submit=${rename} close=${close}>
      <${Field} label="Name">
        <input name="name" defaultValue=${sequence.name} maxlength="128" required autocomplete="off" />
      <//>
    <//>
  <//>`;
}
