// Orders to the farm. The server says no to whoever may not give them; the page only says so earlier.
import { frame } from "./frame";

export type Word = "reset" | "force_open" | "disable" | "cancel";

/** Gives an order; returns what was done.  Throws an Error whose message says why not. */
export async function give(order: Word, name: string): Promise<string> {
  const answer = await fetch(frame.orders, {
    method: "POST",
    headers: { "Content-Type": "application/json", "X-Xsrftoken": frame.xsrf },
    body: JSON.stringify({ order, name }),
  });
  const told = (await answer.json().catch(() => ({}))) as { done?: string; error?: string };
  if (!answer.ok) throw new Error(told.error ?? `${answer.status} ${answer.statusText}`);
  return told.done ?? "done";
}
