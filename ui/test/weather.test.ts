// The weather card against a real weather server that asks a recorded upstream.

import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import { looksAsInTheDocs } from "./pictures.ts";
import { ERAS } from "./servers.ts";
import { Stage } from "./stage.ts";

const SERVER = "weather";

function card(t: TestContext, location: string, more: object = {}): Promise<Stage> {
  return Stage.open(t, { server: SERVER, tool: "get_weather", arguments: { location }, ...more });
}

for (const era of ERAS) {
  test(`the card tells the weather now and of the next week (${era})`, async (t) => {
    const { view } = await card(t, "Berlin", { era });
    await view.getByRole("heading", { name: "Berlin" }).waitFor();
    await view.getByText("3.4 °C").waitFor();
    await view.getByText("slight rain").first().waitFor();
    await view.getByText("81 %").waitFor();
    await view.getByText("17.3 km/h").waitFor();
    await view.getByRole("img", { name: /temperatures of 7 days/ }).waitFor();
    assert.equal(await view.locator("tbody tr").count(), 7);
    await view
      .getByRole("row", { name: /Mon,? 12 Jan/ })
      .getByText("-4.6 to -0.5 °C")
      .waitFor();
    await view.getByText("Open-Meteo.com, CC BY 4.0").waitFor();
  });
}

test("a forecast that was asked for is completed by the weather now", async (t) => {
  const opening = { tool: "get_forecast", arguments: { location: "Berlin", days: 7 } };
  const stage = await card(t, "Berlin", opening);
  await stage.view.getByText("3.4 °C").waitFor();
  assert.deepEqual(
    stage.calls.map(({ name }) => name),
    ["get_weather"],
  );
});

test("the unit is the reader's", async (t) => {
  const stage = await card(t, "Berlin");
  const { view } = stage;
  await view.getByRole("img", { name: /7 days/ }).waitFor();
  await view.getByRole("button", { name: "°F" }).focus();
  await stage.press("Enter");
  await view.getByText("38.1 °F").waitFor();
  await view
    .getByRole("row", { name: /10 Jan/ })
    .getByText("34.2 to 39.4 °F")
    .waitFor();
  assert.equal(await view.getByRole("button", { name: "°F" }).getAttribute("aria-pressed"), "true");
  assert.equal(await stage.focused(), "°F");
  assert.ok(stage.calls.some((call) => call.arguments["units"] === "fahrenheit"));
});

test("another place of the same name is one key away", async (t) => {
  const stage = await card(t, "Springfield");
  const other = stage.view.getByRole("listitem").getByRole("button").first();
  await other.waitFor();
  await other.click();
  await stage.view.getByText("Loading…").waitFor({ state: "detached" });
  const places = stage.calls.map((call) => call.arguments["location"] as string);
  assert.ok(
    places.some((place) => /^-?[\d.]+,-?[\d.]+$/.test(place)),
    String(places),
  );
});

test("a place that there is not is told", async (t) => {
  const stage = await card(t, "Atlantis");
  await stage.view.getByRole("alert").getByText("No place has this name").waitFor();
});

test("what a source says is text", async (t) => {
  const hostile = "<img src=x onerror=window.owned=true>";
  const day = { date: "2026-01-10", max: 1, min: 0, conditions: hostile };
  const weather = {
    location: hostile,
    units: "celsius",
    temperature: 1,
    conditions: hostile,
    humidity_pct: null,
    wind_kmh: null,
    forecast: [day, { ...day, date: hostile }],
    candidates: [{ name: hostile, latitude: 1, longitude: 2 }],
    source: hostile,
    attribution: hostile,
    stale: true,
  };
  const result = { content: [], structuredContent: weather };
  const stage = await card(t, "Berlin", { result });
  stage.intercept = () => result;
  await stage.view.getByText("this is its last answer").waitFor();
  const made = await stage.view.evaluate(() => [
    document.querySelectorAll("img").length,
    "owned" in window,
  ]);
  assert.deepEqual(made, [0, false]);
});

test("it looks as in the docs", async (t) => {
  const stage = await card(t, "Berlin");
  await stage.view.getByRole("img", { name: /7 days/ }).waitFor();
  await looksAsInTheDocs(stage, "weather");
});
