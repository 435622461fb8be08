// Playwright's own isolation, timed: for each address on standard input a new context, a new page and its goto, then the
// context's end. Tells their milliseconds, one line of JSON each. Arguments: the browser's program and its flags.
import { createInterface } from "node:readline";
import { chromium } from "playwright-core";

const [executablePath, ...args] = process.argv.slice(2);
const browser = await chromium.launch({ executablePath, args, headless: true });
try {
  for await (const address of createInterface({ input: process.stdin })) {
    const began = performance.now();
    const context = await browser.newContext();
    const page = await context.newPage();
    await page.goto(address);
    const opened = performance.now();
    await context.close();
    console.log(JSON.stringify({ open_ms: opened - began, close_ms: performance.now() - opened }));
  }
} finally {
  await browser.close();
}
