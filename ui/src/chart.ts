// Lines over an axis, by uPlot, in the colours of the page and with words for those who do not see it.

import uPlot from "uplot";
import { locale } from "./dom.ts";

export interface Line {
  label: string;
  /** A CSS custom property that holds its colour. */
  color: string;
  values: (number | null)[];
}

export interface Plot {
  /** What a screen reader says of it. */
  description: string;
  /** Values of the horizontal axis; seconds where `isTime`. */
  x: number[];
  isTime: boolean;
  lines: Line[];
  /** What stands behind the numbers of the vertical axis. */
  unit: string;
}

const HEIGHT = 200;

/** Draws into `element`, and again whenever its width or the colours change. */
export class Chart {
  readonly #element: HTMLElement;
  #plot: Plot | undefined;
  #drawn: uPlot | undefined;

  constructor(element: HTMLElement) {
    this.#element = element;
    new ResizeObserver(() => this.#resize()).observe(element);
    const redraw = () => this.#draw();
    new MutationObserver(redraw).observe(document.documentElement, {
      attributeFilter: ["data-theme", "style"],
    });
    window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
  }

  show(plot: Plot | undefined): void {
    this.#plot = plot;
    this.#element.hidden = plot === undefined;
    if (plot !== undefined) {
      this.#element.setAttribute("role", "img");
      this.#element.setAttribute("aria-label", plot.description);
    }
    this.#draw();
  }

  #resize(): void {
    const width = this.#element.clientWidth;
    if (this.#drawn !== undefined && width > 0) this.#drawn.setSize({ width, height: HEIGHT });
  }

  #draw(): void {
    this.#drawn?.destroy();
    this.#drawn = undefined;
    const plot = this.#plot;
    if (plot === undefined) return;
    const styles = getComputedStyle(this.#element);
    const [text, grid] = [color(styles, "--muted"), color(styles, "--line")];
    const axis = {
      stroke: text,
      grid: { stroke: grid, width: 1 },
      ticks: { stroke: grid, width: 1 },
    };
    const options: uPlot.Options = {
      width: this.#element.clientWidth || 300,
      height: HEIGHT,
      tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1000), "UTC"),
      scales: { x: { time: plot.isTime } },
      axes: [
        plot.isTime ? { ...axis, values: times } : axis,
        { ...axis, size: 60, values: (_, ticks) => ticks.map((tick) => `${tick}${plot.unit}`) },
      ],
      series: [
        {},
        ...plot.lines.map(({ label, color: name }) => {
          const stroke = color(styles, name);
          return {
            label,
            stroke,
            width: 2,
            points: { show: plot.x.length < 60, stroke, fill: stroke },
          };
        }),
      ],
      legend: { show: false },
      cursor: { show: false },
    };
    this.#drawn = new uPlot(
      options,
      [plot.x, ...plot.lines.map((line) => line.values)],
      this.#element,
    );
  }
}

const DAY = 86_400;

/** The names of ticks, as people write times where the host is. */
const times: uPlot.Axis.DynamicValues = (_, ticks, _axis, _space, step) => {
  const day = { day: "numeric", month: "short", timeZone: "UTC" } as const;
  const minute = { hour: "2-digit", minute: "2-digit", timeZone: "UTC" } as const;
  const year = { year: "numeric", timeZone: "UTC" } as const;
  const format = step >= 365 * DAY ? year : step >= DAY ? day : minute;
  return ticks.map((tick) => new Date(tick * 1000).toLocaleString(locale(), format));
};

/** A canvas does not know `light-dark()`, so the browser works the colour out. */
function color(styles: CSSStyleDeclaration, name: string): string {
  const probe = document.createElement("span");
  probe.style.color = styles.getPropertyValue(name);
  document.documentElement.append(probe);
  const { color } = getComputedStyle(probe);
  probe.remove();
  return color;
}
