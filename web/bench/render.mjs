// What streaming Markdown costs on the main thread: our renderer beside streamdown (React), the same text, a token at a
// time with a forced layout. Both live in one page and take turns, so that what else runs on the machine hits both. A
// third does nothing: its time is the loop's own and is taken off. The figure is the ratio of the medians; the bench
// fails when it is above one half. Needs `npm ci` in this folder. Run: node bench/render.mjs [ROUNDS] [TOKENS]

import { build } from 'esbuild';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { fileURLToPath } from 'node:url';
import { launch } from '../tests/browser.mjs';

const here = (path) => fileURLToPath(new URL(path, import.meta.url));
/** Of streamdown's processor time, at most. */
const LIMIT = 0.5;
const [rounds = 9, count = 2000] = process.argv.slice(2).map(Number);
const SECTION = readFileSync(here('../tests/long-answer.md'), 'utf8');
const tokens = [];
for (let text = SECTION; tokens.length < count; text += SECTION) tokens.push(...SECTION.match(/[^]{1,4}/g));
tokens.length = count;

const OURS = `import { markdownStream } from ${JSON.stringify(here('../widget/src/render.ts'))};
window.ours = { begin: (root) => markdownStream(root, {}), step: (stream, token) => stream.push(token), end: () => {} };`;
const THEIRS = `import { createElement } from 'react'; import { flushSync } from 'react-dom'; import { createRoot } from 'react-dom/client'; import { Streamdown } from 'streamdown';
window.streamdown = { begin: (node) => ({ root: createRoot(node), text: '' }),
  step: (state, token) => { state.text += token; flushSync(() => state.root.render(createElement(Streamdown, null, state.text))); },
  end: (state) => state.root.unmount() };`;

const NOTHING = 'window.nothing = { begin: () => {}, step: () => {}, end: () => {} };';

async function bundle(contents) {
  const { outputFiles } = await build({ stdin: { contents, resolveDir: here('.'), loader: 'ts' }, bundle: true, minify: true, format: 'iife', write: false, define: { 'process.env.NODE_ENV': '"production"' }, logLevel: 'error' });
  return outputFiles[0].contents;
}

const scripts = { nothing: await bundle(NOTHING), ours: await bundle(OURS), streamdown: await bundle(THEIRS) };
const names = Object.keys(scripts);
const server = createServer((request, response) => {
  const script = scripts[request.url.slice(1).replace('.js', '')];
  if (script) return void response.writeHead(200, { 'content-type': 'text/javascript' }).end(script);
  response.writeHead(200, { 'content-type': 'text/html' }).end(`<!doctype html><meta charset=utf-8><div id=root style="width:25rem"></div>${names.map((name) => `<script src="/${name}.js"></script>`).join('')}`);
});
await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
const browser = await launch();
const page = await browser.newPage();
await page.goto(`http://127.0.0.1:${server.address().port}/`);
const devtools = await page.context().newCDPSession(page);
await devtools.send('Performance.enable', { timeDomain: 'threadTicks' });
const cpu = async () => (await devtools.send('Performance.getMetrics')).metrics.find((metric) => metric.name === 'TaskDuration').value;

/** Processor seconds of one answer. */
async function round(name) {
  await devtools.send('HeapProfiler.collectGarbage');
  const before = await cpu();
  await page.evaluate(async ([name, list]) => {
    const root = document.createElement('div');
    document.querySelector('#root').replaceChildren(root);
    const engine = window[name];
    const state = engine.begin(root);
    for (const token of list) {
      engine.step(state, token);
      void root.offsetHeight;
      await new Promise((resolve) => setTimeout(resolve));
    }
    engine.end(state);
  }, [name, tokens]);
  return (await cpu()) - before;
}

const results = Object.fromEntries(names.map((name) => [name, []]));
// The first of each warms up the compiler and does not count.
for (let at = 0; at <= rounds; at++) for (const name of names) results[name].push(await round(name));
const median = (list) => list.slice(1).sort((a, b) => a - b)[Math.floor((list.length - 1) / 2)];
for (const name of names) console.log(`${name}: ${results[name].map((seconds) => seconds.toFixed(2)).join(', ')} s of CPU for ${count} tokens, median ${median(results[name]).toFixed(2)}`);
const own = (name) => median(results[name]) - median(results.nothing);
const ratio = own('ours') / own('streamdown');
console.log(`ours / streamdown: ${ratio.toFixed(2)} of the processor time (${(median(results.ours) / median(results.streamdown)).toFixed(2)} with the loop's own), at most ${LIMIT}`);
process.exitCode = ratio <= LIMIT ? 0 : 1;
await browser.close();
server.close();
