// One circuit in full, and what can be ordered.
import { useEffect, useRef } from "preact/hooks";
import { OrderButtons, CIRCUIT_ORDERS } from "./order-buttons";
import { Gauge, Mark } from "./parts";
import type { CircuitTold, TransitionTold } from "./told";
import { Row } from "./transitions";
import { clock, count, percent, seconds, span } from "./words";

export function CircuitDialog({ circuit, name, transitions, close }: {
  circuit: CircuitTold | undefined; name: string; transitions: TransitionTold[]; close: () => void;
}) {
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => dialog.current?.showModal(), []);
  return (
    <dialog ref={dialog} class="bw-dialog" aria-label={`Circuit ${name}`} onClose={close} onClick={(event) => event.target === dialog.current && dialog.current?.close()}>
      <div class="bw-dialog-in">
        <header>
          <div>
            <p class="page-eyebrow">Circuit</p>
            <h2>{name}</h2>
            {circuit && <p><Mark of={circuit.state} /> <span class="bw-note">since {clock(circuit.since)}</span></p>}
          </div>
          {circuit && <Gauge value={circuit.health} label={`Health of ${name}`} size={110} />}
          <button type="button" class="btn-close" aria-label="Close" onClick={() => dialog.current?.close()} />
        </header>
        {circuit ? (
          <>
            <dl class="bw-facts">
              <div><dt>Calls</dt><dd>{count(circuit.executions)}</dd></div>
              <div><dt>Failures</dt><dd>{count(circuit.failures)}</dd></div>
              <div><dt>Failure rate</dt><dd>{percent(circuit.failure_rate, 1)} <small>of {count(circuit.samples)}</small></dd></div>
              <div><dt>In a row</dt><dd>{count(circuit.failures_in_a_row)}{circuit.failure_threshold !== null && <small> of {circuit.failure_threshold}</small>}</dd></div>
              <div><dt>Rejected</dt><dd>{count(circuit.rejected)}</dd></div>
              <div><dt>Opened</dt><dd>{count(circuit.opens)} ×</dd></div>
              <div><dt>Mean downtime</dt><dd>{circuit.downtime ? span(circuit.downtime) : "–"}</dd></div>
              <div><dt>Duration p50</dt><dd>{seconds(circuit.seconds_p50)}</dd></div>
              <div><dt>Duration p95</dt><dd>{seconds(circuit.seconds_p95)}</dd></div>
              <div><dt>Recoveries</dt><dd>{count(circuit.recoveries)} <small>of {count(circuit.recovery_attempts)}</small></dd></div>
            </dl>
            <OrderButtons name={name} choices={CIRCUIT_ORDERS} />
          </>
        ) : (
          <p>This circuit is gone: nobody used it for long, or Redis was emptied.</p>
        )}
        <h3>State changes</h3>
        {transitions.length === 0 && <p class="bw-note">None among the latest of the farm.</p>}
        <ol class="bw-timeline">{transitions.slice(-20).reverse().map((one) => <Row key={one.id} one={one} />)}</ol>
      </div>
    </dialog>
  );
}
