// The Circuits page: what is sick, since when, and what the farm does about it; then everything else.
import { useCallback, useState } from "preact/hooks";
import { Attention, worstFirst } from "./attention";
import { Browsers } from "./browsers";
import { CircuitDialog } from "./circuit-dialog";
import { CircuitsStore } from "./circuits-store";
import { Chart } from "./chart";
import { Lanes } from "./lanes";
import { Card, Empty, Figure, Gauge, Header, Loading, Mark, STATE_WORDS, type State } from "./parts";
import { useStore } from "./store";
import { Tiles } from "./tiles";
import type { CircuitTold, Sample, TransitionTold } from "./told";
import { Transitions } from "./transitions";
import { count, percent, plural } from "./words";

const KINDS = [
  { kind: "browser", label: "Browsers", colour: "--bw-browser" },
  { kind: "worker", label: "Workers", colour: "--bw-worker", dash: [7, 4] },
  { kind: "task", label: "Task types", colour: "--bw-task", dash: [2, 3] },
] as const;

export function CircuitsPage({ store }: { store: CircuitsStore }) {
  useStore(store);
  const [shown, show] = useState<string | null>(null);
  const close = useCallback(() => show(null), []);
  const { standing, circuits, names } = store;
  if (!standing) {
    return (
      <>
        <Header eyebrow="Breakwater" title="Circuits" live={store.live} />
        {!store.live.trouble && <Loading what="circuits" />}
      </>
    );
  }
  const all = names.map((name) => circuits.get(name)).filter((one) => one !== undefined);
  const sick = all.filter((one) => one.state !== "closed");
  const worst = worstFirst(sick);
  const counts = new Map<State, number>();
  for (const one of all) counts.set(one.state, (counts.get(one.state) ?? 0) + 1);
  const health = all.length ? all.reduce((sum, one) => sum + one.health, 0) / all.length : null;

  return (
    <>
      <Header eyebrow="Circuits" title={headline(all.length, worst)} live={store.live} />
      <div class="bw-top">
        <div class="metric-card bw-system">
          <Gauge value={health} label="Health of the system" />
          <div>
            <p class="metric-label">System health</p>
            <ul class="bw-states">
              {(["closed", "half_open", "open", "forced_open", "disabled"] as State[])
                .filter((state) => state === "closed" || state === "open" || counts.has(state))
                .map((state) => (
                  <li key={state}><strong>{count(counts.get(state) ?? 0)}</strong> <Mark of={state} /></li>
                ))}
            </ul>
          </div>
        </div>
        <Figure
          label="Workers" value={count(standing.nodes.length)} tone={standing.nodes.length ? "" : "metric-card-danger"}
          note={workersNote(standing.nodes.filter((node) => node.quarantined).length, standing.nodes.reduce((sum, node) => sum + node.sessions, 0))}
        />
        <Figure label="Tests running" value={count(standing.running)} tone="metric-card-active" note={plural(standing.open_batches, "open batch", "open batches")} />
        <Figure label="Tests waiting" value={count(standing.waiting)} note={standing.simulation_queue ? `${count(standing.simulation_queue)} for simulation` : "in the queues"} />
        <Figure label="Tests parked" value={count(standing.parked)} tone={standing.parked ? "bw-warn" : ""} note="until a circuit may be probed" />
      </div>

      {standing.nodes.length === 0 && (
        <div class="bw-away bw-nobody" role="status">
          <div>
            <strong>No worker is at work.</strong>
            <p>Tests wait in their queues. Start one: <code>celery -A jobs worker -Q browser.chrome</code>, or a whole farm on this machine: <code>breakwater up</code>.</p>
          </div>
        </div>
      )}

      {sick.length > 0 && <Attention sick={worst} standing={standing} transitions={store.transitions} show={show} />}

      <div class="bw-two">
        <Card title="Failure rate by component type" aside={<Legend latest={standing.sample} />}>
          {store.samples.length > 1 && store.samples.some((sample) => Object.values(sample.rates).some((rate) => rate !== null)) ? (
            <Chart
              label={`Failure rates over the last 30 seconds: ${KINDS.map(({ kind, label }) => `${label} ${percent(standing.sample.rates[kind])}`).join(", ")}`}
              times={store.samples.map((sample) => sample.at)}
              lines={KINDS.map((one) => ({ ...one, dash: "dash" in one ? [...one.dash] : [], values: rates(store.samples, one.kind) }))}
            />
          ) : (
            <Empty title="Nothing ran yet">Rates are of the last 30 seconds, from the moment this Flower started.</Empty>
          )}
        </Card>
        <Card title="State changes, last 15 minutes" aside={<span class="bw-note">latest circuits first</span>}>
          <Lanes transitions={store.transitions} circuits={circuits} show={show} />
        </Card>
      </div>

      <Browsers browsers={standing.browsers} show={show} />

      {all.length ? (
        <Tiles circuits={all} show={show} />
      ) : (
        <Card title="All circuits">
          <Empty title="No circuits yet">They appear with the first test: one for each browser, worker and type of task.</Empty>
        </Card>
      )}

      <Transitions transitions={store.transitions} show={show} />
      {shown !== null && <CircuitDialog circuit={circuits.get(shown)} name={shown} transitions={ofCircuit(store.transitions, shown)} close={close} />}
    </>
  );
}

function headline(all: number, sick: CircuitTold[]): string {
  const [first, ...others] = sick;
  if (!all) return "Nothing to watch yet";
  if (!first) return all === 1 ? "The one circuit is closed" : `All ${count(all)} circuits are closed`;
  const said = `${first.name} is ${STATE_WORDS[first.state]}`;
  return others.length ? `${said}, ${plural(others.length, "more is", "more are")} not closed` : said;
}

function workersNote(quarantined: number, sessions: number): string {
  return quarantined ? `${quarantined} in quarantine` : `with ${plural(sessions, "live session")}`;
}

function rates(samples: Sample[], kind: string): (number | null)[] {
  return samples.map((sample) => {
    const rate = sample.rates[kind];
    return rate === null || rate === undefined ? null : 100 * rate;
  });
}

function ofCircuit(transitions: TransitionTold[], name: string): TransitionTold[] {
  return transitions.filter((one) => one.name === name);
}

function Legend({ latest }: { latest: Sample }) {
  return (
    <ul class="bw-legend">
      {KINDS.map(({ kind, label, colour }) => (
        <li key={kind}>
          <svg width="22" height="8" aria-hidden="true">
            <line x1="1" x2="21" y1="4" y2="4" stroke={`var(${colour})`} stroke-width="2.5" stroke-dasharray={kind === "worker" ? "7 4" : kind === "task" ? "2 3" : "none"} />
          </svg>
          {label} <strong>{percent(latest.rates[kind])}</strong>
        </li>
      ))}
    </ul>
  );
}
