// Unpacks the Chromium of @sparticuz/chromium into one folder, ready to run: node unpack.mjs FOLDER
import { createReadStream, createWriteStream } from "node:fs";
import { chmod, mkdir, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { pipeline } from "node:stream/promises";
import { createBrotliDecompress } from "node:zlib";
import { extract } from "tar-fs";

const packed = fileURLToPath(new URL("node_modules/@sparticuz/chromium/bin/", import.meta.url));
const folder = process.argv[2];
const fresh = `${folder}.new`;

await rm(fresh, { recursive: true, force: true });
await mkdir(fresh, { recursive: true });
const unpack = (name, target) => pipeline(createReadStream(join(packed, name)), createBrotliDecompress(), target);
// The system libraries that the browser may miss come along; they lie beside it.
await unpack("al2023.tar.br", extract(fresh));
await unpack("swiftshader.tar.br", extract(fresh));
await unpack("chromium.br", createWriteStream(join(fresh, "chromium")));
await chmod(join(fresh, "chromium"), 0o755);
await rm(folder, { recursive: true, force: true });
await rename(fresh, folder);
