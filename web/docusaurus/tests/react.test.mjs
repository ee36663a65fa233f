// The React wrapper with the React of the test site: rendered on a server as a bare tag, and in Chromium with its events
// as props, words and examples as values.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { ask, launch, openPage } from '../../tests/browser.mjs';
import { startStandin } from '../../tests/standin.mjs';

const here = (path) => fileURLToPath(new URL(path, import.meta.url));

/** A program that uses the wrapper, bundled with what it imports. */
async function bundle(contents, format, platform) {
  const { outputFiles } = await build({
    stdin: { contents, resolveDir: here('site/') }, bundle: true, format, platform, write: false, logLevel: 'error',
    nodePaths: [here('site/node_modules'), here('../../node_modules')], define: { 'process.env.NODE_ENV': '"production"' },
  });
  return outputFiles[0].text;
}

const SERVER = `import { createElement } from 'react'; import { renderToString } from 'react-dom/server';
import { DocentChat } from '@docent/widget/react';
module.exports = renderToString(createElement(DocentChat, { server: 'https://ask.book.example', book: 'The Book', examples: ['x'], onAsk() {} }));`;

const BROWSER = `import { createElement, useState } from 'react'; import { createRoot } from 'react-dom/client';
import { DocentChat } from '@docent/widget/react';
window.said = [];
function App() {
  const [shown, setShown] = useState(true);
  window.hide = () => setShown(false);
  const say = (name) => (event) => window.said.push(name + ' ' + (event.detail?.outcome ?? event.detail?.mode ?? ''));
  return shown && createElement(DocentChat, { server: location.origin, book: 'The Book', texts: { ask: 'Ask me' }, examples: ['First?'], onOpen: say('open'), onAsk: say('ask'), onAnswer: say('answer') });
}
createRoot(document.querySelector('#app')).render(createElement(App));`;

let standin;
let browser;
before(async () => {
  const script = await bundle(BROWSER, 'iife', 'browser');
  standin = await startStandin({ pages: {
    '/react': { body: '<!doctype html><html lang="en"><meta charset="utf-8"><title>React</title><div id="app"></div><script src="/react.js"></script></html>' },
    '/react.js': { body: script, type: 'text/javascript' },
  } });
  browser = await launch();
}, { timeout: 120_000 });
after(async () => {
  await browser?.close();
  await standin?.stop();
});

test('on a server it is a bare tag', async () => {
  const program = { exports: '' };
  new Function('module', 'require', await bundle(SERVER, 'cjs', 'node'))(program, (await import('node:module')).createRequire(import.meta.url));
  assert.equal(program.exports, '<docent-chat server="https://ask.book.example" book="The Book"></docent-chat>');
});

test('in a browser it asks, tells its events, and leaves nothing behind', { timeout: 90_000 }, async () => {
  const { page, context, complaints } = await openPage(browser, standin.origin + '/react');
  await page.getByRole('button', { name: 'Ask me' }).click();
  await page.getByRole('heading', { name: 'Ask The Book' }).waitFor();
  await page.getByRole('button', { name: 'First?' }).waitFor();
  await ask(page, 'How do I install Docent?');
  assert.deepEqual(await page.evaluate(() => window.said), ['open ', 'ask general', 'answer answered']);
  await page.evaluate(() => window.hide());
  await page.locator('docent-chat').waitFor({ state: 'detached' });
  assert.deepEqual(complaints, []);
  await context.close();
});
