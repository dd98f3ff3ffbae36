// A new ticket, in a dialog.

import { alertLine, button, field, fill, h, statusLine } from "../dom.ts";
import { asCallError, type Host } from "../host.ts";
import { Write, type Ticket } from "./api.ts";

export function creation(host: Host, created: (ticket: Ticket) => void): HTMLDialogElement {
  const title = h("input", { maxlength: 200 });
  const body = h("textarea", { rows: 5, maxlength: 10_000 });
  const option = (value: string) => h("option", { value, selected: value === "medium" }, value);
  const priority = h("select", {}, ...["low", "medium", "high"].map(option));
  const status = statusLine();
  const write = new Write();
  const create = async () => {
    if (title.value.trim() === "" || body.value.trim() === "") {
      fill(status, "A ticket has a title and a description.");
      (title.value.trim() === "" ? title : body).focus();
      return;
    }
    go.disabled = true;
    fill(status, "Working…");
    try {
      const asked = {
        title: title.value.trim(),
        body: body.value.trim(),
        priority: priority.value,
      };
      const ticket = await write.make<Ticket>(host, "create_ticket", asked);
      title.value = body.value = "";
      fill(status);
      dialog.close();
      created(ticket);
    } catch (error) {
      fill(status, alertLine(asCallError(error).message));
    } finally {
      go.disabled = false;
    }
  };
  const go = button("Create ticket", () => void create(), { class: "main" });
  const cancel = button("Cancel", () => dialog.close());
  const dialog = h(
    "dialog",
    { "aria-labelledby": "create-title" },
    h("h2", { id: "create-title" }, "New ticket"),
    field("Title", title),
    field("Description", body),
    field("Priority", priority),
    status,
    h("div", { class: "bar" }, go, cancel),
  );
  return dialog;
}
