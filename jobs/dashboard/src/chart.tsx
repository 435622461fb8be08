// A chart over time, by uPlot: small (50 kB), and quick enough to be drawn anew each second.
import { useEffect, useRef } from "preact/hooks";
import uPlot from "uplot";

export interface Line {
  label: string;
  /** A CSS variable's name. */
  colour: string;
  dash?: number[];
  values: (number | null)[];
}

const HEIGHT = 200;

export function Chart({ times, lines, label }: { times: number[]; lines: Line[]; label: string }) {
  const place = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  const data = useRef<uPlot.AlignedData>([[]]);
  data.current = [times, ...lines.map((line) => line.values)];

  useEffect(() => {
    const at = place.current;
    if (!at) return;
    const draw = () => {
      plot.current?.destroy();
      plot.current = new uPlot(options(at, lines), data.current, at);
    };
    draw();
    const theme = new MutationObserver(draw);
    theme.observe(document.documentElement, { attributes: true, attributeFilter: ["data-bs-theme"] });
    const size = new ResizeObserver(() => plot.current?.setSize({ width: at.clientWidth, height: HEIGHT }));
    size.observe(at);
    return () => {
      theme.disconnect();
      size.disconnect();
      plot.current?.destroy();
    };
  }, []);
  useEffect(() => plot.current?.setData(data.current), [times]);

  return <div ref={place} class="bw-chart" role="img" aria-label={label} />;
}

function options(at: HTMLElement, lines: Line[]): uPlot.Options {
  const style = getComputedStyle(at);
  const colour = (name: string) => style.getPropertyValue(name).trim();
  const axis: uPlot.Axis = {
    stroke: colour("--flower-text-muted"),
    grid: { stroke: colour("--bw-line"), width: 1 },
    ticks: { show: false },
    font: "12px system-ui, sans-serif",
  };
  return {
    width: at.clientWidth,
    height: HEIGHT,
    legend: { show: false },
    padding: [8, 24, 0, 0],
    cursor: { y: false, points: { size: 6 } },
    scales: { y: { range: (_, __, most) => [0, Math.max(10, Math.min(100, Math.ceil((most ?? 0) / 10) * 10 + 5))] } },
    axes: [
      { ...axis, space: 70, values: [[60, "{HH}:{mm}", null, null, null, null, null, null, 1], [1, "{HH}:{mm}:{ss}", null, null, null, null, null, null, 1]] },
      { ...axis, size: 48, values: (_, ticks) => ticks.map((tick) => `${tick} %`) },
    ],
    series: [
      {},
      ...lines.map((line) => ({
        label: line.label,
        stroke: colour(line.colour),
        width: 2,
        spanGaps: false,
        ...(line.dash ? { dash: line.dash } : {}),
        points: { show: false },
      })),
    ],
  };
}
