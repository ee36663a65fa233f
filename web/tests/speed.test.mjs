// What a long answer and a long conversation cost in real Chromium. Asserted is only what does not depend on the
// machine's load: CPU time grows with the text, not with its square, and memory stops growing. Frames are printed.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { field, launch, openPage } from './browser.mjs';
import { startStandin } from './standin.mjs';

let browser;
let standin;
before(async () => {
  browser = await launch();
  standin = await startStandin();
});
after(async () => {
  await browser.close();
  await standin.stop();
});

const SECTION = readFileSync(new URL('long-answer.md', import.meta.url), 'utf8');

/** An answer of so many tokens, about four characters each: prose, lists, code, tables, citations. */
function answer(tokens) {
  const pieces = [];
  for (let text = SECTION; pieces.length < tokens; text += SECTION) {
    pieces.push(...(SECTION.match(/[^]{1,4}/g) ?? []));
  }
  const source = { n: 1, title: 'T', url: 'http://127.0.0.1/t', href: 'http://127.0.0.1/t', quote: 'Q' };
  const frame = (event, id) => `id: ${id}\ndata: ${JSON.stringify(event)}\n\n`;
  return [
    frame({ type: 'metadata', conversation_id: '7d9f3c1e-52aa-4b0e-9a41-0f6de2c8b713', message_id: 'm' }, 1),
    frame({ type: 'sources', sources: [source] }, 2),
    ...pieces.slice(0, tokens).map((content, index) => frame({ type: 'token', content }, index + 3)),
    frame({ type: 'done', sources: [source], outcome: 'answered' }, tokens + 3),
  ].join('');
}

/** Processor time, in milliseconds, of the longest task of the page's main thread in a trace. */
function longestTask(trace) {
  const { traceEvents } = JSON.parse(trace.toString());
  const main = new Set(traceEvents.filter((event) => event.name === 'thread_name' && event.args?.name === 'CrRendererMain').map((event) => `${event.pid} ${event.tid}`));
  const tasks = traceEvents.filter((event) => /RunTask$/.test(event.name) && event.tdur !== undefined && main.has(`${event.pid} ${event.tid}`));
  return { count: tasks.length, longest: Math.max(0, ...tasks.map((event) => event.tdur)) / 1000 };
}

/** Asks once; returns main-thread CPU seconds, the gaps between frames in milliseconds, and the longest task. */
async function measure(tokens, pace) {
  Object.assign(standin.state, { custom: answer(tokens), pace });
  const { page, context } = await openPage(browser, standin.url);
  const devtools = await context.newCDPSession(page);
  await devtools.send('Performance.enable', { timeDomain: 'threadTicks' });
  const cpu = async () => (await devtools.send('Performance.getMetrics')).metrics.find(({ name }) => name === 'TaskDuration').value;
  await page.evaluate(() => {
    window.gaps = [];
    let last = performance.now();
    const step = (now) => {
      window.gaps.push(now - last);
      last = now;
      requestAnimationFrame(step);
    };
    requestAnimationFrame(step);
  });
  await field(page).fill('Long?');
  await browser.startTracing(page, { categories: ['toplevel', 'disabled-by-default-devtools.timeline', '__metadata'] });
  const before = await cpu();
  await field(page).press('Enter');
  await page.locator('docent-chat .actions').waitFor({ timeout: 120_000 });
  const seconds = (await cpu()) - before;
  const task = longestTask(await browser.stopTracing());
  const gaps = (await page.evaluate(() => window.gaps)).sort((a, b) => a - b);
  await context.close();
  return { seconds, gaps, task };
}

test('CPU grows with the length of the answer, not with its square', { timeout: 180_000 }, async (t) => {
  const at = (gaps, share) => gaps[Math.min(gaps.length - 1, Math.floor(gaps.length * share))].toFixed(0);
  const half = await measure(1000, 10);
  const whole = await measure(2000, 10);
  t.diagnostic(`2,000 tokens at 100 a second: ${whole.seconds.toFixed(2)} s of CPU (1,000: ${half.seconds.toFixed(2)}), frames p50 ${at(whole.gaps, 0.5)} ms, p99 ${at(whole.gaps, 0.99)} ms, worst ${at(whole.gaps, 1)} ms`);
  t.diagnostic(`frames: longest of ${whole.task.count} tasks took ${whole.task.longest.toFixed(1)} ms of CPU`);
  // A frame may take 50 ms. Processor time does not depend on what else runs on the machine; the gaps above do.
  assert.ok(whole.task.count > 100 && whole.task.longest < 50, `a task of ${whole.task.longest} ms`);
  assert.ok(whole.seconds < half.seconds * 3.2 + 0.2, `${half.seconds} s for 1,000 tokens, ${whole.seconds} s for 2,000`);
});

test('memory is flat after 100 answers', { timeout: 180_000 }, async (t) => {
  Object.assign(standin.state, { custom: answer(200), pace: 0 });
  const { page, context } = await openPage(browser, standin.url);
  const devtools = await context.newCDPSession(page);
  await devtools.send('HeapProfiler.enable');
  const heap = async () => {
    await devtools.send('HeapProfiler.collectGarbage');
    return (await devtools.send('Runtime.getHeapUsage')).usedSize;
  };
  const askMany = (count) => page.locator('docent-chat').evaluate(async (chat, many) => {
    for (let index = 0; index < many; index++) await chat.ask('Again?');
  }, count);
  await askMany(50);
  const early = await heap();
  await askMany(60);
  const late = await heap();
  const { nodes } = await devtools.send('Memory.getDOMCounters');
  t.diagnostic(`memory: ${(early / 1e6).toFixed(2)} MB after 50 answers, ${(late / 1e6).toFixed(2)} MB after 110; ${nodes} nodes`);
  assert.ok(late < early * 1.1 + 500_000, `${early} -> ${late}`);
  await context.close();
});
