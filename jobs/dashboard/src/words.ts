// Numbers and times as people read them.

/** Milliseconds by which the farm's clock (Redis's) is ahead of this browser's. */
let ahead = 0;

export function setClock(serverSeconds: number): void {
  ahead = serverSeconds * 1000 - Date.now();
}

/** The farm's time, Unix seconds. */
export const now = (): number => (Date.now() + ahead) / 1000;

export const percent = (share: number | null | undefined, digits = 0): string =>
  share === null || share === undefined ? "–" : `${(100 * share).toFixed(digits)} %`;

export const count = (value: number): string => value.toLocaleString("en");

export const plural = (value: number, one: string, many = `${one}s`): string => `${count(value)} ${value === 1 ? one : many}`;

export function seconds(value: number | null | undefined): string {
  if (value === null || value === undefined) return "–";
  if (value < 1) return `${Math.round(value * 1000)} ms`;
  if (value < 100) return `${value.toFixed(value < 10 ? 2 : 1)} s`;
  return span(value);
}

/** A time span in its two largest units. */
export function span(value: number): string {
  const whole = Math.max(0, Math.round(value));
  const [days, hours, minutes, rest] = [
    Math.floor(whole / 86_400),
    Math.floor(whole / 3600) % 24,
    Math.floor(whole / 60) % 60,
    whole % 60,
  ];
  if (days) return `${days} d ${hours} h`;
  if (hours) return `${hours} h ${minutes} min`;
  if (minutes) return `${minutes} min ${rest} s`;
  return `${rest} s`;
}

export const ago = (at: number): string => (now() - at < 1.5 ? "just now" : `${span(now() - at)} ago`);

export const clock = (at: number): string =>
  new Date(at * 1000).toLocaleTimeString("en-GB", { hour: "2-digit", minute: "2-digit", second: "2-digit" });

export const day = (at: number): string =>
  new Date(at * 1000).toLocaleDateString("en-GB", { day: "numeric", month: "short" });

/** A name that tells its kind: "browser:firefox" is "firefox". */
export const shortName = (name: string): string => name.slice(name.indexOf(":") + 1);
