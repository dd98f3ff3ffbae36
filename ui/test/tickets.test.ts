// The ticket board against a real ticketing server.

import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import type { CallToolResult, Client } from "@modelcontextprotocol/client";
import { looksAsInTheDocs } from "./pictures.ts";
import { connect, ERAS } from "./servers.ts";
import { Stage } from "./stage.ts";

const SERVER = "ticketing";

/** A word that no other test's tickets hold. */
let words = 0;
const newWord = () => `word${process.pid}x${++words}`;

async function call(
  client: Client,
  name: string,
  arguments_: Record<string, unknown>,
): Promise<Record<string, any>> {
  const result = await client.callTool({ name, arguments: arguments_ });
  assert.notEqual(result.isError, true, JSON.stringify(result.content));
  return result.structuredContent as Record<string, any>;
}

/** Makes tickets, and returns their ids. */
async function tickets(t: TestContext, word: string, ...titles: string[]): Promise<string[]> {
  const client = await connect(t, { server: SERVER });
  const ids: string[] = [];
  for (const title of titles) {
    const made = await call(client, "create_ticket", {
      title: `${title} ${word}`,
      body: "It burns.",
    });
    ids.push(made["id"]);
  }
  return ids;
}

function board(t: TestContext, query: string, more: object = {}): Promise<Stage> {
  return Stage.open(t, { server: SERVER, tool: "search_tickets", arguments: { query }, ...more });
}

for (const era of ERAS) {
  test(`a search fills the columns by status (${era})`, async (t) => {
    const word = newWord();
    const [first, second, third] = await tickets(t, word, "Printer", "Scanner", "Modem");
    const other = await connect(t, { server: SERVER });
    await call(other, "update_ticket", { id: second, expected_version: 1, status: "pending" });
    await call(other, "close_ticket", { id: third, resolution: "Replaced." });
    const stage = await board(t, word, { era });
    const placed = [
      ["Open", first!],
      ["Pending", second!],
      ["Closed", third!],
    ] as const;
    for (const [column, id] of placed) {
      const region = stage.view.getByRole("region", { name: column });
      await region.getByRole("button", { name: id! }).waitFor();
      assert.equal(await region.getByRole("listitem").count(), 1, column);
    }
  });
}

test("more tickets come by cursor, and the focus goes on with them", async (t) => {
  const word = newWord();
  await tickets(t, word, ...Array.from({ length: 12 }, (_, at) => `Ticket ${at}`));
  const stage = await board(t, word);
  const column = stage.view.getByRole("region", { name: "Open" });
  await column.getByText("There are more.").waitFor();
  assert.equal(await column.getByRole("listitem").count(), 10);
  await column.getByRole("button", { name: "More open tickets" }).click();
  await column.getByText("There are more.").waitFor({ state: "detached" });
  assert.equal(await column.getByRole("listitem").count(), 12);
  assert.match(await stage.focused(), /^Ticket 1 /);
});

test("a ticket opens and takes a comment", async (t) => {
  const word = newWord();
  const [id] = await tickets(t, word, "Printer");
  const stage = await board(t, word);
  await stage.view.getByRole("button", { name: id! }).click();
  const dialog = stage.view.getByRole("dialog");
  await dialog.getByText("It burns.").waitFor();
  await dialog.getByRole("button", { name: "Add comment" }).click();
  await dialog.getByText("Write something first.").waitFor();
  await dialog.getByLabel("New comment").fill("Fire brigade called.");
  await dialog.getByRole("button", { name: "Add comment" }).click();
  await dialog.getByRole("listitem").getByText("Fire brigade called.").waitFor();
  const read = await call(stage.client, "get_ticket", { id });
  assert.deepEqual(
    read["comments"].map((it: { body: string }) => it.body),
    ["Fire brigade called."],
  );
});

for (const era of ERAS) {
  test(`closing takes a confirmation here and one of the server's (${era})`, async (t) => {
    const word = newWord();
    const [id] = await tickets(t, word, "Printer");
    const questions: string[] = [];
    let answer: "accept" | "decline" = "decline";
    const asked = (question: string) => {
      questions.push(question);
      return answer;
    };
    const stage = await board(t, word, { era, asked });
    await stage.view.getByRole("button", { name: id! }).click();
    const dialog = stage.view.getByRole("dialog");
    await dialog.getByRole("button", { name: "Close ticket…" }).click();
    await dialog.getByText(`Close ${id} for good?`).waitFor();
    assert.deepEqual(
      stage.calls.filter(({ name }) => name === "close_ticket"),
      [],
    );
    await dialog.getByLabel("Why it is closed").fill("Extinguished.");
    await dialog.getByRole("button", { name: `Close ${id} for good` }).click();
    await dialog.getByRole("alert").waitFor();
    assert.equal((await call(stage.client, "get_ticket", { id }))["status"], "open");
    answer = "accept";
    await dialog.getByRole("button", { name: `Close ${id} for good` }).click();
    await dialog.getByRole("heading", { name: "Resolution" }).waitFor();
    assert.equal(questions.length, 2);
    assert.match(questions[0]!, new RegExp(`Close ticket ${id} for good`));
    const closed = await call(stage.client, "get_ticket", { id });
    assert.deepEqual([closed["status"], closed["resolution"]], ["closed", "Extinguished."]);
    await stage.view.getByRole("region", { name: "Closed" }).getByText(id!).waitFor();
  });
}

test("a change whose answer was lost is made once, however often it is tried", async (t) => {
  const word = newWord();
  const stage = await board(t, word);
  let isLost = true;
  stage.intercept = async (name, given) => {
    if (name !== "create_ticket" || !isLost) return undefined as never;
    isLost = false;
    await stage.client.callTool({ name, arguments: given as Record<string, unknown> });
    throw new Error("The connection was lost.");
  };
  await stage.view.getByRole("button", { name: "New ticket" }).click();
  const dialog = stage.view.getByRole("dialog", { name: "New ticket" });
  await dialog.getByLabel("Title").fill(`Printer ${word}`);
  await dialog.getByLabel("Description").fill("It burns.");
  await dialog.getByLabel("Priority").selectOption("high");
  await dialog.getByRole("button", { name: "Create ticket" }).click();
  await dialog.getByRole("alert").getByText("The connection was lost.").waitFor();
  await dialog.getByRole("button", { name: "Create ticket" }).click();
  await stage.view.getByRole("dialog").getByText("It burns.").waitFor();
  const found = await call(stage.client, "search_tickets", { query: word });
  assert.deepEqual(
    found["tickets"].map((it: { priority: string }) => it.priority),
    ["high"],
  );
  const keys = stage.calls
    .filter(({ name }) => name === "create_ticket")
    .map((it) => it.arguments["idempotency_key"]);
  assert.equal(keys.length, 2);
  assert.equal(keys[0], keys[1]);
});

test("a caller who may only read is told so", async (t) => {
  const word = newWord();
  const [id] = await tickets(t, word, "Printer");
  const stage = await board(t, word, { key: "read" });
  await stage.view.getByRole("button", { name: id! }).click();
  const dialog = stage.view.getByRole("dialog");
  await dialog.getByLabel("New comment").fill("Hello?");
  await dialog.getByRole("button", { name: "Add comment" }).click();
  await dialog.getByRole("alert").waitFor();
  assert.deepEqual((await call(stage.client, "get_ticket", { id }))["comments"], []);
});

test("a failed search is told, and can be tried again", async (t) => {
  const word = newWord();
  await tickets(t, word, "Printer");
  const error = {
    code: "unavailable",
    message: "the ticket store does not answer",
    retryable: true,
  };
  const failed: CallToolResult = { isError: true, content: [], structuredContent: { error } };
  const stage = await board(t, word, { result: failed });
  await stage.view.getByRole("alert").getByText("The ticket store does not answer.").waitFor();
  await stage.view.getByRole("button", { name: "Try again" }).click();
  await stage.view.getByRole("region", { name: "Open" }).getByText(word).waitFor();
});

test("a board without tickets says so", async (t) => {
  const stage = await board(t, newWord());
  for (const column of ["Open", "Pending", "Closed"]) {
    await stage.view.getByRole("region", { name: column }).getByText("No tickets").waitFor();
  }
});

test("a ticket that was asked for is shown alone", async (t) => {
  const [id] = await tickets(t, newWord(), "Printer");
  const stage = await Stage.open(t, { server: SERVER, tool: "get_ticket", arguments: { id } });
  await stage.view
    .getByRole("dialog", { name: `${id}: Printer` })
    .getByText("It burns.")
    .waitFor();
});

const SCRIPT = "<script>window.owned = true</script>";
const HOSTILE = `${SCRIPT}<img src="https://evil.example/x" onerror="window.owned = true"><a href="javascript:owned=1">x</a>`;

test("a ticket with a script in it is inert", async (t) => {
  const word = newWord();
  const other = await connect(t, { server: SERVER });
  const labels = ["<b>bold</b>"];
  const { id } = await call(other, "create_ticket", {
    title: `${SCRIPT} ${word}`,
    body: HOSTILE,
    labels,
    assignee: "<i>ada</i>",
  });
  await call(other, "add_comment", { id, body: HOSTILE });
  const stage = await board(t, word);
  await stage.view.getByRole("button", { name: id }).click();
  await stage.view.getByRole("dialog").getByRole("listitem").getByText("window.owned").waitFor();
  await isInert(stage);
});

test("nor does the page lean on the server's cleaning", async (t) => {
  const ticket = {
    id: HOSTILE,
    title: HOSTILE,
    body: HOSTILE,
    status: "open",
    priority: HOSTILE,
    labels: [HOSTILE],
    assignee: HOSTILE,
    version: 1,
    created_at: HOSTILE,
    created_by: HOSTILE,
    updated_at: HOSTILE,
    closed_by: HOSTILE,
    resolution: HOSTILE,
    comments: [{ id: 1, author: HOSTILE, body: HOSTILE, created_at: HOSTILE }],
    truncated: false,
  };
  const result = (structuredContent: object): CallToolResult =>
    ({ content: [], structuredContent }) as CallToolResult;
  const stage = await Stage.open(t, {
    server: SERVER,
    tool: "search_tickets",
    arguments: { query: HOSTILE },
    result: result({ tickets: [ticket], truncated: false }),
  });
  await stage.show({ id: HOSTILE }, result(ticket));
  await stage.view.getByRole("dialog").waitFor();
  await isInert(stage);
});

async function isInert(stage: Stage): Promise<void> {
  const { scripts, made, owned } = await stage.view.evaluate(() => ({
    scripts: document.querySelectorAll("script").length,
    made: document.querySelectorAll("img, a, b, i, iframe, [onerror]").length,
    owned: "owned" in window,
  }));
  assert.deepEqual({ scripts, made, owned }, { scripts: 1, made: 0, owned: false });
}

test("the keyboard alone is enough", async (t) => {
  const word = newWord();
  const [id] = await tickets(t, word, "Printer");
  const stage = await board(t, word);
  const { view } = stage;
  await view.getByRole("button", { name: id! }).waitFor();
  await view.locator("body").evaluate(() => (document.activeElement as HTMLElement).blur());
  await view.getByRole("searchbox").focus();
  await stage.press("Tab");
  assert.equal(await stage.focused(), "Search");
  await stage.press("Tab");
  assert.equal(await stage.focused(), "New ticket");
  await stage.press("Enter", "Escape", "Tab");
  assert.match(await stage.focused(), /^Printer/);
  await stage.press("Enter");
  await view.getByRole("dialog").getByText("It burns.").waitFor();
  assert.match(await stage.focused(), new RegExp(`^${id}: Printer`));
  // The whole way to closing and back.
  await view.getByRole("button", { name: "Close ticket…" }).focus();
  await stage.press("Enter");
  assert.equal(await view.evaluate(() => document.activeElement?.tagName), "TEXTAREA");
  await stage.press("Tab", "Tab");
  assert.equal(await stage.focused(), "Keep it open");
  await stage.press("Enter");
  assert.equal(await stage.focused(), "Close ticket…");
  await stage.press("Escape");
  await view.getByRole("dialog").waitFor({ state: "hidden" });
  assert.match(await stage.focused(), /^Printer/);
  assert.deepEqual(
    stage.calls.filter(({ name }) => name === "close_ticket"),
    [],
  );
});

test("it looks as in the docs", async (t) => {
  const word = "picture";
  const other = await connect(t, { server: SERVER });
  const make = (title: string, more: object) =>
    call(other, "create_ticket", {
      title,
      body: `Third floor, beside the window. (${word})`,
      ...more,
    });
  await make("Printer on fire", { priority: "high", labels: ["hardware"], assignee: "ada" });
  await make("Password forgotten", { priority: "low" });
  await make("Projector without a cable", { labels: ["hardware", "room 12"] });
  const waits = await make("Monitor flickers", { assignee: "grace" });
  await call(other, "update_ticket", { id: waits["id"], expected_version: 1, status: "pending" });
  const done = await make("Coffee machine leaks", { priority: "high" });
  await call(other, "close_ticket", { id: done["id"], resolution: "New seal." });
  await call(other, "add_comment", { id: waits["id"], body: "Another cable did not help." });
  const stage = await board(t, word);
  await stage.view.getByText("Tickets with").waitFor();
  // Ids depend on what other tests made.
  const number = () => {
    for (const id of document.querySelectorAll(".id")) id.textContent = "T-12";
    const title = document.getElementById("detail-title");
    if (title !== null) title.textContent = title.textContent!.replace(/T-\d+/, "T-12");
  };
  await stage.view.evaluate(number);
  await looksAsInTheDocs(stage, "tickets");
  await stage.view.getByRole("button", { name: "Monitor flickers" }).click();
  await stage.view.getByText("Another cable did not help.").waitFor();
  await stage.view.evaluate(number);
  await looksAsInTheDocs(stage, "ticket");
});
