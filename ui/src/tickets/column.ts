// One column of the board: the tickets of one status, a page at a time.

import { alertLine, button, fill, h } from "../dom.ts";
import { asCallError, type Host } from "../host.ts";
import type { Found, Search, Status, Ticket } from "./api.ts";

const PAGE = 10;
const NAMES: Record<Status, string> = { open: "Open", pending: "Pending", closed: "Closed" };

export class Column {
  readonly element: HTMLElement;
  readonly #host: Host;
  readonly #status: Status;
  readonly #open: (id: string) => void;
  readonly #heading = h("h2");
  readonly #list = h("ul", { class: "cards" });
  readonly #foot = h("div", { class: "foot" });
  #tickets: Ticket[] = [];
  /** What was asked last; an answer to anything older comes too late. */
  #search: Search | undefined;

  constructor(host: Host, status: Status, open: (id: string) => void) {
    this.#host = host;
    this.#status = status;
    this.#open = open;
    this.#heading.id = `column-${status}`;
    const label = { "aria-labelledby": this.#heading.id, class: `column ${status}` };
    this.element = h("section", label, this.#heading, this.#list, this.#foot);
    this.#head("");
  }

  /** Shows what is known before anything is asked for. */
  show(tickets: Ticket[]): void {
    this.#tickets = tickets.filter((ticket) => ticket.status === this.#status);
    this.#render();
  }

  /** Looks for the first page. */
  async find(search: Search): Promise<void> {
    this.#search = search;
    await this.#load(search, undefined);
  }

  async #load(search: Search, cursor: string | undefined): Promise<void> {
    this.element.setAttribute("aria-busy", "true");
    try {
      const asked = { ...search, status: this.#status, limit: PAGE, ...(cursor && { cursor }) };
      const found = await this.#host.call<Found>("search_tickets", asked);
      if (search !== this.#search) return;
      const before = cursor === undefined ? [] : this.#tickets;
      this.#tickets = [...before, ...found.tickets];
      this.#render(found.next_cursor, before.length);
    } catch (error) {
      if (search !== this.#search) return;
      const { message } = asCallError(error);
      fill(
        this.#foot,
        alertLine(message, () => void this.#load(search, cursor)),
      );
    } finally {
      if (search === this.#search) this.element.removeAttribute("aria-busy");
    }
  }

  #render(cursor?: string, focused = 0): void {
    this.#head(`${this.#tickets.length}${cursor === undefined ? "" : "+"}`);
    fill(this.#list, ...this.#tickets.map((ticket) => h("li", {}, this.#card(ticket))));
    const search = this.#search;
    if (cursor !== undefined && search !== undefined) {
      const more = button("More", () => void this.#load(search, cursor), {
        "aria-label": `More ${this.#status} tickets`,
      });
      fill(this.#foot, h("p", { class: "muted" }, "There are more."), more);
    } else {
      fill(this.#foot, this.#tickets.length === 0 && h("p", { class: "muted" }, "No tickets"));
    }
    // The button that asked for more is gone: go on at the first of what came.
    if (focused > 0) this.#list.children[focused]?.querySelector("button")?.focus();
  }

  #head(count: string): void {
    fill(this.#heading, NAMES[this.#status], h("span", { class: "count" }, count));
  }

  #card({ id, title, priority, assignee, labels }: Ticket): HTMLElement {
    const facts = [
      h("span", { class: "id" }, id),
      h("span", { class: `badge ${priority}` }, priority),
      ...labels.map((label) => h("span", { class: "badge" }, label)),
      assignee && h("span", { class: "muted" }, assignee),
    ];
    const card = button(h("span", { class: "title" }, title), () => this.#open(id), {
      class: "card",
    });
    card.append(h("span", { class: "facts" }, ...facts.map((fact) => fact || "")));
    return card;
  }
}
