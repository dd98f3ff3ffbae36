// The weather card: now, the next days as a plot and in words, in the units of the reader.

import { Chart } from "../chart.ts";
import { alertLine, button, fill, h, locale, root, statusLine, type Child } from "../dom.ts";
import { asCallError, Host } from "../host.ts";

type Units = "celsius" | "fahrenheit";

interface Day {
  date: string;
  max: number;
  min: number;
  conditions: string;
  precipitation_probability_pct?: number;
}

interface Place {
  name: string;
  region?: string;
  country?: string;
  latitude: number;
  longitude: number;
}

/** What `get_weather` and `get_forecast` answer; the latter knows no present. */
interface Weather {
  location: string;
  units: Units;
  temperature?: number;
  conditions?: string;
  humidity_pct?: number | null;
  wind_kmh?: number | null;
  forecast: Day[];
  candidates?: Place[];
  attribution: string;
  stale?: boolean;
  partial?: boolean;
  failures?: { message: string }[];
}

const DAYS = 7;
const SIGNS: Record<Units, string> = { celsius: "°C", fahrenheit: "°F" };

const status = statusLine();
const place = h("h1", { class: "grow" }, "Weather");
const now = h("div", { class: "now" });
const plot = h("div", { hidden: true });
const chart = new Chart(plot);
const days = h("div");
const others = h("div");
const credit = h("p", { class: "muted credit" });
const units = h("div", { class: "units", role: "group", "aria-label": "Unit of temperatures" });

let location = "";
let chosen: Units = "celsius";

const host = await Host.connect("weather-card", {
  input: (arguments_) => {
    location = String(arguments_["location"] ?? "");
    chosen = arguments_["units"] === "fahrenheit" ? "fahrenheit" : "celsius";
  },
  result: (answer) => {
    const weather = answer as Weather;
    show(weather);
    // Either tool tells one half; the other is asked for.
    void (weather.temperature === undefined ? present() : forecast());
  },
  failed: (error) =>
    fill(
      status,
      alertLine(error.message, () => void load()),
    ),
});

/** Everything anew, for another place or in another unit. */
async function load(): Promise<void> {
  fill(status, "Loading…");
  if (await present()) await forecast();
}

function present(): Promise<boolean> {
  return ask("get_weather", { location, units: chosen });
}

function forecast(): Promise<boolean> {
  return ask("get_forecast", { location, units: chosen, days: DAYS });
}

async function ask(
  tool: string,
  arguments_: { location: string; units: Units; days?: number },
): Promise<boolean> {
  try {
    const weather = await host.call<Weather>(tool, arguments_);
    // An answer to what is not asked for any more.
    if (arguments_.location !== location || arguments_.units !== chosen) return false;
    show(weather);
    return true;
  } catch (error) {
    fill(
      status,
      alertLine(asCallError(error).message, () => void load()),
    );
    return false;
  }
}

function show(weather: Weather): void {
  chosen = weather.units;
  fill(place, weather.location);
  fill(status, ...notes(weather));
  fill(credit, weather.attribution);
  showUnits();
  if (weather.temperature !== undefined) showNow(weather);
  showDays(weather);
  showOthers(weather.candidates ?? []);
}

function notes({ stale, failures }: Weather): Child[] {
  const missing = (failures ?? []).map(({ message }) => `${message}.`);
  const old = stale === true ? ["The source does not answer now: this is its last answer."] : [];
  return [[...old, ...missing].join(" ")];
}

function showUnits(): void {
  const unit = (each: Units) => {
    const choose = () => {
      chosen = each;
      void load();
    };
    return button(SIGNS[each], choose, { "aria-pressed": each === chosen ? "true" : "false" });
  };
  const had = units.contains(document.activeElement);
  fill(units, unit("celsius"), unit("fahrenheit"));
  if (had) units.querySelector<HTMLElement>('[aria-pressed="true"]')?.focus();
}

function showNow({ temperature, conditions, humidity_pct, wind_kmh }: Weather): void {
  const fact = (name: string, value: number | null | undefined, unit: string) =>
    h("div", {}, h("dt", {}, name), h("dd", {}, value == null ? "unknown" : `${value} ${unit}`));
  fill(
    now,
    h("p", { class: "temperature" }, `${temperature} ${SIGNS[chosen]}`),
    h("p", { class: "conditions" }, conditions ?? ""),
    h("dl", { class: "bar" }, fact("Humidity", humidity_pct, "%"), fact("Wind", wind_kmh, "km/h")),
  );
}

function showDays({ forecast }: Weather): void {
  const sign = SIGNS[chosen];
  const text = (day: Day) => `${day.min} to ${day.max} ${sign}`;
  chart.show(
    forecast.length < 2
      ? undefined
      : {
          description: `Highest and lowest temperatures of ${forecast.length} days; the table below has them`,
          x: forecast.map(({ date }) => Date.parse(`${date}T00:00:00Z`) / 1000),
          isTime: true,
          lines: [
            { label: "highest", color: "--danger", values: forecast.map(({ max }) => max) },
            { label: "lowest", color: "--accent", values: forecast.map(({ min }) => min) },
          ],
          unit: "°",
        },
  );
  const row = (day: Day) =>
    h(
      "tr",
      {},
      h("th", { scope: "row" }, weekday(day.date)),
      h("td", {}, day.conditions),
      h("td", { class: "number" }, text(day)),
      h("td", { class: "number" }, rain(day)),
    );
  const heads = ["Day", "Weather", "Temperature", "Precipitation"];
  const head = heads.map((name) => h("th", { scope: "col" }, name));
  const caption = h("caption", { class: "hidden" }, "The next days");
  const table = h(
    "table",
    {},
    caption,
    h("thead", {}, h("tr", {}, ...head)),
    h("tbody", {}, ...forecast.map(row)),
  );
  fill(days, forecast.length === 0 ? h("p", { class: "muted" }, "No forecast") : table);
}

function rain({ precipitation_probability_pct: likely }: Day): string {
  return likely === undefined ? "–" : `${likely} %`;
}

function weekday(date: string): string {
  const format = { weekday: "short", day: "numeric", month: "short", timeZone: "UTC" } as const;
  return new Date(`${date}T00:00:00Z`).toLocaleDateString(locale(), format);
}

function showOthers(candidates: Place[]): void {
  const go = (candidate: Place) => {
    location = `${candidate.latitude},${candidate.longitude}`;
    void load();
  };
  const choice = (candidate: Place) => {
    const { name, region, country } = candidate;
    const label = [name, region, country].filter(Boolean).join(", ");
    return h(
      "li",
      {},
      button(label, () => go(candidate)),
    );
  };
  if (candidates.length === 0) fill(others);
  else
    fill(
      others,
      h("h2", {}, "Other places of this name"),
      h("ul", { class: "bar" }, ...candidates.map(choice)),
    );
}

fill(root(), h("header", { class: "bar" }, place, units), status, now, plot, days, others, credit);
