// What the server has, read for a view and read again when it changes.

import { ask } from "./api.js";
import { listen } from "./live.js";
import { useEffect, useRef, useState } from "./view.js";

const PAUSE = 80; // milliseconds between two reads of the same thing, at least
const SHARE = 3; // how many times as long as a read took is waited until the next one

/**
 * Read a path, and read it again when something changes that concerns it.
 * @template T
 * @param {string | null} path null for nothing yet
 * @param {(change: import("./live.js").Change, data: T) => boolean} [concerns]
 * @param {(path: string) => Promise<T>} [read]
 * @returns {{data: T | undefined, refusal: import("./api.js").Refusal | null, refresh: () => void}}
 */
export function useResource(path, concerns = () => false, read = (wanted) => ask("GET", wanted)) {
  const [known, setKnown] = useState({ path, data: undefined, refusal: null });
  const latest = useRef(null);
  const reader = useRef(null);
  latest.current = { path, concerns, read, data: known.path === path ? known.data : undefined };
  reader.current ??= makeReader(latest, setKnown);

  useEffect(() => reader.current.start(), []);
  useEffect(() => reader.current.refresh(), [path]);
  useEffect(
    () =>
      listen((changes) => {
        const { concerns: isOne, data } = latest.current;
        if (changes === null || changes.some((change) => isOne(change, data))) {
          reader.current.refresh();
        }
      }),
    [],
  );
  const isCurrent = known.path === path;
  return {
    data: isCurrent ? known.data : undefined,
    refusal: isCurrent ? known.refusal : null,
    refresh: reader.current.refresh,
  };
}

function makeReader(latest, setKnown) {
  let isOn = false;
  let isReading = false;
  let isWanted = false;
  let timer = null;

  async function readOnce() {
    timer = null;
    const { path, read } = latest.current;
    if (path === null || !isOn) return;
    isReading = true;
    isWanted = false;
    const start = performance.now();
    let next;
    try {
      next = { path, data: await read(path), refusal: null };
    } catch (refusal) {
      next = { path, data: undefined, refusal };
    }
    isReading = false;
    if (!isOn) return;
    if (latest.current.path !== path) {
      refresh();
      return;
    }
    // What was shown stays while the server cannot be reached.
    setKnown((known) =>
      next.refusal?.status === 0 && known.path === path ? { ...next, data: known.data } : next,
    );
    if (isWanted) {
      timer = setTimeout(readOnce, Math.max(PAUSE, SHARE * (performance.now() - start)));
    }
  }

  function refresh() {
    if (isReading || timer !== null) isWanted = true;
    else readOnce();
  }

  function start() {
    isOn = true;
    return () => {
      isOn = false;
      clearTimeout(timer);
      timer = null;
    };
  }
  return { start, refresh };
}

/** Whether a change is one of a kind of entity. */
export const ofKind = (...kinds) => (change) => kinds.includes(change.entity_type);
