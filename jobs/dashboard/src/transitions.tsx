// The list of state changes, newest first.
import { useState } from "preact/hooks";
import { Card, Empty, Mark } from "./parts";
import { Memo } from "./memo";
import type { TransitionTold } from "./told";
import { clock, count, day } from "./words";

const PAGE = 30;

export function Transitions({ transitions, show }: { transitions: TransitionTold[]; show: (name: string) => void }) {
  const [most, more] = useState(PAGE);
  const shown = transitions.slice(-most).reverse();
  return (
    <Card title="Timeline" aside={<span class="bw-note" id="bw-transition-count">{count(transitions.length)} kept here</span>}>
      {shown.length === 0 && <Empty title="Nothing happened yet">Each change of a circuit's state appears here within a second.</Empty>}
      <ol class="bw-timeline" aria-label="State changes, newest first">
        {shown.map((one) => <Memo key={one.id} of={one} draw={(told) => <Row one={told} show={show} />} />)}
      </ol>
      {transitions.length > most && (
        <button type="button" class="btn btn-sm btn-outline-secondary bw-more" onClick={() => more(most + 100)}>Show more</button>
      )}
    </Card>
  );
}

export function Row({ one, show }: { one: TransitionTold; show?: (name: string) => void }) {
  return (
    <li data-transition={one.id} data-circuit={one.name} data-state={one.state}>
      <time dateTime={new Date(one.at * 1000).toISOString()} title={day(one.at)}>{clock(one.at)}</time>
      <Mark of={one.state} />
      {show ? <button type="button" class="bw-name" onClick={() => show(one.name)}>{one.name}</button> : <span />}
      <span class="bw-reason">{one.reason}</span>
    </li>
  );
}
