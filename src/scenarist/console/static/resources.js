// Data of the server that a view shows, reloaded when it changes.

import { request } from "./api.js";
import { listen } from "./live.js";
import { useEffect, useRef, useState } from "./view.js";

const MIN_INTERVAL = 80; // milliseconds between two reads of one resource
const INTERVAL_FACTOR = 3; // the next read waits this many times as long as the last one took

/**
 * Read a path, and read it again after each change that concerns it.
 * @template T
 * @param {string | null} path null to read nothing
 * @param {(change: import("./live.js").Change, data: T) => boolean} [isRelevant]
 * @param {(path: string) => Promise<T>} [read]
 * @returns {{data: T | undefined, error: import("./api.js").ApiError | null, refresh: () => void}}
 */
export function useResource(
  path,
  isRelevant = () => false,
  read = (wanted) => request("GET", wanted),
) {
  const [known, setKnown] = useState({ path, data: undefined, error: null });
  const latest = useRef(null);
  const reader = useRef(null);
  latest.current = { path, isRelevant, read, data: known.path === path ? known.data : undefined };
  reader.current ??= createReader(latest, setKnown);

  useEffect(() => reader.current.start(), []);
  useEffect(() => reader.current.refresh(), [path]);
  useEffect(
    () =>
      listen((changes) => {
        const { isRelevant: isAffected, data } = latest.current;
        if (changes === null || changes.some((change) => isAffected(change, data))) {
          reader.current.refresh();
        }
      }),
    [],
  );
  const isCurrent = known.path === path;
  return {
    data: isCurrent ? known.data : undefined,
    error: isCurrent ? known.error : null,
    refresh: reader.current.refresh,
  };
}

function createReader(latest, setKnown) {
  let isMounted = false;
  let isReading = false;
  let isQueued = false;
  let timer = null;

  async function readOnce() {
    timer = null;
    const { path, read } = latest.current;
    if (path === null || !isMounted) return;
    isReading = true;
    isQueued = false;
    const start = performance.now();
    let next;
    try {
      next = { path, data: await read(path), error: null };
    } catch (error) {
      next = { path, data: undefined, error };
    }
    isReading = false;
    if (!isMounted) return;
    if (latest.current.path !== path) {
      refresh();
      return;
    }
    // Keep the last data while the server cannot be reached.
    setKnown((known) =>
      next.error?.status === 0 && known.path === path ? { ...next, data: known.data } : next,
    );
    if (isQueued) {
      const delay = INTERVAL_FACTOR * (performance.now() - start);
      timer = setTimeout(readOnce, Math.max(MIN_INTERVAL, delay));
    }
  }

  function refresh() {
    if (isReading || timer !== null) isQueued = true;
    else readOnce();
  }

  function start() {
    isMounted = true;
    return () => {
      isMounted = false;
      clearTimeout(timer);
      timer = null;
    };
  }
  return { start, refresh };
}

/** Return a predicate for changes of the given entity types. */
export const ofKind = (...kinds) => (change) => kinds.includes(change.entity_type);
