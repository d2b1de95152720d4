// Requests to the REST API, and the error that a failed one throws.

const ROOT = "/api/v1";
const UNREACHABLE =
  "The server does not respond. Check that it is running and that the network is up.";

/** An error response, with the message of the server. */
export class ApiError extends Error {
  /**
   * @param {number} status the HTTP status; 0 when the server did not respond
   * @param {{message?: string, code?: string, errors?: {field: string, message: string}[]}} problem
   */
  constructor(status, problem) {
    super(problem.message ?? `The server responded with status ${status}.`);
    this.status = status;
    this.code = problem.code ?? "";
    this.errors = problem.errors ?? [];
  }
}

/** The token sent with each request, and the callback for a 401 response. */
export const credential = { token: null, onUnauthorized: (_error) => {} };

/**
 * Build a path. Parts are encoded. Parameters without a value are left out, and a list repeats its
 * parameter.
 * @param {string[]} parts
 * @param {Record<string, string | number | boolean | null | undefined | string[]>} [parameters]
 */
export function pathOf(parts, parameters = {}) {
  const query = new URLSearchParams();
  for (const [name, values] of Object.entries(parameters)) {
    for (const value of Array.isArray(values) ? values : [values]) {
      if (value !== null && value !== undefined && value !== "") query.append(name, String(value));
    }
  }
  const path = `${ROOT}/${parts.map(encodeURIComponent).join("/")}`;
  return query.size ? `${path}?${query}` : path;
}

/**
 * Send a request and return the response.
 * @param {string} method
 * @param {string} path
 * @param {{json?: unknown, body?: BodyInit, headers?: Record<string, string>, signal?: AbortSignal}} [more]
 * @throws {ApiError}
 */
export async function send(method, path, { json, body, headers = {}, signal } = {}) {
  const requestHeaders = { ...headers };
  if (credential.token !== null) requestHeaders.Authorization = `Bearer ${credential.token}`;
  if (json !== undefined) requestHeaders["Content-Type"] = "application/json";
  let response;
  try {
    response = await fetch(path, {
      method,
      headers: requestHeaders,
      body: json === undefined ? body : JSON.stringify(json),
      signal,
      credentials: "omit",
      cache: "no-store",
    });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new ApiError(0, { message: UNREACHABLE, code: "unreachable" });
  }
  if (response.ok) return response;
  const error = new ApiError(response.status, await response.json().catch(() => ({})));
  if (response.status === 401) credential.onUnauthorized(error);
  throw error;
}

/** Send a request and return the parsed JSON body, or null for an empty one. */
export async function request(method, path, more) {
  const text = await requestText(method, path, more);
  return text === "" ? null : parseJson(text);
}

/** Send a request and return the body as text. */
export async function requestText(method, path, more) {
  return (await send(method, path, more)).text();
}

/** Parse JSON. An integer that a double cannot represent becomes a BigInt. */
export function parseJson(text) {
  return JSON.parse(text, (_key, value, context) =>
    typeof value === "number" &&
    !Number.isSafeInteger(value) &&
    /^-?\d+$/.test(context?.source ?? "")
      ? BigInt(context.source)
      : value,
  );
}

/** Return all results of a list, read page by page. */
export async function requestAll(parts, parameters = {}) {
  const results = [];
  let cursor = null;
  do {
    const page = await request("GET", pathOf(parts, { ...parameters, limit: 1000, cursor }));
    results.push(...page.results);
    cursor = page.next;
  } while (cursor !== null);
  return results;
}

/** Download a path as a file, under the name that the server gives it. */
export async function download(path, name) {
  const response = await send("GET", path);
  const disposition = /filename="([^"]+)"/.exec(response.headers.get("content-disposition") ?? "");
  const url = URL.createObjectURL(await response.blob());
  const link = document.createElement("a");
  link.href = url;
  link.download = disposition === null ? name : disposition[1];
  link.click();
  URL.revokeObjectURL(url);
}
