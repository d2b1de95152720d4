// Layered layout of a graph: boxes in layers along the flow, ordered so that few edges cross.
//
// Each box goes one layer behind the last of its predecessors. An edge that spans several layers
// gets a bend in each layer between, which is ordered and placed like a box. All steps are sums and
// sorts over the layers, so that hundreds of boxes take milliseconds.

const SWEEPS = 8;
const LAYER_GAPS = { LR: 38, TB: 24 };
const BOX_GAP = 14;
const BEND = 10; // the space that a bend takes across the flow
const MARGIN = 16;

/**
 * @typedef {object} Box a box or a bend; along and across are the coordinates of its centre
 * @property {string} id
 * @property {number} length along the flow
 * @property {number} breadth across it
 * @property {number} layer
 * @property {Box[]} before neighbours in the previous layer
 * @property {Box[]} after neighbours in the next layer
 * @property {number} rank its position within the layer
 * @property {number} along
 * @property {number} across
 */

/**
 * Lay out an acyclic graph, from left to right ("LR") or from top to bottom ("TB").
 * @param {{id: string, width: number, height: number}[]} boxes
 * @param {[string, string][]} edges
 * @param {"LR" | "TB"} direction
 * @returns {{boxes: Map<string, {x: number, y: number}>,
 *   edges: {from: string, to: string, points: {x: number, y: number}[]}[],
 *   width: number, height: number}}
 */
export function layOut(boxes, edges, direction) {
  const isWide = direction === "LR";
  const all = new Map(boxes.map((box) => [box.id, boxOf(box, isWide)]));
  const known = edges.filter(([from, to]) => all.has(from) && all.has(to));
  assignLayers(all, known);
  const routes = known.map(([from, to]) => routeEdge(all.get(from), all.get(to)));
  const layers = layersOf(all, routes);
  orderLayers(layers);
  const size = assignCoordinates(layers, LAYER_GAPS[direction]);
  const point = ({ along, across }) =>
    isWide ? { x: along, y: across } : { x: across, y: along };
  const shift = (box, share) => point({ ...box, along: box.along + share * box.length });
  return {
    boxes: new Map([...all.values()].map((box) => [box.id, point(box)])),
    edges: routes.map((route) => ({
      from: route[0].id,
      to: route.at(-1).id,
      points: [
        shift(route[0], 0.5),
        ...route.slice(1, -1).flatMap((box) => [shift(box, -0.5), shift(box, 0.5)]),
        shift(route.at(-1), -0.5),
      ],
    })),
    width: isWide ? size.along : size.across,
    height: isWide ? size.across : size.along,
  };
}

function boxOf({ id, width, height }, isWide) {
  const [length, breadth] = isWide ? [width, height] : [height, width];
  return { id, length, breadth, layer: 0, before: [], after: [], rank: 0, along: 0, across: 0 };
}

/** Assign layers, as early as possible; a box without predecessors goes just before its successor. */
function assignLayers(all, edges) {
  const followers = new Map([...all.keys()].map((id) => [id, []]));
  const missing = new Map([...all.keys()].map((id) => [id, 0]));
  for (const [from, to] of edges) {
    followers.get(from).push(to);
    missing.set(to, missing.get(to) + 1);
  }
  const sources = [...all.keys()].filter((id) => missing.get(id) === 0);
  const ready = [...sources];
  for (const id of ready) {
    for (const next of followers.get(id)) {
      all.get(next).layer = Math.max(all.get(next).layer, all.get(id).layer + 1);
      missing.set(next, missing.get(next) - 1);
      if (missing.get(next) === 0) ready.push(next);
    }
  }
  for (const id of sources) {
    const next = followers.get(id).map((follower) => all.get(follower).layer);
    if (next.length > 0) all.get(id).layer = Math.max(0, Math.min(...next) - 1);
  }
}

/** Connect two boxes, with a bend in each layer between; return the boxes of the route in order. */
function routeEdge(from, to) {
  const route = [from];
  for (let layer = from.layer + 1; layer < to.layer; layer += 1) {
    route.push({ ...boxOf({ id: "", width: 0, height: BEND }, true), layer, isBend: true });
  }
  route.push(to);
  for (let number = 1; number < route.length; number += 1) {
    route[number - 1].after.push(route[number]);
    route[number].before.push(route[number - 1]);
  }
  return route;
}

function layersOf(all, routes) {
  const layers = [];
  const add = (box) => {
    layers[box.layer] ??= [];
    layers[box.layer].push(box);
  };
  [...all.values()].forEach(add);
  routes.flatMap((route) => route.slice(1, -1)).forEach(add);
  for (const layer of layers) assignRanks(layer);
  return layers;
}

function assignRanks(layer) {
  layer.forEach((box, rank) => {
    box.rank = rank;
  });
}

const mean = (boxes, value) => boxes.reduce((sum, box) => sum + box[value], 0) / boxes.length;

/** Sort layers by the means of neighbours, forward and back; keep the order that crosses least. */
function orderLayers(layers) {
  let best = null;
  let least = Infinity;
  for (let sweep = 0; sweep <= SWEEPS; sweep += 1) {
    const crossings = layers.reduce((sum, layer) => sum + countCrossings(layer), 0);
    if (crossings < least) [best, least] = [layers.map((layer) => [...layer]), crossings];
    if (least === 0 || sweep === SWEEPS) break;
    const isForward = sweep % 2 === 0;
    for (const layer of isForward ? layers : [...layers].reverse()) {
      const targets = new Map(
        layer.map((box) => {
          const others = isForward ? box.before : box.after;
          return [box, others.length > 0 ? mean(others, "rank") : box.rank];
        }),
      );
      layer.sort((one, other) => targets.get(one) - targets.get(other));
      assignRanks(layer);
    }
  }
  best.forEach((layer, index) => {
    layers[index] = layer;
    assignRanks(layer);
  });
}

/** Count the crossings of edges into a layer, with a Fenwick tree over the previous layer. */
function countCrossings(layer) {
  const ends = layer.flatMap((box) =>
    box.before.map(({ rank }) => rank).sort((one, other) => one - other),
  );
  const sums = new Array(Math.max(0, ...ends) + 2).fill(0);
  let count = 0;
  ends.forEach((end, seen) => {
    let lower = 0;
    for (let index = end + 1; index > 0; index -= index & -index) lower += sums[index];
    count += seen - lower;
    for (let index = end + 1; index < sums.length; index += index & -index) sums[index] += 1;
  });
  return count;
}

/** Assign coordinates: each box as close to its neighbours as the order allows. */
function assignCoordinates(layers, gap) {
  let along = MARGIN;
  for (const layer of layers) {
    const length = Math.max(...layer.map((box) => box.length));
    let across = 0;
    for (const box of layer) {
      box.along = along + length / 2;
      if (box.isBend) box.length = length;
      box.across = across + box.breadth / 2;
      across += box.breadth + BOX_GAP;
    }
    along += length + gap;
  }
  for (let sweep = 0; sweep < SWEEPS; sweep += 1) {
    const isForward = sweep % 2 === 0;
    for (const layer of isForward ? layers : [...layers].reverse()) {
      resolveOverlaps(layer, (box) => {
        const others = isForward ? box.before : box.after;
        return others.length > 0 ? mean(others, "across") : box.across;
      });
    }
  }
  const boxes = layers.flat();
  const top = Math.min(...boxes.map((box) => box.across - box.breadth / 2));
  for (const box of boxes) box.across += MARGIN - top;
  const bottom = Math.max(...boxes.map((box) => box.across + box.breadth / 2));
  return { along: along - gap + MARGIN, across: bottom + MARGIN };
}

/**
 * Move the boxes of a layer as close as possible to their targets, in order and without overlaps:
 * boxes that would overlap form a block, which is placed at the mean of their targets.
 */
function resolveOverlaps(layer, targetOf) {
  const blocks = [];
  let offset = 0;
  for (const [index, box] of layer.entries()) {
    if (index > 0) offset += (layer[index - 1].breadth + box.breadth) / 2 + BOX_GAP;
    let block = { sum: targetOf(box) - offset, boxes: [[box, offset]] };
    while (blocks.length > 0 && positionOf(blocks.at(-1)) > positionOf(block)) {
      const earlier = blocks.pop();
      block = { sum: earlier.sum + block.sum, boxes: [...earlier.boxes, ...block.boxes] };
    }
    blocks.push(block);
  }
  for (const block of blocks) {
    for (const [box, boxOffset] of block.boxes) box.across = positionOf(block) + boxOffset;
  }
}

const positionOf = (block) => block.sum / block.boxes.length;
