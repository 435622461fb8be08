// Faults that a page can suffer from within, done for real. Whatever they throw is the fate of the run under way.
import type { Fault, FromPage, PagePhase } from "./protocol";
import { openGpu } from "./webgpu";
import { loseOperators } from "./webnn";

/** Elements of an array that is hoarded, 8 MB: large enough to be quick, small enough for a heap with a cap. */
const HOARD_ELEMENTS = 1_000_000;
/** Pages of 64 KiB in a wasm memory: all of its 4 GiB. They are reserved, but as nobody writes to them not used. */
const WASM_PAGES = 65_536;
/** More memories than any browser has room for. */
const MOST_MEMORIES = 100_000;

function exhaustHeap(): never {
  const hoard: number[][] = [];
  for (;;) hoard.push(new Array<number>(HOARD_ELEMENTS).fill(0.5));
}

function exhaustWasm(): never {
  const hoard: WebAssembly.Memory[] = [];
  while (hoard.length < MOST_MEMORIES) hoard.push(new WebAssembly.Memory({ initial: WASM_PAGES, maximum: WASM_PAGES }));
  throw new Error(`${hoard.length} wasm memories fit into this browser`);
}

function hang(): never {
  for (;;);
}

let hangsIn: PagePhase | null = null;

/** To be told of each phase that is entered. */
export function entered(phase: PagePhase): void {
  if (phase === hangsIn) hang();
}

export async function suffer({ kind, phase }: Fault, send: (message: FromPage) => void): Promise<void> {
  switch (kind) {
    case "hang":
      if (phase === null) return hang();
      hangsIn = phase;
      return;
    case "exhaust_heap":
      return exhaustHeap();
    case "exhaust_wasm":
      return exhaustWasm();
    case "lose_device":
      return (await openGpu()).device.destroy();
    case "lose_webnn_operators":
      return loseOperators();
    case "garble":
      return send({ v: 1, type: "garbled" } as never);
  }
}
