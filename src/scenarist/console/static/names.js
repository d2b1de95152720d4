// What entities are called: scenarios by their names, and what belongs to one with its name.

import { ask, pathOf } from "./api.js";
import { ofKind, useResource } from "./resources.js";
import { labelOf, nameOf, shortId } from "./words.js";

const AT_A_TIME = 40; // identifiers, which make the address of a request long

/** Whether an entity is of a kind that has a name, or belongs to one that has. */
export const hasName = (id) => /^(?:SCENARIO|SEQUENCE|TASK|CYCLE)_/.test(id);

/** Return how an entity is called as long as nothing is known but its identifier. */
const guessed = (id) =>
  id.startsWith("SCENARIO_") ? `${labelOf(id)} ${shortId(id)}` : labelOf(id);

/**
 * Return a function from the identifiers of scenarios, sequences, tasks and cycles to their names.
 * @param {(string | null | undefined)[]} ids
 */
export function useNames(ids) {
  const wanted = [...new Set(ids.filter(Boolean))].sort();
  const found = useResource(
    wanted.length === 0 ? null : `names of ${wanted.join(" ")}`,
    ofKind("SCENARIO", "SEQUENCE"),
    () => readNames(wanted),
  );
  return (id) => found.data?.get(id) ?? guessed(id);
}

/** Say of what kind an entity that was submitted is, and how it is called. */
export const submittedAs = (id, name) => `${id.split("_", 1)[0].toLowerCase()} ${name(id)}`;

async function readNames(ids) {
  const of = (prefix) => ids.filter((id) => id.startsWith(prefix));
  const [sequences, tasks, cycles] = await Promise.all([
    listed("sequences", of("SEQUENCE_")),
    listed("tasks", of("TASK_")),
    listed("cycles", of("CYCLE_")),
  ]);
  const parts = [...sequences, ...tasks];
  const owners = parts.map(({ owner_id }) => owner_id ?? "").filter((id) => /^SCENARIO_/.test(id));
  const scenarios = await listed("scenarios", [...new Set([...of("SCENARIO_"), ...owners])]);
  const names = new Map();
  for (const scenario of scenarios) names.set(scenario.id, nameOf(scenario));
  for (const cycle of cycles) names.set(cycle.id, cycle.name);
  for (const { id, name, config_id, owner_id } of parts) {
    const own = name ?? config_id;
    names.set(id, names.has(owner_id) ? `${own} of ${names.get(owner_id)}` : own);
  }
  return names;
}

async function listed(kind, ids) {
  const pages = [];
  for (let first = 0; first < ids.length; first += AT_A_TIME) {
    pages.push(ask("GET", pathOf([kind], { id: ids.slice(first, first + AT_A_TIME) })));
  }
  return (await Promise.all(pages)).flatMap(({ results }) => results);
}
