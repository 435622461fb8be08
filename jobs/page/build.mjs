// Builds dist/: the harness, its worker and onnxruntime-web's modules. Idempotent; `npm run build` runs it.
import { copyFile, mkdir, readdir, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const here = fileURLToPath(new URL(".", import.meta.url));
const dist = join(here, "dist");
const runtimes = join(here, "node_modules", "onnxruntime-web", "dist");

// One module for wasm, one for webgpu and webnn; runtimes.ts loads the one that a test needs.
const copies = [
  ...["ort-wasm-simd-threaded", "ort-wasm-simd-threaded.asyncify"].flatMap((name) => [
    [join(runtimes, `${name}.mjs`), `${name}.mjs`],
    [join(runtimes, `${name}.wasm`), `${name}.wasm`],
  ]),
  [join(here, "src", "index.html"), "index.html"],
];

const common = {
  absWorkingDir: here,
  bundle: true,
  target: ["es2022"],
  legalComments: "none",
  logLevel: "warning",
  metafile: true,
  outdir: dist,
  sourcemap: true,
};

async function copyIfChanged(from, name) {
  const to = join(dist, name);
  const [source, target] = await Promise.all([stat(from), stat(to).catch(() => undefined)]);
  if (target?.size !== source.size || target.mtimeMs < source.mtimeMs) await copyFile(from, to);
}

await mkdir(dist, { recursive: true });
const [harness, pulse] = await Promise.all([
  build({
    ...common,
    entryPoints: ["src/harness.ts"],
    format: "esm",
    splitting: true,
    chunkNames: "[name]-[hash]",
    // onnxruntime-web then loads its wasm from the URL that it is told, instead of carrying a copy of its loader.
    conditions: ["onnxruntime-web-use-extern-wasm"],
  }),
  build({ ...common, entryPoints: ["src/pulse.ts"], format: "iife" }),
  ...copies.map(([from, name]) => copyIfChanged(from, name)),
]);

// Files are replaced in place and leftovers go last, so that a page that is loading meanwhile finds what it asks for.
const built = [harness, pulse].flatMap(({ metafile }) => Object.keys(metafile.outputs)).map((path) => path.split("/").pop());
const kept = new Set([...built, ...copies.map(([, name]) => name), ".ready"]);
for (const name of await readdir(dist)) if (!kept.has(name)) await rm(join(dist, name), { recursive: true });
