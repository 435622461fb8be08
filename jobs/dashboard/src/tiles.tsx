// A tile for each circuit, by component type. A tile is drawn again only when its circuit changed.
import { useMemo, useState } from "preact/hooks";
import { Card, HealthBar, Shape, STATE_WORDS } from "./parts";
import { Memo } from "./memo";
import type { CircuitTold } from "./told";
import { count, percent, plural, shortName } from "./words";

const GROUPS: [string, string][] = [["browser", "Browsers"], ["worker", "Workers"], ["task", "Task types"], ["other", "Others"]];
/** From so many circuits on a filter is offered. */
const MANY = 12;

export function Tiles({ circuits, show }: { circuits: CircuitTold[]; show: (name: string) => void }) {
  const [wanted, want] = useState("");
  const [state, only] = useState("");
  const needle = wanted.trim().toLowerCase();
  const found = circuits.filter((one) => (!needle || one.name.toLowerCase().includes(needle)) && (!state || one.state === state));
  return (
    <Card
      title="All circuits"
      aside={circuits.length >= MANY && (
        <div class="bw-filter">
          <input type="search" class="form-control form-control-sm" placeholder="Filter by name" aria-label="Filter circuits by name" value={wanted} onInput={(event) => want(event.currentTarget.value)} />
          <select class="form-select form-select-sm" aria-label="Filter circuits by state" value={state} onChange={(event) => only(event.currentTarget.value)}>
            <option value="">every state</option>
            {Object.entries(STATE_WORDS).map(([value, word]) => <option key={value} value={value}>{word}</option>)}
          </select>
        </div>
      )}
    >
      {GROUPS.map(([kind, label]) => <Group key={kind} label={label} circuits={found.filter((one) => one.kind === kind)} show={show} />)}
      {found.length === 0 && <p class="bw-note bw-pad">No circuit is so.</p>}
    </Card>
  );
}

function Group({ label, circuits, show }: { label: string; circuits: CircuitTold[]; show: (name: string) => void }) {
  if (!circuits.length) return null;
  return (
    <div class="bw-group">
      <h3>{label} <span class="bw-note">{count(circuits.length)}</span></h3>
      <ul class="bw-tiles">
        {circuits.map((circuit) => <Memo key={circuit.name} of={circuit} draw={(one) => <Tile circuit={one} show={show} />} />)}
      </ul>
    </div>
  );
}

function Tile({ circuit, show }: { circuit: CircuitTold; show: (name: string) => void }) {
  const short = useMemo(() => shortName(circuit.name), [circuit.name]);
  return (
    <li>
      <button
        type="button" class={`bw-tile bw-is-${circuit.state}`} data-circuit={circuit.name} data-state={circuit.state} title={circuit.name}
        onClick={() => show(circuit.name)}
      >
        <span class="bw-tile-name">{short}</span>
        <span class={`bw-mark bw-is-${circuit.state}`}><Shape of={circuit.state} /> {STATE_WORDS[circuit.state]}</span>
        <HealthBar value={circuit.health} />
        <span class="bw-tile-figures">
          <span>{circuit.failure_rate === null ? plural(circuit.executions, "call") : `${percent(circuit.failure_rate)} fail`}</span>
          <span>{Math.round(circuit.health)}</span>
        </span>
      </button>
    </li>
  );
}
