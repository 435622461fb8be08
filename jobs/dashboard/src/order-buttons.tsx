// Buttons that give orders. What stops or lets through everything is asked for twice.
import { useState } from "preact/hooks";
import { frame } from "./frame";
import { give, type Word } from "./orders";

export interface Choice {
  order: Word;
  label: string;
  sure?: string;
}

export const CIRCUIT_ORDERS: Choice[] = [
  { order: "reset", label: "Reset" },
  { order: "force_open", label: "Force open", sure: "Let nothing through?" },
  { order: "disable", label: "Disable", sure: "Let everything through, judge nothing?" },
];

export function OrderButtons({ name, choices }: { name: string; choices: Choice[] }) {
  const [asked, ask] = useState<Choice | null>(null);
  const [said, say] = useState<{ text: string; bad: boolean } | null>(null);
  const [busy, setBusy] = useState(false);

  async function order(choice: Choice) {
    ask(null);
    setBusy(true);
    try {
      say({ text: await give(choice.order, name), bad: false });
    } catch (error) {
      say({ text: (error as Error).message, bad: true });
    }
    setBusy(false);
  }

  if (frame.refusal) return <p class="bw-note bw-refusal">{frame.refusal}.</p>;
  return (
    <div class="bw-orders">
      {asked ? (
        <>
          <span>{asked.sure}</span>
          <button type="button" class="btn btn-sm btn-danger" onClick={() => void order(asked)}>Yes, {asked.label.toLowerCase()}</button>
          <button type="button" class="btn btn-sm btn-outline-secondary" onClick={() => ask(null)}>No</button>
        </>
      ) : (
        choices.map((choice) => (
          <button
            key={choice.order} type="button" class="btn btn-sm btn-outline-secondary" disabled={busy} data-order={choice.order}
            aria-label={`${choice.label} ${name}`} onClick={() => (choice.sure ? ask(choice) : void order(choice))}
          >
            {choice.label}
          </button>
        ))
      )}
      <span role="status" class={said?.bad ? "bw-bad" : "bw-note"}>{said?.text}</span>
    </div>
  );
}
