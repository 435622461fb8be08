// Generated from jobs/browsers/protocol.py by `python -m jobs.page.generate`. Edit the models, not this file.

export type Message = ToPage | FromPage | Posted;
export type ToPage = Run | Fault | Probe;
/**
 * The execution provider that a test asks for.
 */
export type Platform = "webgpu" | "webnn" | "wasm";
/**
 * What the page's main thread announced it would do next, before it does.
 */
export type PagePhase = "idle" | "start" | "load" | "create" | "compile" | "run";
export type FromPage = Hello | Progress | Result | PageError | Log | Capabilities;
/**
 * What the page itself told of a failure.
 */
export type PageEvent =
  | "device_lost"
  | "out_of_memory"
  | "no_adapter"
  | "backend_unavailable"
  | "asset_unavailable"
  | "model_invalid"
  | "script_error";
export type Posted = Beat;

/**
 * Run a model: fresh inference sessions, one first run, ``warmup`` runs unmeasured, ``runs`` measured ones.
 *
 * The outputs are the last part's.
 */
export interface Run {
  v: 1;
  type: "run";
  id: string;
  /**
   * @minItems 1
   */
  parts: [ModelPart, ...ModelPart[]];
  platform: Platform;
  inputs: Tensor[];
  log_mel: LogMel | null;
  warmup: number;
  runs: number;
  options: RunOptions;
}
/**
 * One ONNX file of a model. An input comes from an earlier part by ``feeds``, else from the run's inputs: the one
 * named ``part.input`` before the one named ``input``.
 */
export interface ModelPart {
  name: string;
  /**
   * on the page's own server
   */
  url: string;
  weights: WeightFile[];
  /**
   * input → part.output
   */
  feeds: {
    [k: string]: string;
  };
}
/**
 * A file of weights beside an ONNX file (its external data).
 */
export interface WeightFile {
  /**
   * as the ONNX file names it
   */
  path: string;
  /**
   * on the page's own server
   */
  url: string;
}
/**
 * A named array. ``data`` is base64 of its elements in C order, little-endian; a bool is one byte.
 */
export interface Tensor {
  name: string;
  dtype:
    | "float32"
    | "float64"
    | "float16"
    | "int64"
    | "uint64"
    | "int32"
    | "uint32"
    | "int16"
    | "uint16"
    | "int8"
    | "uint8"
    | "bool";
  shape: number[];
  data: string;
}
/**
 * An input that the page makes itself, by a compute shader: the log-mel spectrogram of a sound. WebGPU only.
 */
export interface LogMel {
  input: string;
  samples: Tensor1;
  filters: Tensor2;
  /**
   * of 10 ms each
   */
  frames: number;
  /**
   * threads of one workgroup; at most 256 in all
   *
   * @minItems 3
   */
  workgroup: [unknown, unknown, unknown, ...unknown[]];
}
/**
 * A named array. ``data`` is base64 of its elements in C order, little-endian; a bool is one byte.
 */
export interface Tensor1 {
  name: string;
  dtype:
    | "float32"
    | "float64"
    | "float16"
    | "int64"
    | "uint64"
    | "int32"
    | "uint32"
    | "int16"
    | "uint16"
    | "int8"
    | "uint8"
    | "bool";
  shape: number[];
  data: string;
}
/**
 * A named array. ``data`` is base64 of its elements in C order, little-endian; a bool is one byte.
 */
export interface Tensor2 {
  name: string;
  dtype:
    | "float32"
    | "float64"
    | "float16"
    | "int64"
    | "uint64"
    | "int32"
    | "uint32"
    | "int16"
    | "uint16"
    | "int8"
    | "uint8"
    | "bool";
  shape: number[];
  data: string;
}
/**
 * How the inference session is built.
 */
export interface RunOptions {
  webnn_device: "cpu" | "gpu" | "npu";
  /**
   * progressive: a part's file is fetched when the part before is built
   */
  loading: "parallel" | "progressive";
  /**
   * gpu: on WebGPU, inputs and what parts hand on stay in GPU buffers
   */
  tensors: "cpu" | "gpu";
  /**
   * sizes of dimensions that the model leaves open, by name
   */
  dimensions: {
    [k: string]: number;
  };
}
/**
 * Break something in the page, for real; whatever comes of it happens to the run that is under way.
 */
export interface Fault {
  v: 1;
  type: "fault";
  /**
   * an endless loop; hoard objects; hoard wasm memories; destroy the GPU device; take WebNN's operators away; break the protocol
   */
  kind: "hang" | "exhaust_heap" | "exhaust_wasm" | "lose_device" | "lose_webnn_operators" | "garble";
  /**
   * a hang's: strike when it is entered; null: at once
   */
  phase: PagePhase | null;
}
/**
 * Ask for the page's capabilities.
 */
export interface Probe {
  v: 1;
  type: "probe";
  id: string;
}
/**
 * The first message of every connection.
 */
export interface Hello {
  v: 1;
  type: "hello";
  /**
   * random, one a page load: tells a reload from a reconnect
   */
  page: string;
  user_agent: string;
  cross_origin_isolated: boolean;
  /**
   * from the start of navigation to the harness being ready
   */
  boot_ms: number;
}
/**
 * How far a run is: bytes while loading, runs while running. ``total`` is null where unknown.
 */
export interface Progress {
  v: 1;
  type: "progress";
  id: string;
  phase: PagePhase;
  done: number;
  total: number | null;
}
/**
 * A run that ended well. Times are in milliseconds.
 */
export interface Result {
  v: 1;
  type: "result";
  id: string;
  backend: Platform;
  /**
   * null: not a GPU platform
   */
  adapter: AdapterInfo | null;
  /**
   * GPU dispatches of the first run, or WebNN graph calls; null: wasm
   */
  kernels: number | null;
  /**
   * threads of the wasm module
   */
  threads: number | null;
  /**
   * loading onnxruntime and the device; about 0 in a warm page
   */
  runtime_ms: number;
  /**
   * fetching the model and building the inference session
   */
  load_ms: number;
  /**
   * the log-mel spectrogram; null: none was asked for
   */
  features_ms: number | null;
  /**
   * the first run
   */
  compile_ms: number;
  run_ms: number[];
  outputs: Tensor[];
}
/**
 * The GPU adapter that ran the test, as the page saw it.
 */
export interface AdapterInfo {
  vendor: string;
  architecture: string;
  device: string;
  description: string;
  software: boolean;
}
/**
 * A run or a probe that failed.
 */
export interface PageError {
  v: 1;
  type: "error";
  id: string;
  kind: PageEvent;
  phase: PagePhase;
  message: string;
  stack: string;
}
/**
 * console.error, console.warn, an uncaught error or an unhandled rejection of the page.
 */
export interface Log {
  v: 1;
  type: "log";
  level: "error" | "warning";
  source: "console" | "page";
  text: string;
}
/**
 * The answer to a probe.
 */
export interface Capabilities {
  v: 1;
  type: "capabilities";
  id: string;
  user_agent: string;
  webgpu: GpuCapability;
  webnn: WebNNCapability;
  wasm_simd: boolean;
  wasm_threads: boolean;
  cross_origin_isolated: boolean;
  cores: number | null;
  /**
   * as the browser tells, rounded and capped by it
   */
  device_memory_gb: number | null;
  /**
   * of JavaScript's heap; null: it doesn't tell
   */
  heap_limit_bytes: number | null;
}
/**
 * The adapter that the browser gives; ``missing`` says why there is none.
 */
export interface GpuCapability {
  adapter: AdapterInfo | null;
  features: string[];
  limits: {
    [k: string]: number;
  };
  missing: string;
}
/**
 * The contexts that WebNN gives, and why it gives none for the other device types.
 */
export interface WebNNCapability {
  contexts: WebNNContext[];
  missing: string;
}
/**
 * A context that could be made: for which device type, and what its operators take (``opSupportLimits``).
 */
export interface WebNNContext {
  device: "cpu" | "gpu" | "npu";
  /**
   * null: it doesn't tell
   */
  max_tensor_bytes: number | null;
  operators: {
    [k: string]: {
      [k: string]: OperandLimits;
    };
  };
}
/**
 * What a WebNN operator takes as one of its operands, or gives.
 */
export interface OperandLimits {
  data_types: string[];
  /**
   * null: it doesn't tell
   */
  min_rank: number | null;
  max_rank: number | null;
}
/**
 * Sent by the page's worker every 250 ms, whatever the main thread does, and soon after the phase changes.
 */
export interface Beat {
  v: 1;
  type: "beat";
  /**
   * as in its hello
   */
  page: string;
  /**
   * since the main thread last answered the worker
   */
  pulse_ms: number;
  phase: PagePhase;
  /**
   * since the main thread announced the phase
   */
  phase_ms: number;
  /**
   * without a byte of what the page waits for; null: it waited for none when last alive
   */
  wait_ms: number | null;
  /**
   * since the page was last seen at work: alive, or writing to wasm memory; null: unseen
   */
  work_ms: number | null;
}
