// The echo of `server.mjs` over stdio.
import { StdioServerTransport } from "@modelcontextprotocol/sdk/server/stdio.js";

import { server } from "./server.mjs";

await server().connect(new StdioServerTransport());
