// One batch: progress, verdicts by cell, what was slow, what did not simply pass.
import { BatchState, CANCEL, done, OUTCOMES, Progress } from "./batches";
import { frame, reportLink, testLink } from "./frame";
import { Live } from "./live";
import { OrderButtons } from "./order-buttons";
import { Card, Empty, Header, Loading, Mark, Shape } from "./parts";
import { Store, useStore } from "./store";
import type { Board, CellTold, Trouble, VerdictTold } from "./told";
import { ago, count, plural, seconds } from "./words";

export class BatchStore extends Store {
  board: Board | undefined;
  unknown = "";
  live = new Live(
    frame.live,
    {
      board: (told: Board) => { this.board = told; },
      unknown: (told: Trouble) => { this.unknown = told.message; },
    },
    this.changed,
  );
}

const Back = () => <a href={frame.links.batches}>← Batches</a>;

export function BatchPage({ store }: { store: BatchStore }) {
  useStore(store);
  const { board } = store;
  if (!board) {
    return (
      <>
        <Header eyebrow={<Back />} title={frame.batch} live={store.live} />
        {store.unknown ? <Empty title="No such batch">{store.unknown}.</Empty> : !store.live.trouble && <Loading what="the batch" />}
      </>
    );
  }
  const { batch } = board;
  return (
    <>
      <Header eyebrow={<Back />} title={batch.name} live={store.live}>
        <p class="page-description"><BatchState batch={batch} /> <span title={batch.id}>{batch.id}</span>, published {ago(batch.created_at)}{board.allow.length > 0 && `, allows ${board.allow.join(" and ")}`}</p>
      </Header>
      <Card title="Progress" id="batch-progress" aside={<ProgressAside board={board} />}>
        <div class="bw-pad">
          <Progress batch={batch} />
          {!batch.finished && !batch.cancelled && <OrderButtons name={batch.id} choices={[CANCEL]} />}
        </div>
      </Card>
      <Card title="Verdicts by cell"><Cells cells={board.cells} /></Card>
      <div class="bw-two">
        <Card title="Not simply passed" aside={<span class="bw-note">{count(board.notable_total)}</span>}>
          {board.notable.length === 0 ? <Empty title={done(batch) ? "Everything simply passed" : "No verdict yet"} /> : <Tests verdicts={board.notable} why />}
        </Card>
        <Card title="Slowest">{board.slowest.length === 0 ? <Empty title="No verdict yet" /> : <Tests verdicts={board.slowest} />}</Card>
      </div>
      {board.running_tests.length + board.parked_tests.length > 0 && (
        <Card title="Under way">
          <ul class="bw-chips">
            {board.running_tests.map((test) => <li key={test}><Shape of="running" size={12} /> <a href={testLink(batch.id, test)}>{test}</a></li>)}
            {board.parked_tests.map((test) => <li key={test}><Shape of="parked" size={12} /> <a href={testLink(batch.id, test)}>{test}</a></li>)}
          </ul>
        </Card>
      )}
    </>
  );
}

function ProgressAside({ board }: { board: Board }) {
  return (
    <span class="bw-note">
      {board.late > 0 && `${plural(board.late, "late twin's result", "late twins' results")} dropped, `}
      {board.artefacts > 0 && `${plural(board.artefacts, "artefact")} of failed attempts, `}
      <a href={reportLink(board.batch.id)}>HTML report</a>
    </span>
  );
}

function Cells({ cells }: { cells: CellTold[] }) {
  const columns = [...new Set(cells.map((cell) => `${cell.browser} ${cell.platform}`))].sort();
  const models = [...new Set(cells.map((cell) => cell.model))];
  const at = new Map(cells.map((cell) => [`${cell.model} ${cell.browser} ${cell.platform}`, cell]));
  return (
    <div class="table-responsive">
      <table class="table bw-table bw-cells">
        <thead><tr><th>Model</th>{columns.map((column) => <th key={column}>{column.split(" ")[0]} <small class="bw-note">{column.split(" ")[1]}</small></th>)}</tr></thead>
        <tbody>
          {models.map((model) => (
            <tr key={model}>
              <th scope="row">{model}</th>
              {columns.map((column) => <td key={column}><Cell cell={at.get(`${model} ${column}`)} /></td>)}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function Cell({ cell }: { cell: CellTold | undefined }) {
  if (!cell) return <span class="bw-note">–</span>;
  const ended = OUTCOMES.reduce((sum, outcome) => sum + (cell.outcomes[outcome] ?? 0), 0);
  const marks = (["recovered", "degraded", "simulated"] as const).filter((mark) => cell[mark] > 0);
  return (
    <div class="bw-cell">
      <p>
        {OUTCOMES.filter((outcome) => cell.outcomes[outcome]).map((outcome) => (
          <span key={outcome} class={`bw-mark bw-is-${outcome}`} title={outcome}><Shape of={outcome} size={12} /> {cell.total > 1 && count(cell.outcomes[outcome] ?? 0)} <span class={cell.total > 1 ? "visually-hidden" : ""}>{outcome}</span></span>
        ))}
        {ended < cell.total && <span class="bw-note"><Shape of="queued" size={12} /> {cell.total > 1 ? `${count(cell.total - ended)} to go` : "to go"}</span>}
      </p>
      {marks.map((mark) => <small key={mark} class="bw-note">{cell.total > 1 ? `${count(cell[mark])} ` : ""}{mark}</small>)}
    </div>
  );
}

function Tests({ verdicts, why = false }: { verdicts: VerdictTold[]; why?: boolean }) {
  return (
    <ul class="bw-tests">
      {verdicts.map((one) => (
        <li key={one.test}>
          <Mark of={one.outcome} />
          <a href={testLink(frame.batch, one.test)}>{one.test}</a>
          <span class="bw-note">{seconds(one.seconds)}{one.attempts > 1 && `, ${one.attempts} attempts`}{marksOf(one)}</span>
          {why && one.reason && <p class="bw-note">{one.reason}</p>}
        </li>
      ))}
    </ul>
  );
}

export const marksOf = (one: VerdictTold): string =>
  (["recovered", "degraded", "simulated"] as const).filter((mark) => one[mark]).map((mark) => `, ${mark}`).join("");
