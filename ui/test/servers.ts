// The servers that the tests talk to: real ones, which `cargo xtask apps` has started and names in the environment.

import type { TestContext } from "node:test";
import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";

export const EXTENSION = "io.modelcontextprotocol/ui";
export const MEDIA_TYPE = "text/html;profile=mcp-app";

export type Era = "2026-07-28" | "2025-11-25";
export const ERAS: Era[] = ["2026-07-28", "2025-11-25"];

interface Server {
  url: string;
  /** May do everything, and may only read. */
  keys: { all: string; read: string };
}

export const servers = JSON.parse(process.env["MCP_APPS_SERVERS"] ?? "{}") as Record<
  string,
  Server
>;

export interface Connection {
  server: string;
  era?: Era;
  key?: "all" | "read";
  /** How a person answers when the server asks; without it the client cannot be asked. */
  asked?: (question: string) => "accept" | "decline";
}

/** A client of a server until the test ends, as a host with MCP Apps is one. */
export async function connect(t: TestContext, connection: Connection): Promise<Client> {
  const { server, era = ERAS[0]!, key = "all", asked } = connection;
  const { url, keys } = servers[server]!;
  const capabilities = {
    extensions: { [EXTENSION]: { mimeTypes: [MEDIA_TYPE] } },
    ...(asked && { elicitation: { form: {} } }),
  };
  const negotiation = era === "2025-11-25" ? "legacy" : { pin: era };
  const options = { capabilities, versionNegotiation: { mode: negotiation } } as const;
  const client = new Client({ name: "stand-in", version: "1" }, options);
  if (asked !== undefined) {
    client.setRequestHandler("elicitation/create", async ({ params }) => {
      const action = asked(params.message);
      return action === "accept" ? { action, content: { confirm: true } } : { action };
    });
  }
  const headers = { Authorization: `Bearer ${keys[key]}` };
  await client.connect(
    new StreamableHTTPClientTransport(new URL(url), { requestInit: { headers } }),
  );
  t.after(() => client.close());
  return client;
}
