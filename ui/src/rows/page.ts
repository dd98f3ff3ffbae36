// The grid of a SQL result: rows with their types, a page at a time, a chart of a column, and an export.

import { alertLine, button, fill, h, root, statusLine } from "../dom.ts";
import { asCallError, Host } from "../host.ts";
import { Grid } from "./grid.ts";
import { ColumnChart } from "./plot.ts";
import { csv, type Table } from "./table.ts";

const status = statusLine();
const statement = h("pre", { tabindex: 0 });
const source = h("details", { hidden: true }, h("summary", {}, "Statement"), statement);
const place = h("span", { class: "muted" });
const fallback = h("dialog", { "aria-labelledby": "csv-title" });

const grid = new Grid((text) => fill(status, text));
const chart = new ColumnChart();

/** The arguments of the call that is shown. */
let asked: Record<string, unknown> = {};
/** Where each page that was seen begins; the first has no cursor. */
let cursors: (string | undefined)[] = [undefined];
let current = 0;
let table: Table | undefined;
/** How many rows stand before each page that was seen. */
let before: number[] = [0];

const host = await Host.connect("sql-grid", {
  input: (arguments_) => {
    asked = arguments_;
    const sql = arguments_["sql"];
    source.hidden = typeof sql !== "string";
    fill(statement, typeof sql === "string" ? sql : "");
  },
  result: (answer) => {
    cursors = [asked["cursor"] as string | undefined];
    [before, current] = [[0], 0];
    show(answer as Table);
  },
  failed: (error) => fill(status, alertLine(error.message)),
});

function show(answer: Table): void {
  table = answer;
  const { rows, truncated, next_cursor } = answer;
  const start = before[current] ?? 0;
  cursors[current + 1] = next_cursor;
  before[current + 1] = start + rows.length;
  previous.disabled = current === 0;
  next.disabled = next_cursor === undefined;
  save.disabled = answer.columns.length === 0;
  fill(place, rows.length === 0 ? "no rows" : `rows ${start + 1} to ${start + rows.length}`);
  const more = truncated ? "There are more rows than are shown." : "These are all rows.";
  const took = h("span", { class: "took" }, `${answer.elapsed_ms.toFixed(1)} ms`);
  fill(status, start > 0 && !truncated ? "This is the last page." : more, " ", took);
  grid.show(answer);
  chart.show(answer);
}

/** Asks for another page, by the cursor that leads there. */
async function turn(to: number): Promise<void> {
  grid.element.setAttribute("aria-busy", "true");
  fill(status, "Loading…");
  const cursor = cursors[to];
  const focused = document.activeElement;
  try {
    const { cursor: _, ...statement } = asked;
    const page = await host.call<Table>(host.tool, { ...statement, ...(cursor && { cursor }) });
    current = to;
    show(page);
    // A button that has nowhere to lead any more lets go of the focus.
    if (focused === next && next.disabled) previous.focus();
    else if (focused === previous && previous.disabled) next.focus();
  } catch (error) {
    fill(
      status,
      alertLine(asCallError(error).message, () => void turn(to)),
    );
  } finally {
    grid.element.removeAttribute("aria-busy");
  }
}

async function download(): Promise<void> {
  if (table === undefined) return;
  const text = csv(table.columns, grid.rows());
  try {
    if (await host.download("rows.csv", "text/csv", text))
      fill(status, "Exported the rows of this page.");
    else offerCopy(text);
  } catch (error) {
    fill(status, alertLine(asCallError(error).message));
  }
}

/** A sandboxed page cannot save a file where its host does not do it. */
function offerCopy(text: string): void {
  const area = h("textarea", { rows: 12, readonly: true, "aria-label": "Rows as CSV" });
  area.value = text;
  const heading = h("h2", { id: "csv-title", class: "grow" }, "Copy the rows");
  const close = button("✕", () => fallback.close(), { "aria-label": "Close this view" });
  fill(fallback, h("div", { class: "bar" }, heading, close), area);
  fallback.showModal();
  area.select();
}

const previous = button("‹ Previous", () => void turn(current - 1), { disabled: true });
const next = button("Next ›", () => void turn(current + 1), { disabled: true });
const save = button("Export CSV", () => void download(), { disabled: true });

fill(
  root(),
  h("header", { class: "bar" }, h("h1", { class: "grow" }, "Rows"), save),
  source,
  status,
  chart.element,
  grid.element,
  h("nav", { class: "bar pages", "aria-label": "Pages" }, previous, place, next),
  fallback,
);
