// Who is signed in, and what that allows.

import { ask, credential, pathOf } from "./api.js";
import { useEffect, useState } from "./view.js";

// The token lives as long as the tab: other programs of this machine that a browser knows by the
// same name, on another port, would be sent a cookie.
const STORED = "scenarist.token";

const ROLES = {
  TAIPY_READER: ["read"],
  TAIPY_EDITOR: ["read", "edit"],
  TAIPY_EXECUTOR: ["read", "execute"],
  TAIPY_ADMIN: ["read", "edit", "execute", "administer"],
};
export const ROLE_NAMES = Object.keys(ROLES);

/** How people sign in here: none, local, ldap or oidc. */
export const authorization =
  document.querySelector('meta[name="authorization"]')?.getAttribute("content") ?? "none";

/**
 * @typedef {object} Session
 * @property {"asking" | "in" | "out"} state
 * @property {string} username
 * @property {string} id the identity, which names are not
 * @property {string[]} roles
 * @property {string | null} keyId
 * @property {string | null} notice why one has to sign in
 */

/** @type {Session} */
let session = { state: "asking", username: "", id: "", roles: [], keyId: null, notice: null };
const listeners = new Set();

function become(next) {
  session = { state: "out", username: "", id: "", roles: [], keyId: null, notice: null, ...next };
  for (const listener of listeners) listener(session);
}

/** @returns {Session} */
export function useSession() {
  const [known, setKnown] = useState(session);
  useEffect(() => {
    listeners.add(setKnown);
    setKnown(session);
    return () => listeners.delete(setKnown);
  }, []);
  return known;
}

/**
 * Whether the roles allow something. The server decides; this is for what shall be offered.
 * @param {"read" | "edit" | "execute" | "administer"} permission
 */
export function may(permission) {
  return session.roles.some((role) => (ROLES[role] ?? []).includes(permission));
}

/** Whether there are users, keys and an audit to look after. */
export function hasIdentities() {
  return authorization !== "none";
}

/** Find out who is there. */
export async function begin() {
  credential.token = authorization === "none" ? null : sessionStorage.getItem(STORED);
  credential.whenRefused = (refusal) => forget(refusal.message);
  if (authorization !== "none" && credential.token === null) {
    become({ state: "out" });
    return;
  }
  try {
    await meet();
  } catch (refusal) {
    if (refusal.status !== 401) become({ state: "out", notice: refusal.message });
  }
}

async function meet() {
  const me = await ask("GET", pathOf(["auth", "me"]));
  become({ state: "in", username: me.username, id: me.id, roles: me.roles, keyId: me.key_id });
}

/** Sign in with a name and a password. */
export async function signIn(username, password) {
  const whenRefused = credential.whenRefused;
  credential.token = null;
  credential.whenRefused = () => {};
  try {
    const answer = await ask("POST", pathOf(["auth", "login"]), { json: { username, password } });
    await take(answer.token);
  } finally {
    credential.whenRefused = whenRefused;
  }
}

/** Sign in with a token of the issuer, or with a key. */
export async function signInWithToken(token) {
  const whenRefused = credential.whenRefused;
  credential.whenRefused = () => {};
  try {
    await take(token);
  } catch (refusal) {
    credential.token = null;
    sessionStorage.removeItem(STORED);
    throw refusal;
  } finally {
    credential.whenRefused = whenRefused;
  }
}

async function take(token) {
  credential.token = token;
  await meet();
  sessionStorage.setItem(STORED, token);
}

export async function signOut() {
  try {
    // A key is not signed out, only forgotten.
    if (session.keyId === null) await ask("POST", pathOf(["auth", "logout"]));
  } finally {
    forget(null);
  }
}

function forget(notice) {
  credential.token = null;
  sessionStorage.removeItem(STORED);
  become({ state: "out", notice });
}
