// One failure type with a kind that Python knows, and the reading of foreign errors into it.
import type { PageEvent, PagePhase } from "./protocol";

export class PageFailure extends Error {
  override readonly name = "PageFailure";

  constructor(
    readonly kind: PageEvent,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

const MEMORY = /bad_alloc|out of memory|out_of_memory|allocation fail|failed to allocate|(cannot|can't|could not|couldn't) allocate|\bOOM\b|tensor shape is too large/i;
/** onnxruntime's words when a result can't be read back any more; Firefox tells of the loss itself only later. */
const DEVICE_LOST = /device (was |is )?lost|device lost|lost device|mapping webgpu buffer failed/i;
/** onnxruntime's codes for what the model file is to blame for: NO_MODEL, INVALID_PROTOBUF, NOT_IMPLEMENTED, INVALID_GRAPH. */
const MODEL_CODES = new Set([4, 7, 9, 10]);
/** FAIL, INVALID_ARGUMENT, RUNTIME_EXCEPTION: while a session is built they too speak of the model (types, shapes, unknown operators). */
const MODEL_CODES_ON_CREATE = new Set([1, 2, 6]);

function messageOf(error: unknown): string {
  if (error instanceof Error) return error.message || error.name;
  // Emscripten throws a C++ exception that nobody caught as the bare number of its address.
  if (typeof error === "number") return `C++ exception at ${error} in onnxruntime's wasm module`;
  return String(error);
}

/** Read any thrown value into a failure; `phase` is where it was thrown. */
export function readFailure(error: unknown, phase: PagePhase): PageFailure {
  if (error instanceof PageFailure) return error;
  const message = messageOf(error);
  const code = Number(/ERROR_CODE: (\d+)/.exec(message)?.[1] ?? Number.NaN);
  let kind: PageEvent = "script_error";
  if (MEMORY.test(message)) kind = "out_of_memory";
  else if (DEVICE_LOST.test(message)) kind = "device_lost";
  else if (MODEL_CODES.has(code) || (phase === "create" && MODEL_CODES_ON_CREATE.has(code))) kind = "model_invalid";
  return new PageFailure(kind, message, { cause: error });
}
