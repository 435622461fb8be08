// The small parts that every page is made of. A state is always a colour, a shape and a word.
import type { ComponentChildren, JSX } from "preact";
import type { Live } from "./live";
import { clock, span, now } from "./words";
import { useTick } from "./store";

export type State = "closed" | "open" | "half_open" | "forced_open" | "disabled";

export const STATE_WORDS: Record<State, string> = {
  closed: "closed",
  open: "open",
  half_open: "half open",
  forced_open: "forced open",
  disabled: "disabled",
};

const SHAPES: Record<string, JSX.Element> = {
  closed: <circle cx="8" cy="8" r="6" />,
  half_open: (
    <>
      <circle cx="8" cy="8" r="5.25" fill="none" stroke="currentColor" stroke-width="1.5" />
      <path d="M8 2.75a5.25 5.25 0 0 1 0 10.5z" />
    </>
  ),
  open: <path d="M8 1.5 15 14H1z" />,
  forced_open: <path d="M8 .8 15.2 8 8 15.2.8 8z" />,
  disabled: <path d="M3 3h10v10H3z" fill="none" stroke="currentColor" stroke-width="1.5" stroke-dasharray="2.5 1.8" />,
  passed: <path d="M6.4 12.8 1.9 8.3l1.6-1.6 2.9 2.9 6.1-6.1 1.6 1.6z" />,
  failed: <path d="m3.4 2 4.6 4.6L12.6 2 14 3.4 9.4 8l4.6 4.6-1.4 1.4L8 9.4 3.4 14 2 12.6 6.6 8 2 3.4z" />,
  error: <path d="M8 1.5 15 14H1z" />,
  cancelled: <path d="M2.5 6.75h11v2.5h-11z" />,
  running: <path d="M4 2.2 13.5 8 4 13.8z" />,
  parked: <path d="M4 2.5h3v11H4zm5 0h3v11H9z" />,
  queued: <circle cx="8" cy="8" r="5" fill="none" stroke="currentColor" stroke-width="1.5" stroke-dasharray="2 2" />,
};

/** The shape of a state or an outcome, in its colour. */
export function Shape({ of, size = 14 }: { of: string; size?: number }) {
  return (
    <svg class={`bw-shape bw-is-${of}`} width={size} height={size} viewBox="0 0 16 16" fill="currentColor" aria-hidden="true">
      {SHAPES[of] ?? SHAPES["queued"]}
    </svg>
  );
}

/** Shape and word. */
export function Mark({ of, word }: { of: string; word?: string }) {
  return (
    <span class={`bw-mark bw-is-${of}`}>
      <Shape of={of} /> <span>{word ?? STATE_WORDS[of as State] ?? of}</span>
    </span>
  );
}

/** Health as an arc, from 0 to 100. */
export function Gauge({ value, label, size = 132 }: { value: number | null; label: string; size?: number }) {
  const share = Math.max(0, Math.min(100, value ?? 0)) / 100;
  const length = Math.PI * 42;
  return (
    <div class={`bw-gauge bw-health-${healthWord(value)}`} style={{ width: `${size}px` }}>
      <svg
        viewBox="0 0 100 60" role="meter" aria-label={label} aria-valuemin={0} aria-valuemax={100} aria-valuenow={value ?? 0}
        aria-valuetext={value === null ? "unknown" : `${Math.round(value)} of 100, ${healthWord(value)}`}
      >
        <path class="bw-gauge-track" d="M8 52a42 42 0 0 1 84 0" />
        {share > 0 && <path class="bw-gauge-value" d="M8 52a42 42 0 0 1 84 0" stroke-dasharray={`${length * share} ${length}`} />}
        <text x="50" y="46" text-anchor="middle" class="bw-gauge-number">{value === null ? "–" : Math.round(value)}</text>
        <text x="50" y="58" text-anchor="middle" class="bw-gauge-word">{healthWord(value)}</text>
      </svg>
    </div>
  );
}

export function healthWord(value: number | null): string {
  if (value === null) return "unknown";
  if (value >= 90) return "good";
  if (value >= 60) return "fair";
  return value >= 30 ? "poor" : "bad";
}

/** Health as a thin bar, for a tile. */
export function HealthBar({ value }: { value: number }) {
  return (
    <span class={`bw-bar bw-health-${healthWord(value)}`} role="img" aria-label={`health ${Math.round(value)} of 100`}>
      <span style={{ width: `${value}%` }} />
    </span>
  );
}

export function Card({ title, children, class: more = "", aside, id }: {
  title: string; children: ComponentChildren; class?: string; aside?: ComponentChildren; id?: string;
}) {
  const heading = `${id ?? title.replace(/\W+/g, "-").toLowerCase()}-heading`;
  return (
    <section class={`bw-card ${more}`} aria-labelledby={heading}>
      <header class="bw-card-head">
        <h2 id={heading}>{title}</h2>
        {aside && <div class="bw-card-aside">{aside}</div>}
      </header>
      {children}
    </section>
  );
}

export function Figure({ label, value, note, tone = "" }: {
  label: string; value: ComponentChildren; note?: ComponentChildren; tone?: string;
}) {
  return (
    <div class={`metric-card bw-figure ${tone}`}>
      <p class="metric-label">{label}</p>
      <p class="metric-value">{value}</p>
      {note && <p class="bw-note">{note}</p>}
    </div>
  );
}

export function Empty({ title, children }: { title: string; children?: ComponentChildren }) {
  return (
    <div class="bw-empty">
      <p class="bw-empty-title">{title}</p>
      {children && <p>{children}</p>}
    </div>
  );
}

export function Header({ eyebrow, title, live, children }: {
  eyebrow: ComponentChildren; title: ComponentChildren; live?: Live; children?: ComponentChildren;
}) {
  return (
    <>
      <header class="page-header">
        <div class="bw-title">
          <p class="page-eyebrow">{eyebrow}</p>
          <h1>{title}</h1>
          {children}
        </div>
        {live && <Pulse live={live} />}
      </header>
      {live?.trouble && <Away since={live.trouble.away_since ?? now()} message={live.trouble.message} />}
    </>
  );
}

function Pulse({ live }: { live: Live }) {
  const [word, dot] = live.trouble
    ? ["No news", "status-dot-error"]
    : live.connection === "live"
      ? ["Live", "status-dot-live"]
      : live.connection === "lost"
        ? ["Connection lost, trying again", "status-dot-error"]
        : ["Connecting", ""];
  return (
    <span class="refresh-status" role="status" id="bw-pulse">
      <span class={`status-dot ${dot}`} aria-hidden="true" />
      {word}
    </span>
  );
}

function Away({ since, message }: { since: number; message: string }) {
  useTick();
  return (
    <div class="bw-away" role="alert">
      <Shape of="open" size={18} />
      <div>
        <strong>No news since {clock(since)}, {span(Date.now() / 1000 - since)}.</strong>
        <p>{message}. What you see is as of then. This page goes on by itself.</p>
      </div>
    </div>
  );
}

export function Loading({ what }: { what: string }) {
  return (
    <div class="bw-skeletons" role="status">
      <span class="visually-hidden">Loading {what}</span>
      {[0, 1, 2, 3, 4, 5].map((key) => <div key={key} class="bw-skeleton" aria-hidden="true" />)}
    </div>
  );
}
