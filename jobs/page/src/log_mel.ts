// Whisper's log-mel spectrogram by a compute shader: the page's own GPU kernel, for audio models on WebGPU. The same
// figures as jobs/models/log_mel.py, by single precision.
import { PageFailure } from "./failures";
import type { LogMel } from "./protocol";
import { bytesOf } from "./tensors";

/** Samples of a window and between two of them; bins of its spectrum. */
const WINDOW = 400;
const HOP = 160;
const BINS = WINDOW / 2 + 1;
/** Powers below are silence; bands more than this below the loudest (powers of ten) are drawn up to that. */
const FLOOR = 1e-10;
const RANGE = 8;

function shader(frames: number, bands: number, [x, y, z]: readonly [number, number, number]): string {
  return /* wgsl */ `
    @group(0) @binding(0) var<storage, read> samples: array<f32>;
    @group(0) @binding(1) var<storage, read> turns: array<vec2f>;    // cosine and sine of each ${WINDOW}th of a turn
    @group(0) @binding(2) var<storage, read> filters: array<f32>;    // [bands, bins]
    @group(0) @binding(3) var<storage, read_write> power: array<f32>; // [frames, bins]
    @group(0) @binding(4) var<storage, read_write> heard: array<f32>; // [bands, frames]

    @compute @workgroup_size(${x}, ${y}, ${z})
    fn spectrum(@builtin(global_invocation_id) id: vec3u) {
      if (id.x >= ${BINS}u || id.y >= ${frames}u) { return; }
      var sum = vec2f(0.0);
      for (var n = 0u; n < ${WINDOW}u; n++) {
        // Hann's window, as long as its own period.
        let weight = 0.5 - 0.5 * turns[n].x;
        sum += samples[id.y * ${HOP}u + n] * weight * turns[(id.x * n) % ${WINDOW}u];
      }
      power[id.y * ${BINS}u + id.x] = dot(sum, sum);
    }

    @compute @workgroup_size(${x}, ${y}, ${z})
    fn bands(@builtin(global_invocation_id) id: vec3u) {
      if (id.x >= ${frames}u || id.y >= ${bands}u) { return; }
      var sum = 0.0;
      for (var bin = 0u; bin < ${BINS}u; bin++) {
        sum += filters[id.y * ${BINS}u + bin] * power[id.x * ${BINS}u + bin];
      }
      heard[id.y * ${frames}u + id.x] = log(max(sum, ${FLOOR})) * ${Math.LOG10E};
    }`;
}

/** The sound with its ends mirrored by half a window, so that the first frame is centred on the first sample. */
function mirrored(samples: Float32Array): Float32Array<ArrayBuffer> {
  const half = WINDOW / 2;
  const padded = new Float32Array(samples.length + WINDOW);
  padded.set(samples, half);
  for (let i = 0; i < half; i++) padded[i] = samples[half - i] ?? 0;
  return padded; // after the sound comes silence, or the end of the last frame
}

/** [1, bands, frames] for `spec.frames` frames; only those that the sound reaches are computed, the rest is silence. */
export async function logMel(device: GPUDevice, spec: LogMel): Promise<Float32Array<ArrayBuffer>> {
  const samples = new Float32Array(bytesOf(spec.samples));
  const filters = new Float32Array(bytesOf(spec.filters));
  const bands = filters.length / BINS;
  const frames = Math.min(spec.frames, Math.ceil((samples.length + WINDOW / 2) / HOP));
  const padded = mirrored(samples);
  const turns = new Float32Array(2 * WINDOW);
  for (let i = 0; i < WINDOW; i++) {
    turns[2 * i] = Math.cos((2 * Math.PI * i) / WINDOW);
    turns[2 * i + 1] = Math.sin((2 * Math.PI * i) / WINDOW);
  }
  const { STORAGE, COPY_SRC, COPY_DST, MAP_READ } = GPUBufferUsage;
  const buffers: GPUBuffer[] = [];
  const buffer = (size: number, usage: number, content?: Float32Array<ArrayBuffer>): GPUBuffer => {
    const made = device.createBuffer({ size: size * 4, usage });
    if (content) device.queue.writeBuffer(made, 0, content);
    buffers.push(made);
    return made;
  };
  try {
    const needed = Math.max(padded.length, (frames - 1) * HOP + WINDOW);
    const bound = [
      buffer(needed, STORAGE | COPY_DST, padded),
      buffer(turns.length, STORAGE | COPY_DST, turns),
      buffer(filters.length, STORAGE | COPY_DST, filters),
      buffer(frames * BINS, STORAGE),
      buffer(frames * bands, STORAGE | COPY_SRC),
    ];
    const result = buffer(frames * bands, MAP_READ | COPY_DST);
    const workgroup = spec.workgroup as [number, number, number];
    const module = device.createShaderModule({ code: shader(frames, bands, workgroup) });
    const layout = device.createBindGroupLayout({
      entries: bound.map((_, binding) => ({
        binding,
        visibility: 4, // GPUShaderStage.COMPUTE
        buffer: { type: binding < 3 ? "read-only-storage" : "storage" },
      })),
    });
    const group = device.createBindGroup({ layout, entries: bound.map((one, binding) => ({ binding, resource: { buffer: one } })) });
    const encoder = device.createCommandEncoder();
    const [x, y] = workgroup;
    for (const [entryPoint, wide, high] of [["spectrum", BINS, frames], ["bands", frames, bands]] as const) {
      const pipeline = await device.createComputePipelineAsync({
        layout: device.createPipelineLayout({ bindGroupLayouts: [layout] }),
        compute: { module, entryPoint },
      });
      const pass = encoder.beginComputePass();
      pass.setPipeline(pipeline);
      pass.setBindGroup(0, group);
      pass.dispatchWorkgroups(Math.ceil(wide / x), Math.ceil(high / y));
      pass.end();
    }
    encoder.copyBufferToBuffer(bound[4]!, 0, result, 0, frames * bands * 4);
    device.queue.submit([encoder.finish()]);
    await result.mapAsync(GPUMapMode.READ);
    return scaled(new Float32Array(result.getMappedRange()), frames, spec.frames, bands);
  } catch (error) {
    if (error instanceof DOMException && error.name === "OperationError") {
      throw new PageFailure("device_lost", `the log-mel kernel got no answer from the GPU: ${error.message}`, { cause: error });
    }
    throw error;
  } finally {
    for (const one of buffers) one.destroy();
  }
}

/** Silence after the sound, then the range drawn up to what is heard beside the loudest, as numbers of the order of 1. */
function scaled(heard: Float32Array, computed: number, frames: number, bands: number): Float32Array<ArrayBuffer> {
  const all = new Float32Array(bands * frames).fill(Math.log10(FLOOR));
  for (let band = 0; band < bands; band++) all.set(heard.subarray(band * computed, (band + 1) * computed), band * frames);
  const lowest = all.reduce((a, b) => Math.max(a, b)) - RANGE;
  return all.map((value) => (Math.max(value, lowest) + 4) / 4);
}
