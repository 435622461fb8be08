// The end of a device, which may come at any time: fails whatever waits on the device then, and would wait for ever.
import type { PageFailure } from "./failures";

/** What a device's end breaks may be told a little before the end itself. */
const SETTLE_MS = 50;

/** Not a promise to race against: one that lives long keeps every waiter, and what it waited for, in memory. */
export class Demise {
  readonly #waiting = new Set<(failure: PageFailure) => void>();
  #failure: PageFailure | undefined;

  comes(failure: PageFailure): void {
    this.#failure ??= failure;
    for (const fail of this.#waiting) fail(this.#failure);
  }

  /** The outcome of `work`, or the device's failure if that comes first. */
  orFail<T>(work: Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      if (this.#failure) reject(this.#failure);
      else this.#waiting.add(reject);
      work.then(resolve, (error: unknown) => setTimeout(() => reject(this.#failure ?? error), SETTLE_MS)).finally(() => this.#waiting.delete(reject));
    });
  }
}
