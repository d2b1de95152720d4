// The pieces that all views are made of.

import { hasName, useNames } from "./names.js";
import { linkTo } from "./router.js";
import { html, useEffect, useRef, useState } from "./view.js";
import { hasEnded, labelOf, momentOf } from "./words.js";

/** Each status has a shape of its own, so that colour is never all that tells it. */
const SHAPES = {
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

export function Shape({ status }) {
  return html`<svg class="shape" viewBox="0 0 16 16" aria-hidden="true">
    <path d=${SHAPES[status] ?? SHAPES.SUBMITTED} />
  </svg>`;
}

export function Status({ status }) {
  return html`<span class="status" data-status=${status}>
    <${Shape} status=${status} />${status.toLowerCase()}
  </span>`;
}

/** A segmented bar of jobs by status. */
export function Progress({ counts, label = "progress" }) {
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
  const said = parts.map((status) => `${counts[status]} ${status.toLowerCase()}`).join(", ");
  return html`<span class="progress">
    <span
      class="progress-bar"
      role="progressbar"
      aria-label=${label}
      aria-valuemin="0"
      aria-valuemax=${all}
      aria-valuenow=${ended}
      aria-valuetext=${said}
      title=${said}
    >
      ${parts.map(
        (status) =>
          html`<span key=${status} data-status=${status} style=${{ flexGrow: counts[status] }} />`,
      )}
    </span>
    <span class="progress-text">${ended}/${all}</span>
  </span>`;
}

export function Moment({ at }) {
  if (at === null || at === undefined) return html`<span class="quiet">–</span>`;
  return html`<time datetime=${at} title=${at}>${momentOf(at)}</time>`;
}

const IDENTIFIER =
  /(?:SCENARIO|SEQUENCE|TASK|DATANODE|JOB|SUBMISSION|CYCLE)_\S*?[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/g;

/** A text of the server: names with links in the place of identifiers. */
export function Words({ text }) {
  const all = [...text.matchAll(IDENTIFIER)];
  const name = useNames(all.map(([id]) => id).filter((id) => hasName(id)));
  const parts = [];
  let end = 0;
  for (const found of all) {
    const [id] = found;
    const called = hasName(id) ? name(id) : labelOf(id);
    parts.push(text.slice(end, found.index), html`<${EntityLink} id=${id} text=${called} />`);
    end = found.index + found[0].length;
  }
  return [...parts, text.slice(end)];
}

/** A refusal of the server, in its own words. */
export function Refused({ refusal }) {
  if (!refusal) return null;
  const more = (refusal.errors ?? []).filter(
    ({ field, message }) => !refusal.message.includes(message) || !refusal.message.includes(field),
  );
  return html`<div class="refusal" role="alert">
    <p><${Words} text=${refusal.message} /></p>
    ${more.length > 0 &&
    html`<ul>
      ${more.map(({ field, message }) => html`<li><code>${field}</code>: <${Words} text=${message} /></li>`)}
    </ul>`}
  </div>`;
}

/** What a resource has, or that it is being read, or why it cannot be. */
export function Loaded({ resource, children }) {
  if (resource.data !== undefined) {
    return html`<${Refused} refusal=${resource.refusal} />${children(resource.data)}`;
  }
  if (resource.refusal !== null) return html`<${Refused} refusal=${resource.refusal} />`;
  return html`<p class="quiet loading" aria-busy="true">Reading…</p>`;
}

/** What stands where a list has nothing, and what to do about it. */
export function Empty({ title, children }) {
  return html`<div class="empty"><p class="empty-title">${title}</p>
    <div>${children}</div></div>`;
}

/** A page of a list and the way to the next, or what to do where there is nothing. */
export function Listing({ resource, parts, parameters, noun, none, otherwise, children }) {
  const isNarrowed = Object.values(parameters).some(Boolean);
  return html`<${Loaded} resource=${resource}>
    ${(page) => {
      if (page.results.length > 0)
        return html`${children(page.results)}
          <${Pages} parts=${parts} parameters=${parameters} next=${page.next} />`;
      if (!isNarrowed) return html`<${Empty} title=${none}>${otherwise}<//>`;
      return html`<${Empty} title=${`No ${noun} is like that.`}>
        <a href=${linkTo(parts)}>Show all</a>
      <//>`;
    }}
  <//>`;
}

/** Run something once at a time, and keep the refusal to be shown beside what caused it. */
export function useAction(run) {
  const [isBusy, setBusy] = useState(false);
  const [refusal, setRefusal] = useState(null);
  const isThere = useRef(true);
  useEffect(() => {
    isThere.current = true;
    return () => {
      isThere.current = false;
    };
  }, []);
  async function start(...given) {
    setBusy(true);
    setRefusal(null);
    try {
      return await run(...given);
    } catch (error) {
      if (error.status === undefined) console.error(error);
      if (isThere.current) setRefusal(error);
      return undefined;
    } finally {
      if (isThere.current) setBusy(false);
    }
  }
  return { start, isBusy, refusal, forget: () => setRefusal(null) };
}

/** A button that does something on the server; asks before it does what cannot be undone. */
export function Action({ label, run, kind = "", question = null, disabled = false, title }) {
  const action = useAction(run);
  const [isAsking, setAsking] = useState(false);
  const begin = () => (question === null ? action.start() : setAsking(true));
  return html`<span class="action">
    <button
      type="button"
      class=${kind}
      disabled=${disabled || action.isBusy}
      aria-busy=${action.isBusy}
      title=${title}
      onClick=${begin}
    >
      ${label}
    </button>
    <${Refused} refusal=${action.refusal} />
    ${isAsking &&
    html`<${Dialog} title=${label} close=${() => setAsking(false)}>
      <p>${question}</p>
      <${Buttons} close=${() => setAsking(false)}>
        <button
          type="button"
          class=${kind || "primary"}
          onClick=${() => {
            setAsking(false);
            action.start();
          }}
        >
          ${label}
        </button>
      <//>
    <//>`}
  </span>`;
}

/** The last line of a dialog or form: what it does, and the way out. */
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

/** A form that asks the server for something. */
export function Form({ submit, label, close, children, kind = "primary" }) {
  const action = useAction(submit);
  function begin(event) {
    event.preventDefault();
    action.start(Object.fromEntries(new FormData(event.currentTarget)), event.currentTarget);
  }
  return html`<form onSubmit=${begin}>
    ${children}
    <${Refused} refusal=${action.refusal} />
    <div class="buttons">
      <button type="submit" class=${kind} disabled=${action.isBusy}>${label}</button>
      ${close && html`<button type="button" onClick=${close}>Close</button>`}
    </div>
  </form>`;
}

/** Says to managers of passwords whose password a form is about; people see it elsewhere. */
export function NameForManagers({ name }) {
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
 * A filter of a list: what is chosen goes into the address. Options are pairs of a value and its
 * text, or values that are shown in small letters.
 */
export function Chooser({ label, value, options, choose, all = "all" }) {
  const pairs = options.map((one) => (typeof one === "string" ? [one, one.toLowerCase()] : one));
  return html`<label class="filter">
    <span>${label}</span>
    <select value=${value ?? ""} onChange=${(event) => choose(event.currentTarget.value)}>
      <option value="">${all}</option>
      ${pairs.map(([key, text]) => html`<option key=${key} value=${key}>${text}</option>`)}
    </select>
  </label>`;
}

/** The links to the next and to the first page of a list. */
export function Pages({ parts, parameters, next }) {
  if (next === null && !parameters.cursor) return null;
  return html`<nav class="pages" aria-label="Pages of the list">
    ${parameters.cursor &&
    html`<a href=${linkTo(parts, { ...parameters, cursor: null })}>First page</a>`}
    ${next !== null && html`<a href=${linkTo(parts, { ...parameters, cursor: next })}>Next page</a>`}
  </nav>`;
}

/** A link to an entity by a name that people can read. */
export function EntityLink({ id, text }) {
  const shown = text ?? labelOf(id);
  const kinds = [
    ["SCENARIO_", "scenarios"],
    ["SUBMISSION_", "submissions"],
    ["JOB_", "jobs"],
    ["DATANODE_", "data-nodes"],
  ];
  const kind = kinds.find(([prefix]) => id.startsWith(prefix));
  if (kind === undefined) return html`<span title=${id}>${shown}</span>`;
  return html`<a href=${linkTo([kind[1], id])} title=${id}>${shown}</a>`;
}

/** The heading of a view, with what can be done there. */
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

/** Names and values below one another. */
export function Facts({ facts }) {
  return html`<dl class="facts">
    ${facts
      .filter((fact) => fact)
      .map(([name, value]) => html`<div key=${name}><dt>${name}</dt><dd>${value}</dd></div>`)}
  </dl>`;
}
