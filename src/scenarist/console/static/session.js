// The signed-in user and its permissions.

import { credential, pathOf, request } from "./api.js";
import { useEffect, useState } from "./view.js";

// The token is kept in sessionStorage, as long as the tab: a browser would send a cookie to other
// programs on the same host name, whatever their port.
const TOKEN_KEY = "scenarist.token";

const ROLES = {
  TAIPY_READER: ["read"],
  TAIPY_EDITOR: ["read", "edit"],
  TAIPY_EXECUTOR: ["read", "execute"],
  TAIPY_ADMIN: ["read", "edit", "execute", "administer"],
};
export const ROLE_NAMES = Object.keys(ROLES);

/** The authorization mode of the server: none, local, ldap or oidc. */
export const authorization =
  document.querySelector('meta[name="authorization"]')?.getAttribute("content") ?? "none";

/**
 * @typedef {object} Session
 * @property {"loading" | "in" | "out"} state
 * @property {string} username
 * @property {string} id the identity; unlike the name, it never changes
 * @property {string[]} roles
 * @property {string | null} keyId
 * @property {string | null} notice why the user has to sign in
 */

/** @type {Session} */
let session = { state: "loading", username: "", id: "", roles: [], keyId: null, notice: null };
const listeners = new Set();

function setSession(next) {
  session = { state: "out", username: "", id: "", roles: [], keyId: null, notice: null, ...next };
  for (const listener of listeners) listener(session);
}

/**
 * Call a function with each new state of the session.
 * @param {(session: Session) => void} listener
 */
export const listenToSession = (listener) => listeners.add(listener);

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
 * Return whether the roles of the user grant a permission. Only for what the console offers: the
 * server decides.
 * @param {"read" | "edit" | "execute" | "administer"} permission
 */
export function can(permission) {
  return session.roles.some((role) => (ROLES[role] ?? []).includes(permission));
}

/** Return whether the server has users, keys and an audit log. */
export function hasIdentities() {
  return authorization !== "none";
}

/** Restore the session of this tab, if it has one. */
export async function restoreSession() {
  credential.token = authorization === "none" ? null : sessionStorage.getItem(TOKEN_KEY);
  credential.onUnauthorized = (error) => clearSession(error.message);
  if (authorization !== "none" && credential.token === null) {
    setSession({ state: "out" });
    return;
  }
  try {
    await loadUser();
  } catch (error) {
    if (error.status !== 401) setSession({ state: "out", notice: error.message });
  }
}

async function loadUser() {
  const me = await request("GET", pathOf(["auth", "me"]));
  setSession({ state: "in", username: me.username, id: me.id, roles: me.roles, keyId: me.key_id });
}

/** Sign in with name and password. */
export async function signIn(username, password) {
  const onUnauthorized = credential.onUnauthorized;
  credential.token = null;
  credential.onUnauthorized = () => {};
  try {
    const json = { username, password };
    const { token } = await request("POST", pathOf(["auth", "login"]), { json });
    await acceptToken(token);
  } finally {
    credential.onUnauthorized = onUnauthorized;
  }
}

/** Sign in with a token of an issuer, or with a key. */
export async function signInWithToken(token) {
  const onUnauthorized = credential.onUnauthorized;
  credential.onUnauthorized = () => {};
  try {
    await acceptToken(token);
  } catch (error) {
    credential.token = null;
    sessionStorage.removeItem(TOKEN_KEY);
    throw error;
  } finally {
    credential.onUnauthorized = onUnauthorized;
  }
}

async function acceptToken(token) {
  credential.token = token;
  await loadUser();
  sessionStorage.setItem(TOKEN_KEY, token);
}

export async function signOut() {
  try {
    // A key has no session to end: only forget it.
    if (session.keyId === null) await request("POST", pathOf(["auth", "logout"]));
  } finally {
    clearSession(null);
  }
}

function clearSession(notice) {
  credential.token = null;
  sessionStorage.removeItem(TOKEN_KEY);
  setSession({ state: "out", notice });
}
