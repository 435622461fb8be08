// A circuit for each backend that can die: one that keeps dying is not tried again for a while, so that a test's time
// is not spent on it. Kept in localStorage: pages are renewed after every failure, a new browser begins anew.
import { acquire, type Circuit, type CircuitSettings, CLOSED, record } from "./circuit";
import { PageFailure, readFailure } from "./failures";
import type { PageEvent, Platform } from "./protocol";

const SETTINGS: CircuitSettings = {
  failureThreshold: 3,
  recoveryTimeoutMs: 10_000,
  halfOpenMaxCalls: 1,
  successThreshold: 1,
  probeMs: 60_000,
};
/** What counts: the backend's own death. A model that fails, or an API that is missing, says nothing of it. */
const DEATHS: ReadonlySet<PageEvent> = new Set(["device_lost", "no_adapter"]);

const key = (platform: Platform): string => `circuit:${platform}`;

function load(platform: Platform): Circuit {
  const kept = localStorage.getItem(key(platform));
  return kept === null ? CLOSED : (JSON.parse(kept) as Circuit);
}

function keep(platform: Platform, circuit: Circuit): void {
  if (circuit === CLOSED) return;
  localStorage.setItem(key(platform), JSON.stringify(circuit));
}

/** Run on a backend. Throws its last kind of death, at once, while its circuit is open. */
export async function onBackend<T>(platform: Platform, run: () => Promise<T>): Promise<T> {
  if (platform === "wasm") return run();
  const answer = acquire(load(platform), Date.now(), SETTINGS);
  keep(platform, answer.circuit);
  if (!("permit" in answer)) {
    const seconds = (answer.retryAfterMs / 1000).toFixed(1);
    throw new PageFailure("device_lost", `${platform} died ${SETTINGS.failureThreshold} times in a row; this browser tries it again in ${seconds} s`);
  }
  const tell = (failed: boolean): void => keep(platform, record(load(platform), Date.now(), SETTINGS, answer.permit, failed));
  try {
    const result = await run();
    tell(false);
    return result;
  } catch (error) {
    tell(DEATHS.has(readFailure(error, "run").kind));
    throw error;
  }
}
