// Fetches a model file from the page's own server, telling how far it is.
import { arrived, awaited } from "./arrivals";
import { PageFailure } from "./failures";

/** Without a byte for so long, the server is taken for gone. Python usually sees a stall sooner. */
const STALL_MS = 30_000;

type Report = (done: number, total: number | null) => void;

async function readAll(response: Response, report: Report, alive: () => void): Promise<Uint8Array> {
  const length = Number(response.headers.get("Content-Length") ?? Number.NaN);
  const total = Number.isFinite(length) ? length : null;
  const parts: Uint8Array[] = [];
  let done = 0;
  const reader = response.body!.getReader();
  for (;;) {
    const { value } = await reader.read();
    if (value === undefined) break;
    alive();
    arrived();
    parts.push(value);
    done += value.byteLength;
    report(done, total);
  }
  const whole = new Uint8Array(done);
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.byteLength;
  }
  return whole;
}

export async function fetchModel(address: string, report: Report): Promise<Uint8Array> {
  const url = new URL(address, location.href);
  if (url.origin !== location.origin) throw new PageFailure("asset_unavailable", `${url.origin} is not this page's server`);
  const stall = new AbortController();
  const giveUp = (): void => stall.abort(new PageFailure("asset_unavailable", `no byte of the model in ${STALL_MS} ms`));
  let timer = setTimeout(giveUp, STALL_MS);
  const alive = (): void => {
    clearTimeout(timer);
    timer = setTimeout(giveUp, STALL_MS);
  };
  try {
    return await awaited(
      (async () => {
        const response = await fetch(url, { signal: stall.signal });
        if (!response.ok) throw new PageFailure("asset_unavailable", `the model's server answered ${response.status}`);
        return readAll(response, report, alive);
      })(),
    );
  } catch (error) {
    if (error instanceof PageFailure) throw error;
    if (error instanceof RangeError) throw new PageFailure("out_of_memory", "the model doesn't fit into memory", { cause: error });
    throw new PageFailure("asset_unavailable", `the model could not be fetched: ${String(error)}`, { cause: error });
  } finally {
    clearTimeout(timer);
  }
}
