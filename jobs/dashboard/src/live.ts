// The page's stream of events: reconnects by itself, rests while nobody looks, and catches up afterwards.
import type { Trouble } from "./told";

export type Connection = "connecting" | "live" | "lost";

/** Milliseconds without the tab being visible after which the stream is closed: browsers allow six a host. */
const REST_AFTER = 60_000;
/** Milliseconds until a stream that the server refused is asked for again. */
const RETRY = 2_000;

export class Live {
  connection: Connection = "connecting";
  trouble: Trouble | null = null;
  #source: EventSource | undefined;
  #last = "";
  #rest: number | undefined;
  #retry: number | undefined;

  constructor(
    readonly url: string,
    readonly heard: Record<string, (told: never) => void>,
    readonly changed: () => void,
  ) {
    document.addEventListener("visibilitychange", () => this.#lookedAt());
    this.open();
  }

  open(): void {
    this.#source?.close();
    window.clearTimeout(this.#retry);
    const url = this.#last ? `${this.url}?after=${encodeURIComponent(this.#last)}` : this.url;
    const source = new EventSource(url);
    this.#source = source;
    source.onopen = () => this.#is("live");
    source.onerror = () => {
      this.#is(this.connection === "connecting" ? "connecting" : "lost");
      // An answer that is no stream (a proxy's error, a login that ended) ends an EventSource for good.
      if (source.readyState === EventSource.CLOSED) this.#retry = window.setTimeout(() => this.open(), RETRY);
    };
    for (const [kind, hear] of Object.entries(this.heard)) {
      source.addEventListener(kind, (event: MessageEvent<string>) => {
        if (event.lastEventId) this.#last = event.lastEventId;
        hear(JSON.parse(event.data) as never);
        this.changed();
      });
    }
    source.addEventListener("trouble", (event: MessageEvent<string>) => {
      const told = JSON.parse(event.data) as Trouble;
      this.trouble = told.away_since === null ? null : told;
      this.changed();
    });
  }

  #is(connection: Connection): void {
    this.connection = connection;
    this.changed();
  }

  #lookedAt(): void {
    window.clearTimeout(this.#rest);
    if (document.hidden) {
      this.#rest = window.setTimeout(() => {
        this.#source?.close();
        this.#source = undefined;
      }, REST_AFTER);
    } else if (this.#source === undefined) {
      this.open();
    }
  }
}
