// Whether something still works in shared wasm memories while the main thread is too busy to answer: work writes into
// memory, an endless loop of a script doesn't. Looked at by samples, and only when there is reason to.

/** Words that are looked at in each memory: some milliseconds' worth. */
const SAMPLES = 1 << 20;

const watched: { memory: WebAssembly.Memory; sum: number }[] = [];

export function watchMemory(memory: WebAssembly.Memory): void {
  watched.push({ memory, sum: 0 });
}

function sumOf({ buffer }: WebAssembly.Memory): number {
  const words = new Int32Array(buffer);
  const step = Math.max(1, Math.floor(words.length / SAMPLES));
  let sum = words.length;
  for (let at = 0; at < words.length; at += step) sum = (Math.imul(sum, 31) + words[at]!) | 0;
  return sum;
}

/** Whether a memory changed since the last look; null: there is none to look at. */
export function stirred(): boolean | null {
  if (watched.length === 0) return null;
  let changed = false;
  for (const one of watched) {
    const sum = sumOf(one.memory);
    changed ||= sum !== one.sum;
    one.sum = sum;
  }
  return changed;
}
