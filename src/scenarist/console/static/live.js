// Live updates: the event stream, kept open while the tab is visible.

import { pathOf, send } from "./api.js";
import { useEffect, useState } from "./view.js";

const FIRST_DELAY = 500; // milliseconds before the first attempt to reconnect
const LONGEST_DELAY = 8000;
const SILENCE_TIMEOUT = 40000; // milliseconds: the server sends something every 15 seconds

/**
 * @typedef {object} Change
 * @property {string} entity_type
 * @property {string} entity_id
 * @property {string} change
 * @property {string | null} status
 * @property {string | null} submission_id
 */

/** @type {Set<(changes: Change[] | null) => void>} null: changes may have been missed */
const listeners = new Set();
const stateListeners = new Set();

let state = "connecting";
let lastEventId = null;
let hasBeenOpen = false;
let failures = 0;
let activeController = null;
let timer = null;

function setState(next) {
  if (state === next) return;
  state = next;
  for (const listener of stateListeners) listener(state);
}

/** Return the state of the stream: "connecting", "live", "lost" or "paused". */
export function useLiveState() {
  const [known, setKnown] = useState(state);
  useEffect(() => {
    stateListeners.add(setKnown);
    setKnown(state);
    return () => stateListeners.delete(setKnown);
  }, []);
  return known;
}

/** Call a function with each batch of changes. Return a function that unsubscribes it. */
export function listen(listener) {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

/** Follow the event stream. Return a function that stops. */
export function follow() {
  const onVisibilityChange = () => (document.hidden ? disconnect() : connect());
  document.addEventListener("visibilitychange", onVisibilityChange);
  window.addEventListener("online", connect);
  onVisibilityChange();
  return () => {
    document.removeEventListener("visibilitychange", onVisibilityChange);
    window.removeEventListener("online", connect);
    disconnect();
    lastEventId = null;
    hasBeenOpen = false;
  };
}

/** Connect now, without waiting for the reconnect delay. */
export function connect() {
  if (activeController === null) readStream();
}

// A browser allows few connections per server: hidden tabs leave theirs to others.
function disconnect() {
  clearTimeout(timer);
  activeController?.abort();
  activeController = null;
  setState("paused");
}

async function readStream() {
  clearTimeout(timer);
  const controller = new AbortController();
  activeController = controller;
  try {
    const headers = lastEventId === null ? {} : { "Last-Event-ID": lastEventId };
    const response = await send("GET", pathOf(["events"]), { headers, signal: controller.signal });
    setState("live");
    failures = 0;
    if (hasBeenOpen && lastEventId === null) notify(null);
    hasBeenOpen = true;
    await dispatchFrames(response.body, controller);
  } catch (error) {
    if (activeController !== controller || error.status === 401) return;
  }
  if (activeController !== controller) return;
  activeController = null;
  setState("lost");
  const delay = Math.min(FIRST_DELAY * 2 ** failures, LONGEST_DELAY);
  failures += 1;
  timer = setTimeout(connect, delay);
}

async function dispatchFrames(body, controller) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  for (;;) {
    const silence = setTimeout(() => controller.abort(), SILENCE_TIMEOUT);
    const chunk = await reader.read().catch(() => ({ done: true, value: "" }));
    clearTimeout(silence);
    if (chunk.done) return;
    const frames = (text + chunk.value).split("\n\n");
    text = frames.pop();
    const changes = frames.map(parseFrame).filter((change) => change !== null);
    if (changes.includes("gap")) notify(null);
    else if (changes.length) notify(changes);
  }
}

function parseFrame(frame) {
  const fields = {};
  for (const line of frame.split("\n")) {
    const colon = line.indexOf(": ");
    if (colon > 0) fields[line.slice(0, colon)] = line.slice(colon + 2);
  }
  if (fields.id !== undefined) lastEventId = fields.id;
  if (fields.event === "gap") return "gap";
  return fields.data === undefined ? null : JSON.parse(fields.data);
}

function notify(changes) {
  for (const listener of [...listeners]) listener(changes);
}
