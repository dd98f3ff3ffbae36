// A host stand-in: an MCP client that reads a tool's page from a real server, and Chromium that frames it. Whatever a page
// must not do (load anything, violate its policy, throw) fails the test that it happens in.

import assert from "node:assert/strict";
import { after, before, type TestContext } from "node:test";
import type { CallToolResult, Client } from "@modelcontextprotocol/client";
import type { McpUiHostContext } from "@modelcontextprotocol/ext-apps";
import axe, { type AxeResults } from "axe-core";
import { build } from "esbuild";
import {
  chromium,
  type Browser,
  type BrowserContext,
  type Frame,
  type Page,
} from "playwright-core";
import type { Setting } from "./bridge.ts";
import { connect, MEDIA_TYPE, type Connection } from "./servers.ts";

/** Higher than every page: to take a picture of more, the window would be resized, and charts drawn anew. */
const SIZE = { width: 900, height: 1_000 };

/** What a test may take; a loaded machine is slow. */
const PATIENCE_MS = 60_000;

let browser: Browser;
let bridge: string;

before(async () => {
  const entry = new URL("bridge.ts", import.meta.url).pathname;
  const options = {
    bundle: true,
    write: false,
    format: "iife",
    target: "es2022",
    logLevel: "warning",
  } as const;
  bridge = (await build({ ...options, entryPoints: [entry] })).outputFiles[0]!.text;
  browser = await chromium.launch({
    executablePath: process.env["MCP_APPS_CHROMIUM"] ?? "/usr/bin/chromium",
    // Root has no sandbox of Chromium's; the rest makes pictures the same on every machine.
    args: [
      "--no-sandbox",
      "--disable-gpu",
      "--disable-lcd-text",
      // One process for the host and its frames: what is tried here is the page, and there are few processors.
      "--renderer-process-limit=1",
      "--disable-features=IsolateSandboxedIframes",
      "--font-render-hinting=none",
      "--hide-scrollbars",
    ],
  });
});

after(() => browser.close());

type Interception = (
  name: string,
  arguments_: unknown,
) => CallToolResult | Promise<CallToolResult> | undefined;

interface Opening extends Connection {
  tool: string;
  arguments: Record<string, unknown>;
  context?: McpUiHostContext;
  downloads?: boolean;
  /** Instead of the tool's own answer. */
  result?: CallToolResult;
}

export class Stage {
  readonly client: Client;
  readonly page: Page;
  readonly #context: BrowserContext;
  /** Everything that must not have happened. */
  readonly #faults: string[] = [];
  /** The calls that the page made, in their order. */
  readonly calls: { name: string; arguments: Record<string, unknown> }[] = [];
  readonly files: { uri: string; text: string }[] = [];
  /** Answers a call in the place of the server. */
  intercept: Interception = () => undefined;

  private constructor(client: Client, context: BrowserContext, page: Page) {
    this.client = client;
    this.#context = context;
    this.page = page;
  }

  /** Calls a tool and shows its answer in the page that the tool names, until the test ends. */
  static async open(t: TestContext, opening: Opening): Promise<Stage> {
    const client = await connect(t, opening);
    const { tools } = await client.listTools();
    const tool = tools.find(({ name }) => name === opening.tool);
    const ui = tool?._meta?.["ui"] as { resourceUri: string } | undefined;
    assert.ok(tool && ui, `${opening.tool} names a page`);
    const { contents } = await client.readResource({ uri: ui.resourceUri });
    const [content] = contents;
    assert.ok(content && "text" in content && content.mimeType === MEDIA_TYPE);

    const context = await browser.newContext({
      viewport: SIZE,
      reducedMotion: "reduce",
      locale: "en-GB",
      timezoneId: "UTC",
    });
    const page = await context.newPage();
    page.setDefaultTimeout(PATIENCE_MS);
    const stage = new Stage(client, context, page);
    t.after(() => stage.#close());
    await stage.#watch();
    await page.evaluate(bridge);
    const hosted = { toolInfo: { tool }, theme: "light", ...opening.context } as McpUiHostContext;
    const setting: Setting = {
      html: content.text,
      policy: policyOf(content._meta?.["ui"]),
      context: hosted,
      downloads: opening.downloads ?? true,
    };
    await page.evaluate((given) => window.stage.open(given as never), setting as object);
    const asked = opening.arguments;
    const result =
      opening.result ??
      ((await client.callTool({ name: opening.tool, arguments: asked })) as CallToolResult);
    await stage.show(asked, result);
    return stage;
  }

  async #watch(): Promise<void> {
    this.#context.on("request", (request) => this.#faults.push(`request of ${request.url()}`));
    this.page.on("pageerror", (error) => this.#faults.push(`error: ${error.message}`));
    this.page.on("dialog", (dialog) => {
      this.#faults.push(`dialog: ${dialog.message()}`);
      void dialog.dismiss();
    });
    this.page.on("console", (message) => {
      if (["error", "warning"].includes(message.type()))
        this.#faults.push(`console: ${message.text()}`);
    });
    await this.page.setContent(
      "<style>body{margin:0}iframe{border:0;width:100%;height:700px}</style>",
    );
    await this.page.exposeFunction("callServer", (name: string, given: Record<string, unknown>) =>
      this.#call(name, given),
    );
    await this.page.exposeFunction("saveFile", (uri: string, text: string) =>
      this.files.push({ uri, text }),
    );
  }

  async #call(name: string, given: Record<string, unknown>): Promise<CallToolResult> {
    this.calls.push({ name, arguments: given });
    const intercepted = await this.intercept(name, given);
    return (
      intercepted ?? ((await this.client.callTool({ name, arguments: given })) as CallToolResult)
    );
  }

  async show(arguments_: Record<string, unknown>, result: CallToolResult): Promise<void> {
    const shown = { arguments_, result } as object;
    await this.page.evaluate((given) => {
      const { arguments_, result } = given as { arguments_: {}; result: never };
      return window.stage.show(arguments_, result);
    }, shown);
  }

  async change(context: McpUiHostContext): Promise<void> {
    await this.page.evaluate((changed) => window.stage.change(changed as never), context as object);
  }

  /** The framed page. */
  get view(): Frame {
    const frame = this.page.frames()[1];
    assert.ok(frame, "a page is framed");
    return frame;
  }

  /** Presses keys one after the other. */
  async press(...keys: string[]): Promise<void> {
    for (const key of keys) await this.page.keyboard.press(key);
  }

  /** What has the focus, by its name. */
  async focused(): Promise<string> {
    return this.view.evaluate(() => {
      const active = document.activeElement as HTMLElement;
      return active.getAttribute("aria-label") ?? active.textContent?.trim() ?? "";
    });
  }

  /** Fails where axe-core finds that somebody could not use the page. */
  async isAccessible(): Promise<void> {
    await this.view.evaluate(axe.source);
    // The page is framed: its landmarks are those of a part.
    const run = "axe.run({ rules: { region: { enabled: false } } })";
    const results = (await this.view.evaluate(run)) as AxeResults;
    const found = results.violations.map(
      ({ id, nodes }) => `${id}: ${nodes.map((node) => node.html).join(" ")}`,
    );
    assert.deepEqual(found, []);
  }

  async #close(): Promise<void> {
    // A page says goodbye when it is asked to.
    await this.page.evaluate(() => window.stage.close());
    await this.#context.close();
    assert.deepEqual(this.#faults, []);
  }
}

/** The policy that a host makes of what a page declares (MCP Apps, content security policy enforcement). */
function policyOf(ui: unknown): string {
  const declared = (ui as { csp?: Record<string, string[]> } | undefined)?.csp ?? {};
  const of = (name: string) => (declared[name] ?? []).join(" ");
  return [
    "default-src 'none'",
    `script-src 'self' 'unsafe-inline' ${of("resourceDomains")}`,
    `style-src 'self' 'unsafe-inline' ${of("resourceDomains")}`,
    `connect-src 'self' ${of("connectDomains")}`,
    `img-src 'self' data: ${of("resourceDomains")}`,
    `font-src 'self' ${of("resourceDomains")}`,
    `media-src 'self' data: ${of("resourceDomains")}`,
    `frame-src ${of("frameDomains") || "'none'"}`,
    "object-src 'none'",
    `base-uri ${of("baseUriDomains") || "'self'"}`,
  ].join("; ");
}
