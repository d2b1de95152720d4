// Data nodes: the list, and a single one with its value, edits and actions.

import { download, parseJson, pathOf, request, requestText, send } from "./api.js";
import {
  Action,
  Empty,
  EntityLink,
  Facts,
  FilterSelect,
  Heading,
  Listing,
  Loaded,
  Timestamp,
} from "./components.js";
import { formatEditor, StaleValue, stateOf } from "./details.js";
import { formatSize } from "./format.js";
import { useNames } from "./names.js";
import { ofKind, useResource } from "./resources.js";
import { linkTo, navigate } from "./router.js";
import { useConfigs } from "./scenarios.js";
import { can, hasIdentities, useSession } from "./session.js";
import { Value } from "./values.js";
import { html, useState } from "./view.js";
import { UploadDialog, WriteDialog } from "./writing.js";

const PAGE = 50;
const EDITS = 20;
const ROWS = 2000;
const SCOPES = ["SCENARIO", "CYCLE", "GLOBAL"];
const FILES = ["csv", "excel", "json", "parquet", "pickle"];
const UPLOADABLE = ["csv", "excel", "json", "parquet"];

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
  const setFilters = (change) =>
    navigate(["data-nodes"], { ...parameters, cursor: null, ...change });
  const names = new Set((configs.data?.results ?? []).flatMap(({ data_nodes }) => data_nodes));
  return html`
    <${Heading} title="Data nodes" />
    <div class="filters">
      <${FilterSelect}
        label="Config"
        value=${config}
        options=${[...names].map((name) => [name, name])}
        choose=${(value) => setFilters({ config: value })}
      />
      <${FilterSelect}
        label="Scope"
        value=${scope}
        options=${SCOPES}
        choose=${(value) => setFilters({ scope: value })}
      />
      <${FilterSelect}
        label="Storage"
        value=${storage}
        options=${[...new Set([...FILES, "in_memory", storage].filter(Boolean))]}
        choose=${(value) => setFilters({ storage: value })}
      />
    </div>
    <${Listing}
      resource=${list}
      parts=${["data-nodes"]}
      parameters=${parameters}
      noun="data node"
      emptyTitle="No data nodes yet."
      emptyHint=${html`<a href=${linkTo(["scenarios"])}>Create a scenario first</a>`}
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
        const [state, label] = stateOf(node);
        return html`<tr key=${node.id}>
          <td><${EntityLink} id=${node.id} text=${node.name ?? node.config_id} /></td>
          <td><span class="node-state" data-status=${state}>${label}</span></td>
          <td>${node.scope.toLowerCase()}</td>
          <td>${node.storage_type}</td>
          <td><${Owner} id=${node.owner_id} name=${name} /></td>
          <td><${Timestamp} at=${node.last_edit_date} /></td>
        </tr>`;
      })}
    </tbody>
  </table></div>`;
}

function Owner({ id, name }) {
  if (id === null) return html`<span class="quiet">none</span>`;
  return html`<${EntityLink} id=${id} text=${name(id)} />`;
}

/** Read a data node with its ETag, which protects a write against concurrent changes. */
async function readWithEtag(path) {
  const response = await send("GET", path);
  return { ...(await response.json()), etag: response.headers.get("etag") };
}

export function DataNode({ id }) {
  const node = useResource(
    pathOf(["datanodes", id]),
    ofKind("DATA_NODE"), // a write of another one may make its value stale
    readWithEtag,
  );
  return html`<${Loaded} resource=${node}>
    ${(data) => html`<${DataNodeView} node=${data.datanode} etag=${data.etag} />`}
  <//>`;
}

function DataNodeView({ node, etag }) {
  const [editId, setEditId] = useState(null);
  const shownEdit = editId ?? node.last_edit_id;
  const value = useResource(
    `value ${shownEdit} of ${node.id}`,
    (change) => change.entity_id === node.id,
    () => readValue(node, editId),
  );
  const [state, label] = stateOf(node);
  const name = useNames([node.owner_id]);
  const hasValue = (value.data ?? null) !== null;
  return html`
    <${Heading} title=${node.name ?? node.config_id} kind="Data node">
      <${Actions} node=${node} etag=${etag} value=${value.data} />
    <//>
    <section class="card">
      <p><span class="node-state" data-status=${state}>${label}</span></p>
      ${node.is_stale && html`<${StaleValue} because=${node.stale_because} />`}
      <${Facts}
        facts=${[
          ["Config", node.config_id],
          ["Storage", node.storage_type],
          ["Scope", node.scope.toLowerCase()],
          ["Owner", html`<${Owner} id=${node.owner_id} name=${name} />`],
          ["Last written", html`<${Timestamp} at=${node.last_edit_date} />`],
          node.expiration_date !== null && [
            "Valid until",
            html`<${Timestamp} at=${node.expiration_date} />`,
          ],
          node.editor_expiration_date !== null && [
            "Locked until",
            html`<${Timestamp} at=${node.editor_expiration_date} />`,
          ],
          !node.is_writable && ["Access", "read-only"],
          node.edit_in_progress &&
            node.editor_expiration_date === null && [
              "Writing job",
              html`<${EntityLink} id=${node.editor_id} />`,
            ],
          ["Identifier", html`<code>${node.id}</code>`],
        ]}
      />
    </section>
    <section class="card">
      <div class="section-head">
        <h2>${editId === null ? "Value" : "Earlier value"}</h2>
        ${editId !== null &&
        html`<button type="button" onClick=${() => setEditId(null)}>Show latest</button>`}
        ${editId === null &&
        !isKept(node) &&
        html`<button type="button" onClick=${value.refresh}>Reload</button>`}
      </div>
      <${Loaded} resource=${value}>
        ${(found) =>
          found === null
            ? html`<${Empty} title="No value yet.">
                ${can("edit") && node.is_writable
                  ? "Write one, or submit the task that writes it."
                  : "The task that writes it has not run yet."}
              <//>`
            : html`<${Value}
                ...${found}
                hint=${FILES.includes(node.storage_type) ? "Download it to get everything." : ""}
              />`}
      <//>
    </section>
    <${Edits} node=${node} shown=${hasValue ? shownEdit : null} show=${setEditId} />
  `;
}

const isRecords = (value) => Array.isArray(value) && typeof value[0] === "object";

/** Return whether the server keeps each value: no other program can replace it in place. */
const isKept = ({ storage_type, properties }) =>
  [...FILES, "in_memory"].includes(storage_type) && !properties.path && !properties.default_path;

/**
 * Read a value: the whole of it, or the first rows of a large table, or the preview.
 * @returns {Promise<{data: unknown, json?: string, isComplete: boolean} | null>} null when there
 *   is none
 */
async function readValue(node, editId) {
  const id = editId ?? node.last_edit_id;
  if (id !== null && isKept(node)) {
    const { edit } = await request("GET", pathOf(["datanodes", node.id, "edits", id]));
    if (edit.is_complete) return read(node, { edit_id: editId });
    // A large value without rows: the preview is all that can be shown.
    if (edit.preview !== undefined && !isRecords(edit.preview)) {
      return { data: edit.preview, isComplete: false };
    }
  }
  try {
    return await readRows(node, editId);
  } catch (error) {
    if (error.code !== "data_node_not_written") throw error;
    return null;
  }
}

async function readRows(node, editId) {
  let found;
  try {
    found = await read(node, { edit_id: editId, limit: ROWS + 1 });
  } catch (error) {
    // The value has no rows, or only its preview is stored.
    if (error.status !== 400 && error.code !== "edit_replaced") throw error;
    return read(node, { edit_id: editId });
  }
  if (!Array.isArray(found.data) || found.data.length <= ROWS) return found;
  return { data: found.data.slice(0, ROWS), isComplete: false };
}

async function read(node, query) {
  const text = await requestText("GET", pathOf(["datanodes", node.id, "read"], query));
  const { data, truncated } = parseJson(text);
  const end = truncated ? text.lastIndexOf(',"truncated"') : text.length - 1;
  return { data, json: text.slice('{"data":'.length, end), isComplete: !truncated };
}

function Actions({ node, etag, value }) {
  const session = useSession();
  const [isWriting, setWriting] = useState(false);
  const [isUploading, setUploading] = useState(false);
  const isFile = FILES.includes(node.storage_type) && node.last_edit_id !== null;
  const isLocked = node.editor_expiration_date !== null;
  const canWrite = can("edit") && node.is_writable;
  return html`
    ${isFile &&
    html`<${Action}
      label="Download"
      run=${() => download(pathOf(["datanodes", node.id, "download"]), node.config_id)}
    />`}
    ${canWrite &&
    html`<button type="button" class="primary" onClick=${() => setWriting(true)}>Write</button>`}
    ${canWrite &&
    UPLOADABLE.includes(node.storage_type) &&
    html`<button type="button" onClick=${() => setUploading(true)}>Upload</button>`}
    ${canWrite &&
    !node.edit_in_progress &&
    html`<${Action}
      label="Lock"
      title="Prevents others from writing it for 30 minutes"
      run=${() => request("POST", pathOf(["datanodes", node.id, "lock"]), { json: {} })}
    />`}
    ${can("edit") &&
    isLocked &&
    (hasIdentities()
      ? node.lock_holder_id === session.id || can("administer")
      : node.editor_id === session.username) &&
    html`<${Action}
      label="Unlock"
      run=${() => request("POST", pathOf(["datanodes", node.id, "unlock"]), { json: {} })}
    />`}
    ${isWriting &&
    html`<${WriteDialog}
      node=${node}
      etag=${etag}
      value=${value}
      close=${() => setWriting(false)}
    />`}
    ${isUploading && html`<${UploadDialog} node=${node} close=${() => setUploading(false)} />`}
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
          ? html`<p class="quiet">No edits yet.</p>`
          : html`<div class="table"><table>
              <thead>
                <tr>
                  <th scope="col">Time</th>
                  <th scope="col">By</th>
                  <th scope="col">Comment</th>
                  <th scope="col">Version</th>
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
            ${page.next !== null && html`<p class="quiet">Earlier edits are not shown.</p>`}`}
    <//>
  </section>`;
}

function EditRow({ edit, isShown, show }) {
  return html`<tr>
    <td><${Timestamp} at=${edit.timestamp} /></td>
    <td>
      ${edit.job_id === null
        ? (formatEditor(edit.editor_id, edit.actor) ?? html`<span class="quiet">default or external</span>`)
        : html`job <${EntityLink} id=${edit.job_id} />`}
    </td>
    <td class="reason-cell">${edit.comment ?? ""}</td>
    <td>${edit.version ?? html`<span class="quiet">–</span>`}</td>
    <td>${edit.python_type ?? "–"}</td>
    <td class="figure">${edit.size === null ? "–" : formatSize(edit.size)}</td>
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
