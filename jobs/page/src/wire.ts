// What the main thread and the pulse worker tell each other by postMessage. The socket's messages are in protocol.ts.
import type { FromPage, Hello, PagePhase, ToPage } from "./protocol";

/** Every 100 ms the worker asks for a pulse; the main thread answers as soon as it is free. */
export const PULSE_INTERVAL_MS = 100;

export type ToWorker =
  | { kind: "start"; socket: string; hello: Hello }
  | { kind: "pulse"; wait_ms: number | null }
  | { kind: "memory"; memory: WebAssembly.Memory }
  | { kind: "phase"; phase: PagePhase }
  | { kind: "send"; message: FromPage };

export type ToMain = { kind: "pulse" } | { kind: "command"; message: ToPage };
