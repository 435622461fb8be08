// Passes the page's own complaints on to Python: console.error, console.warn, uncaught errors, unhandled rejections.
// Bounded in length and rate, so that a page that complains in a loop harms nobody.
import type { Log } from "./protocol";

const MAX_TEXT = 4000;
/** Messages a second; what is beyond is counted and told with the next one. */
const MAX_PER_SECOND = 20;

/** This page's own address, which stacks are full of and which holds the link's token. */
const HERE = new URL(".", location.href).href;

/** Make a text fit to be sent: without the token, and not too long. */
export function tidy(text: string, limit = MAX_TEXT): string {
  const clean = text.replaceAll(HERE, "");
  const short = clean.length <= limit ? clean : `${clean.slice(0, limit - 1)}…`;
  return short.toWellFormed(); // half a surrogate pair is no valid JSON text
}

/** Also of another realm (a WebDriver script's, a frame's), where instanceof says no. */
function isError(value: unknown): value is Error {
  return typeof value === "object" && value !== null && "message" in value && "stack" in value;
}

function textOf(value: unknown): string {
  if (isError(value)) {
    const head = `${value.name}: ${value.message}`;
    const stack = value.stack ?? "";
    return stack.startsWith(head) ? stack : `${head}\n${stack}`; // only Chromium's stacks begin with it
  }
  if (typeof value === "string") return value;
  try {
    return JSON.stringify(value) ?? String(value);
  } catch {
    return String(value);
  }
}

export function forwardComplaints(send: (message: Log) => void): void {
  let second = 0;
  let sent = 0;
  let dropped = 0;
  const forward = (level: Log["level"], source: Log["source"], ...values: unknown[]): void => {
    const now = Math.floor(performance.now() / 1000);
    if (now !== second) [second, sent] = [now, 0];
    if (sent++ >= MAX_PER_SECOND) {
      dropped += 1;
      return;
    }
    const note = dropped > 0 ? `(${dropped} messages left out) ` : "";
    dropped = 0;
    send({ v: 1, type: "log", level, source, text: tidy(note + values.map(textOf).join(" ")) });
  };
  for (const [method, level] of [["error", "error"], ["warn", "warning"]] as const) {
    const original = console[method].bind(console);
    console[method] = (...values: unknown[]) => {
      original(...values);
      forward(level, "console", ...values);
    };
  }
  addEventListener("error", (event) => forward("error", "page", event.error ?? event.message));
  addEventListener("unhandledrejection", (event) => forward("error", "page", event.reason));
}
