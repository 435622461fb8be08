// Since when the page has waited for its server without a byte. It judges nothing: the pulse tells, Python decides.

let waits = 0;
let cameAt = 0;

/** Bytes came. */
export function arrived(): void {
  cameAt = performance.now();
}

/** The outcome of `work`, which waits for the server until it settles. */
export async function awaited<T>(work: Promise<T>): Promise<T> {
  if (waits++ === 0) arrived();
  try {
    return await work;
  } finally {
    waits -= 1;
    arrived();
  }
}

/** Milliseconds without a byte; null: nothing is waited for. */
export function waitMs(): number | null {
  return waits === 0 ? null : performance.now() - cameAt;
}
