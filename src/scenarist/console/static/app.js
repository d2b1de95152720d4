// The frame around all views: who is there, where one is, and whether the server is.

import { Account } from "./account.js";
import { Administration } from "./admin.js";
import { Comparison } from "./comparison.js";
import { DataNode, DataNodes } from "./data_nodes.js";
import { Job, Jobs } from "./jobs.js";
import { connect, follow, useLiveState } from "./live.js";
import { PausedBanner } from "./orchestration.js";
import { Empty } from "./parts.js";
import { linkTo, useRoute } from "./router.js";
import { Scenario } from "./scenario.js";
import { Scenarios } from "./scenarios.js";
import { authorization, begin, hasIdentities, may, useSession } from "./session.js";
import { SignIn } from "./sign_in.js";
import { Submission, Submissions } from "./submissions.js";
import { html, render, useEffect, useRef } from "./view.js";

const PLACES = [
  ["scenarios", "Scenarios"],
  ["submissions", "Submissions"],
  ["jobs", "Jobs"],
  ["data-nodes", "Data nodes"],
];

/** Views by the first part of the address: of a list, and of one entity. */
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
  const [place = "scenarios", id] = route.parts;
  const views = VIEWS[place];
  if (views === undefined) {
    return html`<${Empty} title="There is no such page.">
      <a href=${linkTo(["scenarios"])}>Go to the scenarios</a>
    <//>`;
  }
  if (id === undefined) {
    const List = views[0];
    return html`<${List} key=${place} parameters=${route.parameters} />`;
  }
  const One = views[1];
  return html`<${One} key=${`${place}/${id}`} id=${id} parameters=${route.parameters} />`;
}

function Connection() {
  const state = useLiveState();
  const words = { live: "live", resting: "resting", connecting: "connecting", lost: "lost" };
  return html`<span class="connection" data-state=${state} title="The stream of changes">
    <span class="dot" aria-hidden="true" />${words[state]}
  </span>`;
}

function LostBanner() {
  const state = useLiveState();
  return html`<div role="status" aria-live="polite">
    ${state === "lost" &&
    html`<p class="banner">
      The connection to the server is lost. What is shown may be out of date; it is mended as soon
      as the server answers.
      <button type="button" onClick=${connect}>Try now</button>
    </p>`}
  </div>`;
}

function Top({ session, place }) {
  const places = may("read") ? [...PLACES] : [];
  if (may("administer") && hasIdentities()) places.push(["admin", "Administration"]);
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
      ${places.map(
        ([key, text]) =>
          html`<a key=${key} href=${linkTo([key])} aria-current=${key === place ? "page" : null}
            >${text}</a
          >`,
      )}
    </nav>
    <div class="who">
      ${may("read") && html`<${Connection} />`}
      ${authorization !== "none" &&
      html`<a href=${linkTo(["account"])} aria-current=${place === "account" ? "page" : null}
        >${session.username}</a
      >`}
    </div>
  </header>`;
}

function Console() {
  const session = useSession();
  const route = useRoute();
  const main = useRef(null);
  const isFirst = useRef(true);
  const place = route.parts.join("/");
  useEffect(() => {
    begin();
  }, []);
  useEffect(() => {
    if (session.state === "in" && may("read")) return follow();
    return undefined;
  }, [session]);
  useEffect(() => {
    // Where one has gone is read out, and the next key starts there.
    if (!isFirst.current) main.current?.focus();
    isFirst.current = false;
  }, [place]);

  if (session.state === "asking") return html`<p class="quiet loading">Reading…</p>`;
  if (session.state === "out") return html`<${SignIn} notice=${session.notice} />`;
  return html`
    <a class="skip" href="#main" onClick=${(event) => {
      event.preventDefault();
      main.current.focus();
    }}>Skip to the content</a>
    <${Top} session=${session} place=${route.parts[0] ?? "scenarios"} />
    ${may("read") && html`<${LostBanner} /><${PausedBanner} />`}
    <main id="main" ref=${main} tabindex="-1">
      ${may("read") || route.parts[0] === "account"
        ? html`<${View} route=${route} />`
        : html`<${Empty} title="You have no role here yet.">
            <p>You are signed in as ${session.username}. Ask an administrator for a role.</p>
          <//>`}
    </main>
  `;
}

render(html`<${Console} />`, document.getElementById("console"));
