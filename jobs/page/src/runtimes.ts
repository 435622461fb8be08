// Loads the onnxruntime-web build that a platform needs, once a page: a small one for wasm, another for webgpu and webnn.
import type { InferenceSessionFactory, Env, TensorConstructor } from "onnxruntime-web";
import { awaited } from "./arrivals";
import { PageFailure, readFailure } from "./failures";
import type { Platform } from "./protocol";

export interface Runtime {
  readonly InferenceSession: InferenceSessionFactory;
  readonly Tensor: TensorConstructor;
  readonly env: Env;
}

/** onnxruntime has no call that only starts its module; an empty model makes it start, then refuse the model. */
async function start(runtime: Runtime): Promise<void> {
  try {
    await runtime.InferenceSession.create(new Uint8Array(0), { executionProviders: ["wasm"] });
  } catch (error) {
    if (!String(error).includes("ERROR_CODE")) throw error;
  }
}

async function load(from: () => Promise<Runtime>, name: string): Promise<Runtime> {
  try {
    // One address for all pages of a server, so that the browser keeps what it compiled.
    const mjs = new URL(`../${name}.mjs`, location.href).href;
    const wasm = new URL(`../${name}.wasm`, location.href).href;
    // The start fetches and compiles in one go, where a server's silence can't be told from work: so it is asked before.
    await awaited(fetch(new URL("index.html", location.href), { method: "HEAD" }));
    const runtime = await awaited(from());
    runtime.env.wasm.wasmPaths = { mjs, wasm };
    await start(runtime);
    return runtime;
  } catch (error) {
    const failure = readFailure(error, "load");
    if (failure.kind === "out_of_memory") throw failure;
    const kind = /not supported/i.test(failure.message) ? "backend_unavailable" : "asset_unavailable";
    throw new PageFailure(kind, `onnxruntime could not be loaded: ${failure.message}`, { cause: error });
  }
}

const loading = new Map<"wasm" | "gpu", Promise<Runtime>>();

export function runtimeFor(platform: Platform): Promise<Runtime> {
  if (typeof WebAssembly === "undefined") throw new PageFailure("backend_unavailable", "this browser has no WebAssembly");
  const build = platform === "wasm" ? "wasm" : "gpu";
  let runtime = loading.get(build);
  if (runtime === undefined) {
    runtime =
      build === "wasm"
        ? load(() => import("onnxruntime-web/wasm"), "ort-wasm-simd-threaded")
        : load(() => import("onnxruntime-web/webgpu"), "ort-wasm-simd-threaded.asyncify");
    runtime.catch(() => loading.delete(build));
    loading.set(build, runtime);
  }
  return runtime;
}
