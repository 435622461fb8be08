// One test: its attempts on a line of time, and what came of them.
import { artefactLink, batchLink, frame } from "./frame";
import { marksOf } from "./batch";
import { Card, Empty, Header, Loading, Mark } from "./parts";
import { LEVELS } from "./recovery";
import { Live } from "./live";
import { Store, useStore } from "./store";
import type { AttemptTold, TestTold, Trouble } from "./told";
import { clock, plural, seconds } from "./words";

export class TestStore extends Store {
  test: TestTold | undefined;
  unknown = "";
  live = new Live(
    frame.live,
    {
      test: (told: TestTold) => { this.test = told; },
      unknown: (told: Trouble) => { this.unknown = told.message; },
    },
    this.changed,
  );
}

export function TestPage({ store }: { store: TestStore }) {
  useStore(store);
  const { test } = store;
  return (
    <>
      <Header eyebrow={<a href={batchLink(frame.batch)}>← {frame.batch}</a>} title={frame.test} live={store.live}>
        {test && (
          <p class="page-description">
            <Mark of={test.verdict?.outcome ?? test.status} />
            {test.verdict ? ` ${seconds(test.verdict.seconds)}${marksOf(test.verdict)}` : ` in ${test.queue}`}. Asked: {test.model} in {test.asked} on {test.platform}.
          </p>
        )}
        {test?.verdict?.reason && <p class="bw-why">{test.verdict.reason}</p>}
      </Header>
      {!test && (store.unknown ? <Empty title="No such test">{store.unknown}.</Empty> : !store.live.trouble && <Loading what="the test" />)}
      {test && <Card title="Attempts"><Attempts test={test} /></Card>}
      {test?.measurement && (
        <Card title="Measurement">
          <dl class="bw-facts bw-pad">
            {Object.entries(test.measurement).filter(([, value]) => value !== null).map(([name, value]) => (
              <div key={name}><dt>{name.replaceAll("_", " ")}</dt><dd>{typeof value === "number" ? Number(value.toPrecision(4)) : String(value)}</dd></div>
            ))}
          </dl>
        </Card>
      )}
    </>
  );
}

function Attempts({ test }: { test: TestTold }) {
  const { attempts, now } = test;
  const first = attempts[0];
  if (!first) return <Empty title="It did not run yet">It waits for a worker.</Empty>;
  const end = Math.max(...attempts.map((one) => (one.running ? now : one.started_at + one.seconds)));
  const length = Math.max(0.001, end - first.started_at);
  return (
    <ol class="bw-gantt" id="bw-attempts">
      {attempts.map((one) => (
        <li key={one.number} data-outcome={one.outcome}>
          <div class="bw-gantt-words">
            <strong>{one.number}</strong>
            <Mark of={shapeOf(one)} word={one.outcome.replaceAll("_", " ")} />
            <span>{one.level === null ? "first attempt" : `level ${one.level} ${LEVELS[one.level]}`}{one.strategy && `, ${one.strategy.replaceAll("_", " ")}`}</span>
            <span class="bw-note">{one.browser ?? "no browser"} on {one.worker}, {clock(one.started_at)}, {seconds(one.seconds)}</span>
          </div>
          <div class="bw-gantt-track">
            <span
              class={`bw-is-${shapeOf(one)}`} title={`${seconds(one.started_at - first.started_at)} after the start, for ${seconds(one.seconds)}`}
              style={{ left: `${(100 * (one.started_at - first.started_at)) / length}%`, width: `max(4px, ${(100 * one.seconds) / length}%)` }}
            />
          </div>
          {one.cause && <p class="bw-note">{one.cause}</p>}
          <Artefacts test={test} attempt={one.number} />
        </li>
      ))}
      <li class="bw-gantt-axis" aria-hidden="true"><span>0</span><span>{seconds(length)}, {plural(attempts.length, "attempt")}</span></li>
    </ol>
  );
}

function Artefacts({ test, attempt }: { test: TestTold; attempt: number }) {
  const kept = test.artefacts.filter((one) => one.attempt === attempt);
  if (!kept.length) return null;
  return (
    <ul class="bw-artefacts" aria-label={`Artefacts of attempt ${attempt}`}>
      {kept.map((one) => {
        const link = artefactLink(test.batch, test.test, attempt, one.name);
        return (
          <li key={one.name}>
            <a href={link}>{one.name.endsWith(".png") ? <img src={link} alt="The page as it looked" loading="lazy" /> : one.name}</a>
            <span class="bw-note"> {Math.ceil(one.size / 1024)} KB</span>
          </li>
        );
      })}
    </ul>
  );
}

function shapeOf(one: AttemptTold): string {
  if (["passed", "failed", "running"].includes(one.outcome)) return one.outcome;
  return one.outcome === "circuit_open" ? "parked" : "error";
}
