// The Batches page: the recent batches and how far they are.
import { batchLink, frame } from "./frame";
import { Live } from "./live";
import { OrderButtons } from "./order-buttons";
import { Card, Empty, Header, Loading, Mark, Shape } from "./parts";
import { Store, useStore, useTick } from "./store";
import type { Batches, BatchTold } from "./told";
import { ago, count, plural } from "./words";

export const OUTCOMES = ["passed", "failed", "error", "cancelled"] as const;

export class BatchesStore extends Store {
  batches: BatchTold[] | undefined;
  live = new Live(frame.live, { batches: (told: Batches) => { this.batches = told.batches; } }, this.changed);
}

export function BatchesPage({ store }: { store: BatchesStore }) {
  useStore(store);
  useTick(5000);
  const { batches } = store;
  const open = batches?.filter((batch) => !batch.finished) ?? [];
  return (
    <>
      <Header eyebrow="Batches" title={batches ? headline(open) : "Batches"} live={store.live} />
      {!batches && !store.live.trouble && <Loading what="batches" />}
      {batches?.length === 0 && (
        <Card title="Batches"><Empty title="No batch yet">Publish one: <code>breakwater run --quick</code>, with BREAKWATER_REDIS_URL naming this farm's Redis.</Empty></Card>
      )}
      {batches && batches.length > 0 && (
        <ul class="bw-batches">
          {batches.map((batch) => (
            <li key={batch.id} class="bw-card bw-batch" data-batch={batch.id}>
              <div class="bw-batch-head">
                <a href={batchLink(batch.id)}>{batch.name}</a>
                <BatchState batch={batch} />
                <span class="bw-note" title={batch.id}>{batch.id}, {ago(batch.created_at)}</span>
              </div>
              <Progress batch={batch} />
              {!batch.finished && !batch.cancelled && <OrderButtons name={batch.id} choices={[CANCEL]} />}
            </li>
          ))}
        </ul>
      )}
    </>
  );
}

export const CANCEL = { order: "cancel", label: "Cancel batch", sure: "Its waiting tests end as cancelled." } as const;

function headline(open: BatchTold[]): string {
  if (!open.length) return "No batch is running";
  return `${plural(open.length, "batch", "batches")} running, ${plural(open.reduce((sum, one) => sum + one.total - done(one), 0), "test")} to go`;
}

export const done = (batch: BatchTold): number => OUTCOMES.reduce((sum, outcome) => sum + (batch.outcomes[outcome] ?? 0), 0);

export function BatchState({ batch }: { batch: BatchTold }) {
  if (!batch.finished) return batch.cancelled ? <Mark of="cancelled" word="being cancelled" /> : <Mark of="running" word="running" />;
  if (batch.cancelled) return <Mark of="cancelled" />;
  if (batch.outcomes["error"]) return <Mark of="error" word="finished with errors" />;
  if (batch.outcomes["failed"]) return <Mark of="failed" word="finished with failures" />;
  return <Mark of="passed" word="all passed" />;
}

export function Progress({ batch }: { batch: BatchTold }) {
  const parts: [string, number][] = [
    ...OUTCOMES.map((outcome): [string, number] => [outcome, batch.outcomes[outcome] ?? 0]),
    ["running", batch.running],
    ["parked", batch.parked],
    ["queued", batch.queued],
  ];
  const shown = parts.filter(([, number]) => number > 0);
  return (
    <div class="bw-progress">
      <div
        class="bw-progress-bar" role="progressbar" aria-valuemin={0} aria-valuemax={batch.total} aria-valuenow={done(batch)}
        aria-label={`${batch.name}: ${done(batch)} of ${batch.total} tests done`}
      >
        {shown.map(([part, number]) => <span key={part} class={`bw-is-${part}`} style={{ flexGrow: number }} title={`${number} ${part}`} />)}
      </div>
      <p class="bw-progress-words">
        <strong>{count(done(batch))} of {count(batch.total)}</strong>
        {shown.map(([part, number]) => <span key={part} class="bw-note"><Shape of={part} size={12} /> {count(number)} {part}</span>)}
      </p>
    </div>
  );
}
