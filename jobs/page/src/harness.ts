// The page: says hello, carries out Python's commands one at a time, tells how they ended.
import { entered, suffer } from "./breaking";
import { onBackend } from "./backends";
import { probe } from "./capabilities";
import { readFailure } from "./failures";
import { runModel } from "./inference";
import { type Link, openLink } from "./link";
import { tidy, forwardComplaints } from "./log";
import type { FromPage, PagePhase, Platform, Probe, Run, ToPage } from "./protocol";
import { runtimeFor } from "./runtimes";

let busy = false;
let phase: PagePhase = "idle";

const worker = openLink(
  {
    v: 1,
    type: "hello",
    page: crypto.randomUUID(),
    user_agent: tidy(navigator.userAgent, 1000),
    cross_origin_isolated: crossOriginIsolated,
    boot_ms: performance.now(),
  },
  (command) => void obey(command),
);
const link: Link = {
  send: worker.send,
  enter: (next) => {
    phase = next;
    worker.enter(next);
    entered(next);
  },
};
forwardComplaints(link.send);
startEarly();

/** Python opened this page for a test on a platform that it names: what that needs starts meanwhile. */
function startEarly(): void {
  const platform = new URLSearchParams(location.search).get("start");
  if (platform === null) return;
  link.enter("start");
  const started = (): void => {
    if (!busy) link.enter("idle");
  };
  // Whoever needs it tries again, and tells why it can't be had.
  runtimeFor(platform as Platform).then(started, started);
}

/** Fails the run under way. */
let failRun: (error: unknown) => void = () => undefined;

async function obey(command: ToPage): Promise<void> {
  if (command.type === "fault") {
    await suffer(command, link.send).catch(failRun);
    return;
  }
  try {
    if (busy) throw new Error("the page is busy with another command");
    busy = true;
    try {
      await answer(command);
    } finally {
      busy = false;
    }
  } catch (error) {
    const failure = readFailure(error, phase);
    const stack = tidy((failure.cause instanceof Error ? failure.cause.stack : failure.stack) ?? "");
    link.send({ v: 1, type: "error", id: command.id, kind: failure.kind, phase, message: tidy(failure.message), stack });
  }
  if (!busy) link.enter("idle");
}

async function answer(command: Run | Probe): Promise<void> {
  const struck = new Promise<never>((_, reject) => (failRun = reject));
  const work = command.type === "run" ? onBackend(command.platform, () => Promise.race([runModel(command, link), struck])) : probe(command.id);
  const message: FromPage = await Promise.race([work, struck]);
  link.send(message);
}
