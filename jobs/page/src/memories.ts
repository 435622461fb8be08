// Tells of the wasm memories that are made from now on, if other threads can look into them: onnxruntime's own.

/** Bytes; a memory below is a probe of what the browser can do. */
const SMALLEST = 1 << 20;

export function onSharedMemory(tell: (memory: WebAssembly.Memory) => void): void {
  if (typeof WebAssembly === "undefined" || typeof SharedArrayBuffer === "undefined") return;
  WebAssembly.Memory = new Proxy(WebAssembly.Memory, {
    construct(target, args, made) {
      const memory = Reflect.construct(target, args, made) as WebAssembly.Memory;
      const { buffer } = memory as { buffer: ArrayBuffer | SharedArrayBuffer };
      if (buffer instanceof SharedArrayBuffer && buffer.byteLength >= SMALLEST) tell(memory);
      return memory;
    },
  });
}
