// State changes over time: a lane for each of the circuits that changed last.
import { useTick } from "./store";
import { Empty, STATE_WORDS, type State } from "./parts";
import type { CircuitTold, TransitionTold } from "./told";
import { clock, now, shortName, span } from "./words";

const SECONDS = 15 * 60;
const MOST = 8;
const MARKS = [15, 10, 5, 0];

interface Stretch {
  state: State;
  from: number;
  to: number;
  reason: string;
}

export function Lanes({ transitions, circuits, show }: {
  transitions: TransitionTold[]; circuits: Map<string, CircuitTold>; show: (name: string) => void;
}) {
  useTick();
  const end = now();
  const begin = end - SECONDS;
  const names = [...new Set(transitions.filter((one) => one.at >= begin).map((one) => one.name).reverse())].slice(0, MOST);
  if (!names.length) return <Empty title="Quiet">No circuit changed its state in the last 15 minutes.</Empty>;
  const place = (at: number) => `${(100 * (Math.max(at, begin) - begin)) / SECONDS}%`;
  return (
    <div class="bw-lanes">
      {names.map((name) => (
        <div key={name} class="bw-lane">
          <button type="button" class="bw-name" title={name} onClick={() => show(name)}>{circuits.get(name)?.kind === "worker" ? `worker ${shortName(name)}` : shortName(name)}</button>
          <svg width="100%" height="22" role="img" aria-label={`${name}: ${describe(name, transitions, begin)}`}>
            {stretches(name, transitions, begin, end).map((one) => (
              <rect
                key={one.from} class={`bw-stretch bw-is-${one.state}`} x={place(one.from)} rx="2"
                y={one.state === "closed" ? 8 : one.state === "half_open" ? 4 : 0} height={one.state === "closed" ? 6 : one.state === "half_open" ? 14 : 22}
                width={`max(2px, ${(100 * (one.to - Math.max(one.from, begin))) / SECONDS}%)`}
                style={{ width: `max(2px, ${(100 * (one.to - Math.max(one.from, begin))) / SECONDS}%)` }}
              >
                <title>{`${STATE_WORDS[one.state]} from ${clock(one.from)}, ${span(one.to - one.from)}: ${one.reason}`}</title>
              </rect>
            ))}
          </svg>
        </div>
      ))}
      <div class="bw-lane bw-lane-axis" aria-hidden="true">
        <span />
        <div>{MARKS.map((minutes) => <span key={minutes}>{minutes ? `−${minutes} min` : "now"}</span>)}</div>
      </div>
    </div>
  );
}

function stretches(name: string, transitions: TransitionTold[], begin: number, end: number): Stretch[] {
  const mine = transitions.filter((one) => one.name === name);
  const first = mine.find((one) => one.at >= begin);
  const all: Stretch[] = first ? [{ state: first.previous, from: begin, to: first.at, reason: "from before" }] : [];
  for (const [place, one] of mine.entries()) {
    const to = mine[place + 1]?.at ?? end;
    if (to >= begin) {
      if (one.at < begin) all.shift();
      all.push({ state: one.state, from: Math.max(one.at, begin), to, reason: one.reason });
    }
  }
  return all;
}

function describe(name: string, transitions: TransitionTold[], begin: number): string {
  return transitions
    .filter((one) => one.name === name && one.at >= begin)
    .slice(-5)
    .map((one) => `${STATE_WORDS[one.state]} at ${clock(one.at)}`)
    .join(", ");
}
