// A chart of one numeric column, over a column of times where there is one, else over the rows.

import { Chart } from "../chart.ts";
import { field, fill, h } from "../dom.ts";
import { asNumber, asSeconds, isNumeric, isTime, type Table } from "./table.ts";

export class ColumnChart {
  readonly element = h("details", { class: "chart" });
  readonly #select = h("select");
  readonly #canvas = h("div");
  readonly #chart = new Chart(this.#canvas);
  #table: Table | undefined;

  constructor() {
    this.#select.addEventListener("change", () => this.#draw());
    // What is not seen has no width to be drawn in.
    this.element.addEventListener("toggle", () => this.#draw());
    fill(this.element, h("summary", {}, "Chart"), field("Column", this.#select), this.#canvas);
  }

  show(table: Table): void {
    const chosen = this.#select.value;
    this.#table = table;
    const numeric = table.columns.flatMap(({ name, type }, at) =>
      isNumeric(type) ? [{ name, at }] : [],
    );
    this.element.hidden = numeric.length === 0 || table.rows.length === 0;
    const option = ({ name, at }: { name: string; at: number }) => {
      const value = String(at);
      return h("option", { value, selected: value === chosen }, name);
    };
    fill(this.#select, ...numeric.map(option));
    this.#draw();
  }

  #draw(): void {
    const table = this.#table;
    if (table === undefined || this.element.hidden || !this.element.open) return;
    const column = Number(this.#select.value);
    const name = table.columns[column]?.name ?? "";
    const times = table.columns.findIndex(({ type }) => isTime(type));
    const points = table.rows.map((row, at) => ({
      x: times < 0 ? at + 1 : asSeconds(row[times]),
      y: asNumber(row[column]),
    }));
    const known = points.filter((it): it is { x: number; y: number | null } => it.x !== null);
    known.sort((one, other) => one.x - other.x);
    const values = known.flatMap(({ y }) => (y === null ? [] : [y]));
    const over = times < 0 ? "the rows" : (table.columns[times]?.name ?? "");
    const range =
      values.length === 0 ? "no values" : `from ${least(values)} to ${greatest(values)}`;
    this.#chart.show({
      description: `${name} over ${over}: ${values.length} points, ${range}`,
      x: known.map(({ x }) => x),
      isTime: times >= 0,
      lines: [{ label: name, color: "--accent", values: known.map(({ y }) => y) }],
      unit: "",
    });
  }
}

function least(values: number[]): number {
  return values.reduce((one, other) => Math.min(one, other));
}

function greatest(values: number[]): number {
  return values.reduce((one, other) => Math.max(one, other));
}
