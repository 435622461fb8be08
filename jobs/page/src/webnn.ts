// WebNN contexts: made per run, so that a test gets exactly the device type it asked for. No browser types exist yet.
import { Demise } from "./demise";
import { PageFailure } from "./failures";
import type { RunOptions, WebNNCapability } from "./protocol";

type DeviceType = RunOptions["webnn_device"];

/** The part of the WebNN API that is used here. */
export interface MLContext {
  readonly lost?: Promise<{ message: string }>;
  dispatch(...args: unknown[]): void;
  opSupportLimits?(): Record<string, unknown>;
  destroy?(): void;
}
interface ML {
  createContext(options: { deviceType: DeviceType }): Promise<MLContext>;
}

const DEVICES: readonly DeviceType[] = ["cpu", "gpu", "npu"];

export interface WebNN {
  readonly context: MLContext;
  /** `device_lost`. */
  readonly demise: Demise;
  /** Graphs handed to the context so far. */
  kernels(): number;
  close(): void;
}

function ml(): ML {
  const found = (navigator as { ml?: ML }).ml;
  if (!found) throw new PageFailure("backend_unavailable", "this browser has no WebNN (navigator.ml)");
  return found;
}

/** A fresh context. Throws `backend_unavailable`: no API, or one without a backend for this device type. */
export async function openWebNN(deviceType: DeviceType): Promise<WebNN> {
  const api = ml();
  let context: MLContext;
  try {
    context = await api.createContext({ deviceType });
  } catch (error) {
    throw new PageFailure("backend_unavailable", `WebNN gave no ${deviceType} context: ${String(error)}`, { cause: error });
  }
  let dispatched = 0;
  const dispatch = context.dispatch.bind(context);
  context.dispatch = (...args) => {
    dispatched += 1;
    dispatch(...args);
  };
  const demise = new Demise();
  void context.lost?.then(({ message }) => demise.comes(new PageFailure("device_lost", `the WebNN context was lost: ${message}`)));
  return { context, demise, kernels: () => dispatched, close: () => context.destroy?.() };
}

/** Operators are those entries that tell of operands or outputs; the rest speaks of tensors in general. */
function readLimits(context: MLContext): [string[], number | null] {
  const limits = context.opSupportLimits?.() ?? {};
  const general = new Set(["input", "constant", "output", "preferredInputLayout", "maxTensorByteLength"]);
  const bytes = limits["maxTensorByteLength"];
  return [Object.keys(limits).filter((name) => !general.has(name)), typeof bytes === "number" ? bytes : null];
}

export async function probeWebNN(): Promise<WebNNCapability> {
  const devices: DeviceType[] = [];
  let operators: string[] = [];
  let maxTensorBytes: number | null = null;
  const missing: string[] = [];
  for (const deviceType of DEVICES) {
    try {
      const context = await ml().createContext({ deviceType });
      if (devices.length === 0) [operators, maxTensorBytes] = readLimits(context);
      context.destroy?.();
      devices.push(deviceType);
    } catch (error) {
      missing.push(error instanceof PageFailure ? error.message : `${deviceType}: ${String(error)}`);
    }
  }
  return { devices, operators, max_tensor_bytes: maxTensorBytes, missing: [...new Set(missing)].join("; ") };
}
