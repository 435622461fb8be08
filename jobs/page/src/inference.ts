// One run: exactly the platform asked for, a fresh inference session, outputs and times. Nothing falls back in silence.
import type { InferenceSession, OnnxValue } from "onnxruntime-web";
import { Demise } from "./demise";
import { PageFailure } from "./failures";
import type { Link } from "./link";
import { fetchModel } from "./model";
import type { AdapterInfo, PagePhase, Progress, Result, Run, Tensor } from "./protocol";
import { runtimeFor } from "./runtimes";
import { decodeTensor, encodeTensor } from "./tensors";
import { openGpu } from "./webgpu";
import { openWebNN } from "./webnn";

const PROGRESS_INTERVAL_MS = 100;
/** Characters of all outputs together; a frame takes 32 MiB and the server would refuse more. */
const MAX_OUTPUT_CHARS = 31 << 20;

/** The provider to run on, and the means to see that it really ran. */
interface Backend {
  provider: InferenceSession.ExecutionProviderConfig;
  adapter: AdapterInfo | null;
  demise: Demise;
  kernels?: () => number;
  close?: () => void;
}

async function openBackend({ platform, options }: Run): Promise<Backend> {
  switch (platform) {
    case "wasm":
      return { provider: "wasm", adapter: null, demise: new Demise() };
    case "webgpu": {
      const gpu = await openGpu();
      return { provider: { name: "webgpu", device: gpu.device }, adapter: gpu.adapter, demise: gpu.demise, kernels: gpu.kernels };
    }
    case "webnn": {
      const { context, ...webnn } = await openWebNN(options.webnn_device);
      const provider = { name: "webnn", deviceType: options.webnn_device, context };
      return { provider: provider as InferenceSession.WebNNExecutionProviderOption, adapter: null, ...webnn };
    }
  }
}

/** Sends progress at most every 100 ms. */
function progressOf(run: Run, link: Link): (phase: PagePhase, done: number, total: number | null) => void {
  let sentAt = -Infinity;
  return (phase, done, total) => {
    const now = performance.now();
    if (now - sentAt < PROGRESS_INTERVAL_MS) return;
    sentAt = now;
    link.send({ v: 1, type: "progress", id: run.id, phase, done, total } satisfies Progress);
  };
}

function encodeOutputs(outputs: InferenceSession.OnnxValueMapType): Tensor[] {
  const tensors = Object.entries<OnnxValue>(outputs).map(([name, tensor]) => encodeTensor(name, tensor));
  const size = tensors.reduce((sum, { data }) => sum + data.length, 0);
  if (size > MAX_OUTPUT_CHARS) throw new Error(`the outputs are too large to be sent: ${size} characters, ${MAX_OUTPUT_CHARS} allowed`);
  return tensors;
}

async function timed<T>(work: () => Promise<T>): Promise<[T, number]> {
  const start = performance.now();
  const value = await work();
  return [value, performance.now() - start];
}

export async function runModel(run: Run, link: Link): Promise<Result> {
  const progress = progressOf(run, link);
  link.enter("load");
  const [{ runtime, backend }, runtimeMs] = await timed(async () => {
    // The backend first: where it is missing there is no use in loading 27 MB.
    const backend = await openBackend(run);
    return { backend, runtime: await runtimeFor(run.platform) };
  });
  const orFail = <T>(work: Promise<T>): Promise<T> => backend.demise.orFail(work);

  const [model, fetchMs] = await timed(() => fetchModel(run.model_url, (done, total) => progress("load", done, total)));
  link.enter("create");
  const [session, createMs] = await timed(() =>
    orFail(
      runtime.InferenceSession.create(model, {
        executionProviders: [backend.provider],
        graphOptimizationLevel: run.options.graph_optimization,
        logSeverityLevel: 3, // its warnings would come as errors of the console
      }),
    ),
  );
  try {
    const feeds = Object.fromEntries(run.inputs.map((input) => [input.name, decodeTensor(input, runtime.Tensor)]));
    link.enter("compile");
    const kernelsBefore = backend.kernels?.() ?? 0;
    const [outputs, compileMs] = await timed(() => orFail(session.run(feeds)));
    const kernels = backend.kernels === undefined ? null : backend.kernels() - kernelsBefore;
    if (kernels === 0) {
      throw new PageFailure("backend_unavailable", `nothing of this model ran on ${run.platform}: onnxruntime put all of it on the CPU`);
    }
    link.enter("run");
    for (let i = 0; i < run.warmup; i++) await orFail(session.run(feeds));
    const runMs: number[] = [];
    for (let i = 0; i < run.runs; i++) {
      progress("run", i, run.runs);
      runMs.push((await timed(() => orFail(session.run(feeds))))[1]);
    }
    return {
      v: 1,
      type: "result",
      id: run.id,
      backend: run.platform,
      adapter: backend.adapter,
      kernels,
      threads: runtime.env.wasm.numThreads ?? null,
      runtime_ms: runtimeMs,
      load_ms: fetchMs + createMs,
      compile_ms: compileMs,
      run_ms: runMs,
      outputs: encodeOutputs(outputs),
    };
  } finally {
    // A dead device may not let go of it: the page is renewed after any failure.
    await orFail(session.release()).catch(() => undefined);
    backend.close?.();
  }
}
