// Charts: lines over the rows of a table, and bars that compare figures.

import { html, useEffect, useRef, useState } from "./view.js";
import { figureOf } from "./words.js";

const HEIGHT = 280;
const DASHES = [[], [6, 4], [2, 3], [10, 4, 2, 4]];

const darkness = matchMedia("(prefers-color-scheme: dark)");

/** Return what a colour of the style sheet is now; a canvas does not know names of it. */
function colour(name) {
  const probe = document.createElement("span");
  probe.style.color = `var(${name})`;
  document.body.append(probe);
  const found = getComputedStyle(probe).color;
  probe.remove();
  return found;
}

/** Whether it is dark, told anew when that changes. */
function useDarkness() {
  const [isDark, setDark] = useState(darkness.matches);
  useEffect(() => {
    const changed = () => setDark(darkness.matches);
    darkness.addEventListener("change", changed);
    return () => darkness.removeEventListener("change", changed);
  }, []);
  return isDark;
}

/**
 * Lines of numeric columns.
 * @param {{rows: object[], x: string | null, columns: string[]}} props x names a column of
 *   moments; null for the numbers of the rows
 */
export function Lines({ rows, x, columns }) {
  const place = useRef(null);
  const isDark = useDarkness();
  useEffect(() => {
    const element = place.current;
    let isOver = false;
    let end = () => {};
    // Half of all that the console loads: only when there is a chart to be seen.
    import("./vendor/uplot.js").then(({ default: UPlot }) => {
      if (!isOver) end = draw(UPlot, element, { rows, x, columns });
    });
    return () => {
      isOver = true;
      end();
    };
  }, [rows, x, columns.join("\u0000"), isDark]);
  const said = `Line chart of ${columns.join(", ")} over ${rows.length} rows`;
  return html`<div class="chart" role="img" aria-label=${said} ref=${place} />`;
}

/** Draw lines into an element; return what takes them away. */
function draw(UPlot, element, { rows, x, columns }) {
  const isTime = x !== null;
  const xs = rows.map((row, number) => (isTime ? Date.parse(row[x]) / 1000 : number + 1));
  const order = xs.map((_, number) => number).sort((one, other) => xs[one] - xs[other]);
  const values = columns.map((column) => order.map((number) => rows[number][column] ?? null));
  const axis = {
    stroke: colour("--quiet"),
    grid: { stroke: colour("--line"), width: 1 },
    ticks: { stroke: colour("--line"), width: 1 },
    font: "12px system-ui, sans-serif",
  };
  const chart = new UPlot(
    {
      width: element.clientWidth,
      height: HEIGHT,
      scales: { x: { time: isTime } },
      // As the table has them: days do not shift with the time zone of whoever looks.
      tzDate: (seconds) => UPlot.tzDate(new Date(seconds * 1000), "Etc/UTC"),
      axes: [axis, { ...axis, size: 64 }],
      series: [
        { label: x ?? "row" },
        ...columns.map((column, number) => ({
          label: column,
          stroke: colour(`--line-${(number % 6) + 1}`),
          width: 2,
          dash: DASHES[Math.floor(number / 6) % DASHES.length],
          points: { show: rows.length < 40 },
        })),
      ],
    },
    [order.map((number) => xs[number]), ...values],
    element,
  );
  const resized = new ResizeObserver(() =>
    chart.setSize({ width: element.clientWidth, height: HEIGHT }),
  );
  resized.observe(element);
  return () => {
    resized.disconnect();
    chart.destroy();
  };
}

/**
 * Figures of one kind, one bar for each scenario, to scale from zero on; the table beside them has
 * the numbers.
 */
export function Bars({ title, names, figures }) {
  // Halved, so that the difference of the largest figures there are is a figure too.
  const halves = figures.map((figure) => figure / 2);
  const low = Math.min(0, ...halves);
  const span = Math.max(0, ...halves) - low || 1;
  const percent = (amount) => `${100 * (amount / span)}%`;
  return html`<figure class="bars">
    <figcaption>${title}</figcaption>
    ${figures.map(
      (figure, number) => html`<div class="bars-row" key=${number}>
        <span class="bars-name" title=${names[number]}>${names[number]}</span>
        <span class="bars-track">
          <span
            class="bars-bar"
            style=${{
              left: percent(Math.min(0, halves[number]) - low),
              width: percent(Math.abs(halves[number])),
            }}
          />
        </span>
        <span class="figure">${figureOf(figure)}</span>
      </div>`,
    )}
  </figure>`;
}
