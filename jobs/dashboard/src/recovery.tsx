// The Recovery page: which recoveries were tried, how they ended, and which strategy is worth its time.
import { frame } from "./frame";
import { Live } from "./live";
import { Card, Empty, Figure, Gauge, Header, Loading } from "./parts";
import { Store, useStore } from "./store";
import { Strip } from "./strip";
import type { Recovery, RecoveryFigures } from "./told";
import { clock, count, day, percent, plural, seconds, setClock } from "./words";

export const LEVELS = ["", "minimal", "moderate", "aggressive", "fallback", "simulation"];
const STRATEGIES: Record<string, [string, number]> = {
  simple_retry: ["Simple retry", 1],
  browser_restart: ["Browser restart", 2],
  settings_adjustment: ["Settings adjustment", 3],
  browser_fallback: ["Browser fallback", 4],
  simulation_fallback: ["Simulation fallback", 5],
};
const LATEST_SHOWN = 25;

export class RecoveryStore extends Store {
  recovery: Recovery | undefined;
  live = new Live(
    frame.live,
    {
      recovery: (told: Recovery) => {
        this.recovery = told;
        setClock(told.at);
      },
    },
    this.changed,
  );
}

type Figures = Pick<RecoveryFigures, "attempts" | "successes" | "rate" | "rate_low" | "rate_high" | "seconds_p50" | "seconds_p95">;

export function RecoveryPage({ store }: { store: RecoveryStore }) {
  useStore(store);
  const told = store.recovery;
  if (!told) {
    return (
      <>
        <Header eyebrow="Breakwater" title="Recovery" live={store.live} />
        {!store.live.trouble && <Loading what="recoveries" />}
      </>
    );
  }
  const { total, simulated, by_strategy, by_category, by_browser_and_model_type } = told.summary;
  const strategies = Object.entries(by_strategy).sort(([a], [b]) => (STRATEGIES[a]?.[1] ?? 9) - (STRATEGIES[b]?.[1] ?? 9));
  return (
    <>
      <Header eyebrow="Recovery" title={headline(total)} live={store.live}>
        <p class="page-description">The last {told.days} days. What the infrastructure broke and recovery brought back; a test's own failure is not in it.</p>
      </Header>
      <div class="bw-top bw-top-even">
        <div class="metric-card bw-system">
          <Gauge value={total.rate === null ? null : 100 * total.rate} label="Recovery rate" />
          <div>
            <p class="metric-label">Recovery rate</p>
            <p class="bw-note">{total.rate === null ? "no attempt yet" : `between ${percent(total.rate_low)} and ${percent(total.rate_high)}, 19 times of 20`}</p>
          </div>
        </div>
        <Figure label="Attempts" value={count(total.attempts)} note={`${count(total.successes)} gave a result`} />
        <Figure label="Time to recovery" value={seconds(total.seconds_p50)} note={total.seconds_p50 === null ? "nothing to time yet" : `half of them; 95 % within ${seconds(total.seconds_p95)}`} />
        <Figure label="Simulated" value={count(simulated.attempts)} note="level 5: no browser at all" tone={simulated.attempts ? "bw-warn" : ""} />
        <Figure label="Parked now" value={count(told.parked)} note={plural(told.running, "test runs", "tests run")} />
      </div>

      {total.attempts + simulated.attempts === 0 ? (
        <Card title="Strategies"><Empty title="Nothing had to be recovered">Recoveries appear here when a browser dies, hangs or loses its GPU. Try it: <code>breakwater demo</code>.</Empty></Card>
      ) : (
        <>
          <Card title="Strategies" aside={<span class="bw-note">rate with its 95 % interval, and seconds from failure to result</span>}>
            <div class="table-responsive">
              <table class="table bw-table" id="bw-strategies">
                <thead>
                  <tr><th>Strategy</th><th class="bw-num">Attempts</th><th class="bw-wide">Success rate</th><th class="bw-num">p50</th><th class="bw-num">p95</th></tr>
                </thead>
                <tbody>
                  {strategies.map(([name, figures]) => (
                    <tr key={name} data-strategy={name}>
                      <th scope="row">
                        {STRATEGIES[name]?.[0] ?? name}
                        <small class="bw-note">level {STRATEGIES[name]?.[1]}</small>
                      </th>
                      <td class="bw-num">{count(figures.attempts)}</td>
                      <td><Rate figures={figures} /></td>
                      <td class="bw-num">{seconds(figures.seconds_p50)}</td>
                      <td class="bw-num">{seconds(figures.seconds_p95)}</td>
                    </tr>
                  ))}
                </tbody>
              </table>
            </div>
          </Card>
          <Card title="Attempts and how they ended" aside={<span class="bw-note">the latest {count(told.latest.length)} that had a browser</span>}>
            <Strip latest={told.latest} />
          </Card>
          <div class="bw-two">
            <Card title="By failure">
              <table class="table bw-table">
                <thead><tr><th>Failure</th><th class="bw-num">Attempts</th><th class="bw-wide">Success rate</th></tr></thead>
                <tbody>
                  {Object.entries(by_category).map(([name, figures]) => (
                    <tr key={name}><th scope="row">{name.replaceAll("_", " ")}</th><td class="bw-num">{count(figures.attempts)}</td><td><Rate figures={figures} /></td></tr>
                  ))}
                </tbody>
              </table>
            </Card>
            <Card title="By browser and model type"><Matrix cells={by_browser_and_model_type} /></Card>
          </div>
          <Card title="Latest attempts">
            <ol class="bw-timeline bw-attempts" aria-label="Recovery attempts, newest first">
              {[...told.latest].reverse().slice(0, LATEST_SHOWN).map((one) => (
                <li key={`${one.at}${one.browser}${one.method}`}>
                  <time title={day(one.at)}>{clock(one.at)}</time>
                  <span class={one.succeeded ? "bw-good" : "bw-bad"}>{one.succeeded ? "✓ recovered" : "✗ not yet"}</span>
                  <span>{STRATEGIES[one.method]?.[0] ?? one.method}</span>
                  <span class="bw-note">{one.browser ?? "no browser"}{one.level !== null && `, level ${one.level} ${LEVELS[one.level]}`}</span>
                </li>
              ))}
            </ol>
          </Card>
        </>
      )}
    </>
  );
}

function headline(total: Figures): string {
  if (!total.attempts) return "Nothing had to be recovered";
  return `${percent(total.rate)} of ${plural(total.attempts, "recovery attempt")} gave a result`;
}

/** A rate as a bar, its interval as a line over it. */
function Rate({ figures }: { figures: Figures }) {
  if (figures.rate === null) return <span class="bw-note">–</span>;
  const [low, high] = [figures.rate_low ?? 0, figures.rate_high ?? 1];
  return (
    <div class="bw-rate" title={`${count(figures.successes)} of ${count(figures.attempts)}; between ${percent(low)} and ${percent(high)}`}>
      <div class="bw-rate-track" aria-hidden="true">
        <span class="bw-rate-value" style={{ width: percent(figures.rate, 1).replace(" ", "") }} />
        <span class="bw-rate-interval" style={{ left: percent(low, 1).replace(" ", ""), width: percent(high - low, 1).replace(" ", "") }} />
      </div>
      <span class="bw-rate-words">{percent(figures.rate)} <small class="bw-note">{percent(low)}–{percent(high)}</small></span>
    </div>
  );
}

function Matrix({ cells }: { cells: Record<string, Record<string, Figures>> }) {
  const types = ["text", "vision", "audio", "multimodal"];
  const browsers = Object.keys(cells);
  if (!browsers.length) return <Empty title="No browser was brought back yet" />;
  return (
    <div class="table-responsive">
      <table class="table bw-table bw-matrix">
        <thead><tr><th />{types.map((type) => <th key={type} class="bw-num">{type}</th>)}</tr></thead>
        <tbody>
          {browsers.map((browser) => (
            <tr key={browser}>
              <th scope="row">{browser}</th>
              {types.map((type) => {
                const one = cells[browser]?.[type];
                return (
                  <td key={type} class="bw-num" style={one?.rate != null ? { "--share": one.rate } : {}}>
                    {one ? <>{percent(one.rate)}<small class="bw-note">of {count(one.attempts)}</small></> : <span class="bw-note">–</span>}
                  </td>
                );
              })}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
