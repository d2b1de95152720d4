// Users, keys and the audit log, for administrators.

import { pathOf, request } from "./api.js";
import {
  Action,
  Dialog,
  Empty,
  Field,
  FilterSelect,
  Form,
  Heading,
  HiddenUsername,
  Loaded,
  Pagination,
  Timestamp,
} from "./components.js";
import { useResource } from "./resources.js";
import { linkTo, navigate } from "./router.js";
import { can, hasIdentities, ROLE_NAMES } from "./session.js";
import { html, useState } from "./view.js";

const PAGE = 50;
const TABS = [
  ["users", "Users"],
  ["keys", "Keys"],
  ["audit", "Audit log"],
];

export function Administration({ id = "users", parameters }) {
  if (!can("administer") || !hasIdentities()) {
    return html`<${Empty} title="Administration is not available.">
      <p>
        Administrators manage users and keys here and read the audit log, while authorization is
        on.
      </p>
    <//>`;
  }
  const views = { users: Users, keys: Keys, audit: Audit };
  const View = views[id] ?? Users;
  return html`
    <nav class="tabs" aria-label="Administration">
      ${TABS.map(
        ([key, text]) =>
          html`<a key=${key} href=${linkTo(["admin", key])} aria-current=${key === id ? "page" : null}
            >${text}</a
          >`,
      )}
    </nav>
    <${View} parameters=${parameters} />
  `;
}

/** Return the roles that are checked in a form. */
const rolesIn = (form) => new FormData(form).getAll("roles");

function RoleBoxes({ roles = [] }) {
  return html`<fieldset class="columns">
    <legend>Roles</legend>
    ${ROLE_NAMES.map(
      (role) => html`<label key=${role}>
        <input type="checkbox" name="roles" value=${role} defaultChecked=${roles.includes(role)} /> ${role}
      </label>`,
    )}
  </fieldset>`;
}

function Users({ parameters }) {
  const [opened, setOpened] = useState(null);
  const users = useResource(
    pathOf(["users"], { limit: PAGE, sort: "name", cursor: parameters.cursor }),
  );
  const close = () => {
    setOpened(null);
    users.refresh();
  };
  return html`
    <${Heading} title="Users">
      <button type="button" class="primary" onClick=${() => setOpened("new")}>New user</button>
    <//>
    <${Loaded} resource=${users}>
      ${(page) => html`<div class="table"><table>
          <thead>
            <tr>
              <th scope="col">Name</th>
              <th scope="col">Roles</th>
              <th scope="col">Source</th>
              <th scope="col">Created</th>
              <th scope="col">Actions</th>
            </tr>
          </thead>
          <tbody>
            ${page.results.map(
              (user) => html`<tr key=${user.username}>
                <td>${user.username}</td>
                <td>${user.roles.join(", ") || "none"}</td>
                <td>${user.is_declared ? "configuration file" : user.realm}</td>
                <td><${Timestamp} at=${user.creation_date} /></td>
                <td><div class="actions">
                  <button type="button" onClick=${() => setOpened(user)}>Edit</button>
                  <${Action}
                    label="Delete"
                    kind="danger"
                    question=${`Deletes ${user.username} with their sessions and the keys that they have created.`}
                    run=${async () => {
                      await request("DELETE", pathOf(["users", user.username]));
                      users.refresh();
                    }}
                  />
                </div></td>
              </tr>`,
            )}
          </tbody>
        </table></div>
        <${Pagination} parts=${["admin", "users"]} parameters=${parameters} next=${page.next} />`}
    <//>
    ${opened === "new" && html`<${NewUser} close=${close} />`}
    ${opened !== null && opened !== "new" && html`<${EditUser} user=${opened} close=${close} />`}
  `;
}

function NewUser({ close }) {
  async function create({ username, password }, form) {
    const json = { username, password, roles: rolesIn(form) };
    await request("POST", pathOf(["users"]), { json });
    close();
  }
  return html`<${Dialog} title="New user" close=${close}>
    <${Form} label="Create" submit=${create} close=${close}>
      <${Field} label="Name" hint="Letters, digits and . _ @ + -">
        <input name="username" required autocomplete="off" autocapitalize="none" />
      <//>
      <${Field} label="Password" hint="At least 8 characters">
        <input name="password" type="password" required autocomplete="new-password" />
      <//>
      <${RoleBoxes} />
    <//>
  <//>`;
}

function EditUser({ user, close }) {
  async function change({ password }, form) {
    const json = {};
    const roles = rolesIn(form);
    if (roles.join() !== ROLE_NAMES.filter((role) => user.roles.includes(role)).join())
      json.roles = roles;
    if (password) json.password = password;
    if (Object.keys(json).length)
      await request("PATCH", pathOf(["users", user.username]), { json });
    close();
  }
  return html`<${Dialog} title=${`Edit ${user.username}`} close=${close}>
    <${Form} label="Save" submit=${change} close=${close}>
      <${HiddenUsername} name=${user.username} />
      <${RoleBoxes} roles=${user.roles} />
      ${user.has_password &&
      html`<${Field}
        label="New password"
        hint="Empty: keep the current one. A new password ends all sessions of the user."
      >
        <input name="password" type="password" autocomplete="new-password" />
      <//>`}
    <//>
  <//>`;
}

function Keys({ parameters }) {
  const [isCreating, setCreating] = useState(false);
  const [created, setCreated] = useState(null);
  const keys = useResource(pathOf(["keys"], { limit: PAGE, cursor: parameters.cursor }));
  return html`
    <${Heading} title="Keys">
      <button type="button" class="primary" onClick=${() => setCreating(true)}>New key</button>
    <//>
    ${created !== null &&
    html`<section class="card" role="status">
      <p>${created.message}</p>
      <p><code class="token">${created.token}</code></p>
      <button type="button" onClick=${() => setCreated(null)}>I have saved it</button>
    </section>`}
    <${Loaded} resource=${keys}>
      ${(page) =>
        page.results.length === 0
          ? html`<${Empty} title="No keys yet.">
              A key is a credential for a program. It has roles, and it expires.
            <//>`
          : html`<${KeyTable} keys=${page.results} refresh=${keys.refresh} />
              <${Pagination}
                parts=${["admin", "keys"]}
                parameters=${parameters}
                next=${page.next}
              />`}
    <//>
    ${isCreating &&
    html`<${NewKey}
      close=${() => setCreating(false)}
      onCreated=${(answer) => {
        setCreating(false);
        setCreated(answer);
        keys.refresh();
      }}
    />`}
  `;
}

function KeyTable({ keys, refresh }) {
  return html`<div class="table"><table>
    <thead>
      <tr>
        <th scope="col">Name</th>
        <th scope="col">Roles</th>
        <th scope="col">Created by</th>
        <th scope="col">Expires</th>
        <th scope="col">Actions</th>
      </tr>
    </thead>
    <tbody>
      ${keys.map(
        (key) => html`<tr key=${key.id}>
          <td title=${key.id}>${key.name}</td>
          <td>${key.roles.join(", ")}</td>
          <td>${key.made_by}</td>
          <td><${Timestamp} at=${key.expires_at} /></td>
          <td>
            <${Action}
              label="Revoke"
              kind="danger"
              question=${`From now on, requests with the key ${key.name} are refused.`}
              run=${async () => {
                await request("DELETE", pathOf(["keys", key.id]));
                refresh();
              }}
            />
          </td>
        </tr>`,
      )}
    </tbody>
  </table></div>`;
}

function NewKey({ close, onCreated }) {
  async function create({ name, ends }, form) {
    const json = { name: name.trim(), roles: rolesIn(form) };
    if (ends) json.expires_at = new Date(`${ends}T23:59:59`).toISOString();
    onCreated(await request("POST", pathOf(["keys"]), { json }));
  }
  return html`<${Dialog} title="New key" close=${close}>
    <${Form} label="Create" submit=${create} close=${close}>
      <${Field} label="Name"><input name="name" required maxlength="128" autocomplete="off" /><//>
      <${RoleBoxes} />
      <${Field} label="Expires on" hint="Optional: 90 days from now by default, 400 at most.">
        <input name="ends" type="date" />
      <//>
    <//>
  <//>`;
}

function Audit({ parameters }) {
  const { actor, entity_id, is_allowed, cursor } = parameters;
  const entries = useResource(
    pathOf(["audit"], { actor, entity_id, is_allowed, cursor, limit: PAGE }),
  );
  const setFilters = (change) =>
    navigate(["admin", "audit"], { ...parameters, cursor: null, ...change });
  return html`
    <${Heading} title="Audit log">
      <button type="button" onClick=${entries.refresh}>Reload</button>
    <//>
    <form
      class="filters"
      onSubmit=${(event) => {
        event.preventDefault();
        setFilters(Object.fromEntries(new FormData(event.currentTarget)));
      }}
    >
      <label class="filter">
        <span>Actor</span><input name="actor" type="search" key=${actor} defaultValue=${actor ?? ""} />
      </label>
      <label class="filter">
        <span>Entity</span>
        <input name="entity_id" type="search" key=${entity_id} defaultValue=${entity_id ?? ""} />
      </label>
      <${FilterSelect}
        label="Outcome"
        value=${is_allowed}
        options=${[
          ["true", "allowed"],
          ["false", "refused"],
        ]}
        choose=${(value) => setFilters({ is_allowed: value })}
      />
      <button type="submit">Search</button>
    </form>
    <${Loaded} resource=${entries}>
      ${(page) =>
        page.results.length === 0
          ? html`<${Empty} title="No entries match." />`
          : html`<div class="table"><table>
                <thead>
                  <tr>
                    <th scope="col">Time</th>
                    <th scope="col">Actor</th>
                    <th scope="col">Address</th>
                    <th scope="col">Operation</th>
                    <th scope="col">Entity</th>
                    <th scope="col">Outcome</th>
                  </tr>
                </thead>
                <tbody>
                  ${page.results.map((entry) => html`<${AuditRow} key=${entry.number} entry=${entry} />`)}
                </tbody>
              </table></div>
              <${Pagination}
                parts=${["admin", "audit"]}
                parameters=${parameters}
                next=${page.next}
              />`}
    <//>
  `;
}

function AuditRow({ entry }) {
  return html`<tr>
    <td><${Timestamp} at=${entry.creation_date} /></td>
    <td title=${entry.actor_id}>${entry.actor ?? html`<span class="quiet">unknown</span>`}${entry.key_id !== null && " (with a key)"}</td>
    <td>${entry.address}</td>
    <td>${entry.operation}</td>
    <td class="reason-cell" title=${entry.entity_id}>${entry.entity_id ?? "–"}</td>
    <td class="reason-cell">${entry.is_allowed ? "allowed" : `refused: ${entry.reason ?? ""}`}</td>
  </tr>`;
}
