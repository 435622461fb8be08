// The worker that owns the WebSocket and beats beside it, so that a hung main thread can't silence the page.
// It judges nothing: it measures ages and passes messages on.
import type { Beat, FromPage, Hello, PagePhase, ToPage } from "./protocol";
import { stirred, watchMemory } from "./stir";
import { PULSE_INTERVAL_MS, type ToMain, type ToWorker } from "./wire";

const BEAT_INTERVAL_MS = 250;
/** After a change of phase, a beat comes this soon. */
const PHASE_DELAY_MS = 25;
/** Pauses before each new try after the socket dropped; after the last this worker ends and Python renews the page. */
const RECONNECT_PAUSES_MS = [50, 100, 200, 400, 800, 1600];
/** A connection that lasted this long starts the pauses anew. */
const STEADY_MS = 5000;
/** Messages kept while the socket is away; beyond it the oldest go. */
const MAX_WAITING = 64;
/** Close codes that mean "don't come back": we broke the protocol, or the server ended or replaced this link. */
const FINAL_CODES = new Set([1003, 1007, 1008, 1009, 4000, 4001]);
/** A beat that got no answer for so long is given up, and the next one sent. */
const BEAT_TIMEOUT_MS = 1000;
/** The main thread has no pulse for so long before it is looked whether it works. */
const DOUBT_MS = 400;

let hello: Hello;
let url: string;
let socket: WebSocket | undefined;
let tries = 0;
let openedAt = 0;
const waiting: FromPage[] = [];

let pulseAt = performance.now();
let pulseAsked = false;
let waitMs: number | null = null;
let workAt: number | null = null;
/** Whether memories were looked at since the last pulse: only two looks tell a change. */
let doubted = false;
let phase: PagePhase = "idle";
let phaseAt = pulseAt;

let toldPhase: PagePhase = "idle";
let phaseTimer: ReturnType<typeof setTimeout> | undefined;

let beating = false;
let beatAgain = false;

function tellMain(message: ToMain): void {
  self.postMessage(message);
}

function isOpen(): boolean {
  return socket?.readyState === WebSocket.OPEN;
}

function send(message: FromPage): void {
  if (isOpen()) {
    socket!.send(JSON.stringify(message));
  } else if (message.type !== "progress" && message.type !== "log") {
    if (waiting.length === MAX_WAITING) waiting.shift();
    waiting.push(message);
  }
}

function connect(): void {
  const opened = new WebSocket(url);
  socket = opened;
  opened.onopen = () => {
    openedAt = performance.now();
    send(hello);
    for (const message of waiting.splice(0)) send(message);
  };
  opened.onmessage = ({ data }: MessageEvent<string>) => tellMain({ kind: "command", message: JSON.parse(data) as ToPage });
  opened.onclose = ({ code }) => {
    if (openedAt > 0 && performance.now() - openedAt > STEADY_MS) tries = 0;
    openedAt = 0;
    const pause = RECONNECT_PAUSES_MS[tries++];
    if (FINAL_CODES.has(code) || pause === undefined) self.close();
    else setTimeout(connect, pause);
  };
}

/**
 * By fetch, not by the socket: Firefox moves a worker's socket through the main thread, and a send blocks the worker
 * while that is stuck. One at a time; what changes meanwhile is told by the next.
 */
function beat(): void {
  if (beating) {
    beatAgain = true;
    return;
  }
  beating = true;
  beatAgain = false;
  toldPhase = phase;
  lookForWork();
  const now = performance.now();
  const message: Beat = {
    v: 1,
    type: "beat",
    page: hello.page,
    pulse_ms: now - pulseAt,
    phase,
    phase_ms: now - phaseAt,
    wait_ms: waitMs,
    work_ms: workAt === null ? null : now - workAt,
  };
  const done = (): void => {
    beating = false;
    if (beatAgain) beat();
  };
  fetch("beat", { method: "POST", body: JSON.stringify(message), signal: AbortSignal.timeout(BEAT_TIMEOUT_MS) }).then(done, done);
}

/** A main thread that answers, works; one that doesn't, may. */
function lookForWork(): void {
  if (performance.now() - pulseAt < DOUBT_MS) {
    workAt = pulseAt;
    doubted = false;
    return;
  }
  const changed = stirred();
  if (changed === null) workAt = null;
  else if (changed && doubted) workAt = performance.now();
  doubted = true;
}

/** Before the next beat is due: the main thread may block by then. But a warm test's phases are over too soon to tell. */
function tellPhase(): void {
  phaseTimer = undefined;
  if (phase !== toldPhase) beat();
}

function askPulse(): void {
  // One question at a time: a hung main thread must not come back to a thousand of them.
  if (!pulseAsked) {
    pulseAsked = true;
    tellMain({ kind: "pulse" });
  }
}

self.onmessage = ({ data }: MessageEvent<ToWorker>) => {
  switch (data.kind) {
    case "start":
      hello = data.hello;
      url = data.socket;
      pulseAt = phaseAt = performance.now();
      connect();
      setInterval(beat, BEAT_INTERVAL_MS);
      setInterval(askPulse, PULSE_INTERVAL_MS);
      break;
    case "pulse":
      pulseAt = performance.now();
      pulseAsked = false;
      waitMs = data.wait_ms;
      break;
    case "memory":
      watchMemory(data.memory);
      break;
    case "phase":
      phase = data.phase;
      phaseAt = pulseAt = performance.now();
      phaseTimer ??= setTimeout(tellPhase, PHASE_DELAY_MS);
      break;
    case "send":
      send(data.message);
      break;
  }
};
