// The account of the user: roles, password, signing out.

import { pathOf, request } from "./api.js";
import { Action, Facts, Field, Form, Heading, HiddenUsername } from "./components.js";
import { authorization, signOut, useSession } from "./session.js";
import { html } from "./view.js";

export function Account() {
  const session = useSession();
  return html`
    <${Heading} title=${session.username} kind="Account">
      <${Action} label="Sign out" run=${signOut} />
    <//>
    <section class="card">
      <${Facts}
        facts=${[
          ["Roles", session.roles.join(", ") || "none; ask an administrator for a role"],
          session.keyId !== null && ["Key", session.keyId],
        ]}
      />
    </section>
    ${authorization === "local" && session.keyId === null && html`<${NewPassword} name=${session.username} />`}
  `;
}

function NewPassword({ name }) {
  const change = ({ old_password, new_password }) =>
    request("POST", pathOf(["auth", "password"]), { json: { old_password, new_password } }).then(
      signOut,
    );
  return html`<section class="card narrow">
    <h2>Change password</h2>
    <p class="quiet">This ends all your sessions; you have to sign in again.</p>
    <${Form} label="Change" submit=${change}>
      <${HiddenUsername} name=${name} />
      <${Field} label="Current password">
        <input name="old_password" type="password" autocomplete="current-password" required />
      <//>
      <${Field} label="New password" hint="At least 8 characters">
        <input name="new_password" type="password" autocomplete="new-password" required />
      <//>
    <//>
  </section>`;
}
