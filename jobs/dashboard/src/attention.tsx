// What is sick: since when, why, and what the farm does about it.
import { OrderButtons, CIRCUIT_ORDERS } from "./order-buttons";
import { Mark } from "./parts";
import { useTick } from "./store";
import type { CircuitTold, Standing, TransitionTold } from "./told";
import { clock, count, now, shortName, span } from "./words";

const MOST = 6;
const KINDS = ["browser", "worker", "task", "other"];
const WORST = ["open", "forced_open", "half_open", "disabled"];

/** Browsers before workers before task types; among them, what lets nothing through first. */
export const worstFirst = (sick: CircuitTold[]): CircuitTold[] =>
  [...sick].sort((a, b) => KINDS.indexOf(a.kind) - KINDS.indexOf(b.kind) || WORST.indexOf(a.state) - WORST.indexOf(b.state) || a.since - b.since);

export function Attention({ sick, standing, transitions, show }: {
  sick: CircuitTold[]; standing: Standing; transitions: TransitionTold[]; show: (name: string) => void;
}) {
  useTick();
  return (
    <section class="bw-attention" aria-label="Needs attention">
      <ul>
        {sick.slice(0, MOST).map((circuit) => (
          <li key={circuit.name} class={`bw-sick bw-is-${circuit.state}`} data-circuit={circuit.name}>
            <div class="bw-sick-head">
              <button type="button" class="bw-name" onClick={() => show(circuit.name)}>{circuit.name}</button>
              <Mark of={circuit.state} />
              <span class="bw-note">since {clock(circuit.since)}, {span(now() - circuit.since)}</span>
            </div>
            <p class="bw-why"><strong>Why:</strong> {latestReason(transitions, circuit) ?? "it happened before what is kept here"}</p>
            <p class="bw-why"><strong>What happens:</strong> {whatHappens(circuit, standing)}</p>
            <OrderButtons name={circuit.name} choices={CIRCUIT_ORDERS.filter((one) => (one.order as string) !== circuit.state)} />
          </li>
        ))}
      </ul>
      {sick.length > MOST && <p class="bw-note">and {count(sick.length - MOST)} more, below</p>}
    </section>
  );
}

function latestReason(transitions: TransitionTold[], circuit: CircuitTold): string | undefined {
  return transitions.findLast((one) => one.name === circuit.name && one.state === circuit.state)?.reason;
}

function whatHappens(circuit: CircuitTold, standing: Standing): string {
  switch (circuit.state) {
    case "open": {
      const left = (circuit.open_until ?? 0) - now();
      const probe = left > 0 ? `a probe may go through in ${span(Math.ceil(left))}` : "the next test is a probe";
      return `${detour(circuit, standing)}; ${probe}.`;
    }
    case "half_open":
      return "single tests are let through as probes; when enough of them succeed, it closes.";
    case "forced_open":
      return `${detour(circuit, standing)}, until somebody resets it.`;
    default:
      return "every test goes through, nothing is judged, until somebody resets it.";
  }
}

function detour(circuit: CircuitTold, standing: Standing): string {
  if (circuit.kind === "worker") return "this worker has left its queues; others take its tests";
  if (circuit.kind !== "browser") return "tests of this type are parked";
  const others = standing.browsers.filter((one) => one.workers.length > 0 && one.browser !== shortName(circuit.name) && one.circuit !== "open" && one.circuit !== "forced_open");
  return others.length
    ? `its tests go on to ${others.map((one) => one.browser).join(" or ")}, as far as their batch allows`
    : "no other browser is at work, so its tests are parked";
}
