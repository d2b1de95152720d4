// Components that the views share.

import { formatTimestamp, hasEnded, labelOf } from "./format.js";
import { hasName, useNames } from "./names.js";
import { linkTo } from "./router.js";
import { html, useEffect, useRef, useState } from "./view.js";

/** One icon per status, so that a status can be told without its colour. */
const ICONS = {
  SUBMITTED: "M8 2.500a5.500 5.500 0 1 1 0 11a5.500 5.500 0 0 1 0-11",
  PENDING: "M8 2.500a5.500 5.500 0 1 1 0 11a5.500 5.500 0 0 1 0-11M8 5v3l2 1.500",
  BLOCKED: "M4 3h8M4 13h8M5 3c0 3 3 4 3 5s-3 2-3 5M11 3c0 3-3 4-3 5s3 2 3 5",
  RUNNING: "M5 3.500l7 4.500l-7 4.500z",
  COMPLETED: "M3 8.500l3.500 3.500l6.500-8",
  FAILED: "M4 4l8 8M12 4l-8 8",
  CANCELED: "M8 2.500a5.500 5.500 0 1 1 0 11a5.500 5.500 0 0 1 0-11M4.200 11.800l7.600-7.600",
  SKIPPED: "M3 4l4 4l-4 4M8 4l4 4l-4 4",
  ABANDONED: "M3 8h10M3 8l3-3M3 8l3 3",
  PAUSED: "M5.500 3.500v9M10.500 3.500v9",
};

export function StatusIcon({ status }) {
  return html`<svg class="shape" viewBox="0 0 16 16" aria-hidden="true">
    <path d=${ICONS[status] ?? ICONS.SUBMITTED} />
  </svg>`;
}

export function Status({ status }) {
  return html`<span class="status" data-status=${status}>
    <${StatusIcon} status=${status} />${status.toLowerCase()}
  </span>`;
}

/** A bar with one segment per status of the jobs. */
export function Progress({ counts, label = "Job progress" }) {
  const all = Object.values(counts).reduce((sum, count) => sum + count, 0);
  const ended = Object.entries(counts)
    .filter(([status]) => hasEnded(status))
    .reduce((sum, [, count]) => sum + count, 0);
  const order = [
    "COMPLETED",
    "SKIPPED",
    "FAILED",
    "ABANDONED",
    "CANCELED",
    "RUNNING",
    "PENDING",
    "BLOCKED",
    "SUBMITTED",
  ];
  const parts = order.filter((status) => counts[status]);
  const summary = parts.map((status) => `${counts[status]} ${status.toLowerCase()}`).join(", ");
  return html`<span class="progress">
    <span
      class="progress-bar"
      role="progressbar"
      aria-label=${label}
      aria-valuemin="0"
      aria-valuemax=${all}
      aria-valuenow=${ended}
      aria-valuetext=${summary}
      title=${summary}
    >
      ${parts.map(
        (status) =>
          html`<span key=${status} data-status=${status} style=${{ flexGrow: counts[status] }} />`,
      )}
    </span>
    <span class="progress-text">${ended}/${all}</span>
  </span>`;
}

export function Timestamp({ at }) {
  if (at === null || at === undefined) return html`<span class="quiet">–</span>`;
  return html`<time datetime=${at} title=${at}>${formatTimestamp(at)}</time>`;
}

const IDENTIFIER =
  /(?:SCENARIO|SEQUENCE|TASK|DATANODE|JOB|SUBMISSION|CYCLE)_\S*?[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/g;

/** A text of the server, with identifiers replaced by names and links. */
export function ServerText({ text }) {
  const all = [...text.matchAll(IDENTIFIER)];
  const name = useNames(all.map(([id]) => id).filter((id) => hasName(id)));
  const parts = [];
  let end = 0;
  for (const found of all) {
    const [id] = found;
    const label = hasName(id) ? name(id) : labelOf(id);
    parts.push(text.slice(end, found.index), html`<${EntityLink} id=${id} text=${label} />`);
    end = found.index + found[0].length;
  }
  return [...parts, text.slice(end)];
}

/** An error message of the server, with its list of errors by field. */
export function ErrorMessage({ error }) {
  if (!error) return null;
  const more = (error.errors ?? []).filter(
    ({ field, message }) => !error.message.includes(message) || !error.message.includes(field),
  );
  return html`<div class="refusal" role="alert">
    <p><${ServerText} text=${error.message} /></p>
    ${more.length > 0 &&
    html`<ul>
      ${more.map(({ field, message }) => html`<li><code>${field}</code>: <${ServerText} text=${message} /></li>`)}
    </ul>`}
  </div>`;
}

/** The data of a resource, a loading indicator, or the error. */
export function Loaded({ resource, children }) {
  if (resource.data !== undefined) {
    return html`<${ErrorMessage} error=${resource.error} />${children(resource.data)}`;
  }
  if (resource.error !== null) return html`<${ErrorMessage} error=${resource.error} />`;
  return html`<p class="quiet loading" aria-busy="true">Loading…</p>`;
}

/** Placeholder for an empty list, with a hint on what to do. */
export function Empty({ title, children }) {
  return html`<div class="empty"><p class="empty-title">${title}</p>
    <div>${children}</div></div>`;
}

/**
 * One page of a list with links to others, or a placeholder when it is empty. `filters` are the
 * parameters that leave entries out; all of them, if it is not given.
 */
export function Listing(props) {
  const { resource, parts, parameters, noun, emptyTitle, emptyHint, children } = props;
  const filters = props.filters ?? Object.keys(parameters);
  const isFiltered = filters.some((name) => parameters[name]);
  return html`<${Loaded} resource=${resource}>
    ${(page) => {
      if (page.results.length > 0)
        return html`${children(page.results)}
          <${Pagination} parts=${parts} parameters=${parameters} next=${page.next} />`;
      if (!isFiltered) return html`<${Empty} title=${emptyTitle}>${emptyHint}<//>`;
      return html`<${Empty} title=${`No ${noun}s match.`}>
        <a href=${linkTo(parts)}>Clear filters</a>
      <//>`;
    }}
  <//>`;
}

/** Wrap an async action: whether it is running, and the error of the last run. */
export function useAction(run) {
  const [isBusy, setBusy] = useState(false);
  const [error, setError] = useState(null);
  const isMounted = useRef(true);
  useEffect(() => {
    isMounted.current = true;
    return () => {
      isMounted.current = false;
    };
  }, []);
  async function start(...args) {
    setBusy(true);
    setError(null);
    try {
      return await run(...args);
    } catch (error) {
      if (error.status === undefined) console.error(error);
      if (isMounted.current) setError(error);
      return undefined;
    } finally {
      if (isMounted.current) setBusy(false);
    }
  }
  return { start, isBusy, error };
}

/** A button that runs an action on the server; `question` asks for confirmation first. */
export function Action({ label, run, kind = "", question = null, disabled = false, title }) {
  const action = useAction(run);
  const [isConfirming, setConfirming] = useState(false);
  const onClick = () => (question === null ? action.start() : setConfirming(true));
  return html`<span class="action">
    <button
      type="button"
      class=${kind}
      disabled=${disabled || action.isBusy}
      aria-busy=${action.isBusy}
      title=${title}
      onClick=${onClick}
    >
      ${label}
    </button>
    <${ErrorMessage} error=${action.error} />
    ${isConfirming &&
    html`<${Dialog} title=${label} close=${() => setConfirming(false)}>
      <p>${question}</p>
      <${Buttons} close=${() => setConfirming(false)}>
        <button
          type="button"
          class=${kind || "primary"}
          onClick=${() => {
            setConfirming(false);
            action.start();
          }}
        >
          ${label}
        </button>
      <//>
    <//>`}
  </span>`;
}

/** The buttons at the end of a dialog, with one that closes it. */
function Buttons({ close, children }) {
  return html`<div class="buttons">
    ${children}
    <button type="button" onClick=${close}>Close</button>
  </div>`;
}

export function Dialog({ title, close, children }) {
  const element = useRef(null);
  useEffect(() => {
    const dialog = element.current;
    dialog.showModal();
    return () => dialog.close();
  }, []);
  return html`<dialog
    ref=${element}
    aria-label=${title}
    onCancel=${(event) => {
      event.preventDefault();
      close();
    }}
  >
    <h2>${title}</h2>
    ${children}
  </dialog>`;
}

/** A form that sends its fields to the server and shows the error. */
export function Form({ submit, label, close, children, kind = "primary" }) {
  const action = useAction(submit);
  function onSubmit(event) {
    event.preventDefault();
    action.start(Object.fromEntries(new FormData(event.currentTarget)), event.currentTarget);
  }
  return html`<form onSubmit=${onSubmit}>
    ${children}
    <${ErrorMessage} error=${action.error} />
    <div class="buttons">
      <button type="submit" class=${kind} disabled=${action.isBusy}>${label}</button>
      ${close && html`<button type="button" onClick=${close}>Close</button>`}
    </div>
  </form>`;
}

/** A hidden field that tells password managers which user a form belongs to. */
export function HiddenUsername({ name }) {
  return html`<input
    class="unseen"
    type="text"
    autocomplete="username"
    aria-hidden="true"
    tabindex="-1"
    readonly
    value=${name}
  />`;
}

export function Field({ label, hint, children }) {
  return html`<label class="field">
    <span>${label}</span>
    ${children}${hint && html`<small>${hint}</small>`}
  </label>`;
}

/**
 * A filter of a list; the selected value goes into the address. Options are pairs of value and
 * label, or values that are shown in lower case. `all` is the label of no value; null for none.
 */
export function FilterSelect({ label, value, options, choose, all = "all" }) {
  const pairs = options.map((one) => (typeof one === "string" ? [one, one.toLowerCase()] : one));
  return html`<label class="filter">
    <span>${label}</span>
    <select value=${value ?? ""} onChange=${(event) => choose(event.currentTarget.value)}>
      ${all !== null && html`<option value="">${all}</option>`}
      ${pairs.map(([key, text]) => html`<option key=${key} value=${key}>${text}</option>`)}
    </select>
  </label>`;
}

/**
 * The version of the application, as a link to the list of this version.
 *
 * @param {{version: string | null, parts: string[], parameters?: object}} props
 */
export function Version({ version, parts, parameters = {} }) {
  return html`<a class="version" href=${linkTo(parts, { ...parameters, version, cursor: null })}
    >${version}</a
  >`;
}

/** The version that a list is restricted to, with a button that removes the restriction. */
export function ChosenVersion({ version, clear }) {
  if (!version) return null;
  return html`<div class="filter chosen">
    <span>Version: ${version}</span>
    <button type="button" onClick=${clear}>Show all versions</button>
  </div>`;
}

/** Links to the next and to the first page of a list. */
export function Pagination({ parts, parameters, next }) {
  if (next === null && !parameters.cursor) return null;
  return html`<nav class="pages" aria-label="Pagination">
    ${parameters.cursor &&
    html`<a href=${linkTo(parts, { ...parameters, cursor: null })}>First page</a>`}
    ${next !== null && html`<a href=${linkTo(parts, { ...parameters, cursor: next })}>Next page</a>`}
  </nav>`;
}

/** A link to an entity, with a readable name. */
export function EntityLink({ id, text }) {
  const label = text ?? labelOf(id);
  const kinds = [
    ["SCENARIO_", "scenarios"],
    ["SUBMISSION_", "submissions"],
    ["JOB_", "jobs"],
    ["DATANODE_", "data-nodes"],
  ];
  const kind = kinds.find(([prefix]) => id.startsWith(prefix));
  if (kind === undefined) return html`<span title=${id}>${label}</span>`;
  return html`<a href=${linkTo([kind[1], id])} title=${id}>${label}</a>`;
}

/** The heading of a view, with its actions. */
export function Heading({ title, kind, children }) {
  useEffect(() => {
    document.title = `${title} · Scenarist`;
  }, [title]);
  return html`<header class="heading">
    <div>
      ${kind && html`<p class="kind">${kind}</p>`}
      <h1 tabindex="-1">${title}</h1>
    </div>
    <div class="actions">${children}</div>
  </header>`;
}

/** A list of names and values. */
export function Facts({ facts }) {
  return html`<dl class="facts">
    ${facts
      .filter((fact) => fact)
      .map(([name, value]) => html`<div key=${name}><dt>${name}</dt><dd>${value}</dd></div>`)}
  </dl>`;
}
