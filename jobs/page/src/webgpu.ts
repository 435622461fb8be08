// The page's one GPU device, kept warm between runs: who it is, when it dies, and how many kernels it really ran.
import { Demise } from "./demise";
import { PageFailure } from "./failures";
import type { AdapterInfo, GpuCapability, PageEvent } from "./protocol";

/** Names that software rasterisers go by, for browsers that don't mark them as fallback adapters. */
const SOFTWARE = /swiftshader|llvmpipe|lavapipe|softpipe|software|basic render|\bwarp\b|\bcpu\b/i;
/** onnxruntime uses these where the adapter has them. */
const WANTED_FEATURES = ["shader-f16", "subgroups", "timestamp-query"] as const;
/** What models need above WebGPU's defaults; the device gets as much as the adapter has. */
const WANTED_LIMITS = [
  "maxBufferSize",
  "maxStorageBufferBindingSize",
  "maxStorageBuffersPerShaderStage",
  "maxComputeWorkgroupStorageSize",
  "maxComputeInvocationsPerWorkgroup",
  "maxComputeWorkgroupSizeX",
  "maxComputeWorkgroupSizeY",
  "maxComputeWorkgroupSizeZ",
  "maxComputeWorkgroupsPerDimension",
] as const satisfies readonly (keyof GPUSupportedLimits)[];

export interface Gpu {
  readonly device: GPUDevice;
  readonly adapter: AdapterInfo;
  /** `device_lost` or `out_of_memory`. */
  readonly demise: Demise;
  /** Compute dispatches of this page so far. */
  kernels(): number;
}

let current: Promise<Gpu> | undefined;
let dispatches = 0;
let counting = false;

/** From the first call on, count every compute dispatch of this page. */
function countDispatches(): void {
  if (counting) return;
  counting = true;
  const encoder = GPUComputePassEncoder.prototype;
  for (const name of ["dispatchWorkgroups", "dispatchWorkgroupsIndirect"] as const) {
    const original = encoder[name] as (...args: unknown[]) => undefined;
    (encoder[name] as (...args: unknown[]) => undefined) = function (this: GPUComputePassEncoder, ...args) {
      dispatches += 1;
      return original.apply(this, args);
    };
  }
}

function describe(adapter: GPUAdapter): AdapterInfo {
  const { vendor, architecture, device, description } = adapter.info;
  const names = [vendor, architecture, device, description].join(" ");
  // Newer engines mark a fallback adapter on its info, older ones on the adapter.
  const marks: { isFallbackAdapter?: boolean }[] = [adapter.info, adapter as { isFallbackAdapter?: boolean }];
  const fallback = marks.some((mark) => mark.isFallbackAdapter === true);
  return { vendor, architecture, device, description, software: fallback || SOFTWARE.test(names) };
}

async function requestAdapter(): Promise<GPUAdapter> {
  if (!navigator.gpu) throw new PageFailure("backend_unavailable", "this browser has no WebGPU (navigator.gpu)");
  const adapter = await navigator.gpu.requestAdapter();
  if (!adapter) throw new PageFailure("no_adapter", "WebGPU gave no adapter (requestAdapter: null)");
  return adapter;
}

async function open(): Promise<Gpu> {
  const adapter = await requestAdapter();
  countDispatches();
  let device: GPUDevice;
  try {
    device = await adapter.requestDevice({
      requiredFeatures: WANTED_FEATURES.filter((name) => adapter.features.has(name)),
      requiredLimits: Object.fromEntries(WANTED_LIMITS.map((name) => [name, adapter.limits[name]])),
    });
  } catch (error) {
    throw new PageFailure("no_adapter", `the adapter gave no device: ${String(error)}`, { cause: error });
  }
  const demise = new Demise();
  const fail = (kind: PageEvent, message: string): void => {
    current = undefined; // the next run asks for a device anew
    demise.comes(new PageFailure(kind, message));
  };
  void device.lost.then(({ reason, message }) => fail("device_lost", `the GPU device was lost (${reason}): ${message}`));
  device.addEventListener("uncapturederror", ({ error }) => {
    if (error instanceof GPUOutOfMemoryError) fail("out_of_memory", `GPU: ${error.message}`);
    else console.error(`WebGPU: ${error.message}`);
  });
  // onnxruntime trips over a buffer that it doesn't get, in words that don't say so.
  const createBuffer = device.createBuffer.bind(device);
  device.createBuffer = (descriptor) => {
    const { maxBufferSize } = device.limits;
    if (descriptor.size > maxBufferSize) {
      fail("out_of_memory", `a GPU buffer of ${descriptor.size} bytes; this adapter gives at most ${maxBufferSize}`);
    }
    return createBuffer(descriptor);
  };
  return { device, adapter: describe(adapter), demise, kernels: () => dispatches };
}

/** The warm device, made on first use. Throws `backend_unavailable` or `no_adapter`. */
export function openGpu(): Promise<Gpu> {
  if (current === undefined) {
    current = open();
    current.catch(() => (current = undefined));
  }
  return current;
}

export async function probeGpu(): Promise<GpuCapability> {
  try {
    const adapter = await requestAdapter();
    const limits: Record<string, number> = {};
    // The limits are getters of the prototype, so Object.entries doesn't see them.
    for (const name in adapter.limits) {
      const value: unknown = adapter.limits[name as keyof GPUSupportedLimits];
      if (typeof value === "number") limits[name] = value;
    }
    return { adapter: describe(adapter), features: [...adapter.features], limits, missing: "" };
  } catch (error) {
    return { adapter: null, features: [], limits: {}, missing: error instanceof Error ? error.message : String(error) };
  }
}
