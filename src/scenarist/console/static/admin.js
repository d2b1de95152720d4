// Users, keys and the audit, for administrators.

import { ask, pathOf } from "./api.js";
import {
  Action,
  Chooser,
  Dialog,
  Empty,
  Field,
  Form,
  Heading,
  Loaded,
  Moment,
  NameForManagers,
  Pages,
} from "./parts.js";
import { useResource } from "./resources.js";
import { go, linkTo } from "./router.js";
import { hasIdentities, may, ROLE_NAMES } from "./session.js";
import { html, useState } from "./view.js";

const PAGE = 50;
const PLACES = [
  ["users", "Users"],
  ["keys", "Keys"],
  ["audit", "Audit"],
];

export function Administration({ id = "users", parameters }) {
  if (!may("administer") || !hasIdentities()) {
    return html`<${Empty} title="There is nothing to look after here.">
      <p>Users, keys and the audit are for administrators, while authorization is on.</p>
    <//>`;
  }
  const views = { users: Users, keys: Keys, audit: Audit };
  const Chosen = views[id] ?? Users;
  return html`
    <nav class="tabs" aria-label="Administration">
      ${PLACES.map(
        ([key, text]) =>
          html`<a key=${key} href=${linkTo(["admin", key])} aria-current=${key === id ? "page" : null}
            >${text}</a
          >`,
      )}
    </nav>
    <${Chosen} parameters=${parameters} />
  `;
}

/** Read the roles that are ticked in a form. */
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
              <th scope="col">Known by</th>
              <th scope="col">Created</th>
              <th scope="col">Actions</th>
            </tr>
          </thead>
          <tbody>
            ${page.results.map(
              (user) => html`<tr key=${user.username}>
                <td>${user.username}</td>
                <td>${user.roles.join(", ") || "none"}</td>
                <td>${user.is_declared ? "the configuration file" : user.realm}</td>
                <td><${Moment} at=${user.creation_date} /></td>
                <td><div class="actions">
                  <button type="button" onClick=${() => setOpened(user)}>Edit</button>
                  <${Action}
                    label="Delete"
                    kind="danger"
                    question=${`The sessions of ${user.username} end, and the keys that they have made go too.`}
                    run=${async () => {
                      await ask("DELETE", pathOf(["users", user.username]));
                      users.refresh();
                    }}
                  />
                </div></td>
              </tr>`,
            )}
          </tbody>
        </table></div>
        <${Pages} parts=${["admin", "users"]} parameters=${parameters} next=${page.next} />`}
    <//>
    ${opened === "new" && html`<${NewUser} close=${close} />`}
    ${opened !== null && opened !== "new" && html`<${ChangeUser} user=${opened} close=${close} />`}
  `;
}

function NewUser({ close }) {
  async function create({ username, password }, form) {
    await ask("POST", pathOf(["users"]), { json: { username, password, roles: rolesIn(form) } });
    close();
  }
  return html`<${Dialog} title="New user" close=${close}>
    <${Form} label="Create" submit=${create} close=${close}>
      <${Field} label="Name" hint="Letters, digits and . _ @ + -">
        <input name="username" required autocomplete="off" autocapitalize="none" />
      <//>
      <${Field} label="Password" hint="8 characters or more">
        <input name="password" type="password" required autocomplete="new-password" />
      <//>
      <${RoleBoxes} />
    <//>
  <//>`;
}

function ChangeUser({ user, close }) {
  async function change({ password }, form) {
    const json = {};
    const roles = rolesIn(form);
    if (roles.join() !== ROLE_NAMES.filter((role) => user.roles.includes(role)).join())
      json.roles = roles;
    if (password) json.password = password;
    if (Object.keys(json).length) await ask("PATCH", pathOf(["users", user.username]), { json });
    close();
  }
  return html`<${Dialog} title=${`Edit ${user.username}`} close=${close}>
    <${Form} label="Save" submit=${change} close=${close}>
      <${NameForManagers} name=${user.username} />
      <${RoleBoxes} roles=${user.roles} />
      ${user.has_password &&
      html`<${Field} label="New password" hint="Ends all sessions of the user; empty for the old one.">
        <input name="password" type="password" autocomplete="new-password" />
      <//>`}
    <//>
  <//>`;
}

function Keys({ parameters }) {
  const [isMaking, setMaking] = useState(false);
  const [made, setMade] = useState(null);
  const keys = useResource(pathOf(["keys"], { limit: PAGE, cursor: parameters.cursor }));
  return html`
    <${Heading} title="Keys">
      <button type="button" class="primary" onClick=${() => setMaking(true)}>New key</button>
    <//>
    ${made !== null &&
    html`<section class="card" role="status">
      <p>${made.message}</p>
      <p><code class="token">${made.token}</code></p>
      <button type="button" onClick=${() => setMade(null)}>I have kept it</button>
    </section>`}
    <${Loaded} resource=${keys}>
      ${(page) =>
        page.results.length === 0
          ? html`<${Empty} title="There are no keys yet.">
              A key is the credential of a machine: it has roles, and ends by itself.
            <//>`
          : html`<${KeyTable} keys=${page.results} refresh=${keys.refresh} />
              <${Pages} parts=${["admin", "keys"]} parameters=${parameters} next=${page.next} />`}
    <//>
    ${isMaking &&
    html`<${NewKey}
      close=${() => setMaking(false)}
      made=${(answer) => {
        setMaking(false);
        setMade(answer);
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
        <th scope="col">Made by</th>
        <th scope="col">Ends</th>
        <th scope="col">Actions</th>
      </tr>
    </thead>
    <tbody>
      ${keys.map(
        (key) => html`<tr key=${key.id}>
          <td title=${key.id}>${key.name}</td>
          <td>${key.roles.join(", ")}</td>
          <td>${key.made_by}</td>
          <td><${Moment} at=${key.expires_at} /></td>
          <td>
            <${Action}
              label="Revoke"
              kind="danger"
              question=${`The next request with the key ${key.name} is refused.`}
              run=${async () => {
                await ask("DELETE", pathOf(["keys", key.id]));
                refresh();
              }}
            />
          </td>
        </tr>`,
      )}
    </tbody>
  </table></div>`;
}

function NewKey({ close, made }) {
  async function create({ name, ends }, form) {
    const json = { name: name.trim(), roles: rolesIn(form) };
    if (ends) json.expires_at = new Date(`${ends}T23:59:59`).toISOString();
    made(await ask("POST", pathOf(["keys"]), { json }));
  }
  return html`<${Dialog} title="New key" close=${close}>
    <${Form} label="Create" submit=${create} close=${close}>
      <${Field} label="Name"><input name="name" required maxlength="128" autocomplete="off" /><//>
      <${RoleBoxes} />
      <${Field} label="Ends on" hint="In 90 days when left out; at most in 400.">
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
  const narrow = (change) => go(["admin", "audit"], { ...parameters, cursor: null, ...change });
  return html`
    <${Heading} title="Audit">
      <button type="button" onClick=${entries.refresh}>Read again</button>
    <//>
    <form
      class="filters"
      onSubmit=${(event) => {
        event.preventDefault();
        narrow(Object.fromEntries(new FormData(event.currentTarget)));
      }}
    >
      <label class="filter"><span>Who</span><input name="actor" type="search" key=${actor} defaultValue=${actor ?? ""} /></label>
      <label class="filter">
        <span>Done to</span><input name="entity_id" type="search" key=${entity_id} defaultValue=${entity_id ?? ""} />
      </label>
      <${Chooser}
        label="Outcome"
        value=${is_allowed}
        options=${[
          ["true", "done"],
          ["false", "refused"],
        ]}
        choose=${(value) => narrow({ is_allowed: value })}
      />
      <button type="submit">Find</button>
    </form>
    <${Loaded} resource=${entries}>
      ${(page) =>
        page.results.length === 0
          ? html`<${Empty} title="Nothing is like that." />`
          : html`<div class="table"><table>
                <thead>
                  <tr>
                    <th scope="col">When</th>
                    <th scope="col">Who</th>
                    <th scope="col">From</th>
                    <th scope="col">Operation</th>
                    <th scope="col">Done to</th>
                    <th scope="col">Outcome</th>
                  </tr>
                </thead>
                <tbody>
                  ${page.results.map((entry) => html`<${Entry} key=${entry.number} entry=${entry} />`)}
                </tbody>
              </table></div>
              <${Pages} parts=${["admin", "audit"]} parameters=${parameters} next=${page.next} />`}
    <//>
  `;
}

function Entry({ entry }) {
  return html`<tr>
    <td><${Moment} at=${entry.creation_date} /></td>
    <td title=${entry.actor_id}>${entry.actor ?? html`<span class="quiet">not known</span>`}${entry.key_id !== null && " (by a key)"}</td>
    <td>${entry.address}</td>
    <td>${entry.operation}</td>
    <td class="reason-cell" title=${entry.entity_id}>${entry.entity_id ?? "–"}</td>
    <td class="reason-cell">${entry.is_allowed ? "done" : `refused: ${entry.reason ?? ""}`}</td>
  </tr>`;
}
