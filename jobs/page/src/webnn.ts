// WebNN contexts: made per run, so that a test gets exactly the device type it asked for. No browser types exist yet.
import { Demise } from "./demise";
import { PageFailure } from "./failures";
import type { RunOptions, WebNNCapability, WebNNContext } from "./protocol";

type DeviceType = RunOptions["webnn_device"];

/** The part of the WebNN API that is used here. */
export interface MLContext {
  readonly lost?: Promise<{ message: string }>;
  dispatch(...args: unknown[]): void;
  opSupportLimits?(): Record<string, unknown>;
  destroy?(): void;
}
interface OperandSupport {
  dataTypes?: string[];
  rankRange?: { min?: number; max?: number };
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

type Limits = WebNNContext["operators"];

/** The entries of `limits` that speak of an operand: they have types, and newer engines' have ranks. */
function operandsOf(limits: unknown): Limits[string] {
  const operands: Limits[string] = {};
  for (const [name, limit] of Object.entries((limits ?? {}) as Record<string, OperandSupport | null>)) {
    if (!Array.isArray(limit?.dataTypes)) continue;
    const { min = null, max = null } = limit.rankRange ?? {};
    operands[name] = { data_types: limit.dataTypes, min_rank: min, max_rank: max };
  }
  return operands;
}

/** Operators are those entries that have operands; the rest speaks of tensors in general. */
function describe(device: DeviceType, context: MLContext): WebNNContext {
  const limits = context.opSupportLimits?.() ?? {};
  const operators: Limits = {};
  for (const [name, limit] of Object.entries(limits)) {
    const operands = operandsOf(limit);
    if (Object.keys(operands).length > 0) operators[name] = operands;
  }
  const bytes = limits["maxTensorByteLength"];
  return { device, max_tensor_bytes: typeof bytes === "number" ? bytes : null, operators };
}

export async function probeWebNN(): Promise<WebNNCapability> {
  const contexts: WebNNContext[] = [];
  const missing: string[] = [];
  for (const deviceType of DEVICES) {
    try {
      const context = await ml().createContext({ deviceType });
      contexts.push(describe(deviceType, context));
      context.destroy?.();
    } catch (error) {
      missing.push(error instanceof PageFailure ? error.message : `${deviceType}: ${String(error)}`);
    }
  }
  return { contexts, missing: [...new Set(missing)].join("; ") };
}

/** What a graph builder has besides operators. */
const BUILDING = new Set(["constructor", "build", "constant", "input"]);

/** For the faults: from now on this page's WebNN is one without operators, as a backend that is not finished has few. */
export function loseOperators(): void {
  const { MLGraphBuilder, MLContext } = globalThis as unknown as Record<string, { prototype: Record<string, unknown> }>;
  if (!MLGraphBuilder || !MLContext) throw new Error("this browser has no WebNN whose operators could be taken away");
  const lost = Object.getOwnPropertyNames(MLGraphBuilder.prototype).filter((name) => !BUILDING.has(name));
  for (const name of lost) delete MLGraphBuilder.prototype[name];
  const limits = MLContext.prototype["opSupportLimits"] as () => Record<string, unknown>;
  MLContext.prototype["opSupportLimits"] = function (this: unknown) {
    return Object.fromEntries(Object.entries(limits.call(this)).filter(([name]) => !lost.includes(name)));
  };
}
