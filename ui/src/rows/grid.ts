// The table itself: heads that sort, types under the names, numbers on the right.

import { button, fill, h } from "../dom.ts";
import { asText, isNumeric, sorted, type Order, type Table } from "./table.ts";

export class Grid {
  readonly element = h("div", { class: "grid", role: "region", "aria-label": "Rows", tabindex: 0 });
  readonly #told: (text: string) => void;
  #table: Table | undefined;
  #order: Order | undefined;

  constructor(told: (text: string) => void) {
    this.#told = told;
  }

  show(table: Table): void {
    // Another page of the same statement keeps its order.
    if (table.columns.length !== this.#table?.columns.length) this.#order = undefined;
    this.#table = table;
    this.#render(table);
  }

  /** The rows in the order in which they are shown. */
  rows(): unknown[][] {
    return this.#table === undefined ? [] : sorted(this.#table, this.#order);
  }

  #render(table: Table, focused?: number): void {
    const heads = table.columns.map((_, column) => this.#head(table, column));
    const numeric = table.columns.map(({ type }) => isNumeric(type));
    const body = this.rows().map((row) =>
      h("tr", {}, ...row.map((it, at) => cell(it, numeric[at] === true))),
    );
    const caption = h("caption", { class: "hidden" }, "What the statement answered");
    const none = table.rows.length === 0 && h("p", { class: "muted" }, "No rows");
    const parts = [caption, h("thead", {}, h("tr", {}, ...heads)), h("tbody", {}, ...body)];
    fill(this.element, h("table", {}, ...parts), none);
    if (focused !== undefined) heads[focused]?.querySelector("button")?.focus();
  }

  #head(table: Table, column: number): HTMLElement {
    const { name = "", type = "" } = table.columns[column] ?? {};
    const order = this.#order?.column === column ? this.#order : undefined;
    const sort = order === undefined ? "none" : order.descending ? "descending" : "ascending";
    const sign = { none: "", ascending: " ▲", descending: " ▼" }[sort];
    const sorter = button(name, () => this.#sort(table, column), { class: "sorter" });
    sorter.append(h("span", { "aria-hidden": "true" }, sign), h("span", { class: "type" }, type));
    return h(
      "th",
      { scope: "col", "aria-sort": sort, class: isNumeric(type) ? "number" : undefined },
      sorter,
    );
  }

  /** Up, then down, then as they came. */
  #sort(table: Table, column: number): void {
    const before = this.#order?.column === column ? this.#order : undefined;
    if (before === undefined) this.#order = { column, descending: false };
    else this.#order = before.descending ? undefined : { column, descending: true };
    this.#render(table, column);
    const how =
      this.#order === undefined
        ? "as they came"
        : this.#order.descending
          ? "descending"
          : "ascending";
    const which =
      table.truncated || table.rows.length < table.row_count ? "Rows of this page" : "Rows";
    this.#told(`${which} by ${table.columns[column]?.name ?? ""}, ${how}`);
  }
}

function cell(value: unknown, numeric: boolean): HTMLElement {
  if (value === null) return h("td", { class: "null" }, "NULL");
  return h("td", { class: numeric ? "number" : undefined }, asText(value));
}
