// The host's side of the frame, in the browser: the official `AppBridge`, whose calls are made by the test outside.

import { AppBridge, PostMessageTransport } from "@modelcontextprotocol/ext-apps/app-bridge";
import type { McpUiHostContext } from "@modelcontextprotocol/ext-apps";
import type { CallToolResult } from "@modelcontextprotocol/client";

declare global {
  interface Window {
    /** Given by the test: makes a call, by its own client. */
    callServer(name: string, arguments_: unknown): Promise<CallToolResult>;
    /** Given by the test: what a page hands over to be saved. */
    saveFile(uri: string, text: string): Promise<void>;
    stage: typeof stage;
  }
}

/** What is framed, and how. */
export interface Setting {
  html: string;
  policy: string;
  context: McpUiHostContext;
  downloads: boolean;
}

let bridge: AppBridge;

const stage = {
  /** Frames a page as hosts do: an origin of its own, scripts and nothing else, under the policy that it declared. */
  async open({ html, policy, context, downloads }: Setting): Promise<void> {
    const frame = document.createElement("iframe");
    frame.setAttribute("sandbox", "allow-scripts");
    frame.title = "page";
    const meta = `<meta http-equiv="Content-Security-Policy" content="${policy}">`;
    document.body.replaceChildren(frame);
    const capabilities = { serverTools: {}, ...(downloads && { downloadFile: {} }) };
    const info = { name: "stand-in", version: "1" };
    bridge = new AppBridge(null, info, capabilities, { hostContext: context });
    bridge.oncalltool = ({ name, arguments: given }) => window.callServer(name, given ?? {});
    bridge.ondownloadfile = async ({ contents }) => {
      for (const item of contents) {
        if (item.type === "resource" && "text" in item.resource) {
          await window.saveFile(item.resource.uri, item.resource.text);
        }
      }
      return {};
    };
    bridge.onsizechange = ({ height }) => {
      if (height !== undefined) frame.style.height = `${height}px`;
    };
    const initialized = new Promise<void>((resolve) => {
      bridge.oninitialized = () => resolve();
    });
    const view = frame.contentWindow as Window;
    await bridge.connect(new PostMessageTransport(view, view));
    frame.srcdoc = html.replace("<head>", `<head>${meta}`);
    await initialized;
  },

  async show(arguments_: Record<string, unknown>, result: CallToolResult): Promise<void> {
    await bridge.sendToolInput({ arguments: arguments_ });
    await bridge.sendToolResult(result);
  },

  async change(context: McpUiHostContext): Promise<void> {
    await bridge.sendHostContextChange(context);
  },

  async close(): Promise<void> {
    await bridge.teardownResource({});
  },
};

window.stage = stage;
