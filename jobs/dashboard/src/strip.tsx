// Recovery attempts over time: a lane for each level, a full circle where it helped, a cross where it didn't.
import { LEVELS } from "./recovery";
import { Empty } from "./parts";
import type { RecoveryTold } from "./told";
import { clock, day, plural } from "./words";

const [LEFT, LANE, TOP] = [8, 30, 6];

export function Strip({ latest }: { latest: RecoveryTold[] }) {
  if (!latest.length) return <Empty title="None had a browser">Simulations have no circuit to be noted at.</Empty>;
  const [first, last] = [latest[0]?.at ?? 0, latest.at(-1)?.at ?? 0];
  const length = Math.max(1, last - first);
  const levels = [1, 2, 3, 4].filter((level) => latest.some((one) => one.level === level));
  const place = (at: number) => `${LEFT + ((100 - 2 * LEFT) * (at - first)) / length}%`;
  const far = last - first > 86_400;
  return (
    <div class="bw-strip">
      <div class="bw-strip-levels" aria-hidden="true">{levels.map((level) => <span key={level}>{level} {LEVELS[level]}</span>)}</div>
      <div>
        <svg width="100%" height={TOP + LANE * levels.length} role="img" aria-label={`${plural(latest.length, "attempt")}, ${latest.filter((one) => one.succeeded).length} of them helped`}>
          {levels.map((level, lane) => <line key={level} class="bw-strip-lane" x1="0" x2="100%" y1={TOP + LANE * (lane + 0.5)} y2={TOP + LANE * (lane + 0.5)} />)}
          {latest.map((one, index) => {
            const y = TOP + LANE * (levels.indexOf(one.level ?? 0) + 0.5);
            const said = `${clock(one.at)} ${one.method.replaceAll("_", " ")}, ${one.browser}: ${one.succeeded ? "helped" : "did not help"}`;
            return (
              <svg key={`${one.at}${index}`} x={place(one.at)} y={y} overflow="visible" class={one.succeeded ? "bw-good" : "bw-bad"}>
                <title>{said}</title>
                {one.succeeded ? <circle r="5" fill="currentColor" /> : <path d="M-4-4 4 4M-4 4 4-4" stroke="currentColor" stroke-width="2.5" />}
              </svg>
            );
          })}
        </svg>
        <div class="bw-strip-axis" aria-hidden="true"><span>{far ? day(first) : clock(first)}</span><span>{far ? day(last) : clock(last)}</span></div>
      </div>
    </div>
  );
}
