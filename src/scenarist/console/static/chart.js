// Charts: lines over the rows of a table, and bars that compare numbers.

import { formatValue } from "./format.js";
import { html, useEffect, useRef, useState } from "./view.js";

const HEIGHT = 280;
const DASHES = [[], [6, 4], [2, 3], [10, 4, 2, 4]];

const darkScheme = matchMedia("(prefers-color-scheme: dark)");

/** Resolve a colour variable of the style sheet: a canvas needs its value. */
function resolveColour(name) {
  const probe = document.createElement("span");
  probe.style.color = `var(${name})`;
  document.body.append(probe);
  const found = getComputedStyle(probe).color;
  probe.remove();
  return found;
}

/** Return whether the system uses a dark theme; renders again when that changes. */
function useDarkMode() {
  const [isDark, setDark] = useState(darkScheme.matches);
  useEffect(() => {
    const onChange = () => setDark(darkScheme.matches);
    darkScheme.addEventListener("change", onChange);
    return () => darkScheme.removeEventListener("change", onChange);
  }, []);
  return isDark;
}

/**
 * A line chart of numeric columns.
 * @param {{rows: object[], x: string | null, columns: string[]}} props x names a column of
 *   dates or timestamps; null for the row numbers
 */
export function LineChart({ rows, x, columns }) {
  const container = useRef(null);
  const isDark = useDarkMode();
  useEffect(() => {
    const element = container.current;
    let isUnmounted = false;
    let destroy = () => {};
    // uPlot is half of all bytes of the console, so it is loaded with the first chart.
    import("./vendor/uplot.js").then(({ default: UPlot }) => {
      if (!isUnmounted) destroy = draw(UPlot, element, { rows, x, columns });
    });
    return () => {
      isUnmounted = true;
      destroy();
    };
  }, [rows, x, columns.join("\u0000"), isDark]);
  const label = `Line chart of ${columns.join(", ")} over ${rows.length} rows`;
  return html`<div class="chart" role="img" aria-label=${label} ref=${container} />`;
}

/** Draw the chart into an element; return a function that removes it. */
function draw(UPlot, element, { rows, x, columns }) {
  const isTime = x !== null;
  const xs = rows.map((row, number) => (isTime ? Date.parse(row[x]) / 1000 : number + 1));
  const order = xs.map((_, number) => number).sort((one, other) => xs[one] - xs[other]);
  const values = columns.map((column) => order.map((number) => rows[number][column] ?? null));
  const axis = {
    stroke: resolveColour("--quiet"),
    grid: { stroke: resolveColour("--line"), width: 1 },
    ticks: { stroke: resolveColour("--line"), width: 1 },
    font: "12px system-ui, sans-serif",
  };
  const chart = new UPlot(
    {
      width: element.clientWidth,
      height: HEIGHT,
      scales: { x: { time: isTime } },
      // Show times as in the table: dates must not shift with the time zone of the browser.
      tzDate: (seconds) => UPlot.tzDate(new Date(seconds * 1000), "Etc/UTC"),
      axes: [axis, { ...axis, size: 64 }],
      series: [
        { label: x ?? "row" },
        ...columns.map((column, number) => ({
          label: column,
          stroke: resolveColour(`--line-${(number % 6) + 1}`),
          width: 2,
          dash: DASHES[Math.floor(number / 6) % DASHES.length],
          points: { show: rows.length < 40 },
        })),
      ],
    },
    [order.map((number) => xs[number]), ...values],
    element,
  );
  const resizeObserver = new ResizeObserver(() =>
    chart.setSize({ width: element.clientWidth, height: HEIGHT }),
  );
  resizeObserver.observe(element);
  return () => {
    resizeObserver.disconnect();
    chart.destroy();
  };
}

/**
 * A bar chart with one bar for each scenario, to scale and starting at zero; the table beside it
 * has the exact numbers.
 */
export function BarChart({ title, names, values }) {
  // Halved, so that the difference of the largest doubles does not overflow.
  const halves = values.map((value) => value / 2);
  const low = Math.min(0, ...halves);
  const span = Math.max(0, ...halves) - low || 1;
  const percent = (amount) => `${100 * (amount / span)}%`;
  return html`<figure class="bars">
    <figcaption>${title}</figcaption>
    ${values.map(
      (value, number) => html`<div class="bars-row" key=${number}>
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
        <span class="figure">${formatValue(value)}</span>
      </div>`,
    )}
  </figure>`;
}
