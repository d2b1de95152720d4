// Addresses in the fragment, such as #/scenarios/ID?name=value: links and the back button work.

import { useEffect, useState } from "./view.js";

/**
 * @typedef {object} Route
 * @property {string[]} parts
 * @property {Record<string, string>} parameters
 */

/** @returns {Route} */
function parseLocation() {
  const [path, query = ""] = location.hash.replace(/^#\/?/, "").split("?", 2);
  const parts = path.split("/").filter(Boolean).map(decodePart);
  return { parts, parameters: Object.fromEntries(new URLSearchParams(query)) };
}

function decodePart(part) {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

/** Return the address of a view; parameters without a value are left out. */
export function linkTo(parts, parameters = {}) {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(parameters)) {
    if (value !== null && value !== undefined && value !== "") query.append(name, value);
  }
  const path = `#/${parts.map(encodeURIComponent).join("/")}`;
  return query.size ? `${path}?${query}` : path;
}

export function navigate(parts, parameters) {
  location.hash = linkTo(parts, parameters);
}

export function useRoute() {
  const [route, setRoute] = useState(parseLocation);
  useEffect(() => {
    const onHashChange = () => setRoute(parseLocation());
    window.addEventListener("hashchange", onHashChange);
    return () => window.removeEventListener("hashchange", onHashChange);
  }, []);
  return route;
}
