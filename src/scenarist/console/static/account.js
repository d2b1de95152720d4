// Who one is, a new password, and the way out.

import { ask, pathOf } from "./api.js";
import { Action, Facts, Field, Form, Heading, NameForManagers } from "./parts.js";
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
          ["Roles", session.roles.join(", ") || "none yet: ask an administrator"],
          session.keyId !== null && ["Key", session.keyId],
        ]}
      />
    </section>
    ${authorization === "local" && session.keyId === null && html`<${NewPassword} name=${session.username} />`}
  `;
}

function NewPassword({ name }) {
  const change = ({ old_password, new_password }) =>
    ask("POST", pathOf(["auth", "password"]), { json: { old_password, new_password } }).then(
      signOut,
    );
  return html`<section class="card narrow">
    <h2>Change my password</h2>
    <p class="quiet">All your sessions end, and you sign in again.</p>
    <${Form} label="Change" submit=${change}>
      <${NameForManagers} name=${name} />
      <${Field} label="Old password">
        <input name="old_password" type="password" autocomplete="current-password" required />
      <//>
      <${Field} label="New password" hint="8 characters or more">
        <input name="new_password" type="password" autocomplete="new-password" required />
      <//>
    <//>
  </section>`;
}
