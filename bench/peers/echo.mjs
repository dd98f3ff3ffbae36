// The echo on the TypeScript SDK, over stdio, as its documentation shows it.
import { McpServer } from "@modelcontextprotocol/sdk/server/mcp.js";
import { StdioServerTransport } from "@modelcontextprotocol/sdk/server/stdio.js";
import { z } from "zod";

const server = new McpServer({ name: "echo", version: "1.0.0" });
const shape = { message: z.string() };
server.registerTool(
  "echo",
  { description: "Says back what it is told", inputSchema: shape, outputSchema: shape },
  async ({ message }) => {
    const answer = { message };
    return { content: [{ type: "text", text: JSON.stringify(answer) }], structuredContent: answer };
  },
);
await server.connect(new StdioServerTransport());
