// The frame around all views: navigation, the signed-in user, and the state of the connection.

import { Account } from "./account.js";
import { Administration } from "./admin.js";
import { Comparison } from "./comparison.js";
import { Empty } from "./components.js";
import { DataNode, DataNodes } from "./data_nodes.js";
import { Job, Jobs } from "./jobs.js";
import { connect, follow, useLiveState } from "./live.js";
import { CodeBanner, PausedBanner, VersionBanner } from "./orchestration.js";
import { linkTo, useRoute } from "./router.js";
import { Scenario } from "./scenario.js";
import { Scenarios } from "./scenarios.js";
import { authorization, can, hasIdentities, restoreSession, useSession } from "./session.js";
import { SignIn } from "./sign_in.js";
import { Submission, Submissions } from "./submissions.js";
import { DriftBanner } from "./upgrade.js";
import { html, render, useEffect, useRef } from "./view.js";

const SECTIONS = [
  ["scenarios", "Scenarios"],
  ["submissions", "Submissions"],
  ["jobs", "Jobs"],
  ["data-nodes", "Data nodes"],
];

/** Views by the first part of the address: the list, and a single entity. */
const VIEWS = {
  scenarios: [Scenarios, Scenario],
  compare: [Comparison, Comparison],
  submissions: [Submissions, Submission],
  jobs: [Jobs, Job],
  "data-nodes": [DataNodes, DataNode],
  admin: [Administration, Administration],
  account: [Account, Account],
};

function View({ route }) {
  const [section = "scenarios", id] = route.parts;
  const views = VIEWS[section];
  if (views === undefined) {
    return html`<${Empty} title="Page not found.">
      <a href=${linkTo(["scenarios"])}>Go to scenarios</a>
    <//>`;
  }
  if (id === undefined) {
    const List = views[0];
    return html`<${List} key=${section} parameters=${route.parameters} />`;
  }
  const Detail = views[1];
  return html`<${Detail} key=${`${section}/${id}`} id=${id} parameters=${route.parameters} />`;
}

function ConnectionStatus() {
  const state = useLiveState();
  const labels = { live: "live", paused: "paused", connecting: "connecting", lost: "lost" };
  return html`<span class="connection" data-state=${state} title="Live updates">
    <span class="dot" aria-hidden="true" />${labels[state]}
  </span>`;
}

function DisconnectedBanner() {
  const state = useLiveState();
  return html`<div role="status" aria-live="polite">
    ${state === "lost" &&
    html`<p class="banner">
      The connection to the server is lost. This page may be out of date until the server responds
      again.
      <button type="button" onClick=${connect}>Reconnect now</button>
    </p>`}
  </div>`;
}

function Header({ session, section }) {
  const sections = can("read") ? [...SECTIONS] : [];
  if (can("administer") && hasIdentities()) sections.push(["admin", "Administration"]);
  return html`<header class="top">
    <a class="brand" href=${linkTo(["scenarios"])}>
      <svg viewBox="0 0 32 32" aria-hidden="true">
        <path d="M9 10h6a4 4 0 0 1 4 4v4a4 4 0 0 0 4 4" />
        <circle cx="8.500" cy="10" r="3.500" />
        <circle cx="23.500" cy="22" r="3.500" />
      </svg>
      Scenarist
    </a>
    <nav aria-label="Main">
      ${sections.map(
        ([key, text]) =>
          html`<a key=${key} href=${linkTo([key])} aria-current=${key === section ? "page" : null}
            >${text}</a
          >`,
      )}
    </nav>
    <div class="who">
      ${can("read") && html`<${ConnectionStatus} />`}
      ${authorization !== "none" &&
      html`<a href=${linkTo(["account"])} aria-current=${section === "account" ? "page" : null}
        >${session.username}</a
      >`}
    </div>
  </header>`;
}

function Console() {
  const session = useSession();
  const route = useRoute();
  const main = useRef(null);
  const isFirstRender = useRef(true);
  const path = route.parts.join("/");
  useEffect(() => {
    restoreSession();
  }, []);
  useEffect(() => {
    if (session.state === "in" && can("read")) return follow();
    return undefined;
  }, [session]);
  useEffect(() => {
    // Screen readers announce the new view, and the keyboard continues there.
    if (!isFirstRender.current) main.current?.focus();
    isFirstRender.current = false;
  }, [path]);

  if (session.state === "loading") return html`<p class="quiet loading">Loading…</p>`;
  if (session.state === "out") return html`<${SignIn} notice=${session.notice} />`;
  return html`
    <a class="skip" href="#main" onClick=${(event) => {
      event.preventDefault();
      main.current.focus();
    }}>Skip to content</a>
    <${Header} session=${session} section=${route.parts[0] ?? "scenarios"} />
    ${can("read") &&
    html`<${DisconnectedBanner} /><${PausedBanner} /><${VersionBanner} /><${CodeBanner} />`}
    ${can("read") && (route.parts[0] ?? "scenarios") === "scenarios" && html`<${DriftBanner} />`}
    <main id="main" ref=${main} tabindex="-1">
      ${can("read") || route.parts[0] === "account"
        ? html`<${View} route=${route} />`
        : html`<${Empty} title="You have no role yet.">
            <p>You are signed in as ${session.username}. Ask an administrator for a role.</p>
          <//>`}
    </main>
  `;
}

render(html`<${Console} />`, document.getElementById("console"));
