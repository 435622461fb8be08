// A model as a chain of inference sessions: built from its parts' files, then run so that later parts take what
// earlier ones gave. Knows no platform.
import type { InferenceSession, OnnxValue } from "onnxruntime-web";
import { fetchModel } from "./model";
import type { ModelPart, PagePhase, RunOptions } from "./protocol";
import type { Runtime } from "./runtimes";

export type Values = Record<string, OnnxValue>;

interface Link {
  readonly part: ModelPart;
  readonly session: InferenceSession;
}

interface Files {
  readonly model: Uint8Array;
  readonly weights: { path: string; data: Uint8Array }[];
}

export interface Building {
  readonly runtime: Runtime;
  readonly parts: readonly ModelPart[];
  readonly options: InferenceSession.SessionOptions;
  readonly loading: RunOptions["loading"];
  enter(phase: PagePhase): void;
  /** Bytes of all files so far, and how many there will be; null: unknown. */
  report(done: number, total: number | null): void;
  /** Of fetching too: a device that dies meanwhile is told at once, not when the last file has come. */
  orFail<T>(work: Promise<T>): Promise<T>;
}

/** What all files together have brought, from what each of them tells. */
function counter(report: Building["report"]): () => (done: number, total: number | null) => void {
  const files: { done: number; total: number | null }[] = [];
  return () => {
    const file: { done: number; total: number | null } = { done: 0, total: null };
    files.push(file);
    return (done, total) => {
      Object.assign(file, { done, total });
      const totals = files.map((one) => one.total ?? Number.NaN);
      const sum = totals.reduce((a, b) => a + b, 0);
      report(files.reduce((a, one) => a + one.done, 0), Number.isNaN(sum) ? null : sum);
    };
  };
}

async function fetchPart(part: ModelPart, counted: ReturnType<typeof counter>): Promise<Files> {
  const model = fetchModel(part.url, counted());
  const weights = part.weights.map(async ({ path, url }) => ({ path, data: await fetchModel(url, counted()) }));
  return { model: await model, weights: await Promise.all(weights) };
}

export class Chain {
  readonly #links: readonly Link[];

  private constructor(links: readonly Link[]) {
    this.#links = links;
  }

  /** Throws what fetching or building a part throws; what was built by then is released. */
  static async build(building: Building): Promise<Chain> {
    const { runtime, parts, options, enter, orFail } = building;
    const counted = counter(building.report);
    const links: Link[] = [];
    enter("load");
    const all = building.loading === "parallel" ? await orFail(Promise.all(parts.map((part) => fetchPart(part, counted)))) : undefined;
    try {
      for (const [index, part] of parts.entries()) {
        if (all === undefined) enter("load");
        const files = all?.[index] ?? (await orFail(fetchPart(part, counted)));
        if (all !== undefined) delete all[index]; // the session has a copy of its own
        enter("create");
        const externalData = files.weights.length > 0 ? { externalData: files.weights } : {};
        // One after another: onnxruntime's module can't build two at once.
        const session = await orFail(runtime.InferenceSession.create(files.model, { ...options, ...externalData }));
        links.push({ part, session });
      }
    } catch (error) {
      await release(links, orFail);
      throw error;
    }
    return new Chain(links);
  }

  /** Run every part; returns the last one's outputs. */
  async run(inputs: Values): Promise<Values> {
    const given: Values = {};
    let outputs: Values = {};
    for (const { part, session } of this.#links) {
      const feeds: Values = {};
      for (const name of session.inputNames) {
        const source = part.feeds[name];
        const value = source === undefined ? (inputs[`${part.name}.${name}`] ?? inputs[name]) : given[source];
        if (value === undefined) throw new Error(`part ${part.name}: nothing gives its input ${name}`);
        feeds[name] = value;
      }
      outputs = await session.run(feeds);
      for (const [name, value] of Object.entries(outputs)) given[`${part.name}.${name}`] = value;
    }
    for (const value of Object.values(given)) if (!Object.values(outputs).includes(value)) value.dispose();
    return outputs;
  }

  async release(orFail: Building["orFail"]): Promise<void> {
    await release(this.#links, orFail);
  }
}

/** A dead device may not let go of them: the page is renewed after any failure. */
async function release(links: readonly Link[], orFail: Building["orFail"]): Promise<void> {
  for (const { session } of links) await orFail(session.release()).catch(() => undefined);
}
