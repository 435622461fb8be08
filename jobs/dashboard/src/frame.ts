// What the server wrote into the page's frame: which page it is, and where everything else is.

export interface Frame {
  page: "circuits" | "recovery" | "batches" | "batch" | "test";
  batch: string;
  test: string;
  live: string;
  orders: string;
  links: { circuits: string; batches: string; batch: string; test: string; report: string; artefact: string };
  xsrf: string;
  /** Why this Flower takes no orders; empty: it does. */
  refusal: string;
}

export const root = document.getElementById("breakwater") as HTMLElement;
export const frame = JSON.parse(root.dataset["frame"] ?? "{}") as Frame;

export const batchLink = (batch: string) => frame.links.batch.replace("BATCH", encodeURIComponent(batch));
export const reportLink = (batch: string) => frame.links.report.replace("BATCH", encodeURIComponent(batch));
export const artefactLink = (batch: string, test: string, attempt: number, name: string) =>
  frame.links.artefact
    .replace("/0/NAME/", `/${attempt}/${encodeURIComponent(name)}/`)
    .replace("BATCH", encodeURIComponent(batch))
    .replace("TEST", encodeURIComponent(test));
export const testLink = (batch: string, test: string) =>
  frame.links.test.replace("BATCH", encodeURIComponent(batch)).replace("TEST", encodeURIComponent(test));
