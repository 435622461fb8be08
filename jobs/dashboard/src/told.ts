// Generated from jobs/dashboard/told.py by `python -m jobs.dashboard.generate`. Edit the models, not this file.

export type Message = Farm | Change | TransitionTold | Trouble | Batches | Board | TestTold | Recovery;
/**
 * A browser that a test may ask for; its queue is ``browser.<value>``.
 */
export type BrowserType = "chrome" | "firefox" | "edge" | "safari" | "webkit";
/**
 * How far a recovery goes; each level interferes more than the one before.
 */
export type RecoveryLevel = 1 | 2 | 3 | 4 | 5;
/**
 * A family of models; it names the task-type circuit and chooses the order of fallback browsers.
 */
export type ModelType = "text" | "vision" | "audio" | "multimodal";

/**
 * Everything that the Circuits page shows; what it begins with.
 */
export interface Farm {
  standing: Standing;
  circuits: CircuitTold[];
  samples: Sample[];
  /**
   * the latest, oldest first
   */
  transitions: TransitionTold[];
}
/**
 * How the farm stands, but for its circuits and what happened before.
 */
export interface Standing {
  /**
   * Redis's clock
   */
  at: number;
  health: number;
  states: {
    [k: string]: number;
  };
  browsers: BrowserTold[];
  nodes: NodeTold[];
  simulation_queue: number;
  running: number;
  waiting: number;
  parked: number;
  open_batches: number;
  sample: Sample;
}
/**
 * One browser of the farm: who serves it, and what waits for it.
 */
export interface BrowserTold {
  browser: BrowserType;
  /**
   * null: its circuit was never used
   */
  circuit: ("closed" | "open" | "half_open" | "forced_open" | "disabled") | null;
  health: number | null;
  workers: string[];
  sessions: SessionTold[];
  /**
   * messages in its queue
   */
  queue: number;
  /**
   * tests that wait for it, whether or not their message is in the queue yet
   */
  waiting: number;
  running: number;
  parked: number;
}
/**
 * A live browser.
 */
export interface SessionTold {
  node: string;
  version: string;
  adapter: string | null;
  software: boolean | null;
  tests: number;
  started_at: number;
}
/**
 * A worker at work.
 */
export interface NodeTold {
  node: string;
  pid: number;
  queues: string[];
  sessions: number;
  circuit: ("closed" | "open" | "half_open" | "forced_open" | "disabled") | null;
  /**
   * its circuit is open: it has left its queues
   */
  quarantined: boolean;
}
/**
 * Failure rates over the last 30 s by component type; null where nothing ran.
 */
export interface Sample {
  at: number;
  health: number;
  rates: {
    [k: string]: number | null;
  };
}
/**
 * One circuit as a tile shows it.
 */
export interface CircuitTold {
  name: string;
  kind: "browser" | "worker" | "task" | "other";
  state: "closed" | "open" | "half_open" | "forced_open" | "disabled";
  since: number;
  /**
   * when a probe may be let through; null: no such time
   */
  open_until: number | null;
  /**
   * 0 to 100
   */
  health: number;
  executions: number;
  failures: number;
  /**
   * of the window; null: too few samples
   */
  failure_rate: number | null;
  samples: number;
  failures_in_a_row: number;
  failure_threshold: number | null;
  rejected: number;
  opens: number;
  /**
   * mean seconds from opening to closing
   */
  downtime: number;
  seconds_p50: number | null;
  seconds_p95: number | null;
  recoveries: number;
  recovery_attempts: number;
}
/**
 * A circuit changed its state.
 */
export interface TransitionTold {
  /**
   * place in the stream
   */
  id: string;
  name: string;
  at: number;
  previous: "closed" | "open" | "half_open" | "forced_open" | "disabled";
  state: "closed" | "open" | "half_open" | "forced_open" | "disabled";
  reason: string;
  open_seconds: number | null;
}
/**
 * What became different since the last one.
 */
export interface Change {
  standing: Standing;
  /**
   * those that changed, and new ones
   */
  circuits: CircuitTold[];
  gone: string[];
}
/**
 * The farm can't be read, as Redis is away; or it can again.
 */
export interface Trouble {
  /**
   * null: it is there
   */
  away_since: number | null;
  message: string;
}
/**
 * The recent batches, newest first.
 */
export interface Batches {
  batches: BatchTold[];
}
/**
 * A batch in the list.
 */
export interface BatchTold {
  id: string;
  name: string;
  created_at: number;
  total: number;
  queued: number;
  running: number;
  parked: number;
  outcomes: {
    [k: string]: number;
  };
  cancelled: boolean;
  finished: boolean;
}
/**
 * One batch, as its page shows it.
 */
export interface Board {
  batch: BatchTold;
  allow: string[];
  cells: CellTold[];
  slowest: VerdictTold[];
  /**
   * not simply passed; the latest, newest first
   */
  notable: VerdictTold[];
  notable_total: number;
  running_tests: string[];
  parked_tests: string[];
  late: number;
  /**
   * kept of all its failed attempts
   */
  artefacts: number;
}
/**
 * Verdicts of one cell of a batch's matrix.
 */
export interface CellTold {
  browser: BrowserType;
  model: string;
  platform: string;
  total: number;
  outcomes: {
    [k: string]: number;
  };
  recovered: number;
  degraded: number;
  simulated: number;
}
/**
 * A test that ended, in one line.
 */
export interface VerdictTold {
  test: string;
  outcome: "passed" | "failed" | "error" | "cancelled";
  reason: string;
  browser: string | null;
  recovered: boolean;
  degraded: boolean;
  simulated: boolean;
  attempts: number;
  seconds: number;
}
/**
 * One test, as its page shows it.
 */
export interface TestTold {
  batch: string;
  test: string;
  status: "queued" | "running" | "parked" | "done";
  queue: string;
  asked: string;
  model: string;
  platform: string;
  attempts: AttemptTold[];
  verdict: VerdictTold | null;
  measurement: {
    [k: string]: number | string | boolean | null;
  } | null;
  artefacts: ArtefactTold[];
  /**
   * Redis's clock
   */
  now: number;
}
/**
 * One attempt on a test's timeline.
 */
export interface AttemptTold {
  number: number;
  /**
   * null: simulation
   */
  browser: string | null;
  level: number | null;
  strategy: string | null;
  worker: string;
  outcome: string;
  cause: string;
  started_at: number;
  seconds: number;
  running: boolean;
}
/**
 * Something that is kept of a failed attempt.
 */
export interface ArtefactTold {
  attempt: number;
  name: string;
  size: number;
}
/**
 * What the Recovery page shows.
 */
export interface Recovery {
  at: number;
  days: number;
  summary: RecoverySummary;
  /**
   * oldest first; those that brought no browser back are not in it
   */
  latest: RecoveryTold[];
  parked: number;
  running: number;
}
/**
 * Recoveries, added up in every way that people ask for. A simulated test is no recovered one and counts apart.
 */
export interface RecoverySummary {
  total: RecoveryFigures;
  simulated: RecoveryFigures1;
  /**
   * simulation_fallback included
   */
  by_strategy: {
    [k: string]: RecoveryFigures2;
  };
  /**
   * 5 included
   */
  by_level: {
    [k: string]: RecoveryFigures2;
  };
  /**
   * levels 1 to 4, as all that follow
   */
  by_browser: {
    [k: string]: RecoveryFigures2;
  };
  by_model_type: {
    [k: string]: RecoveryFigures2;
  };
  by_category: {
    [k: string]: RecoveryFigures2;
  };
  by_browser_and_model_type: {
    [k: string]: {
      [k: string]: RecoveryFigures2;
    };
  };
  /**
   * every kind that was seen, level 5 included
   */
  cells: RecoveryCell[];
}
/**
 * levels 1 to 4
 */
export interface RecoveryFigures {
  attempts: number;
  successes: number;
  rate: number | null;
  /**
   * lower end of the rate's 95 % interval (Wilson)
   */
  rate_low: number | null;
  /**
   * upper end
   */
  rate_high: number | null;
  /**
   * from the failure being seen to the test's result, no queue included
   */
  seconds_p50: number | null;
  seconds_p95: number | null;
}
/**
 * level 5
 */
export interface RecoveryFigures1 {
  attempts: number;
  successes: number;
  rate: number | null;
  /**
   * lower end of the rate's 95 % interval (Wilson)
   */
  rate_low: number | null;
  /**
   * upper end
   */
  rate_high: number | null;
  /**
   * from the failure being seen to the test's result, no queue included
   */
  seconds_p50: number | null;
  seconds_p95: number | null;
}
/**
 * What a tally says. Rates are from 0 to 1; null where there was no attempt, or no success to time.
 */
export interface RecoveryFigures2 {
  attempts: number;
  successes: number;
  rate: number | null;
  /**
   * lower end of the rate's 95 % interval (Wilson)
   */
  rate_low: number | null;
  /**
   * upper end
   */
  rate_high: number | null;
  /**
   * from the failure being seen to the test's result, no queue included
   */
  seconds_p50: number | null;
  seconds_p95: number | null;
}
/**
 * The figures of one kind of recovery.
 */
export interface RecoveryCell {
  attempts: number;
  successes: number;
  rate: number | null;
  /**
   * lower end of the rate's 95 % interval (Wilson)
   */
  rate_low: number | null;
  /**
   * upper end
   */
  rate_high: number | null;
  /**
   * from the failure being seen to the test's result, no queue included
   */
  seconds_p50: number | null;
  seconds_p95: number | null;
  kind: RecoveryKind;
}
/**
 * What recoveries are told apart by.
 */
export interface RecoveryKind {
  strategy: string;
  level: RecoveryLevel;
  /**
   * the browser that was to be brought to work; null: simulation
   */
  browser: BrowserType | null;
  /**
   * null: the test ran no model, it was a user's own
   */
  model_type: ModelType | null;
  /**
   * the failure type that the recovery began with, or circuit_open
   */
  category: string;
}
/**
 * One recovery attempt.
 */
export interface RecoveryTold {
  at: number;
  method: string;
  browser: string | null;
  level: number | null;
  succeeded: boolean;
}
