// What TypeScript's own types of WebGPU lack.
declare const GPUBufferUsage: Readonly<Record<"STORAGE" | "COPY_SRC" | "COPY_DST" | "MAP_READ", number>>;
declare const GPUMapMode: Readonly<Record<"READ", number>>;
