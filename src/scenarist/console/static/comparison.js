// Scenarios side by side: their facts, and the results of the comparators of their config.

import { pathOf, request } from "./api.js";
import { BarChart } from "./chart.js";
import { Empty, EntityLink, ErrorMessage, Heading, Timestamp, useAction } from "./components.js";
import { formatValue, nameOf, toJson } from "./format.js";
import { useNames } from "./names.js";
import { ofKind, useResource } from "./resources.js";
import { linkTo } from "./router.js";
import { can } from "./session.js";
import { html, useEffect, useState } from "./view.js";

export function Comparison({ parameters }) {
  const ids = (parameters.ids ?? "").split(",").filter(Boolean);
  const scenarios = useResource(ids.join(",") || null, ofKind("SCENARIO"), () =>
    Promise.all(
      ids.map((id) => request("GET", pathOf(["scenarios", id])).then(({ scenario }) => scenario)),
    ),
  );
  if (ids.length < 2) {
    return html`<${Heading} title="Comparison" /><${Empty} title="Nothing to compare.">
      <p>Select two or more scenarios of the same config in the list.</p>
      <a href=${linkTo(["scenarios"])}>Go to scenarios</a>
    <//>`;
  }
  return html`
    <${Heading} title="Comparison" />
    <${ErrorMessage} error=${scenarios.error} />
    ${scenarios.data &&
    html`<${FactTable} scenarios=${scenarios.data} />
      ${can("execute") && html`<${ComparatorResults} ids=${ids} scenarios=${scenarios.data} />`}`}
  `;
}

function FactTable({ scenarios }) {
  const name = useNames(scenarios.map(({ cycle }) => cycle));
  const rows = [
    ["Config", (scenario) => scenario.config_id],
    ["Cycle", (scenario) => (scenario.cycle === null ? "–" : name(scenario.cycle))],
    ["Primary", (scenario) => (scenario.primary_scenario ? "yes" : "no")],
    ["Tags", (scenario) => scenario.tags.join(", ") || "–"],
    ["Created", (scenario) => html`<${Timestamp} at=${scenario.creation_date} />`],
    ["Version", (scenario) => scenario.version],
  ];
  return html`<div class="table"><table>
    <${TableHead} scenarios=${scenarios} />
    <tbody>
      ${rows.map(
        ([name, render]) => html`<tr key=${name}>
          <th scope="row">${name}</th>
          ${scenarios.map((scenario) => html`<td key=${scenario.id}>${render(scenario)}</td>`)}
        </tr>`,
      )}
    </tbody>
  </table></div>`;
}

function TableHead({ scenarios }) {
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

function ComparatorResults({ ids, scenarios }) {
  const [comparisons, setComparisons] = useState(null);
  const compare = useAction(async () => {
    const answer = await request("POST", pathOf(["scenarios", "compare"]), {
      json: { scenario_ids: ids },
    });
    setComparisons(answer);
  });
  useEffect(() => {
    compare.start();
  }, [ids.join(",")]);
  return html`<section aria-busy=${compare.isBusy}>
    <div class="section-head">
      <h2>Comparator results</h2>
      <button type="button" disabled=${compare.isBusy} onClick=${() => compare.start()}>
        Compare again
      </button>
    </div>
    <${ErrorMessage} error=${compare.error} />
    ${compare.isBusy && comparisons === null && html`<p class="quiet loading">Comparing…</p>`}
    ${(comparisons?.errors ?? []).map(
      ({ data_node_config_id, comparator, message }) => html`<section
        class="card"
        key=${`${data_node_config_id}/${comparator}`}
      >
        <h3>${data_node_config_id}${comparator !== null && `: ${comparator}`}</h3>
        <${ErrorMessage} error=${{ message }} />
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

/** The result of a comparator: a table if it has one value for each scenario, else JSON. */
function Result({ result, scenarios }) {
  const rows = rowsOf(result, scenarios.length);
  if (rows === null) return html`<pre>${toJson(result, 2)}</pre>`;
  const names = scenarios.map(nameOf);
  return html`
    <div class="table"><table>
      <${TableHead} scenarios=${scenarios} />
      <tbody>
        ${rows.map(
          ([name, values]) => html`<tr key=${name}>
            <th scope="row">${name}</th>
            ${values.map((value) => html`<td class="figure">${formatValue(value)}</td>`)}
          </tr>`,
        )}
      </tbody>
    </table></div>
    <div class="bars-grid">
      ${rows
        .filter(([, values]) => values.every(Number.isFinite))
        .map(
          ([name, values]) =>
            html`<${BarChart} key=${name} title=${name} names=${names} values=${values} />`,
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
