// The echo of `server.mjs` over HTTP, without sessions, as the SDK's documentation shows it: a server for each request.
import { StreamableHTTPServerTransport } from "@modelcontextprotocol/sdk/server/streamableHttp.js";
import express from "express";

import { server } from "./server.mjs";

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
