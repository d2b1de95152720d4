// Where the boxes of a graph stand: in layers along the flow, in an order with few crossings.
//
// Each box comes one layer after the last one that leads to it. An edge over several layers gets a
// bend in each of those between, which is ordered and placed like a box. Everything is done with
// sums and sorts over the layers, so that hundreds of boxes take milliseconds.

const SWEEPS = 8;
const LAYER_GAPS = { LR: 38, TB: 24 };
const BOX_GAP = 14;
const BEND = 10; // the room that a bend takes across the flow
const MARGIN = 16;

/**
 * @typedef {object} Box a box or a bend; along and across say where its middle is
 * @property {string} id
 * @property {number} length along the flow
 * @property {number} breadth across it
 * @property {number} layer
 * @property {Box[]} before what leads here from the layer before
 * @property {Box[]} after
 * @property {number} place its number within the layer
 * @property {number} along
 * @property {number} across
 */

/**
 * Lay out a graph without cycles, from left to right ("LR") or from top to bottom ("TB").
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
  rank(all, known);
  const ways = known.map(([from, to]) => bend(all.get(from), all.get(to)));
  const layers = layersOf(all, ways);
  order(layers);
  const size = place(layers, LAYER_GAPS[direction]);
  const point = ({ along, across }) =>
    isWide ? { x: along, y: across } : { x: across, y: along };
  const shift = (box, share) => point({ ...box, along: box.along + share * box.length });
  return {
    boxes: new Map([...all.values()].map((box) => [box.id, point(box)])),
    edges: ways.map((way) => ({
      from: way[0].id,
      to: way.at(-1).id,
      points: [
        shift(way[0], 0.5),
        ...way.slice(1, -1).flatMap((box) => [shift(box, -0.5), shift(box, 0.5)]),
        shift(way.at(-1), -0.5),
      ],
    })),
    width: isWide ? size.along : size.across,
    height: isWide ? size.across : size.along,
  };
}

function boxOf({ id, width, height }, isWide) {
  const [length, breadth] = isWide ? [width, height] : [height, width];
  return { id, length, breadth, layer: 0, before: [], after: [], place: 0, along: 0, across: 0 };
}

/** Give each box its layer: as early as can be; what nothing leads to, just before what needs it. */
function rank(all, edges) {
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

/** Lead from one box to another, with a bend in each layer between; return all of them in order. */
function bend(from, to) {
  const way = [from];
  for (let layer = from.layer + 1; layer < to.layer; layer += 1) {
    way.push({ ...boxOf({ id: "", width: 0, height: BEND }, true), layer, isBend: true });
  }
  way.push(to);
  for (let number = 1; number < way.length; number += 1) {
    way[number - 1].after.push(way[number]);
    way[number].before.push(way[number - 1]);
  }
  return way;
}

function layersOf(all, ways) {
  const layers = [];
  const add = (box) => {
    layers[box.layer] ??= [];
    layers[box.layer].push(box);
  };
  [...all.values()].forEach(add);
  ways.flatMap((way) => way.slice(1, -1)).forEach(add);
  for (const layer of layers) number(layer);
  return layers;
}

function number(layer) {
  layer.forEach((box, place) => {
    box.place = place;
  });
}

const mean = (boxes, value) => boxes.reduce((sum, box) => sum + box[value], 0) / boxes.length;

/** Sort layers by the means of neighbours, forth and back; keep the order that crosses least. */
function order(layers) {
  let best = null;
  let least = Infinity;
  for (let sweep = 0; sweep <= SWEEPS; sweep += 1) {
    const crossed = layers.reduce((sum, layer) => sum + crossings(layer), 0);
    if (crossed < least) [best, least] = [layers.map((layer) => [...layer]), crossed];
    if (least === 0 || sweep === SWEEPS) break;
    const isForth = sweep % 2 === 0;
    for (const layer of isForth ? layers : [...layers].reverse()) {
      const wish = new Map(
        layer.map((box) => {
          const others = isForth ? box.before : box.after;
          return [box, others.length > 0 ? mean(others, "place") : box.place];
        }),
      );
      layer.sort((one, other) => wish.get(one) - wish.get(other));
      number(layer);
    }
  }
  best.forEach((layer, index) => {
    layers[index] = layer;
    number(layer);
  });
}

/** Count the pairs of edges into a layer that cross, by a tree of sums over the layer before. */
function crossings(layer) {
  const ends = layer.flatMap((box) =>
    box.before.map(({ place }) => place).sort((one, other) => one - other),
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

/** Say where each box stands: beside its neighbours as far as the order leaves room. */
function place(layers, gap) {
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
    const isForth = sweep % 2 === 0;
    for (const layer of isForth ? layers : [...layers].reverse()) {
      settle(layer, (box) => {
        const others = isForth ? box.before : box.after;
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
 * Move the boxes of a layer as near to where they wish to be as can be, in their order and without
 * overlaps: boxes that push one another make a block, which stands at the mean of its wishes.
 */
function settle(layer, wishOf) {
  const blocks = [];
  let offset = 0;
  for (const [index, box] of layer.entries()) {
    if (index > 0) offset += (layer[index - 1].breadth + box.breadth) / 2 + BOX_GAP;
    let block = { sum: wishOf(box) - offset, boxes: [[box, offset]] };
    while (blocks.length > 0 && at(blocks.at(-1)) > at(block)) {
      const earlier = blocks.pop();
      block = { sum: earlier.sum + block.sum, boxes: [...earlier.boxes, ...block.boxes] };
    }
    blocks.push(block);
  }
  for (const block of blocks) {
    for (const [box, behind] of block.boxes) box.across = at(block) + behind;
  }
}

const at = (block) => block.sum / block.boxes.length;
