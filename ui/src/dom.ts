// Elements without a framework. Text becomes text nodes and nothing else: no answer of a server is ever parsed as HTML.

type Listener = (event: Event) => void;
type Attributes = Record<string, string | number | boolean | undefined | Listener>;
export type Child = Node | string | undefined | false;

/** An element with attributes, listeners (`onclick`) and children. */
export function h<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  attributes: Attributes = {},
  ...children: Child[]
): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") element.addEventListener(name.slice(2), value);
    else if (value === true) element.setAttribute(name, "");
    else if (value !== undefined && value !== false) element.setAttribute(name, String(value));
  }
  fill(element, ...children);
  return element;
}

/** Replaces everything inside of an element. */
export function fill(element: Element, ...children: Child[]): void {
  const present = children.filter((child) => child !== undefined && child !== false);
  element.replaceChildren(...(present as (Node | string)[]));
}

/** The one element of the page with this id. */
export function root(): HTMLElement {
  return document.getElementById("page") as HTMLElement;
}

/** A button that does something; `Enter` and the space bar are the browser's part. */
export function button(
  label: Child,
  onclick: () => void,
  attributes: Attributes = {},
): HTMLButtonElement {
  return h("button", { type: "button", ...attributes, onclick }, label);
}

/** A line that is read out when it changes. */
export function statusLine(): HTMLElement {
  return h("p", { class: "status", role: "status" });
}

/** Says that something failed, and offers to try again where that may help. */
export function alertLine(message: string, again?: () => void): HTMLElement {
  return h(
    "p",
    { class: "alert", role: "alert" },
    message,
    again && " ",
    again && button("Try again", again),
  );
}

/** A field with its label. */
export function field(label: string, control: HTMLElement): HTMLLabelElement {
  return h("label", { class: "field" }, h("span", {}, label), control);
}

/** A time for people, in their language; the exact one stands in the element. */
export function time(iso: string): HTMLElement {
  const date = new Date(iso);
  if (Number.isNaN(date.valueOf())) return h("span", {}, iso);
  const format = { dateStyle: "medium", timeStyle: "short" } as const;
  return h("time", { datetime: iso }, date.toLocaleString(locale(), format));
}

/** How people write numbers and dates where the host is; else where the browser is. */
export function locale(): string | undefined {
  return document.documentElement.dataset["locale"];
}
