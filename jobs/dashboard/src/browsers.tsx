// A section for each browser: its circuit, who serves it, which sessions live, and what waits for it.
import { Card, Empty, Gauge, Mark } from "./parts";
import type { BrowserTold } from "./told";
import { count, now, plural, span } from "./words";

const NAMES: Record<string, string> = { chrome: "Chrome", firefox: "Firefox", edge: "Edge", safari: "Safari", webkit: "WebKit" };

export function Browsers({ browsers, show }: { browsers: BrowserTold[]; show: (name: string) => void }) {
  return (
    <Card title="Browsers" class="bw-browsers-card">
      {browsers.length === 0 && <Empty title="No browser">No worker serves one, and no test waits for one.</Empty>}
      <div class="bw-browsers">{browsers.map((browser) => <Browser key={browser.browser} browser={browser} show={show} />)}</div>
    </Card>
  );
}

function Browser({ browser, show }: { browser: BrowserTold; show: (name: string) => void }) {
  const name = NAMES[browser.browser] ?? browser.browser;
  const versions = [...new Set(browser.sessions.map((session) => session.version).filter(Boolean))];
  const adapters = [...new Set(browser.sessions.map(adapterWord).filter((word) => word !== null))];
  const unmanned = browser.workers.length === 0;
  return (
    <article class={`bw-browser bw-is-${browser.circuit ?? "unused"}`} data-browser={browser.browser} aria-label={name}>
      <header>
        <div>
          <h3><button type="button" class="bw-name" disabled={!browser.circuit} onClick={() => show(`browser:${browser.browser}`)}>{name}</button></h3>
          <p class="bw-note">{versions.length ? versions.join(", ") : "no live session"}</p>
          <p>{browser.circuit ? <Mark of={browser.circuit} /> : <span class="bw-note">circuit not used yet</span>}</p>
        </div>
        <Gauge value={browser.health} label={`Health of ${name}`} size={96} />
      </header>
      <dl>
        <div><dt>Workers</dt><dd class={unmanned ? "bw-bad" : ""}>{unmanned ? "none" : count(browser.workers.length)}</dd></div>
        <div><dt>Sessions</dt><dd>{count(browser.sessions.length)}</dd></div>
        <div><dt>Running</dt><dd>{count(browser.running)}</dd></div>
        <div><dt>In queue</dt><dd>{count(browser.queue)}</dd></div>
        <div><dt>Waiting</dt><dd>{count(browser.waiting)}</dd></div>
        <div><dt>Parked</dt><dd>{count(browser.parked)}</dd></div>
      </dl>
      {unmanned && (browser.waiting > 0 || browser.queue > 0) && (
        <p class="bw-bad bw-pad-x">{plural(Math.max(browser.waiting, browser.queue), "test")} wait, and no worker serves {name}.</p>
      )}
      {adapters.length > 0 && <p class="bw-note bw-pad-x">Adapter: {adapters.join(", ")}</p>}
      {browser.sessions.length > 0 && (
        <ul class="bw-sessions" aria-label={`Sessions of ${name}`}>
          {browser.sessions.slice(0, 6).map((session) => (
            <li key={`${session.node}${session.started_at}`}>
              <span title={session.node}>{session.node}</span>
              <span class="bw-note">{plural(session.tests, "test")}, {span(now() - session.started_at)}</span>
            </li>
          ))}
          {browser.sessions.length > 6 && <li class="bw-note">and {browser.sessions.length - 6} more</li>}
        </ul>
      )}
    </article>
  );
}

function adapterWord(session: BrowserTold["sessions"][number]): string | null {
  if (!session.adapter) return null;
  return `${session.adapter}${session.software ? " (software)" : ""}`;
}
