// The SQL grid against a real PostgreSQL server with the sample data.

import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import type { CallToolResult } from "@modelcontextprotocol/client";
import { csv, sorted, asSeconds, type Table } from "../src/rows/table.ts";
import { looksAsInTheDocs } from "./pictures.ts";
import { ERAS } from "./servers.ts";
import { Stage } from "./stage.ts";

const SERVER = "postgres";

function grid(
  t: TestContext,
  sql: string,
  more: { limit?: number; params?: unknown[] } = {},
  opening: object = {},
): Promise<Stage> {
  return Stage.open(t, {
    server: SERVER,
    tool: "query_database",
    arguments: { sql, ...more },
    ...opening,
  });
}

/** The cells of a column, from top to bottom. */
function column(stage: Stage, at: number): Promise<string[]> {
  return stage.view.locator(`tbody tr td:nth-child(${at + 1})`).allTextContents();
}

for (const era of ERAS) {
  test(`rows come with the types of their columns (${era})`, async (t) => {
    const sql =
      "SELECT id, name, NULL::date AS since, price FROM products WHERE id <= 3 ORDER BY id";
    const stage = await grid(t, sql, {}, { era });
    await stage.view.getByText("These are all rows.").waitFor();
    const heads = await stage.view.locator("th .type").allTextContents();
    assert.deepEqual(heads, ["integer", "text", "date", "numeric"]);
    assert.deepEqual(await column(stage, 1), ["Product 1", "Product 2", "Product 3"]);
    assert.deepEqual(await column(stage, 2), ["NULL", "NULL", "NULL"]);
    assert.equal(await stage.view.locator("pre").textContent(), sql);
  });
}

test("a column sorts up, down and back, numbers as numbers", async (t) => {
  const stage = await grid(
    t,
    "SELECT n::numeric * 10 AS n, 'x' || n AS name FROM (VALUES (10), (9), (NULL), (100)) AS v (n)",
  );
  const head = stage.view.getByRole("columnheader", { name: /^n / });
  const sorter = stage.view.getByRole("button", { name: /^n/ }).first();
  const orders = [];
  for (let click = 0; click < 3; click++) {
    await sorter.click();
    orders.push([await head.getAttribute("aria-sort"), ...(await column(stage, 0))]);
  }
  assert.deepEqual(orders, [
    ["ascending", "90", "100", "1000", "NULL"],
    ["descending", "1000", "100", "90", "NULL"],
    ["none", "100", "90", "NULL", "1000"],
  ]);
  await stage.view.getByText("Rows by n, as they came").waitFor();
});

test("pages turn by cursor, there and back", async (t) => {
  const sql = "SELECT id FROM customers WHERE id <= $1 ORDER BY id";
  const stage = await grid(t, sql, { params: [25], limit: 10 });
  const { view } = stage;
  await view.getByText("There are more rows than are shown.").waitFor();
  assert.ok(await view.getByRole("button", { name: "Previous" }).isDisabled());
  await view.getByRole("button", { name: "Next" }).click();
  await view.getByText("rows 11 to 20").waitFor();
  await view.getByRole("button", { name: "Next" }).focus();
  await stage.press("Enter");
  await view.getByText("rows 21 to 25").waitFor();
  await view.getByText("This is the last page.").waitFor();
  assert.deepEqual(await column(stage, 0), ["21", "22", "23", "24", "25"]);
  assert.match(await stage.focused(), /Previous/);
  await stage.press("Enter");
  await view.getByText("rows 11 to 20").waitFor();
  const asked = stage.calls.map((call) => call.arguments);
  assert.ok(asked.every(({ params, limit }) => JSON.stringify([params, limit]) === "[[25],10]"));
  assert.equal(new Set(asked.map(({ cursor }) => cursor)).size, 2);
});

test("an error of the database is told, and a later page's can be tried again", async (t) => {
  const stage = await grid(t, "SELECT namee FROM customers");
  await stage.view.getByRole("alert").getByText("SQLSTATE 42703").waitFor();

  const paged = await grid(t, "SELECT id FROM customers ORDER BY id", { limit: 10 });
  const error = { code: "unavailable", message: "the database does not answer", retryable: true };
  paged.intercept = () => {
    paged.intercept = () => undefined;
    return { isError: true, content: [], structuredContent: { error } };
  };
  await paged.view.getByRole("button", { name: "Next" }).click();
  await paged.view.getByRole("alert").getByText("The database does not answer.").waitFor();
  await paged.view.getByRole("button", { name: "Try again" }).click();
  await paged.view.getByText("rows 11 to 20").waitFor();
});

test("a statement without rows says so, with its columns", async (t) => {
  const stage = await grid(t, "SELECT id, name FROM customers WHERE false");
  await stage.view.getByText("No rows", { exact: true }).waitFor();
  assert.equal(await stage.view.getByRole("columnheader").count(), 2);
});

test("a numeric column is drawn, over time where there is one", async (t) => {
  const sql =
    "SELECT ordered_on, count(*) AS orders, sum(total) AS total FROM order_totals GROUP BY 1 ORDER BY 1 LIMIT 30";
  const stage = await grid(t, sql);
  await stage.view.getByText("Chart", { exact: true }).click();
  await stage.view.getByRole("img", { name: /^orders over ordered_on: 30 points/ }).waitFor();
  await stage.view.getByLabel("Column").selectOption({ label: "total" });
  await stage.view.getByRole("img", { name: /^total over ordered_on: 30 points/ }).waitFor();
  const drawn = await stage.view.locator("canvas").evaluate((canvas: HTMLCanvasElement) => {
    const { data } = canvas.getContext("2d")!.getImageData(0, 0, canvas.width, canvas.height);
    return data.some((value) => value !== 0);
  });
  assert.ok(drawn);
});

test("an export holds what is shown, and no formula", async (t) => {
  const sql = `SELECT * FROM (VALUES (1, '=1+1'), (2, '-5'), (3, 'a "b", c'), (-4, '@x'), (5, NULL)) AS v (n, "t,x")`;
  const stage = await grid(t, sql);
  await stage.view.getByRole("button", { name: /^n/ }).first().click();
  await stage.view.getByRole("button", { name: "Export CSV" }).click();
  await stage.view.getByText("Exported the rows of this page.").waitFor();
  const text = 'n,"t,x"\r\n-4,\'@x\r\n1,\'=1+1\r\n2,-5\r\n3,"a ""b"", c"\r\n5,\r\n';
  assert.deepEqual(stage.files, [{ uri: "file:///rows.csv", text }]);
});

test("where the host saves no files the rows are offered to be copied", async (t) => {
  const stage = await grid(t, "SELECT 1 AS one", {}, { downloads: false });
  await stage.view.getByRole("button", { name: "Export CSV" }).click();
  assert.equal(await stage.view.getByLabel("Rows as CSV").inputValue(), "one\n1\n");
  await stage.press("Escape");
  assert.equal(await stage.focused(), "Export CSV");
});

test("a cell with a script in it is inert", async (t) => {
  const hostile = "<script>window.owned = true</script><img src=x onerror=window.owned=true>";
  const stage = await grid(t, `SELECT $1::text AS "<b>head</b>", 1 AS n`, { params: [hostile] });
  assert.deepEqual(await column(stage, 0), [hostile]);
  const made = await stage.view.evaluate(() => [
    document.querySelectorAll("img, b").length,
    "owned" in window,
  ]);
  assert.deepEqual(made, [0, false]);
});

test("the keyboard alone is enough", async (t) => {
  const stage = await grid(t, "SELECT id, name FROM customers ORDER BY id", { limit: 5 });
  const reached: string[] = [];
  await stage.view.getByRole("button", { name: "Export CSV" }).focus();
  for (let at = 0; at < 6; at++) {
    await stage.press("Tab");
    reached.push(await stage.focused());
  }
  assert.deepEqual(
    reached.map((name) => name.replace(/(integer|text)$/, "")),
    ["Statement", "Chart", "Rows", "id", "name", "Next ›"],
  );
});

test("it looks as in the docs", async (t) => {
  const sql = `SELECT ordered_on, count(*) AS orders, sum(total) AS revenue, max(total) AS largest
FROM order_totals GROUP BY ordered_on ORDER BY ordered_on`;
  const stage = await grid(t, sql, { limit: 40 });
  await stage.view.getByText("Chart", { exact: true }).click();
  await stage.view.getByLabel("Column").selectOption({ label: "revenue" });
  await stage.view.getByRole("img", { name: /^revenue/ }).waitFor();
  await looksAsInTheDocs(stage, "rows");
});

const table = (type: string, ...cells: unknown[]): Table => ({
  columns: [{ name: "c", type }],
  rows: cells.map((cell) => [cell]),
  row_count: cells.length,
  truncated: false,
  elapsed_ms: 1,
});

test("numbers beyond 2^53 and those that are none have their place", () => {
  const order = { column: 0, descending: false };
  const big = table("bigint", "9007199254740993", 3, "9007199254740992", null, -1);
  assert.deepEqual(sorted(big, order).flat(), [
    -1,
    3,
    "9007199254740992",
    "9007199254740993",
    null,
  ]);
  const odd = table("numeric", "NaN", "Infinity", "1.5", "-Infinity", "10");
  assert.deepEqual(sorted(odd, order).flat(), ["-Infinity", "1.5", "10", "Infinity", "NaN"]);
});

test("a formula is none any more, and a number stays one", () => {
  const cells = ["=A1", "+A1", "-A1", "@A1", "\tA1", "\rA1", "-1.5e3", "+1", "plain", { a: 1 }];
  const lines = csv(
    [{ name: "=head", type: "text" }],
    cells.map((cell) => [cell]),
  );
  assert.equal(
    lines,
    `'=head\r\n'=A1\r\n'+A1\r\n'-A1\r\n'@A1\r\n'\tA1\r\n"'\rA1"\r\n-1.5e3\r\n+1\r\nplain\r\n"{""a"":1}"\r\n`,
  );
});

test("times are read as the server writes them", () => {
  assert.equal(asSeconds("1970-01-02"), 86_400);
  assert.equal(asSeconds("1970-01-01 00:00:01.5"), 1.5);
  assert.equal(asSeconds("1970-01-01 02:00:00+02"), 0);
  for (const none of ["infinity", "0044-03-15 BC", "", null, 5])
    assert.equal(asSeconds(none), null);
});

test("an answer that is cut off is not taken for all", async (t) => {
  const answer = { ...table("integer", 1, 2), truncated: true };
  const result: CallToolResult = { content: [], structuredContent: answer } as never;
  const stage = await grid(t, "SELECT 1", {}, { result });
  await stage.view.getByText("There are more rows than are shown.").waitFor();
  assert.ok(await stage.view.getByRole("button", { name: "Next" }).isDisabled());
});
