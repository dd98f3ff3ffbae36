// What the ticketing server takes and answers, as far as the board needs it.

import type { Host } from "../host.ts";

export const STATUSES = ["open", "pending", "closed"] as const;
export type Status = (typeof STATUSES)[number];

export interface Ticket {
  id: string;
  title: string;
  body: string;
  status: Status;
  priority: string;
  labels: string[];
  assignee: string | null;
  created_at: string;
  created_by: string;
  updated_at: string;
  closed_by?: string;
  resolution?: string;
}

export interface Comment {
  author: string;
  body: string;
  created_at: string;
}

export interface Found {
  tickets: Ticket[];
  next_cursor?: string;
  truncated: boolean;
}

export interface TicketWithComments extends Ticket {
  comments: Comment[];
  next_cursor?: string;
}

/** What is looked for; every column looks for the same in its status. */
export interface Search {
  query: string;
  priority?: string;
  assignee?: string;
}

/** One change that a person asked for. Its key stays until it is done, so that trying again does it once. */
export class Write {
  #key = newKey();
  #last = "";

  /** Makes the change. */
  async make<T>(host: Host, tool: string, arguments_: object): Promise<T> {
    const asked = JSON.stringify(arguments_);
    // The same key with other words would be refused: it is another change.
    if (this.#last !== "" && asked !== this.#last) this.#key = newKey();
    this.#last = asked;
    const answer = await host.call<T>(tool, { ...arguments_, idempotency_key: this.#key });
    this.#key = newKey();
    this.#last = "";
    return answer;
  }
}

/** Not `crypto.randomUUID`, which sandboxed frames of plain pages do not have. */
function newKey(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
