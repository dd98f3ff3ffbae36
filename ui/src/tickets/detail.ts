// One ticket in a dialog: its text, its comments, and what can be done with it.

import { alertLine, button, field, fill, h, statusLine, time, type Child } from "../dom.ts";
import { asCallError, type Host } from "../host.ts";
import { Write, type Comment, type Ticket, type TicketWithComments } from "./api.ts";

export class Detail {
  readonly element = h("dialog", { "aria-labelledby": "detail-title" });
  readonly #host: Host;
  readonly #changed: () => void;

  constructor(host: Host, changed: () => void) {
    this.#host = host;
    this.#changed = changed;
  }

  /** Reads a ticket and shows it. */
  async open(id: string): Promise<void> {
    this.#frame(id, h("p", { class: "muted", role: "status" }, "Loading…"));
    try {
      this.show(await this.#host.call<TicketWithComments>("get_ticket", { id }));
    } catch (error) {
      this.#frame(
        id,
        alertLine(asCallError(error).message, () => void this.open(id)),
      );
    }
  }

  /** Shows a ticket that was read already. */
  show(ticket: TicketWithComments): void {
    const closing = ticket.status !== "closed" && this.#closing(ticket);
    const actions = [this.#commenting(ticket), closing];
    this.#frame(
      `${ticket.id}: ${ticket.title}`,
      facts(ticket),
      h("div", { class: "text" }, ticket.body),
      ticket.resolution !== undefined && h("h3", {}, "Resolution"),
      ticket.resolution !== undefined && h("div", { class: "text" }, ticket.resolution),
      h("h3", {}, "Comments"),
      this.#comments(ticket),
      ...actions,
    );
  }

  #frame(title: string, ...children: Child[]): void {
    const close = button("✕", () => this.element.close(), { "aria-label": "Close this view" });
    const heading = h("h2", { id: "detail-title", class: "grow", tabindex: -1 }, title);
    fill(this.element, h("div", { class: "bar" }, heading, close), ...children);
    if (!this.element.open) this.element.showModal();
    heading.focus();
  }

  #comments(ticket: TicketWithComments): HTMLElement {
    const list = h("ol", { class: "comments" });
    const foot = h("div");
    const add = (comments: Comment[], cursor: string | undefined) => {
      list.append(...comments.map(remark));
      const more = () => void next(cursor as string);
      const none = list.childElementCount === 0 && h("p", { class: "muted" }, "None yet");
      fill(foot, cursor === undefined ? none : button("More comments", more));
    };
    const next = async (cursor: string) => {
      try {
        const asked = { id: ticket.id, cursor };
        const page = await this.#host.call<TicketWithComments>("get_ticket", asked);
        add(page.comments, page.next_cursor);
      } catch (error) {
        fill(
          foot,
          alertLine(asCallError(error).message, () => void next(cursor)),
        );
      }
    };
    add(ticket.comments, ticket.next_cursor);
    return h("div", {}, list, foot);
  }

  #commenting({ id }: Ticket): HTMLElement {
    const text = h("textarea", { rows: 2, maxlength: 10_000 });
    const write = new Write();
    return this.#action("Add comment", "main", field("New comment", text), text, async () => {
      await write.make(this.#host, "add_comment", { id, body: text.value.trim() });
      await this.open(id);
    });
  }

  /** Closing is for good, so it takes two steps here, whatever the server asks beside. */
  #closing({ id }: Ticket): HTMLElement {
    const reason = h("textarea", { rows: 2, maxlength: 1_000 });
    const write = new Write();
    const sure = h("div", {
      class: "sure",
      role: "group",
      "aria-label": "Confirm closing",
      hidden: true,
    });
    const ask = button("Close ticket…", () => {
      sure.hidden = false;
      ask.hidden = true;
      reason.focus();
    });
    const keep = button("Keep it open", () => {
      sure.hidden = true;
      ask.hidden = false;
      ask.focus();
    });
    const question = h("p", {}, `Close ${id} for good? It cannot be reopened.`);
    const why = field("Why it is closed", reason);
    const close = this.#action(`Close ${id} for good`, "danger", why, reason, async () => {
      await write.make(this.#host, "close_ticket", { id, resolution: reason.value.trim() });
      await this.open(id);
    });
    close.append(keep);
    sure.append(question, close);
    return h("div", {}, ask, sure);
  }

  /** A text, a button that does something with it, and how that ended. */
  #action(
    label: string,
    kind: string,
    control: HTMLElement,
    text: HTMLTextAreaElement,
    act: () => Promise<void>,
  ): HTMLElement {
    const status = statusLine();
    const run = async () => {
      if (text.value.trim() === "") {
        fill(status, "Write something first.");
        text.focus();
        return;
      }
      go.disabled = true;
      fill(status, "Working…");
      try {
        await act();
        this.#changed();
      } catch (error) {
        fill(status, alertLine(asCallError(error).message));
      } finally {
        go.disabled = false;
      }
    };
    const go = button(label, () => void run(), { class: kind });
    return h("div", { class: "action" }, control, status, go, " ");
  }
}

function facts(ticket: Ticket): HTMLElement {
  const { status, priority, assignee, labels, created_by, created_at, updated_at, closed_by } =
    ticket;
  const rows: [string, Child][] = [
    ["Status", status],
    ["Priority", priority],
    ["Assignee", assignee ?? "nobody"],
    ["Labels", labels.join(", ") || "none"],
    ["Opened", h("span", {}, time(created_at), ` by ${created_by}`)],
    ["Changed", time(updated_at)],
  ];
  if (closed_by !== undefined) rows.push(["Closed by", closed_by]);
  const cells = rows.flatMap(([name, value]) => [h("dt", {}, name), h("dd", {}, value)]);
  return h("dl", { class: "facts-table" }, ...cells);
}

function remark({ author, body, created_at }: Comment): HTMLElement {
  const head = h("div", { class: "muted" }, `${author}, `, time(created_at));
  return h("li", {}, head, h("div", { class: "text" }, body));
}
