// The sign-in page, while authorization is on.

import { ErrorMessage, Field, Form, HiddenUsername } from "./components.js";
import { authorization, signIn, signInWithToken } from "./session.js";
import { html, useEffect, useState } from "./view.js";

export function SignIn({ notice }) {
  const hasPasswords = authorization === "local" || authorization === "ldap";
  const [isToken, setToken] = useState(!hasPasswords);
  useEffect(() => {
    document.title = "Sign in · Scenarist";
  }, []);
  return html`<main class="sign-in">
    <h1>Scenarist</h1>
    ${notice && html`<${ErrorMessage} error=${{ message: notice }} />`}
    ${isToken ? html`<${TokenForm} />` : html`<${PasswordForm} />`}
    ${hasPasswords &&
    html`<button type="button" class="plain" onClick=${() => setToken(!isToken)}>
      ${isToken ? "Use name and password" : "Use a key or token"}
    </button>`}
  </main>`;
}

// The autofocus attribute acts later, when the user may already type in another field.
function focus(field) {
  field?.focus();
}

function PasswordForm() {
  return html`<${Form}
    label="Sign in"
    submit=${({ username, password }) => signIn(username, password)}
  >
    <${Field} label="Name">
      <input
        name="username"
        autocomplete="username"
        autocapitalize="none"
        required
        ref=${focus}
      />
    <//>
    <${Field} label="Password">
      <input name="password" type="password" autocomplete="current-password" required />
    <//>
  <//>`;
}

function TokenForm() {
  return html`<${Form} label="Sign in" submit=${({ token }) => signInWithToken(token.trim())}>
    <${HiddenUsername} name="token" />
    <${Field}
      label="Token"
      hint="A key of this server, or a token from its issuer."
    >
      <input name="token" type="password" autocomplete="off" required ref=${focus} />
    <//>
  <//>`;
}
