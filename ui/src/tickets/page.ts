// The ticket board: what a search found, in columns by status.

import { alertLine, button, fill, h, root, statusLine } from "../dom.ts";
import { Host } from "../host.ts";
import { STATUSES, type Found, type Search, type TicketWithComments } from "./api.ts";
import { Column } from "./column.ts";
import { creation } from "./create.ts";
import { Detail } from "./detail.ts";

const status = statusLine();
const query = h("input", {
  type: "search",
  maxlength: 500,
  "aria-label": "Words to look for in tickets",
});

let asked: Search = { query: "" };

const host = await Host.connect("ticket-board", {
  input: (arguments_) => {
    const { query: words, priority, assignee } = arguments_ as Partial<Search>;
    if (words === undefined) return;
    query.value = words;
    asked = { query: words, ...(priority && { priority }), ...(assignee && { assignee }) };
  },
  result: (answer) => {
    const found = answer as Found | TicketWithComments;
    if ("tickets" in found) {
      for (const column of columns) column.show(found.tickets);
      void find(asked);
    } else {
      fill(status, "Look for words to fill the board.");
      detail.show(found);
    }
  },
  failed: (error) =>
    fill(
      status,
      alertLine(error.message, () => void find(asked)),
    ),
});

const detail = new Detail(host, () => void find(asked));
const columns = STATUSES.map((each) => new Column(host, each, (id) => void detail.open(id)));
const create = creation(host, (ticket) => {
  void find(asked);
  void detail.open(ticket.id);
});

async function find(search: Search): Promise<void> {
  if (search.query.trim() === "") {
    fill(status, "Look for words to fill the board.");
    return;
  }
  fill(status, "Looking…");
  asked = search;
  await Promise.all(columns.map((column) => column.find(search)));
  if (search === asked) fill(status, `Tickets with “${search.query}”${limits(search)}`);
}

function limits({ priority, assignee }: Search): string {
  const said = [priority && `priority ${priority}`, assignee && `assigned to ${assignee}`];
  return said
    .filter(Boolean)
    .map((limit) => `, ${limit}`)
    .join("");
}

const look = () => void find({ query: query.value });
query.addEventListener("keydown", (event) => {
  if (event.key === "Enter") look();
});

fill(
  root(),
  h(
    "header",
    { class: "bar" },
    h("h1", {}, "Tickets"),
    h(
      "div",
      { class: "bar grow", role: "search" },
      h("div", { class: "grow" }, query),
      button("Search", look),
    ),
    button("New ticket", () => create.showModal(), { class: "main" }),
  ),
  status,
  h("div", { class: "board" }, ...columns.map((column) => column.element)),
  detail.element,
  create,
);
