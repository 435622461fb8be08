// Runs histories against the page's circuit: reads them from standard input, writes what it answered.
import { readFileSync } from "node:fs";
import { acquire, CLOSED, record } from "../../../jobs/page/src/circuit.ts";

const answers = JSON.parse(readFileSync(0, "utf8")).map(({ settings, steps }) => {
  let circuit = CLOSED;
  const permits = new Map();
  return steps.map((step) => {
    if (step.do === "acquire") {
      const answer = acquire(circuit, step.at, settings);
      circuit = answer.circuit;
      if ("permit" in answer) permits.set(step.call, answer.permit);
      return { state: circuit.state, wait: answer.retryAfterMs ?? 0 };
    }
    circuit = record(circuit, step.at, settings, permits.get(step.call), step.failed);
    return { state: circuit.state };
  });
});
process.stdout.write(JSON.stringify(answers));
