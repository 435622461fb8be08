// Turns the JSON schema on stdin into TypeScript types on stdout. Called by `python -m jobs.page.generate`.
import { readFileSync } from "node:fs";
import { compile } from "json-schema-to-typescript";

const types = await compile(JSON.parse(readFileSync(0, "utf8")), "Message", {
  additionalProperties: false,
  bannerComment:
    "// Generated from jobs/browsers/protocol.py by `python -m jobs.page.generate`. Edit the models, not this file.",
  enableConstEnums: false,
  format: true,
  style: { printWidth: 120 },
  unreachableDefinitions: true,
});
process.stdout.write(types);
