// Turns the JSON schema on stdin into TypeScript types on stdout. Arguments: the models' file, and the module
// that calls this.
import { readFileSync } from "node:fs";
import { compile } from "json-schema-to-typescript";

const [models, generator] = process.argv.slice(2);
const types = await compile(JSON.parse(readFileSync(0, "utf8")), "Message", {
  additionalProperties: false,
  bannerComment: `// Generated from ${models} by \`python -m ${generator}\`. Edit the models, not this file.`,
  enableConstEnums: false,
  format: true,
  style: { printWidth: 120 },
  unreachableDefinitions: true,
});
process.stdout.write(types);
