// Data nodes: the list, and one with its value, its edits, and what can be done to it.

import { ask, askText, parsed, pathOf, save, send } from "./api.js";
import { saidBy, stateOf } from "./details.js";
import {
  Action,
  Chooser,
  Empty,
  EntityLink,
  Facts,
  Heading,
  Listing,
  Loaded,
  Moment,
} from "./parts.js";
import { useNames } from "./names.js";
import { ofKind, useResource } from "./resources.js";
import { go, linkTo } from "./router.js";
import { useConfigs } from "./scenarios.js";
import { hasIdentities, may, useSession } from "./session.js";
import { Value } from "./values.js";
import { html, useState } from "./view.js";
import { sizeOf } from "./words.js";
import { Upload, Write } from "./writing.js";

const PAGE = 50;
const EDITS = 20;
const ROWS = 2000;
const SCOPES = ["SCENARIO", "CYCLE", "GLOBAL"];
const FILES = ["csv", "excel", "json", "parquet", "pickle"];
const UPLOADED = ["csv", "excel", "json", "parquet"];

export function DataNodes({ parameters }) {
  const { config, scope, storage, cursor } = parameters;
  const configs = useConfigs();
  const list = useResource(
    pathOf(["datanodes"], {
      config_id: config,
      scope,
      storage_type: storage,
      cursor,
      limit: PAGE,
      sort: "-creation_date",
    }),
    ofKind("DATA_NODE"),
  );
  const narrow = (change) => go(["data-nodes"], { ...parameters, cursor: null, ...change });
  const names = new Set((configs.data?.results ?? []).flatMap(({ data_nodes }) => data_nodes));
  return html`
    <${Heading} title="Data nodes" />
    <div class="filters">
      <${Chooser}
        label="Config"
        value=${config}
        options=${[...names].map((name) => [name, name])}
        choose=${(value) => narrow({ config: value })}
      />
      <${Chooser}
        label="Scope"
        value=${scope}
        options=${SCOPES}
        choose=${(value) => narrow({ scope: value })}
      />
      <${Chooser}
        label="Storage"
        value=${storage}
        options=${[...new Set([...FILES, "in_memory", storage].filter(Boolean))]}
        choose=${(value) => narrow({ storage: value })}
      />
    </div>
    <${Listing}
      resource=${list}
      parts=${["data-nodes"]}
      parameters=${parameters}
      noun="data node"
      none="There are no data nodes yet."
      otherwise=${html`<a href=${linkTo(["scenarios"])}>They are made with scenarios</a>`}
    >
      ${(nodes) => html`<${Table} nodes=${nodes} />`}
    <//>
  `;
}

function Table({ nodes }) {
  const name = useNames(nodes.map(({ owner_id }) => owner_id));
  return html`<div class="table"><table>
    <thead>
      <tr>
        <th scope="col">Data node</th>
        <th scope="col">State</th>
        <th scope="col">Scope</th>
        <th scope="col">Storage</th>
        <th scope="col">Owner</th>
        <th scope="col">Last written</th>
      </tr>
    </thead>
    <tbody>
      ${nodes.map((node) => {
        const [state, words] = stateOf(node);
        return html`<tr key=${node.id}>
          <td><${EntityLink} id=${node.id} text=${node.name ?? node.config_id} /></td>
          <td><span class="node-state" data-status=${state}>${words}</span></td>
          <td>${node.scope.toLowerCase()}</td>
          <td>${node.storage_type}</td>
          <td><${Owner} id=${node.owner_id} name=${name} /></td>
          <td><${Moment} at=${node.last_edit_date} /></td>
        </tr>`;
      })}
    </tbody>
  </table></div>`;
}

function Owner({ id, name }) {
  if (id === null) return html`<span class="quiet">everybody</span>`;
  return html`<${EntityLink} id=${id} text=${name(id)} />`;
}

/** A data node with the tag that guards a write against a change that somebody else made. */
async function readTagged(path) {
  const response = await send("GET", path);
  return { ...(await response.json()), tag: response.headers.get("etag") };
}

export function DataNode({ id }) {
  const node = useResource(
    pathOf(["datanodes", id]),
    (change) => change.entity_id === id,
    readTagged,
  );
  return html`<${Loaded} resource=${node}>
    ${(data) => html`<${Shown} node=${data.datanode} tag=${data.tag} />`}
  <//>`;
}

function Shown({ node, tag }) {
  const [editId, setEditId] = useState(null);
  const shownEdit = editId ?? node.last_edit_id;
  const value = useResource(
    `value ${shownEdit} of ${node.id}`,
    (change) => change.entity_id === node.id,
    () => readValue(node, editId),
  );
  const [state, words] = stateOf(node);
  const name = useNames([node.owner_id]);
  const said = (value.data ?? null) !== null;
  return html`
    <${Heading} title=${node.name ?? node.config_id} kind="Data node">
      <${Actions} node=${node} tag=${tag} value=${value.data} />
    <//>
    <section class="card">
      <p><span class="node-state" data-status=${state}>${words}</span></p>
      <${Facts}
        facts=${[
          ["Config", node.config_id],
          ["Storage", node.storage_type],
          ["Scope", node.scope.toLowerCase()],
          ["Owner", html`<${Owner} id=${node.owner_id} name=${name} />`],
          ["Last written", html`<${Moment} at=${node.last_edit_date} />`],
          node.expiration_date !== null && [
            "Valid until",
            html`<${Moment} at=${node.expiration_date} />`,
          ],
          node.editor_expiration_date !== null && [
            "Locked until",
            html`<${Moment} at=${node.editor_expiration_date} />`,
          ],
          !node.is_writable && ["Written", "not from here: it is read-only"],
          node.edit_in_progress &&
            node.editor_expiration_date === null && [
              "Written by",
              html`<${EntityLink} id=${node.editor_id} />`,
            ],
          ["Identifier", html`<code>${node.id}</code>`],
        ]}
      />
    </section>
    <section class="card">
      <div class="section-head">
        <h2>${editId === null ? "Value" : "An earlier value"}</h2>
        ${editId !== null &&
        html`<button type="button" onClick=${() => setEditId(null)}>Show the newest</button>`}
        ${editId === null &&
        !isKept(node) &&
        html`<button type="button" onClick=${value.refresh}>Read again</button>`}
      </div>
      <${Loaded} resource=${value}>
        ${(found) =>
          found === null
            ? html`<${Empty} title="It has no value yet.">
                ${may("edit") && node.is_writable
                  ? "Write one, or submit the task that does."
                  : "The task that writes it has not run."}
              <//>`
            : html`<${Value}
                ...${found}
                more=${FILES.includes(node.storage_type) ? "Download it to have all." : ""}
              />`}
      <//>
    </section>
    <${Edits} node=${node} shown=${said ? shownEdit : null} show=${setEditId} />
  `;
}

const isRecords = (value) => Array.isArray(value) && typeof value[0] === "object";

/** Whether what is noted of a value is the value: nobody else can replace where it lies. */
const isKept = ({ storage_type, properties }) =>
  [...FILES, "in_memory"].includes(storage_type) && !properties.path && !properties.default_path;

/**
 * Read a value: whole, else the first rows of a table, else its beginning.
 * @returns {Promise<{data: unknown, json?: string, isComplete: boolean} | null>} null where there
 *   is none
 */
async function readValue(node, editId) {
  const id = editId ?? node.last_edit_id;
  if (id !== null && isKept(node)) {
    const { edit } = await ask("GET", pathOf(["datanodes", node.id, "edits", id]));
    if (edit.is_complete) return read(node, { edit_id: editId });
    // It is large, and has no rows of which the first could be read.
    if (edit.preview !== undefined && !isRecords(edit.preview)) {
      return { data: edit.preview, isComplete: false };
    }
  }
  try {
    return await readRows(node, editId);
  } catch (refusal) {
    if (refusal.code !== "data_node_not_written") throw refusal;
    return null;
  }
}

async function readRows(node, editId) {
  let found;
  try {
    found = await read(node, { edit_id: editId, limit: ROWS + 1 });
  } catch (refusal) {
    // It has no rows, or only its beginning is kept.
    if (refusal.status !== 400 && refusal.code !== "edit_replaced") throw refusal;
    return read(node, { edit_id: editId });
  }
  if (!Array.isArray(found.data) || found.data.length <= ROWS) return found;
  return { data: found.data.slice(0, ROWS), isComplete: false };
}

async function read(node, query) {
  const text = await askText("GET", pathOf(["datanodes", node.id, "read"], query));
  const { data, truncated } = parsed(text);
  const end = truncated ? text.lastIndexOf(',"truncated"') : text.length - 1;
  return { data, json: text.slice('{"data":'.length, end), isComplete: !truncated };
}

function Actions({ node, tag, value }) {
  const session = useSession();
  const [isWriting, setWriting] = useState(false);
  const [isUploading, setUploading] = useState(false);
  const isFile = FILES.includes(node.storage_type) && node.last_edit_id !== null;
  const isLocked = node.editor_expiration_date !== null;
  const mayWrite = may("edit") && node.is_writable;
  return html`
    ${isFile &&
    html`<${Action}
      label="Download"
      run=${() => save(pathOf(["datanodes", node.id, "download"]), node.config_id)}
    />`}
    ${mayWrite &&
    html`<button type="button" class="primary" onClick=${() => setWriting(true)}>Write</button>`}
    ${mayWrite &&
    UPLOADED.includes(node.storage_type) &&
    html`<button type="button" onClick=${() => setUploading(true)}>Upload</button>`}
    ${mayWrite &&
    !node.edit_in_progress &&
    html`<${Action}
      label="Lock"
      title="Keeps others from writing it for half an hour"
      run=${() => ask("POST", pathOf(["datanodes", node.id, "lock"]), { json: {} })}
    />`}
    ${may("edit") &&
    isLocked &&
    (hasIdentities()
      ? node.lock_holder_id === session.id || may("administer")
      : node.editor_id === session.username) &&
    html`<${Action}
      label="Unlock"
      run=${() => ask("POST", pathOf(["datanodes", node.id, "unlock"]), { json: {} })}
    />`}
    ${isWriting &&
    html`<${Write} node=${node} tag=${tag} value=${value} close=${() => setWriting(false)} />`}
    ${isUploading && html`<${Upload} node=${node} close=${() => setUploading(false)} />`}
  `;
}

function Edits({ node, shown, show }) {
  const edits = useResource(
    pathOf(["datanodes", node.id, "edits"], { limit: EDITS }),
    (change) => change.entity_id === node.id,
  );
  return html`<section>
    <div class="section-head"><h2>Edits</h2></div>
    <${Loaded} resource=${edits}>
      ${(page) =>
        page.results.length === 0
          ? html`<p class="quiet">None yet.</p>`
          : html`<div class="table"><table>
              <thead>
                <tr>
                  <th scope="col">When</th>
                  <th scope="col">By</th>
                  <th scope="col">Why</th>
                  <th scope="col">Type</th>
                  <th scope="col" class="figure">Size</th>
                  <th scope="col">Digest</th>
                  <th scope="col">Value</th>
                </tr>
              </thead>
              <tbody>
                ${page.results.map(
                  (edit) => html`<${EditRow}
                    key=${edit.id}
                    edit=${edit}
                    isShown=${edit.id === shown}
                    show=${() => show(edit.id === node.last_edit_id ? null : edit.id)}
                  />`,
                )}
              </tbody>
            </table></div>
            ${page.next !== null && html`<p class="quiet">Earlier ones are left out.</p>`}`}
    <//>
  </section>`;
}

function EditRow({ edit, isShown, show }) {
  return html`<tr>
    <td><${Moment} at=${edit.timestamp} /></td>
    <td>
      ${edit.job_id === null
        ? (saidBy(edit.editor_id, edit.actor) ?? html`<span class="quiet">its config</span>`)
        : html`job <${EntityLink} id=${edit.job_id} />`}
    </td>
    <td class="reason-cell">${edit.comment ?? ""}</td>
    <td>${edit.python_type ?? "–"}</td>
    <td class="figure">${edit.size === null ? "–" : sizeOf(edit.size)}</td>
    <td>
      ${edit.digest === null
        ? "–"
        : html`<code title=${edit.digest}>${edit.digest.replace(/^.*:/, "").slice(0, 8)}</code>`}
    </td>
    <td>
      ${isShown
        ? html`<span class="quiet">shown</span>`
        : html`<button type="button" onClick=${show}>Show</button>`}
    </td>
  </tr>`;
}
