// WebNN contexts: made per run, so that a test gets exactly the device type it asked for. No browser types exist yet.
import { PageFailure } from "./failures";
import type { RunOptions, WebNNCapability } from "./protocol";

type DeviceType = RunOptions["webnn_device"];

/** The part of the WebNN API that is used here. */
export interface MLContext {
  readonly lost?: Promise<{ message: string }>;
  dispatch(...args: unknown[]): void;
}
interface ML {
  createContext(options: { deviceType: DeviceType }): Promise<MLContext>;
}

const DEVICES: readonly DeviceType[] = ["cpu", "gpu", "npu"];

export interface WebNN {
  readonly context: MLContext;
  /** Rejects with `device_lost` when the context gives up; never resolves. */
  readonly failed: Promise<never>;
  /** Graphs handed to the context so far. */
  kernels(): number;
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
  const failed = new Promise<never>((_, reject) => {
    void context.lost?.then(({ message }) => reject(new PageFailure("device_lost", `the WebNN context was lost: ${message}`)));
  });
  failed.catch(() => undefined);
  return { context, failed, kernels: () => dispatched };
}

export async function probeWebNN(): Promise<WebNNCapability> {
  const devices: DeviceType[] = [];
  const missing: string[] = [];
  for (const deviceType of DEVICES) {
    try {
      await ml().createContext({ deviceType });
      devices.push(deviceType);
    } catch (error) {
      missing.push(error instanceof PageFailure ? error.message : `${deviceType}: ${String(error)}`);
    }
  }
  return { devices, missing: [...new Set(missing)].join("; ") };
}
