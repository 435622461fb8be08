// What a page knows, and the components that show it. However much is heard, the page is drawn at most ten times a second.
import { useEffect, useState } from "preact/hooks";

/** Milliseconds between two drawings: far quicker than a reader, slow enough for a thousand circuits. */
const SPACING = 100;

export class Store {
  #listeners = new Set<() => void>();
  #drawn = 0;
  #due = false;

  /** Something changed: draw soon. */
  changed = (): void => {
    if (this.#due) return;
    this.#due = true;
    window.setTimeout(
      () =>
        requestAnimationFrame(() => {
          this.#due = false;
          this.#drawn = performance.now();
          for (const listener of this.#listeners) listener();
        }),
      Math.max(0, this.#drawn + SPACING - performance.now()),
    );
  };

  subscribe(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }
}

/** Draw the component again whenever the store changed. */
export function useStore(store: Store): void {
  const [, draw] = useState(0);
  useEffect(() => store.subscribe(() => draw((times) => times + 1)), [store]);
}

/** Draw the component again each so many milliseconds: for what only time changes. */
export function useTick(milliseconds = 1000): void {
  const [, draw] = useState(0);
  useEffect(() => {
    const timer = window.setInterval(() => draw((times) => times + 1), milliseconds);
    return () => window.clearInterval(timer);
  }, [milliseconds]);
}
