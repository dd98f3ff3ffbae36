// The echo on the TypeScript SDK, as its documentation shows it.
import { McpServer } from "@modelcontextprotocol/sdk/server/mcp.js";
import { z } from "zod";

const shape = { message: z.string() };

export function server() {
  const server = new McpServer({ name: "echo", version: "1.0.0" });
  server.registerTool(
    "echo",
    { description: "Says back what it is told", inputSchema: shape, outputSchema: shape },
    async ({ message }) => {
      const answer = { message };
      return { content: [{ type: "text", text: JSON.stringify(answer) }], structuredContent: answer };
    },
  );
  return server;
}
