// What streaming Markdown costs on the main thread: our renderer beside streamdown (React), the same 2,000 tokens, one
// at a time with a forced layout, in the same run. Needs, in any folder named by BENCH_MODULES:
//   npm install --no-save streamdown react react-dom
// Run: BENCH_MODULES=/folder node bench/render.mjs

import { build } from 'esbuild';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { fileURLToPath } from 'node:url';
import { launch } from '../tests/browser.mjs';

const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const modules = process.env.BENCH_MODULES;
const SECTION = readFileSync(here('../tests/long-answer.md'), 'utf8');
const tokens = [];
for (let text = SECTION; tokens.length < 2000; text += SECTION) tokens.push(...SECTION.match(/[^]{1,4}/g));
tokens.length = 2000;

const OURS = `import { MarkdownStream } from ${JSON.stringify(here('../widget/src/render.ts'))};
window.begin = (root) => new MarkdownStream(root, {});
window.step = (stream, token) => stream.push(token);`;
const THEIRS = `import { createElement } from 'react'; import { flushSync } from 'react-dom'; import { createRoot } from 'react-dom/client'; import { Streamdown } from 'streamdown';
window.begin = (node) => ({ root: createRoot(node), text: '' });
window.step = (state, token) => { state.text += token; flushSync(() => state.root.render(createElement(Streamdown, null, state.text))); };`;

async function bundle(contents, resolveDir) {
  const { outputFiles } = await build({ stdin: { contents, resolveDir, loader: 'ts' }, bundle: true, minify: true, format: 'iife', write: false, define: { 'process.env.NODE_ENV': '"production"' }, logLevel: 'error', nodePaths: modules ? [modules + '/node_modules'] : [] });
  return outputFiles[0].contents;
}

const scripts = { ours: await bundle(OURS, here('.')) };
if (modules) scripts.streamdown = await bundle(THEIRS, modules);
const server = createServer((request, response) => {
  const script = scripts[request.url.slice(1).replace('.js', '')];
  if (request.url.endsWith('.js') && script) return void response.writeHead(200, { 'content-type': 'text/javascript' }).end(script);
  response.writeHead(200, { 'content-type': 'text/html' }).end(`<!doctype html><meta charset=utf-8><div id=root style="width:25rem"></div><script src="${request.url}.js"></script>`);
});
await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
const browser = await launch();
const results = {};
for (let round = 0; round < 3; round++) {
  for (const name of Object.keys(scripts)) {
    const page = await (await browser.newContext()).newPage();
    await page.goto(`http://127.0.0.1:${server.address().port}/${name}`);
    const devtools = await page.context().newCDPSession(page);
    await devtools.send('Performance.enable', { timeDomain: 'threadTicks' });
    const cpu = async () => (await devtools.send('Performance.getMetrics')).metrics.find((metric) => metric.name === 'TaskDuration').value;
    const before = await cpu();
    await page.evaluate(async (list) => {
      const root = document.querySelector('#root');
      const stream = window.begin(root);
      for (const token of list) {
        window.step(stream, token);
        void root.offsetHeight;
        await new Promise((resolve) => setTimeout(resolve));
      }
    }, tokens);
    (results[name] ??= []).push((await cpu()) - before);
    await page.context().close();
  }
}
for (const [name, list] of Object.entries(results)) console.log(`${name}: ${list.map((seconds) => seconds.toFixed(2)).join(', ')} s of CPU for 2,000 tokens`);
if (results.streamdown) console.log(`ours / streamdown: ${(Math.min(...results.ours) / Math.min(...results.streamdown)).toFixed(2)}`);
await browser.close();
server.close();
