// Signing in, where authorization is on.

import { Field, Form, NameForManagers, Refused } from "./parts.js";
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
    ${notice && html`<${Refused} refusal=${{ message: notice }} />`}
    ${isToken ? html`<${ByToken} />` : html`<${ByPassword} />`}
    ${hasPasswords &&
    html`<button type="button" class="plain" onClick=${() => setToken(!isToken)}>
      ${isToken ? "Use a name and a password" : "Use a key or a token"}
    </button>`}
  </main>`;
}

// The attribute for it comes later, when somebody may have begun elsewhere.
function focus(field) {
  field?.focus();
}

function ByPassword() {
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

function ByToken() {
  return html`<${Form} label="Sign in" submit=${({ token }) => signInWithToken(token.trim())}>
    <${NameForManagers} name="token" />
    <${Field}
      label="Token"
      hint="A key of this server, or a token that its issuer has made for you."
    >
      <input name="token" type="password" autocomplete="off" required ref=${focus} />
    <//>
  <//>`;
}
