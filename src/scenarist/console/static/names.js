// Display names: scenarios by their name, and their sequences and tasks with it.

import { pathOf, request } from "./api.js";
import { labelOf, nameOf, shortId } from "./format.js";
import { ofKind, useResource } from "./resources.js";

const BATCH_SIZE = 40; // identifiers per request, to keep its address short

/** Return whether an entity has a name, or belongs to one that has. */
export const hasName = (id) => /^(?:SCENARIO|SEQUENCE|TASK|CYCLE)_/.test(id);

/** Return a name made of the identifier alone, until the entity is loaded. */
const fallbackName = (id) =>
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
  return (id) => found.data?.get(id) ?? fallbackName(id);
}

/** Return type and name of a submitted entity, such as "sequence half of cold winter". */
export const describeSubmitted = (id, name) => `${id.split("_", 1)[0].toLowerCase()} ${name(id)}`;

async function readNames(ids) {
  const of = (prefix) => ids.filter((id) => id.startsWith(prefix));
  const [sequences, tasks, cycles] = await Promise.all([
    fetchByIds("sequences", of("SEQUENCE_")),
    fetchByIds("tasks", of("TASK_")),
    fetchByIds("cycles", of("CYCLE_")),
  ]);
  const parts = [...sequences, ...tasks];
  const owners = parts.map(({ owner_id }) => owner_id ?? "").filter((id) => /^SCENARIO_/.test(id));
  const scenarios = await fetchByIds("scenarios", [...new Set([...of("SCENARIO_"), ...owners])]);
  const names = new Map();
  for (const scenario of scenarios) names.set(scenario.id, nameOf(scenario));
  for (const cycle of cycles) names.set(cycle.id, cycle.name);
  for (const { id, name, config_id, owner_id } of parts) {
    const own = name ?? config_id;
    names.set(id, names.has(owner_id) ? `${own} of ${names.get(owner_id)}` : own);
  }
  return names;
}

async function fetchByIds(kind, ids) {
  const pages = [];
  for (let first = 0; first < ids.length; first += BATCH_SIZE) {
    pages.push(request("GET", pathOf([kind], { id: ids.slice(first, first + BATCH_SIZE) })));
  }
  return (await Promise.all(pages)).flatMap(({ results }) => results);
}
