// What the browser tests share: one Chromium a run, one context a test, axe on the widget, and what a page complains of.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright-core';

const ARGS = ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'];
const axeSource = readFileSync(fileURLToPath(import.meta.resolve('axe-core')), 'utf8');

/** Debian's Chromium, or what CHROMIUM names. */
export const launch = () => chromium.launch({ executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', args: ARGS });

/** Opens a page and collects what it complains of: exceptions, console errors, CSP reports, foreign requests. */
export async function openPage(browser, url, options = {}) {
  const { init, expectErrors, ...contextOptions } = options;
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, locale: 'en', reducedMotion: 'reduce', ...contextOptions });
  const page = await context.newPage();
  const complaints = [];
  page.on('pageerror', (error) => complaints.push('exception: ' + error.message));
  page.on('console', (message) => {
    // A refused request is reported by the browser itself; tests that cause one say so.
    if (message.type() === 'error' && !(expectErrors && /Failed to load resource|net::ERR/.test(message.text()))) complaints.push('console: ' + message.text());
  });
  page.on('request', (request) => {
    const { hostname, protocol } = new URL(request.url());
    if (protocol.startsWith('http') && hostname !== '127.0.0.1') complaints.push('foreign request: ' + request.url());
  });
  await page.addInitScript(() => {
    addEventListener('securitypolicyviolation', (event) => console.error(`CSP: ${event.violatedDirective} ${event.blockedURI} ${event.sample}`));
  });
  if (init) await page.addInitScript(init);
  await page.goto(url);
  return { page, context, complaints };
}

/** The one field, wherever the widget is. */
export const field = (page) => page.locator('docent-chat form textarea');

/** Asks by keyboard and waits until the answer has ended. */
export async function ask(page, question) {
  const before = await page.locator('docent-chat .turn').count();
  await field(page).fill(question);
  await field(page).press('Enter');
  await page.locator('docent-chat .turn').nth(before).locator('.actions, .again').first().waitFor();
}

/** What axe finds in the widget: WCAG 2.2 AA and its forebears. */
export async function violations(page) {
  await page.evaluate(axeSource);
  const found = await page.evaluate(async () => {
    const { violations: list } = await globalThis.axe.run({ include: ['docent-chat'] }, { runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'] });
    return list.map(({ id, nodes }) => `${id}: ${nodes.map((node) => node.target.flat().at(-1) + ' ' + (node.any[0]?.message ?? '')).join('; ')}`);
  });
  // The host element alone holds no landmark of the page around it.
  return found.filter((line) => !/^(region|page-has-heading-one|landmark-one-main|document-title)/.test(line));
}

export async function assertAccessible(page, state) {
  assert.deepEqual(await violations(page), [], state);
}

/** What has the focus inside the widget: its label or text. */
export const focused = (page) => page.evaluate(() => {
  const inner = document.querySelector('docent-chat')?.shadowRoot?.activeElement;
  return inner ? inner.getAttribute('aria-label') || inner.textContent : document.activeElement?.id || document.activeElement?.tagName;
});
