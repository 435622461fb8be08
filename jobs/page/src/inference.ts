// One run: exactly the platform asked for, a fresh inference session, outputs and times. Nothing falls back in silence.
import type { InferenceSession } from "onnxruntime-web";
import { Chain, type Values } from "./chain";
import { Demise } from "./demise";
import { PageFailure } from "./failures";
import { GpuTensors } from "./gpu_tensors";
import type { Link } from "./link";
import { logMel } from "./log_mel";
import type { AdapterInfo, LogMel, PagePhase, Progress, Result, Run, Tensor } from "./protocol";
import { type Runtime, runtimeFor } from "./runtimes";
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
  /** Where tensors may stay on the GPU. */
  device?: GPUDevice;
  kernels?: () => number;
  close?: () => void;
}

async function openBackend({ platform, options }: Run): Promise<Backend> {
  switch (platform) {
    case "wasm":
      return { provider: "wasm", adapter: null, demise: new Demise() };
    case "webgpu": {
      const gpu = await openGpu();
      const { device, adapter, demise, kernels } = gpu;
      return { provider: { name: "webgpu", device }, adapter, demise, device, kernels };
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

async function encodeOutputs(outputs: Values): Promise<Tensor[]> {
  const tensors = await Promise.all(Object.entries(outputs).map(([name, tensor]) => encodeTensor(name, tensor)));
  const size = tensors.reduce((sum, { data }) => sum + data.length, 0);
  if (size > MAX_OUTPUT_CHARS) throw new Error(`the outputs are too large to be sent: ${size} characters, ${MAX_OUTPUT_CHARS} allowed`);
  return tensors;
}

/** Make the input that the page is to make; its milliseconds. */
async function addFeatures(inputs: Values, spec: LogMel, { device, demise }: Backend, { Tensor: Made }: Runtime): Promise<number> {
  if (device === undefined) throw new Error("the log-mel kernel runs on webgpu only");
  const [features, ms] = await timed(() => demise.orFail(logMel(device, spec)));
  inputs[spec.input] = new Made("float32", features, [1, features.length / spec.frames, spec.frames]);
  return ms;
}

/** A run's outputs, after those of the run before were let go. */
async function replace(outputs: Values, run: () => Promise<Values>): Promise<Values> {
  for (const value of Object.values(outputs)) value.dispose();
  return run();
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
    link.enter("start");
    return { backend, runtime: await backend.demise.orFail(runtimeFor(run.platform)) };
  });
  link.enter("load");
  const orFail = <T>(work: Promise<T>): Promise<T> => backend.demise.orFail(work);
  const onGpu = run.options.tensors === "gpu" && backend.device !== undefined ? new GpuTensors(backend.device, runtime.Tensor) : undefined;

  const [chain, loadMs] = await timed(() =>
    Chain.build({
      runtime,
      parts: run.parts,
      options: {
        executionProviders: [backend.provider],
        graphOptimizationLevel: "all",
        freeDimensionOverrides: run.options.dimensions,
        logSeverityLevel: 3, // its warnings would come as errors of the console
        ...(onGpu && { preferredOutputLocation: "gpu-buffer" as const }),
      },
      loading: run.options.loading,
      enter: link.enter,
      report: (done, total) => progress("load", done, total),
      orFail,
    }),
  );
  try {
    const cpu = Object.fromEntries(run.inputs.map((input) => [input.name, decodeTensor(input, runtime.Tensor)]));
    link.enter("compile");
    const featuresMs = run.log_mel && (await addFeatures(cpu, run.log_mel, backend, runtime));
    const inputs = onGpu?.upload(cpu) ?? cpu;
    const kernelsBefore = backend.kernels?.() ?? 0;
    const once = async (): Promise<Values> => {
      const outputs = await orFail(chain.run(inputs));
      // What stays on the GPU is not there yet when the run returns.
      if (onGpu) await orFail(onGpu.done());
      return outputs;
    };
    const [first, compileMs] = await timed(once);
    const kernels = backend.kernels === undefined ? null : backend.kernels() - kernelsBefore;
    if (kernels === 0) {
      throw new PageFailure("backend_unavailable", `nothing of this model ran on ${run.platform}: onnxruntime put all of it on the CPU`);
    }
    link.enter("run");
    let outputs = first;
    for (let i = 0; i < run.warmup; i++) outputs = await replace(outputs, once);
    const runMs: number[] = [];
    for (let i = 0; i < run.runs; i++) {
      progress("run", i, run.runs);
      const [next, ms] = await timed(() => replace(outputs, once));
      outputs = next;
      runMs.push(ms);
    }
    // The last run's: buffers that are used again show in it, if they go wrong.
    const encoded = await orFail(encodeOutputs(outputs));
    return {
      v: 1,
      type: "result",
      id: run.id,
      backend: run.platform,
      adapter: backend.adapter,
      kernels,
      threads: runtime.env.wasm.numThreads ?? null,
      runtime_ms: runtimeMs,
      load_ms: loadMs,
      features_ms: featuresMs,
      compile_ms: compileMs,
      run_ms: runMs,
      outputs: encoded,
    };
  } finally {
    await chain.release(orFail);
    onGpu?.close();
    backend.close?.();
  }
}
