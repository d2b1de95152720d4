// The REST paths: how they are asked, and what a refusal is.

const ROOT = "/api/v1";
const UNREACHABLE = "The server does not answer. Is it running, and is the network there?";

/** What the server says of a request that it refuses, in its own words. */
export class Refusal extends Error {
  /**
   * @param {number} status that of HTTP; 0 when the server did not answer
   * @param {{message?: string, code?: string, errors?: {field: string, message: string}[]}} problem
   */
  constructor(status, problem) {
    super(problem.message ?? `The server answers ${status}.`);
    this.status = status;
    this.code = problem.code ?? "";
    this.errors = problem.errors ?? [];
  }
}

/** The credential that goes with each request, and who is told when it is good no more. */
export const credential = { token: null, whenRefused: (_refusal) => {} };

/**
 * Put a path together. Parts are encoded, parameters without a value left out, and those with
 * several repeated.
 * @param {string[]} parts
 * @param {Record<string, string | number | boolean | null | undefined | string[]>} [parameters]
 */
export function pathOf(parts, parameters = {}) {
  const query = new URLSearchParams();
  for (const [name, given] of Object.entries(parameters)) {
    for (const value of Array.isArray(given) ? given : [given]) {
      if (value !== null && value !== undefined && value !== "") query.append(name, String(value));
    }
  }
  const path = `${ROOT}/${parts.map(encodeURIComponent).join("/")}`;
  return query.size ? `${path}?${query}` : path;
}

/**
 * Ask, and return the answer as it comes.
 * @param {string} method
 * @param {string} path
 * @param {{json?: unknown, body?: BodyInit, headers?: Record<string, string>, signal?: AbortSignal}} [more]
 * @throws {Refusal}
 */
export async function send(method, path, { json, body, headers = {}, signal } = {}) {
  const named = { ...headers };
  if (credential.token !== null) named.Authorization = `Bearer ${credential.token}`;
  if (json !== undefined) named["Content-Type"] = "application/json";
  let response;
  try {
    response = await fetch(path, {
      method,
      headers: named,
      body: json === undefined ? body : JSON.stringify(json),
      signal,
      credentials: "omit",
      cache: "no-store",
    });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Refusal(0, { message: UNREACHABLE, code: "unreachable" });
  }
  if (response.ok) return response;
  const refusal = new Refusal(response.status, await response.json().catch(() => ({})));
  if (response.status === 401) credential.whenRefused(refusal);
  throw refusal;
}

/** Ask, and return what the body of the answer says; null where it has none. */
export async function ask(method, path, more) {
  const text = await askText(method, path, more);
  return text === "" ? null : parsed(text);
}

/** Ask, and return the body of the answer as it comes. */
export async function askText(method, path, more) {
  return (await send(method, path, more)).text();
}

/** Read JSON; a whole number that a float cannot hold becomes a BigInt. */
export function parsed(text) {
  return JSON.parse(text, (_key, value, context) =>
    typeof value === "number" &&
    !Number.isSafeInteger(value) &&
    /^-?\d+$/.test(context?.source ?? "")
      ? BigInt(context.source)
      : value,
  );
}

/** Ask for all of a list, page by page. */
export async function askAll(parts, parameters = {}) {
  const results = [];
  let cursor = null;
  do {
    const page = await ask("GET", pathOf(parts, { ...parameters, limit: 1000, cursor }));
    results.push(...page.results);
    cursor = page.next;
  } while (cursor !== null);
  return results;
}

/** Have the browser save what a path answers, under the name that the server gives it. */
export async function save(path, name) {
  const response = await send("GET", path);
  const said = /filename="([^"]+)"/.exec(response.headers.get("content-disposition") ?? "");
  const address = URL.createObjectURL(await response.blob());
  const link = document.createElement("a");
  link.href = address;
  link.download = said === null ? name : said[1];
  link.click();
  URL.revokeObjectURL(address);
}
