// Builds every page into one file that needs nothing beside itself: `node build.ts` writes them where the servers
// include them, `node build.ts --check` fails where a committed one is another. The same sources give the same bytes.

import { createHash } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { join, relative } from "node:path";
import { build } from "esbuild";

const HERE = import.meta.dirname;
const ROOT = join(HERE, "..");

/** A host loads a page whole before it shows anything; the servers do not compile with a longer one. */
const MAX_BYTES = 150_000;

interface Page {
  /** Its folder in `src`. */
  source: string;
  title: string;
  target: string;
}

const PAGES: Page[] = [
  { source: "tickets", title: "Tickets", target: "servers/ticketing/pages/tickets.html" },
  { source: "rows", title: "Rows", target: "servers/postgres/pages/rows.html" },
  { source: "weather", title: "Weather", target: "servers/weather/pages/weather.html" },
];

async function bundle(entry: string, loader: string): Promise<string> {
  const result = await build({
    absWorkingDir: HERE,
    stdin: { contents: entry, resolveDir: join(HERE, "src"), loader: loader as "ts" | "css" },
    bundle: true,
    minify: true,
    write: false,
    format: "esm",
    target: "es2022",
    charset: "utf8",
    legalComments: "inline",
  });
  return result.outputFiles[0]!.text.trim();
}

async function render({ source, title }: Page): Promise<string> {
  const [script, style] = await Promise.all([
    bundle(`import "./${source}/page.ts";`, "ts"),
    bundle(`@import "./theme.css"; @import "./${source}/page.css";`, "css"),
  ]);
  // Nothing is loaded, framed, sent or embedded; only this script and this style are applied.
  const policy = [
    "default-src 'none'",
    `script-src '${hash(script)}'`,
    `style-src '${hash(style)}'`,
    "base-uri 'none'",
    "form-action 'none'",
  ];
  return [
    "<!doctype html>",
    '<html lang="en">',
    "<head>",
    '<meta charset="utf-8">',
    `<meta http-equiv="Content-Security-Policy" content="${policy.join("; ")}">`,
    '<meta name="viewport" content="width=device-width, initial-scale=1">',
    `<title>${title}</title>`,
    `<style>${style}</style>`,
    "</head>",
    "<body>",
    '<main id="page"><p>This page shows what a tool answers, inside an MCP client.</p></main>',
    `<script type="module">${script}</script>`,
    "</body>",
    "</html>",
    "",
  ].join("\n");
}

function hash(text: string): string {
  return `sha256-${createHash("sha256").update(text).digest("base64")}`;
}

function committed(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return undefined;
  }
}

const isCheck = process.argv.includes("--check");
for (const page of PAGES) {
  const path = join(ROOT, page.target);
  const html = await render(page);
  const bytes = Buffer.byteLength(html);
  const name = relative(ROOT, path);
  if (bytes > MAX_BYTES) throw new Error(`${name} has ${bytes} bytes; ${MAX_BYTES} are allowed`);
  if (isCheck && committed(path) !== html) {
    throw new Error(`${name} is not what its sources give: \`cargo xtask build\` renews it`);
  }
  if (!isCheck && committed(path) !== html) writeFileSync(path, html);
  console.log(`${name}  ${(bytes / 1000).toFixed(1)} kB`);
}
