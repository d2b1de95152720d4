// Scenarios side by side: their facts, and what the comparators of their config say.

import { ask, pathOf } from "./api.js";
import { Bars } from "./chart.js";
import { Empty, EntityLink, Heading, Moment, Refused, useAction } from "./parts.js";
import { useNames } from "./names.js";
import { ofKind, useResource } from "./resources.js";
import { linkTo } from "./router.js";
import { may } from "./session.js";
import { html, useEffect, useState } from "./view.js";
import { figureOf, jsonOf, nameOf } from "./words.js";

export function Comparison({ parameters }) {
  const ids = (parameters.ids ?? "").split(",").filter(Boolean);
  const scenarios = useResource(ids.join(",") || null, ofKind("SCENARIO"), () =>
    Promise.all(
      ids.map((id) => ask("GET", pathOf(["scenarios", id])).then(({ scenario }) => scenario)),
    ),
  );
  if (ids.length < 2) {
    return html`<${Heading} title="Comparison" /><${Empty} title="There is nothing to compare.">
      <p>Choose two or more scenarios of one config in the list.</p>
      <a href=${linkTo(["scenarios"])}>Go to the scenarios</a>
    <//>`;
  }
  return html`
    <${Heading} title="Comparison" />
    <${Refused} refusal=${scenarios.refusal} />
    ${scenarios.data &&
    html`<${FactTable} scenarios=${scenarios.data} />
      ${may("execute") && html`<${Figures} ids=${ids} scenarios=${scenarios.data} />`}`}
  `;
}

function FactTable({ scenarios }) {
  const name = useNames(scenarios.map(({ cycle }) => cycle));
  const rows = [
    ["Config", (scenario) => scenario.config_id],
    ["Cycle", (scenario) => (scenario.cycle === null ? "–" : name(scenario.cycle))],
    ["Primary", (scenario) => (scenario.primary_scenario ? "yes" : "no")],
    ["Tags", (scenario) => scenario.tags.join(", ") || "–"],
    ["Created", (scenario) => html`<${Moment} at=${scenario.creation_date} />`],
  ];
  return html`<div class="table"><table>
    <${Head} scenarios=${scenarios} />
    <tbody>
      ${rows.map(
        ([name, shown]) => html`<tr key=${name}>
          <th scope="row">${name}</th>
          ${scenarios.map((scenario) => html`<td key=${scenario.id}>${shown(scenario)}</td>`)}
        </tr>`,
      )}
    </tbody>
  </table></div>`;
}

function Head({ scenarios }) {
  return html`<thead>
    <tr>
      <td></td>
      ${scenarios.map(
        (scenario) => html`<th key=${scenario.id} scope="col">
          <${EntityLink} id=${scenario.id} text=${nameOf(scenario)} />
        </th>`,
      )}
    </tr>
  </thead>`;
}

function Figures({ ids, scenarios }) {
  const [comparisons, setComparisons] = useState(null);
  const compare = useAction(async () => {
    const answer = await ask("POST", pathOf(["scenarios", "compare"]), {
      json: { scenario_ids: ids },
    });
    setComparisons(answer);
  });
  useEffect(() => {
    compare.start();
  }, [ids.join(",")]);
  return html`<section aria-busy=${compare.isBusy}>
    <div class="section-head">
      <h2>What the comparators say</h2>
      <button type="button" disabled=${compare.isBusy} onClick=${() => compare.start()}>
        Compare again
      </button>
    </div>
    <${Refused} refusal=${compare.refusal} />
    ${compare.isBusy && comparisons === null && html`<p class="quiet loading">Comparing…</p>`}
    ${(comparisons?.errors ?? []).map(
      ({ data_node_config_id, comparator, message }) => html`<section
        class="card"
        key=${`${data_node_config_id}/${comparator}`}
      >
        <h3>${data_node_config_id}${comparator !== null && `: ${comparator}`}</h3>
        <${Refused} refusal=${{ message }} />
      </section>`,
    )}
    ${comparisons !== null &&
    Object.entries(comparisons.comparisons).flatMap(([node, byComparator]) =>
      Object.entries(byComparator).map(
        ([comparator, result]) => html`<section class="card" key=${`${node}/${comparator}`}>
          <h3>${node}: ${comparator}</h3>
          <${Result} result=${result} scenarios=${scenarios} />
        </section>`,
      ),
    )}
  </section>`;
}

/** What a comparator returned: figures for each scenario where it has them, else as JSON. */
function Result({ result, scenarios }) {
  const rows = rowsOf(result, scenarios.length);
  if (rows === null) return html`<pre>${jsonOf(result, 2)}</pre>`;
  const names = scenarios.map(nameOf);
  return html`
    <div class="table"><table>
      <${Head} scenarios=${scenarios} />
      <tbody>
        ${rows.map(
          ([name, figures]) => html`<tr key=${name}>
            <th scope="row">${name}</th>
            ${figures.map((figure) => html`<td class="figure">${figureOf(figure)}</td>`)}
          </tr>`,
        )}
      </tbody>
    </table></div>
    <div class="bars-grid">
      ${rows
        .filter(([, figures]) => figures.every(Number.isFinite))
        .map(
          ([name, figures]) =>
            html`<${Bars} key=${name} title=${name} names=${names} figures=${figures} />`,
        )}
    </div>
  `;
}

function rowsOf(result, count) {
  if (Array.isArray(result)) return result.length === count ? [["result", result]] : null;
  if (result === null || typeof result !== "object") return null;
  const rows = Object.entries(result);
  const isRow = ([, value]) => Array.isArray(value) && value.length === count;
  return rows.length > 0 && rows.every(isRow) ? rows : null;
}
