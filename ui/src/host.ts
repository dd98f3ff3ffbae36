// The page's end of MCP Apps (SEP-1865): JSON-RPC 2.0 with the host that frames the page. The official `App` class does
// the same in 650 kB; its types are used here, and the tests talk to this file through the official `AppBridge`.

import type { CallToolResult } from "@modelcontextprotocol/client";
import type { McpUiHostContext, McpUiInitializeResult } from "@modelcontextprotocol/ext-apps";

const PROTOCOL_VERSION = "2026-01-26";
const VERSION = "1";

/** Longer than any tool of ours may take, so that a host that went away is noticed. */
const PATIENCE_MS = 90_000;

/** Why a call has no answer: what the server said of it, or what came between. */
export class CallError extends Error {
  readonly code: string;
  readonly retryable: boolean;

  constructor(code: string, message: string, retryable: boolean) {
    super(message);
    this.code = code;
    this.retryable = retryable;
  }
}

/** What the host tells a page of the call that it shows. */
export interface Shown {
  /** The arguments of the call. */
  input(arguments_: Record<string, unknown>): void;
  /** Its answer, as the tool's output schema has it. */
  result(answer: unknown): void;
  /** It failed, or was given up. */
  failed(error: CallError): void;
}

interface Message {
  jsonrpc: "2.0";
  id?: number | string;
  method?: string;
  params?: unknown;
  result?: unknown;
  error?: { code: number; message: string };
}

interface Waiting {
  resolve(result: unknown): void;
  reject(error: CallError): void;
  timer: number;
}

export class Host {
  readonly #waiting = new Map<number, Waiting>();
  readonly #shown: Shown;
  #context: McpUiHostContext = {};
  #canDownload = false;
  #lastId = 0;

  private constructor(shown: Shown) {
    this.#shown = shown;
  }

  /** Shakes hands with the host that frames this page. */
  static async connect(name: string, shown: Shown): Promise<Host> {
    const host = new Host(shown);
    window.addEventListener("message", (event) => {
      // Nobody but the host is listened to.
      if (event.source === window.parent) host.#receive(event.data);
    });
    const answer = (await host.#request("ui/initialize", {
      protocolVersion: PROTOCOL_VERSION,
      appInfo: { name, version: VERSION },
      appCapabilities: { availableDisplayModes: ["inline"] },
    })) as McpUiInitializeResult;
    host.#canDownload = answer.hostCapabilities?.downloadFile !== undefined;
    host.#learn(answer.hostContext ?? {});
    host.#notify("ui/notifications/initialized", {});
    host.#tellSize();
    return host;
  }

  /** The tool whose answer is shown; empty where the host does not say. */
  get tool(): string {
    return this.#context.toolInfo?.tool.name ?? "";
  }

  /** Calls a tool of the server, and returns its structured content. */
  async call<T>(name: string, arguments_: object): Promise<T> {
    const result = await this.#request("tools/call", { name, arguments: arguments_ });
    return structured(result as CallToolResult) as T;
  }

  /** Hands a file to the host; `false` where the host takes none. */
  async download(name: string, mimeType: string, text: string): Promise<boolean> {
    if (!this.#canDownload) return false;
    const resource = { uri: `file:///${name}`, mimeType, text };
    const contents = [{ type: "resource", resource }];
    const answer = (await this.#request("ui/download-file", { contents })) as { isError?: boolean };
    return answer.isError !== true;
  }

  #request(method: string, params: unknown): Promise<unknown> {
    const id = ++this.#lastId;
    return new Promise((resolve, reject) => {
      const timer = window.setTimeout(() => {
        this.#waiting.delete(id);
        reject(new CallError("timeout", "The host did not answer.", true));
      }, PATIENCE_MS);
      this.#waiting.set(id, { resolve, reject, timer });
      this.#send({ jsonrpc: "2.0", id, method, params });
    });
  }

  #notify(method: string, params: unknown): void {
    this.#send({ jsonrpc: "2.0", method, params });
  }

  #send(message: Message): void {
    // The page's own origin is opaque, and it cannot know the host's; what it sends is the host's to see.
    window.parent.postMessage(message, "*");
  }

  #receive(data: unknown): void {
    const message = data as Message | null;
    if (typeof message !== "object" || message?.jsonrpc !== "2.0") return;
    if (message.method === undefined) this.#settle(message);
    else if (message.id === undefined) this.#hear(message.method, message.params);
    else this.#answer(message.id, message.method);
  }

  #settle({ id, result, error }: Message): void {
    const waiting = this.#waiting.get(id as number);
    if (waiting === undefined) return;
    this.#waiting.delete(id as number);
    window.clearTimeout(waiting.timer);
    if (error === undefined) waiting.resolve(result);
    else waiting.reject(new CallError("refused", error.message, false));
  }

  #hear(method: string, params: unknown): void {
    switch (method) {
      case "ui/notifications/tool-input":
        this.#shown.input((params as { arguments?: Record<string, unknown> }).arguments ?? {});
        break;
      case "ui/notifications/tool-result":
        try {
          this.#shown.result(structured(params as CallToolResult));
        } catch (error) {
          this.#shown.failed(asCallError(error));
        }
        break;
      case "ui/notifications/tool-cancelled":
        this.#shown.failed(new CallError("cancelled", "The call was cancelled.", true));
        break;
      case "ui/notifications/host-context-changed":
        this.#learn(params as McpUiHostContext);
        break;
    }
  }

  #answer(id: number | string, method: string): void {
    const known = method === "ping" || method === "ui/resource-teardown";
    const error = { code: -32601, message: `Unknown method: ${method}` };
    this.#send({ jsonrpc: "2.0", id, ...(known ? { result: {} } : { error }) });
  }

  #learn(context: McpUiHostContext): void {
    this.#context = { ...this.#context, ...context };
    const root = document.documentElement;
    if (context.theme !== undefined) root.dataset["theme"] = context.theme;
    if (context.locale !== undefined) root.dataset["locale"] = context.locale;
    for (const [name, value] of Object.entries(context.styles?.variables ?? {})) {
      if (name.startsWith("--") && value !== undefined) root.style.setProperty(name, value);
    }
  }

  #tellSize(): void {
    const tell = () => {
      const { width, height } = document.documentElement.getBoundingClientRect();
      const size = { width: Math.ceil(width), height: Math.ceil(height) };
      this.#notify("ui/notifications/size-changed", size);
    };
    new ResizeObserver(tell).observe(document.documentElement);
  }
}

/** Any thrown thing as what a person can be told. */
export function asCallError(error: unknown): CallError {
  if (error instanceof CallError) return error;
  return new CallError("internal", error instanceof Error ? error.message : String(error), false);
}

function structured(result: CallToolResult): unknown {
  const content = result.structuredContent as Record<string, unknown> | undefined;
  if (result.isError !== true) {
    if (content !== undefined) return content;
    throw new CallError("internal", "The answer holds no data.", false);
  }
  const error = content?.["error"] as
    { code?: string; message?: string; retryable?: boolean } | undefined;
  const [block] = result.content;
  const message = error?.message ?? (block?.type === "text" ? block.text : "The call failed.");
  return fail(error?.code ?? "failed", message, error?.retryable ?? false);
}

function fail(code: string, message: string, retryable: boolean): never {
  const [first = "", ...rest] = message;
  const sentence = first.toUpperCase() + rest.join("");
  throw new CallError(code, /[.!?]$/.test(sentence) ? sentence : `${sentence}.`, retryable);
}
