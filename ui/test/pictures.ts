// Pictures of the pages, kept in the documentation: taken anew and compared, or renewed with `MCP_APPS_ACCEPT`.

import assert from "node:assert/strict";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import pixelmatch from "pixelmatch";
import { PNG } from "pngjs";
import type { Stage } from "./stage.ts";

const ROOT = join(import.meta.dirname, "../..");
const FOLDER = join(ROOT, "docs/apps");
const FAILED = join(ROOT, "target/apps/pictures");

/** How many pixels may differ: letters have other edges with another version of a font or of Chromium. */
const TOLERANCE = 0.02;

/** How often a page is looked at that does not look as it should, yet. */
const TRIES = 5;

/** Compares how the page looks, light and dark, with the pictures called `name`. */
export async function looksAsInTheDocs(stage: Stage, name: string): Promise<void> {
  // Times and durations are those of this run.
  await stage.view.evaluate(() => {
    for (const time of document.querySelectorAll("time")) time.textContent = "12 Jan 2026, 09:30";
    for (const took of document.querySelectorAll(".took")) took.textContent = "1.5 ms";
  });
  for (const theme of ["light", "dark"] as const) {
    await stage.change({ theme });
    await stage.view.waitForFunction(
      (wanted) => document.documentElement.dataset["theme"] === wanted,
      theme,
    );
    await stage.isAccessible();
    await compare(`${name}-${theme}.png`, () => picture(stage));
  }
}

/** How the page looks once two pictures in a row are alike: a loaded machine paints late. */
async function picture(stage: Stage): Promise<Buffer> {
  const frame = stage.page.locator("iframe");
  const take = () => frame.screenshot({ animations: "disabled", caret: "hide" });
  let [before, taken] = [await take(), await take()];
  while (!before.equals(taken)) [before, taken] = [taken, await take()];
  return taken;
}

async function compare(name: string, take: () => Promise<Buffer>): Promise<void> {
  const kept = join(FOLDER, name);
  if (process.env["MCP_APPS_ACCEPT"] !== undefined) {
    mkdirSync(FOLDER, { recursive: true });
    writeFileSync(kept, await take());
    return;
  }
  const wanted = PNG.sync.read(readFileSync(kept));
  let [taken, problem] = [await take(), ""];
  for (let tries = 0; tries < TRIES; tries++) {
    problem = difference(wanted, PNG.sync.read(taken));
    if (problem === "") return;
    taken = await take();
  }
  mkdirSync(FAILED, { recursive: true });
  writeFileSync(join(FAILED, name), taken);
  assert.fail(`${name} ${problem}; ${join(FAILED, name)} is how it looks now`);
}

/** In what a picture differs from the one that is kept; empty where it does not. */
function difference(wanted: PNG, taken: PNG): string {
  const { width, height } = wanted;
  if (taken.width !== width || taken.height !== height) {
    return `is ${taken.width} by ${taken.height} pixels, not ${width} by ${height}`;
  }
  const options = { threshold: 0.2 };
  const differing = pixelmatch(wanted.data, taken.data, undefined, width, height, options);
  return differing <= width * height * TOLERANCE ? "" : `differs in ${differing} pixels`;
}
