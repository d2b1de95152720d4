// The graph of a scenario: tasks and data nodes laid out along the flow, each with its state.

import { layOut } from "./layout.js";
import { Shape } from "./parts.js";
import { html, useEffect, useLayoutEffect, useMemo, useRef, useState } from "./view.js";

const SIZES = { task: { width: 176, height: 46 }, node: { width: 150, height: 34 } };
const SMALLEST = 0.3;
const READABLE = 0.8; // a scale at which names are read with ease
const FEW = 80; // tasks and data nodes that are quickly laid out twice
const HIGHEST = 0.72; // of the window, as far as names stay readable
const STEP = 1.25;

/**
 * @typedef {object} Placed
 * @property {string} id
 * @property {"task" | "node"} kind
 * @property {number} x of the middle
 * @property {number} y
 * @property {number} width
 * @property {number} height
 */

/** Lay out tasks and data nodes along what reads and writes what. */
function planOf(tasks, dataNodes, direction) {
  const boxes = [
    ...tasks.map(({ id }) => ({ id, kind: "task", ...SIZES.task })),
    ...dataNodes.map(({ id }) => ({ id, kind: "node", ...SIZES.node })),
  ];
  const ends = tasks.flatMap(({ id, input_ids, output_ids }) => [
    ...input_ids.map((input) => [input, id]),
    ...output_ids.map((output) => [id, output]),
  ]);
  const { boxes: places, ...rest } = layOut(boxes, ends, direction);
  return { ...rest, direction, placed: boxes.map((box) => ({ ...box, ...places.get(box.id) })) };
}

/** Draw a way as curves that leave and arrive along the flow. */
function pathThrough(points, direction) {
  const [first, ...rest] = points;
  let path = `M${first.x},${first.y}`;
  let here = first;
  for (const next of rest) {
    const [x, y] = [(here.x + next.x) / 2, (here.y + next.y) / 2];
    path +=
      direction === "LR"
        ? `C${x},${here.y} ${x},${next.y} ${next.x},${next.y}`
        : `C${here.x},${y} ${next.x},${y} ${next.x},${next.y}`;
    here = next;
  }
  return path;
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
    const found = planOf(tasks, dataNodes, "LR");
    performance.measure("graph layout", "layout-start");
    return found;
  }, [shape]);
  const isTooWide = width > 0 && width < READABLE * wide.width && wide.placed.length <= FEW;
  const tall = useMemo(
    () => (isTooWide ? planOf(tasks, dataNodes, "TB") : null),
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
  const inHeight = Math.max(READABLE, (HIGHEST * window.innerHeight) / plan.height);
  const fitting = Math.max(SMALLEST, Math.min(1, width / plan.width || 1, inHeight));
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
                  d=${pathThrough(points, plan.direction)}
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
