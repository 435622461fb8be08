// A circuit breaker as values and pure functions: the same semantics as the ones in Redis (breakers/), counted by
// failures in a row. Whoever holds the value keeps it; a test runs the histories of Redis's model against it.

export interface CircuitSettings {
  /** Failures in a row that open a closed circuit. */
  readonly failureThreshold: number;
  readonly recoveryTimeoutMs: number;
  readonly halfOpenMaxCalls: number;
  /** Successful probes that close it again. */
  readonly successThreshold: number;
  /** A probe that tells nothing for so long frees its place. */
  readonly probeMs: number;
}

/** `generation` counts changes of state: what was let in before one means nothing after it. */
export type Circuit = { readonly generation: number } & (
  | { readonly state: "closed"; readonly failures: number }
  | { readonly state: "open"; readonly until: number }
  | {
      readonly state: "half_open";
      readonly successes: number;
      readonly issued: number;
      /** The end of each probe's lease. */
      readonly probes: Readonly<Record<number, number>>;
    }
);

export interface Permit {
  readonly generation: number;
  /** Null: the circuit was closed. */
  readonly probe: number | null;
}

export type Answer = { readonly circuit: Circuit } & ({ readonly permit: Permit } | { readonly retryAfterMs: number });

export const CLOSED: Circuit = { state: "closed", failures: 0, generation: 1 };

/** Ask to come in. */
export function acquire(circuit: Circuit, now: number, settings: CircuitSettings): Answer {
  const current = passTime(circuit, now);
  if (current.state === "open") return { circuit: current, retryAfterMs: current.until - now };
  if (current.state === "closed") return { circuit: current, permit: { generation: current.generation, probe: null } };
  const ends = Object.values(current.probes);
  if (ends.length >= settings.halfOpenMaxCalls) return { circuit: current, retryAfterMs: Math.min(...ends) - now };
  const probe = current.issued + 1;
  const probes = { ...current.probes, [probe]: now + settings.probeMs };
  return { circuit: { ...current, issued: probe, probes }, permit: { generation: current.generation, probe } };
}

/** Say how it went for whoever came in. */
export function record(circuit: Circuit, now: number, settings: CircuitSettings, permit: Permit, failed: boolean): Circuit {
  const current = passTime(circuit, now);
  if (permit.generation !== current.generation || current.state === "open") return current;
  if (current.state === "closed") {
    const failures = failed ? current.failures + 1 : 0;
    return failures >= settings.failureThreshold ? opened(current, now, settings) : { ...current, failures };
  }
  const { [permit.probe ?? 0]: held, ...probes } = current.probes;
  if (held === undefined) return current;
  if (failed) return opened(current, now, settings);
  const successes = current.successes + 1;
  if (successes >= settings.successThreshold) return { state: "closed", failures: 0, generation: current.generation + 1 };
  return { ...current, successes, probes };
}

/** The only place where time changes anything. */
function passTime(circuit: Circuit, now: number): Circuit {
  if (circuit.state === "open" && now >= circuit.until) {
    return { state: "half_open", successes: 0, issued: 0, probes: {}, generation: circuit.generation + 1 };
  }
  if (circuit.state !== "half_open") return circuit;
  const living = Object.entries(circuit.probes).filter(([, ends]) => ends > now);
  return { ...circuit, probes: Object.fromEntries(living) };
}

function opened(circuit: Circuit, now: number, settings: CircuitSettings): Circuit {
  return { state: "open", until: now + settings.recoveryTimeoutMs, generation: circuit.generation + 1 };
}
