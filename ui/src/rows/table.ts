// Rows as PostgreSQL's server answers them, and what can be done with them without asking it again.

export interface Table {
  columns: { name: string; type: string }[];
  rows: unknown[][];
  row_count: number;
  truncated: boolean;
  next_cursor?: string;
  elapsed_ms: number;
}

export interface Order {
  column: number;
  descending: boolean;
}

const NUMERIC =
  /^(smallint|integer|bigint|numeric|decimal|real|double precision|oid|money)\b(?!.*\[\])/;
const TIMES = /^(date|timestamp)\b(?!.*\[\])/;
const NUMBER = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i;

export function isNumeric(type: string): boolean {
  return NUMERIC.test(type);
}

export function isTime(type: string): boolean {
  return TIMES.test(type);
}

/** A cell as a number; `null` where it is none that could be drawn. */
export function asNumber(cell: unknown): number | null {
  const number = typeof cell === "string" && NUMBER.test(cell) ? Number(cell) : cell;
  return typeof number === "number" && Number.isFinite(number) ? number : null;
}

/** A time in seconds; without a zone it is one of UTC, as the server's sessions are. */
export function asSeconds(cell: unknown): number | null {
  if (typeof cell !== "string") return null;
  const [day = "", clock = "00:00:00"] = cell.split(" ");
  const zoned = /[+-]\d\d$/.test(clock)
    ? `${clock}:00`
    : /(Z|[+-]\d\d:\d\d)$/.test(clock)
      ? clock
      : `${clock}Z`;
  const millis = Date.parse(`${day}T${zoned}`);
  return Number.isNaN(millis) ? null : millis / 1000;
}

/** A cell as text: what a person reads, and what an export holds. */
export function asText(cell: unknown): string {
  return typeof cell === "object" && cell !== null ? JSON.stringify(cell) : String(cell);
}

/** The rows in an order, nulls last, equal ones as they came. */
export function sorted(table: Table, order: Order | undefined): unknown[][] {
  if (order === undefined) return table.rows;
  const { column, descending } = order;
  const numeric = isNumeric(table.columns[column]?.type ?? "");
  return table.rows.toSorted((left, right) => {
    const [one, other] = [left[column], right[column]];
    if (one === null || other === null) return Number(one === null) - Number(other === null);
    const compared = numeric
      ? compareNumbers(one, other)
      : compareTexts(asText(one), asText(other));
    return descending ? -compared : compared;
  });
}

function compareNumbers(one: unknown, other: unknown): number {
  const whole = /^[+-]?\d+$/;
  const [left, right] = [asText(one), asText(other)];
  // Beyond 2^53 a number is not exact; the server sends such ones as strings.
  if (whole.test(left) && whole.test(right)) {
    const [a, b] = [BigInt(left), BigInt(right)];
    return a < b ? -1 : Number(a > b);
  }
  // `NaN` is the greatest, as in PostgreSQL.
  const value = (text: string) => (text === "NaN" ? Infinity : Number(text.replace(/[$,]/g, "")));
  return value(left) - value(right) || Number(left === "NaN") - Number(right === "NaN");
}

function compareTexts(one: string, other: string): number {
  return one < other ? -1 : Number(one > other);
}

/**
 * CSV as RFC 4180 has it. A spreadsheet takes a text that begins with `=`, `+`, `-`, `@`, a tab or a line end for a
 * formula; such a text gets an apostrophe before it, unless it is nothing but a number.
 */
export function csv(columns: Table["columns"], rows: unknown[][]): string {
  const cell = (value: unknown) => {
    if (value === null) return "";
    const text = asText(value);
    const safe = /^[=+\-@\t\r\n]/.test(text) && !NUMBER.test(text) ? `'${text}` : text;
    return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
  };
  const lines = [columns.map(({ name }) => name), ...rows].map((line) => line.map(cell).join(","));
  return `${lines.join("\r\n")}\r\n`;
}
