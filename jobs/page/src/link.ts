// The main thread's end of the pulse worker: sends messages, announces phases, answers the worker's pulse.
import type { FromPage, Hello, PagePhase, ToPage } from "./protocol";
import { waitMs } from "./arrivals";
import { onSharedMemory } from "./memories";
import type { ToMain, ToWorker } from "./wire";

export interface Link {
  send(message: FromPage): void;
  /** Say what comes next, before it may block this thread. */
  enter(phase: PagePhase): void;
}

export function openLink(hello: Hello, onCommand: (message: ToPage) => void): Link {
  const worker = new Worker(new URL("pulse.js", location.href));
  const tell = (message: ToWorker): void => worker.postMessage(message);
  worker.onmessage = ({ data }: MessageEvent<ToMain>) => {
    if (data.kind === "pulse") tell({ kind: "pulse", wait_ms: waitMs() });
    else onCommand(data.message);
  };
  const socket = new URL("socket", location.href);
  socket.protocol = socket.protocol === "https:" ? "wss:" : "ws:";
  tell({ kind: "start", socket: socket.href, hello });
  onSharedMemory((memory) => tell({ kind: "memory", memory }));
  return {
    send: (message) => tell({ kind: "send", message }),
    enter: (phase) => tell({ kind: "phase", phase }),
  };
}
