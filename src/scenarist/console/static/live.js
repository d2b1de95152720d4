// What changes, as it happens: the event stream, kept open while the tab is looked at.

import { pathOf, send } from "./api.js";
import { useEffect, useState } from "./view.js";

const FIRST_DELAY = 500; // milliseconds until the first try to connect again
const LONGEST_DELAY = 8000;
const SILENCE = 40000; // the server says something every 15 seconds

/**
 * @typedef {object} Change
 * @property {string} entity_type
 * @property {string} entity_id
 * @property {string} change
 * @property {string | null} status
 * @property {string | null} submission_id
 */

/** @type {Set<(changes: Change[] | null) => void>} null stands for whatever may have been missed */
const listeners = new Set();
const watchers = new Set();

let state = "connecting";
let lastId = null;
let hasBeenOpen = false;
let failures = 0;
let abort = null;
let timer = null;

function become(next) {
  if (state === next) return;
  state = next;
  for (const watcher of watchers) watcher(state);
}

/** Whether the stream is "connecting", "live", "lost" or "resting". */
export function useLiveState() {
  const [known, setKnown] = useState(state);
  useEffect(() => {
    watchers.add(setKnown);
    setKnown(state);
    return () => watchers.delete(setKnown);
  }, []);
  return known;
}

/** Have a function called with changes as they come. Returns what ends that. */
export function listen(listener) {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

/** Follow until what is returned is called. */
export function follow() {
  const look = () => (document.hidden ? rest() : connect());
  document.addEventListener("visibilitychange", look);
  window.addEventListener("online", connect);
  look();
  return () => {
    document.removeEventListener("visibilitychange", look);
    window.removeEventListener("online", connect);
    rest();
    lastId = null;
    hasBeenOpen = false;
  };
}

/** Connect now rather than at the end of the delay. */
export function connect() {
  if (abort === null) read();
}

// A browser has few connections to one server: tabs that nobody sees leave theirs to others.
function rest() {
  clearTimeout(timer);
  abort?.abort();
  abort = null;
  become("resting");
}

async function read() {
  clearTimeout(timer);
  const mine = new AbortController();
  abort = mine;
  try {
    const headers = lastId === null ? {} : { "Last-Event-ID": lastId };
    const response = await send("GET", pathOf(["events"]), { headers, signal: mine.signal });
    become("live");
    failures = 0;
    if (hasBeenOpen && lastId === null) tell(null);
    hasBeenOpen = true;
    await pass(response.body, mine);
  } catch (error) {
    if (abort !== mine || error.status === 401) return;
  }
  if (abort !== mine) return;
  abort = null;
  become("lost");
  const delay = Math.min(FIRST_DELAY * 2 ** failures, LONGEST_DELAY);
  failures += 1;
  timer = setTimeout(connect, delay);
}

async function pass(body, mine) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  for (;;) {
    const silence = setTimeout(() => mine.abort(), SILENCE);
    const piece = await reader.read().catch(() => ({ done: true, value: "" }));
    clearTimeout(silence);
    if (piece.done) return;
    const frames = (text + piece.value).split("\n\n");
    text = frames.pop();
    const changes = frames.map(parse).filter((change) => change !== null);
    if (changes.includes("gap")) tell(null);
    else if (changes.length) tell(changes);
  }
}

function parse(frame) {
  const fields = {};
  for (const line of frame.split("\n")) {
    const colon = line.indexOf(": ");
    if (colon > 0) fields[line.slice(0, colon)] = line.slice(colon + 2);
  }
  if (fields.id !== undefined) lastId = fields.id;
  if (fields.event === "gap") return "gap";
  return fields.data === undefined ? null : JSON.parse(fields.data);
}

function tell(changes) {
  for (const listener of [...listeners]) listener(changes);
}
