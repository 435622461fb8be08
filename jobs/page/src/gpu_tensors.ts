// A run's inputs in GPU buffers, uploaded once, so that no run waits for a copy.
import type { Tensor, TensorConstructor } from "onnxruntime-web";
import type { Values } from "./chain";

/** onnxruntime binds buffers whose size is a multiple of this. */
const ALIGNMENT = 16;

export class GpuTensors {
  readonly #buffers: GPUBuffer[] = [];

  constructor(
    private readonly device: GPUDevice,
    private readonly tensor: TensorConstructor,
  ) {}

  /** The same tensors, on the GPU. They live until `close`. */
  upload(values: Values): Values {
    return Object.fromEntries(Object.entries(values).map(([name, value]) => [name, this.#upload(value)]));
  }

  /** Resolves when the GPU has done all that it was told to. */
  async done(): Promise<void> {
    await this.device.queue.onSubmittedWorkDone();
  }

  close(): void {
    for (const buffer of this.#buffers.splice(0)) buffer.destroy();
  }

  #upload(value: Tensor): Tensor {
    const { buffer, byteOffset, byteLength } = value.data as Tensor["data"] & ArrayBufferView;
    const gpuBuffer = this.device.createBuffer({
      size: Math.max(Math.ceil(byteLength / ALIGNMENT), 1) * ALIGNMENT,
      usage: GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST,
      mappedAtCreation: true,
    });
    new Uint8Array(gpuBuffer.getMappedRange()).set(new Uint8Array(buffer, byteOffset, byteLength));
    gpuBuffer.unmap();
    this.#buffers.push(gpuBuffer);
    const dataType = value.type as Tensor.GpuBufferDataTypes;
    return (this.tensor as unknown as { fromGpuBuffer(buffer: GPUBuffer, options: object): Tensor }).fromGpuBuffer(gpuBuffer, {
      dataType,
      dims: value.dims,
    });
  }
}
