// Tensors between the wire (base64, little-endian) and onnxruntime-web (typed arrays). Every engine here is little-endian.
import type { Tensor as OrtTensor, TensorConstructor } from "onnxruntime-web";
import type { Tensor } from "./protocol";

type Elements = OrtTensor["data"] & ArrayBufferView;
type ElementsConstructor = new (buffer: ArrayBuffer) => Elements;

const ELEMENTS: Record<Tensor["dtype"], ElementsConstructor> = {
  float32: Float32Array,
  float64: Float64Array,
  float16: Uint16Array,
  int64: BigInt64Array,
  uint64: BigUint64Array,
  int32: Int32Array,
  uint32: Uint32Array,
  int16: Int16Array,
  uint16: Uint16Array,
  int8: Int8Array,
  uint8: Uint8Array,
  bool: Uint8Array,
};

export function bytesOf(tensor: Tensor): ArrayBuffer {
  return Uint8Array.fromBase64(tensor.data).buffer;
}

export function decodeTensor(tensor: Tensor, constructor: TensorConstructor): OrtTensor {
  const elements = new ELEMENTS[tensor.dtype](bytesOf(tensor));
  return new (constructor as new (type: Tensor["dtype"], data: Elements, dims: number[]) => OrtTensor)(
    tensor.dtype,
    elements,
    tensor.shape,
  );
}

export async function encodeTensor(name: string, tensor: OrtTensor): Promise<Tensor> {
  if (!(tensor.type in ELEMENTS)) throw new Error(`output ${name}: a tensor of type ${tensor.type} can't be sent`);
  const { buffer, byteOffset, byteLength } = (await tensor.getData(true)) as Elements;
  return {
    name,
    dtype: tensor.type as Tensor["dtype"],
    shape: [...tensor.dims],
    data: new Uint8Array(buffer, byteOffset, byteLength).toBase64(),
  };
}
