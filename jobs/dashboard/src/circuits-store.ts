// What the Circuits page knows of the farm, kept up to date by its stream.
import { frame } from "./frame";
import { Live } from "./live";
import { Store } from "./store";
import type { Change, CircuitTold, Farm, Sample, Standing, TransitionTold } from "./told";
import { setClock } from "./words";

const TRANSITIONS_KEPT = 500;
/** As the server spaces them. */
const SAMPLE_SPACING = 5;
const SAMPLES_KEPT = 360;

export class CircuitsStore extends Store {
  standing: Standing | undefined;
  circuits = new Map<string, CircuitTold>();
  samples: Sample[] = [];
  /** Oldest first. */
  transitions: TransitionTold[] = [];
  /** Changes whenever a circuit comes or goes. */
  names: string[] = [];
  live = new Live(
    frame.live,
    {
      farm: (farm: Farm) => this.#whole(farm),
      change: (change: Change) => this.#part(change),
      transition: (transition: TransitionTold) => this.#moved(transition),
    },
    this.changed,
  );

  #whole(farm: Farm): void {
    this.circuits = new Map(farm.circuits.map((circuit) => [circuit.name, circuit]));
    this.samples = farm.samples;
    const known = new Set(this.transitions.map((one) => one.id));
    this.#keep(farm.transitions.filter((one) => !known.has(one.id)));
    this.#stands(farm.standing);
    this.names = [...this.circuits.keys()].sort();
  }

  #part(change: Change): void {
    const before = this.circuits.size;
    for (const circuit of change.circuits) this.circuits.set(circuit.name, circuit);
    for (const name of change.gone) this.circuits.delete(name);
    if (this.circuits.size !== before || change.gone.length > 0) this.names = [...this.circuits.keys()].sort();
    const sample = change.standing.sample;
    const last = this.samples.at(-2);
    const grown = !last || sample.at >= last.at + SAMPLE_SPACING ? this.samples : this.samples.slice(0, -1);
    this.samples = [...grown.slice(-SAMPLES_KEPT), sample];
    this.#stands(change.standing);
  }

  #moved(transition: TransitionTold): void {
    this.#keep([transition]);
    // The tile changes at once; the rest of its figures come with the next reading.
    const circuit = this.circuits.get(transition.name);
    if (circuit) {
      this.circuits.set(transition.name, {
        ...circuit,
        state: transition.state,
        since: transition.at,
        open_until: transition.open_seconds === null ? null : transition.at + transition.open_seconds,
        health: transition.state === "open" || transition.state === "forced_open" ? 0 : circuit.health,
      });
    }
  }

  #keep(more: TransitionTold[]): void {
    this.transitions = [...this.transitions, ...more].slice(-TRANSITIONS_KEPT);
  }

  #stands(standing: Standing): void {
    this.standing = standing;
    setClock(standing.at);
  }
}
