// WebNN contexts: made per run, so that a test gets exactly the device type it asked for. No browser types exist yet.
import { Demise } from "./demise";
import { PageFailure } from "./failures";
import type { RunOptions, WebNNCapability } from "./protocol";

type DeviceType = RunOptions["webnn_device"];

/** The part of the WebNN API that is used here. */
export interface MLContext {
  readonly lost?: Promise<{ message: string }>;
  dispatch(...args: unknown[]): void;
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

export async function probeWebNN(): Promise<WebNNCapability> {
  const devices: DeviceType[] = [];
  const missing: string[] = [];
  for (const deviceType of DEVICES) {
    try {
      (await ml().createContext({ deviceType })).destroy?.();
      devices.push(deviceType);
    } catch (error) {
      missing.push(error instanceof PageFailure ? error.message : `${deviceType}: ${String(error)}`);
    }
  }
  return { devices, missing: [...new Set(missing)].join("; ") };
}
