// The graph of a scenario: its tasks and data nodes in the order of the flow, each with its state.

import { StatusIcon } from "./components.js";
import { layOut } from "./layout.js";
import { html, useEffect, useLayoutEffect, useMemo, useRef, useState } from "./view.js";

const SIZES = { task: { width: 176, height: 46 }, node: { width: 150, height: 34 } };
const MIN_SCALE = 0.3;
const READABLE_SCALE = 0.8; // scale down to which names are easy to read
const FEW_BOXES = 80; // tasks and data nodes: up to this many, a second layout is cheap
const MAX_HEIGHT = 0.72; // share of the window height, as far as names stay readable
const ZOOM_STEP = 1.25;

/**
 * @typedef {object} Placed
 * @property {string} id
 * @property {"task" | "node"} kind
 * @property {number} x of the centre
 * @property {number} y
 * @property {number} width
 * @property {number} height
 */

/** Lay out tasks and data nodes, with an edge for each input and output. */
function computeLayout(tasks, dataNodes, direction) {
  const boxes = [
    ...tasks.map(({ id }) => ({ id, kind: "task", ...SIZES.task })),
    ...dataNodes.map(({ id }) => ({ id, kind: "node", ...SIZES.node })),
  ];
  const ends = tasks.flatMap(({ id, input_ids, output_ids }) => [
    ...input_ids.map((input) => [input, id]),
    ...output_ids.map((output) => [id, output]),
  ]);
  const { boxes: positions, ...rest } = layOut(boxes, ends, direction);
  return { ...rest, direction, placed: boxes.map((box) => ({ ...box, ...positions.get(box.id) })) };
}

/** Return the path of an edge: curves that leave and arrive along the flow. */
function edgePath(points, direction) {
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

/** Return the nearest box in the direction of an arrow key. */
function findNeighbour(placed, from, key) {
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

/** Return the layout that fits the width better: left to right, or top to bottom. */
function useLayout(tasks, dataNodes, width) {
  const shape = [...tasks, ...dataNodes].map(({ id }) => id).join(" ");
  const wide = useMemo(() => {
    performance.mark("layout-start");
    const found = computeLayout(tasks, dataNodes, "LR");
    performance.measure("graph layout", "layout-start");
    return found;
  }, [shape]);
  const isTooWide =
    width > 0 && width < READABLE_SCALE * wide.width && wide.placed.length <= FEW_BOXES;
  const tall = useMemo(
    () => (isTooWide ? computeLayout(tasks, dataNodes, "TB") : null),
    [shape, isTooWide],
  );
  return tall !== null && tall.width < wide.width ? tall : wide;
}

/** Return the tasks of a group with their data nodes. */
function withDataNodes(edges, group) {
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
 * @param {(id: string) => {title: string, state: string, label: string, badges?: string[],
 *   isStale?: boolean}} props.describe
 * @param {Set<string>} props.selected tasks
 * @param {Set<string> | null} props.group tasks of the sequence that is shown
 * @param {string | null} props.opened
 * @param {(placed: Placed) => void} props.choose
 */
export function Graph({ tasks, dataNodes, describe, selected, group, opened, choose }) {
  const frame = useRef(null);
  const [zoom, setZoom] = useState(null);
  const [width, setWidth] = useState(0);
  const layout = useLayout(tasks, dataNodes, width);
  const [focused, setFocused] = useState(layout.placed[0]?.id);
  useLayoutEffect(() => setWidth(frame.current.clientWidth), []);
  useEffect(() => {
    const resizeObserver = new ResizeObserver(() => setWidth(frame.current?.clientWidth ?? 0));
    resizeObserver.observe(frame.current);
    return () => resizeObserver.disconnect();
  }, []);
  const heightScale = Math.max(READABLE_SCALE, (MAX_HEIGHT * window.innerHeight) / layout.height);
  const fitScale = Math.max(MIN_SCALE, Math.min(1, width / layout.width || 1, heightScale));
  const scale = zoom ?? fitScale;
  const inGroup = useMemo(() => withDataNodes(layout.edges, group), [layout, group]);

  function moveFocus(event, from) {
    if (!event.key.startsWith("Arrow")) return;
    event.preventDefault();
    const next = findNeighbour(layout.placed, from, event.key);
    if (next === null) return;
    setFocused(next.id);
    frame.current.querySelector(`[data-id="${CSS.escape(next.id)}"]`)?.focus();
  }

  return html`<div class="graph">
    <div class="graph-tools">
      <button
        type="button"
        aria-label="Zoom out"
        onClick=${() => setZoom(Math.max(MIN_SCALE, scale / ZOOM_STEP))}
      >
        −
      </button>
      <button
        type="button"
        aria-label="Zoom in"
        onClick=${() => setZoom(Math.min(2, scale * ZOOM_STEP))}
      >
        +
      </button>
      <button type="button" onClick=${() => setZoom(null)}>Fit</button>
    </div>
    <div
      class="graph-frame"
      ref=${frame}
      role="group"
      aria-label="Graph of tasks and data nodes. Arrow keys move between them."
    >
      <div
        class="graph-space"
        style=${{ width: `${layout.width * scale}px`, height: `${layout.height * scale}px` }}
      >
        <div
          class="graph-plane"
          style=${{
            width: `${layout.width}px`,
            height: `${layout.height}px`,
            transform: `scale(${scale})`,
          }}
        >
          <svg width=${layout.width} height=${layout.height} aria-hidden="true">
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
            ${layout.edges.map(
              ({ from, to, points }) =>
                html`<path
                  key=${`${from} ${to}`}
                  class=${group?.has(from) || group?.has(to) ? "edge in-group" : "edge"}
                  d=${edgePath(points, layout.direction)}
                  marker-end="url(#arrow)"
                />`,
            )}
          </svg>
          ${layout.placed.map((one) => {
            const { title, state, label, badges = [], isStale = false } = describe(one.id);
            const isTask = one.kind === "task";
            return html`<button
              key=${one.id}
              type="button"
              class=${`graph-${one.kind}${inGroup.has(one.id) ? " in-group" : ""}${isStale ? " is-stale" : ""}`}
              data-id=${one.id}
              data-status=${state}
              tabindex=${one.id === focused ? 0 : -1}
              aria-pressed=${isTask ? selected.has(one.id) : one.id === opened}
              aria-label=${`${isTask ? "Task" : "Data node"} ${title}: ${label}`}
              title=${`${title}: ${label}`}
              style=${{
                left: `${one.x - one.width / 2}px`,
                top: `${one.y - one.height / 2}px`,
                width: `${one.width}px`,
                height: `${one.height}px`,
              }}
              onClick=${() => {
                setFocused(one.id);
                choose(one);
              }}
              onFocus=${() => setFocused(one.id)}
              onKeyDown=${(event) => moveFocus(event, one)}
            >
              <span class="graph-title">${title}</span>
              ${isTask
                ? html`<span class="graph-state"
                    ><${StatusIcon} status=${state} />${label}${badges.map(
                      (badge) => html`<span class="graph-mark" key=${badge}>${badge}</span>`,
                    )}</span
                  >`
                : html`<span class="graph-dot" aria-hidden="true" />
                    ${isStale && html`<span class="graph-mark">stale</span>`}`}
            </button>`;
          })}
        </div>
      </div>
    </div>
  </div>`;
}
