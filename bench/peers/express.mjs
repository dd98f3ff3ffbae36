// The echo on the TypeScript SDK over HTTP, without sessions, as its documentation shows it: a server for each request.
import { McpServer } from "@modelcontextprotocol/sdk/server/mcp.js";
import { StreamableHTTPServerTransport } from "@modelcontextprotocol/sdk/server/streamableHttp.js";
import express from "express";
import { z } from "zod";

const shape = { message: z.string() };

function server() {
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

const app = express();
app.use(express.json());
app.post("/mcp", async (request, response) => {
  const transport = new StreamableHTTPServerTransport({
    sessionIdGenerator: undefined,
    enableJsonResponse: true,
  });
  response.on("close", () => transport.close());
  await server().connect(transport);
  await transport.handleRequest(request, response, request.body);
});

const [host, port] = process.argv.at(-1).split(":");
app.listen(Number(port), host);
