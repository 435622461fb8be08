// What this browser can do, asked by a probe. Each part answers for itself: one that is missing fails nothing.
import type { Capabilities } from "./protocol";
import { probeGpu } from "./webgpu";
import { probeWebNN } from "./webnn";

/** A module that holds one SIMD instruction: i8x16.splat, then i8x16.popcnt. */
const SIMD = new Uint8Array([
  0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10, 10, 1, 8, 0, 65, 0, 253, 15, 253, 98, 11,
]);

function hasThreads(): boolean {
  try {
    return new WebAssembly.Memory({ initial: 1, maximum: 1, shared: true }).buffer instanceof SharedArrayBuffer;
  } catch {
    return false;
  }
}

export async function probe(id: string): Promise<Capabilities> {
  const [webgpu, webnn] = await Promise.all([probeGpu(), probeWebNN()]);
  return {
    v: 1,
    type: "capabilities",
    id,
    user_agent: navigator.userAgent,
    webgpu,
    webnn,
    wasm_simd: WebAssembly.validate(SIMD),
    wasm_threads: hasThreads(),
    cross_origin_isolated: self.crossOriginIsolated,
    cores: navigator.hardwareConcurrency || null,
    // Chromium only.
    heap_limit_bytes: (performance as { memory?: { jsHeapSizeLimit: number } }).memory?.jsHeapSizeLimit ?? null,
    device_memory_gb: (navigator as { deviceMemory?: number }).deviceMemory ?? null,
  };
}
