// The graph of a scenario: tasks and data nodes where dagre lays them, each with its state.

import dagre from "./vendor/dagre.js";
import { Shape } from "./parts.js";
import { html, useEffect, useLayoutEffect, useMemo, useRef, useState } from "./view.js";

const SIZES = { task: { width: 176, height: 46 }, node: { width: 150, height: 34 } };
const SMALLEST = 0.3;
const READABLE = 0.8; // a scale at which names are read with ease
const FEW = 80; // tasks and data nodes that are quickly laid out twice
const STEP = 1.25;
const MARGIN = 16;

/**
 * @typedef {object} Placed
 * @property {string} id
 * @property {"task" | "node"} kind
 * @property {number} x of the middle
 * @property {number} y
 */

/**
 * Lay out what tasks read and write, from left to right ("LR") or from top to bottom ("TB").
 * @returns {{placed: Placed[], edges: {from: string, to: string, points: {x: number, y: number}[]}[],
 *   width: number, height: number}}
 */
export function layOut(tasks, dataNodes, direction) {
  const graph = new dagre.graphlib.Graph();
  graph.setGraph({
    rankdir: direction,
    nodesep: 14,
    ranksep: direction === "LR" ? 38 : 26,
    marginx: MARGIN,
    marginy: MARGIN,
    // The best of its rankings takes three times as long for a picture that is hardly narrower.
    ranker: "tight-tree",
  });
  graph.setDefaultEdgeLabel(() => ({}));
  const kinds = new Map();
  for (const task of tasks) kinds.set(task.id, "task");
  for (const node of dataNodes) kinds.set(node.id, "node");
  for (const [id, kind] of kinds) graph.setNode(id, { ...SIZES[kind] });
  for (const task of tasks) {
    for (const id of task.input_ids) if (kinds.has(id)) graph.setEdge(id, task.id);
    for (const id of task.output_ids) if (kinds.has(id)) graph.setEdge(task.id, id);
  }
  dagre.layout(graph, { disableOptimalOrderHeuristic: true });
  const { width = 0, height = 0 } = graph.graph();
  return {
    placed: [...kinds].map(([id, kind]) => ({ id, kind, ...graph.node(id) })),
    edges: graph.edges().map(({ v, w }) => ({ from: v, to: w, points: graph.edge(v, w).points })),
    width: Math.max(width, 1),
    height: Math.max(height, 1),
  };
}

function pathThrough(points) {
  const [first, ...rest] = points;
  let path = `M${first.x},${first.y}`;
  for (let number = 0; number < rest.length - 1; number += 1) {
    const [here, next] = [rest[number], rest[number + 1]];
    path += `Q${here.x},${here.y} ${(here.x + next.x) / 2},${(here.y + next.y) / 2}`;
  }
  const last = rest.at(-1);
  return `${path}L${last.x},${last.y}`;
}

/** Return the node that lies next in a direction: arrow keys go there. */
function neighbour(placed, from, key) {
  const isAlong = key === "ArrowLeft" || key === "ArrowRight";
  const sign = key === "ArrowRight" || key === "ArrowDown" ? 1 : -1;
  let best = null;
  let least = Infinity;
  for (const other of placed) {
    const [along, across] = isAlong
      ? [sign * (other.x - from.x), Math.abs(other.y - from.y)]
      : [sign * (other.y - from.y), Math.abs(other.x - from.x)];
    if (along <= 1) continue;
    const distance = along + (isAlong ? across : 4 * across);
    if (distance < least) [best, least] = [other, distance];
  }
  return best;
}

/** The layout that is read with more ease in the width there is. */
function usePlan(tasks, dataNodes, width) {
  const shape = [...tasks, ...dataNodes].map(({ id }) => id).join(" ");
  const wide = useMemo(() => {
    performance.mark("layout-start");
    const found = layOut(tasks, dataNodes, "LR");
    performance.measure("graph layout", "layout-start");
    return found;
  }, [shape]);
  const isTooWide = width > 0 && width < READABLE * wide.width && wide.placed.length <= FEW;
  const tall = useMemo(
    () => (isTooWide ? layOut(tasks, dataNodes, "TB") : null),
    [shape, isTooWide],
  );
  return tall !== null && tall.width < wide.width ? tall : wide;
}

/** Tasks of a group, with the data nodes at their ends. */
function around(edges, group) {
  const found = new Set(group ?? []);
  for (const { from, to } of edges) {
    if (group?.has(from)) found.add(to);
    if (group?.has(to)) found.add(from);
  }
  return found;
}

/**
 * @param {object} props
 * @param {object[]} props.tasks
 * @param {object[]} props.dataNodes
 * @param {(id: string) => {title: string, state: string, words: string, marks?: string[]}} props.look
 * @param {Set<string>} props.selected tasks
 * @param {Set<string> | null} props.group tasks of the sequence that is shown
 * @param {string | null} props.opened
 * @param {(placed: Placed) => void} props.choose
 */
export function Graph({ tasks, dataNodes, look, selected, group, opened, choose }) {
  const frame = useRef(null);
  const [zoom, setZoom] = useState(null);
  const [width, setWidth] = useState(0);
  const plan = usePlan(tasks, dataNodes, width);
  const [reached, setReached] = useState(plan.placed[0]?.id);
  useLayoutEffect(() => setWidth(frame.current.clientWidth), []);
  useEffect(() => {
    const resized = new ResizeObserver(() => setWidth(frame.current?.clientWidth ?? 0));
    resized.observe(frame.current);
    return () => resized.disconnect();
  }, []);
  const fitting = Math.max(SMALLEST, Math.min(1, width / plan.width || 1));
  const scale = zoom ?? fitting;
  const inGroup = useMemo(() => around(plan.edges, group), [plan, group]);

  function step(event, from) {
    if (!event.key.startsWith("Arrow")) return;
    event.preventDefault();
    const next = neighbour(plan.placed, from, event.key);
    if (next === null) return;
    setReached(next.id);
    frame.current.querySelector(`[data-id="${CSS.escape(next.id)}"]`)?.focus();
  }

  return html`<div class="graph">
    <div class="graph-tools">
      <button type="button" aria-label="Smaller" onClick=${() => setZoom(Math.max(SMALLEST, scale / STEP))}>
        −
      </button>
      <button type="button" aria-label="Larger" onClick=${() => setZoom(Math.min(2, scale * STEP))}>
        +
      </button>
      <button type="button" onClick=${() => setZoom(null)}>Fit</button>
    </div>
    <div class="graph-frame" ref=${frame} role="group" aria-label="Graph of tasks and data nodes; arrow keys go from one to the next">
      <div
        class="graph-space"
        style=${{ width: `${plan.width * scale}px`, height: `${plan.height * scale}px` }}
      >
        <div
          class="graph-plane"
          style=${{
            width: `${plan.width}px`,
            height: `${plan.height}px`,
            transform: `scale(${scale})`,
          }}
        >
          <svg width=${plan.width} height=${plan.height} aria-hidden="true">
            <defs>
              <marker
                id="arrow"
                viewBox="0 0 8 8"
                refX="7"
                refY="4"
                markerWidth="7"
                markerHeight="7"
                markerUnits="userSpaceOnUse"
                orient="auto"
              >
                <path d="M0 1L7 4L0 7z" />
              </marker>
            </defs>
            ${plan.edges.map(
              ({ from, to, points }) =>
                html`<path
                  key=${`${from} ${to}`}
                  class=${group?.has(from) || group?.has(to) ? "edge in-group" : "edge"}
                  d=${pathThrough(points)}
                  marker-end="url(#arrow)"
                />`,
            )}
          </svg>
          ${plan.placed.map((one) => {
            const { title, state, words, marks = [] } = look(one.id);
            const isTask = one.kind === "task";
            return html`<button
              key=${one.id}
              type="button"
              class=${`graph-${one.kind}${inGroup.has(one.id) ? " in-group" : ""}`}
              data-id=${one.id}
              data-status=${state}
              tabindex=${one.id === reached ? 0 : -1}
              aria-pressed=${isTask ? selected.has(one.id) : one.id === opened}
              aria-label=${`${isTask ? "Task" : "Data node"} ${title}: ${words}`}
              title=${`${title}: ${words}`}
              style=${{
                left: `${one.x - one.width / 2}px`,
                top: `${one.y - one.height / 2}px`,
                width: `${one.width}px`,
                height: `${one.height}px`,
              }}
              onClick=${() => {
                setReached(one.id);
                choose(one);
              }}
              onFocus=${() => setReached(one.id)}
              onKeyDown=${(event) => step(event, one)}
            >
              <span class="graph-title">${title}</span>
              ${isTask
                ? html`<span class="graph-state"
                    ><${Shape} status=${state} />${words}${marks.map(
                      (mark) => html`<span class="graph-mark" key=${mark}>${mark}</span>`,
                    )}</span
                  >`
                : html`<span class="graph-dot" aria-hidden="true" />`}
            </button>`;
          })}
        </div>
      </div>
    </div>
  </div>`;
}
