// Playwright's own isolation, timed. For each address on standard input: a new context, a new page and its goto; for each
// other line: the context's end. Tells the milliseconds, a line each. Arguments: the browser's program and its flags.
import { createInterface } from "node:readline";
import { chromium } from "playwright-core";

const [executablePath, ...args] = process.argv.slice(2);
const browser = await chromium.launch({ executablePath, args, headless: true });
let context;
try {
  for await (const line of createInterface({ input: process.stdin })) {
    const began = performance.now();
    if (line.startsWith("http")) {
      context = await browser.newContext();
      const page = await context.newPage();
      await page.goto(line);
    } else {
      await context.close();
    }
    console.log(performance.now() - began);
  }
} finally {
  await browser.close();
}
