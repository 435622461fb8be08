// Builds the dashboard's pages: ../dashboard/src into ../dashboard/dist, one script and one style sheet, nothing from afar.
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const here = fileURLToPath(new URL(".", import.meta.url));
const dashboard = join(here, "..", "dashboard");

await mkdir(join(dashboard, "dist"), { recursive: true });
await build({
  absWorkingDir: dashboard,
  bundle: true,
  entryPoints: { dashboard: "src/main.tsx" },
  format: "esm",
  jsx: "automatic",
  jsxImportSource: "preact",
  legalComments: "eof",
  logLevel: "warning",
  minify: true,
  nodePaths: [join(here, "node_modules")],
  outdir: "dist",
  sourcemap: true,
  target: ["es2022"],
});
