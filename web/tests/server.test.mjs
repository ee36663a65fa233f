// The widget and the first front end's parser against the real server, cross-origin. DOCENT_BIN names the program; the
// tests say so and do nothing when it is missing. A proxy on loopback cuts connections, as a train tunnel does.

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import { connect, createServer as createTcpServer } from 'node:net';
import { tmpdir } from 'node:os';
import { after, before, test } from 'node:test';
import { ask, assertAccessible, field, launch, openPage } from './browser.mjs';
import { freePort, skip, startDocent, stopDocent } from './docent.mjs';
import { hosts } from './hosts.mjs';

let browser;
let docent;
let server;
let site;
let proxy;
let folder;
/** What the proxy does with the next connections: `cut` ends one after that many bytes of the reply. */
const tunnel = { cut: null, cuts: 0 };

before(async () => {
  if (skip) return;
  folder = mkdtempSync(tmpdir() + '/docent-web-');
  const port = await freePort();
  const proxyServer = createTcpServer((socket) => {
    const upstream = connect(port, '127.0.0.1');
    let bytes = 0;
    socket.pipe(upstream);
    upstream.on('data', (data) => {
      // Only a stream is worth cutting; a preflight is short.
      const limit = tunnel.cut;
      if (limit !== null && (bytes > 0 || /^content-type: text\/event-stream/im.test(data.toString('latin1')))) {
        bytes += data.length;
        if (bytes > limit) {
          tunnel.cut = null;
          tunnel.cuts++;
          socket.write(data.subarray(0, data.length - (bytes - limit)), () => socket.destroy());
          upstream.destroy();
          return;
        }
      }
      socket.write(data);
    });
    for (const [end, other] of [[socket, upstream], [upstream, socket]]) end.on('error', () => other.destroy()).on('close', () => other.destroy());
  });
  await new Promise((resolve) => proxyServer.listen(0, '127.0.0.1', resolve));
  proxyServer.unref();
  proxy = `http://127.0.0.1:${proxyServer.address().port}`;
  const pages = hosts(proxy + '/widget.js', 'data-examples=\'["What does a kill lose of what was already embedded?"]\'');
  const host = createServer((request, response) => {
    const page = pages[new URL(request.url, 'http://x').pathname] ?? { body: '', type: 'text/plain' };
    const headers = { ...page.headers };
    // The script comes from the server: that origin is all a strict site has to add.
    if (headers['content-security-policy']) headers['content-security-policy'] = headers['content-security-policy'].replace("script-src 'self'", `script-src 'self' ${proxy}`);
    response.writeHead(200, { 'content-type': page.type ?? 'text/html', ...headers }).end(page.body);
  });
  await new Promise((resolve) => host.listen(0, '127.0.0.1', resolve));
  host.unref();
  site = { origin: `http://127.0.0.1:${host.address().port}` };
  docent = await startDocent({ port, site: site.origin, folder });
  server = { origin: `http://127.0.0.1:${port}`, port };
  browser = await launch();
}, { timeout: 180_000 });

after(async () => {
  await browser?.close();
  if (docent) await stopDocent(docent);
  if (folder) rmSync(folder, { recursive: true, force: true });
});

/** The first front end's reading of a stream, rule by rule: lines that begin `data: `, JSON, three types. */
async function firstFrontEnd(origin, body) {
  const response = await fetch(origin + '/api/chat', { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(body) });
  if (!response.ok) throw new Error(`Chat API error: ${response.statusText}`);
  const reader = response.body.getReader();
  const decoder = new TextDecoder();
  const seen = { content: '', sources: null, conversation: null };
  let buffer = '';
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return seen;
    buffer += decoder.decode(value, { stream: true });
    const lines = buffer.split('\n');
    buffer = lines.pop() || '';
    for (const line of lines) {
      if (!line.startsWith('data: ')) continue;
      const data = JSON.parse(line.slice(6));
      if (data.type === 'metadata') seen.conversation = data.conversation_id;
      else if (data.type === 'token') seen.content += data.content;
      else if (data.type === 'done') seen.sources = data.sources;
    }
  }
}

test('the first front end reads a general answer', { skip }, async () => {
  const seen = await firstFrontEnd(server.origin, { message: 'What does a kill lose of what was already embedded?', mode: 'general', context: null, conversation_id: null });
  assert.match(seen.conversation, /^[0-9a-f-]{36}$/);
  assert.match(seen.content, /nothing that was already embedded/);
  assert.ok(seen.sources.length > 0);
  for (const source of seen.sources) assert.deepEqual([typeof source.file, typeof source.heading, typeof source.similarity], ['string', 'string', 'number']);
});

test('the first front end reads an answer about a selection, and a refusal', { skip }, async () => {
  const selection = await firstFrontEnd(server.origin, { message: 'What does it need?', mode: 'selection', context: 'Docent needs nothing but a Rust toolchain. Everything else is inside.' });
  assert.match(selection.content, /Rust toolchain/);
  const refusal = await firstFrontEnd(server.origin, { message: 'Who won the football match last night?', mode: 'general' });
  assert.ok(refusal.content.length > 0);
  assert.ok(Array.isArray(refusal.sources));
});

test('the first front end shows a status for a bad question', { skip }, async () => {
  await assert.rejects(firstFrontEnd(server.origin, { message: '', mode: 'general' }), /Chat API error: /);
});

/** A page of the host site with the widget from the real server. */
async function check(options, act) {
  const { page, context, complaints } = await openPage(browser, site.origin + '/plain', options);
  try {
    await act(page);
    assert.deepEqual(complaints, []);
  } finally {
    await context.close();
  }
}
const turn = (page) => page.locator('docent-chat .turn').last();
const open = (page) => page.getByRole('button', { name: 'Ask the book' }).click();

test('one script tag on a strict site: ask, stream, cite, rate', { skip, timeout: 60_000 }, () => check({}, async (page) => {
  await open(page);
  await page.getByRole('button', { name: 'What does a kill lose of what was already embedded?' }).click();
  await turn(page).locator('.actions').waitFor();
  assert.match(await turn(page).locator('.prose').textContent(), /nothing that was already embedded/);
  const href = await turn(page).locator('.cite').first().getAttribute('href');
  assert.ok(href.startsWith(site.origin + '/manual/'), href);
  assert.match(href, /:~:text=/);
  await assertAccessible(page, 'answered by the server');
  await page.getByRole('button', { name: 'Good answer' }).click();
  await page.getByText('Thank you.').waitFor();
}));

test('a stream that is cut comes back by event id, whole and once', { skip, timeout: 60_000 }, async () => {
  const whole = await firstFrontEnd(server.origin, { message: 'What does a kill lose of what was already embedded?' });
  const body = JSON.stringify({ message: 'What does a kill lose of what was already embedded?' });
  const { length } = await (await fetch(server.origin + '/api/chat', { method: 'POST', headers: { 'content-type': 'application/json' }, body })).text();
  for (const bytes of [0.3, 0.6, 0.9].map((share) => Math.floor(share * length))) {
    tunnel.cut = null;
    await check({ expectErrors: true }, async (page) => {
      await open(page);
      tunnel.cut = bytes;
      const before = tunnel.cuts;
      await ask(page, 'What does a kill lose of what was already embedded?');
      assert.equal(tunnel.cuts, before + 1, `no cut after ${bytes} bytes`);
      const said = await page.evaluate(() => document.querySelector('docent-chat').shadowRoot.querySelector('.prose').textContent);
      assert.equal(said.replace(/\s+/g, ''), whole.content.replace(/[`*]|\[(?=\d+\])|(?<=\[\d+)\]/g, '').replace(/\s+/g, ''));
    });
    tunnel.cut = null;
  }
});

test('the conversation comes back after a reload, and a follow-up goes into it', { skip, timeout: 60_000 }, () => check({}, async (page) => {
  await open(page);
  await ask(page, 'What does a kill lose of what was already embedded?');
  const text = await turn(page).locator('.prose').textContent();
  await page.reload();
  await page.locator('docent-chat .turn').waitFor();
  assert.equal(await turn(page).locator('.prose').textContent(), text);
  assert.ok((await turn(page).locator('.cite').count()) > 0);
  await ask(page, 'Which port does the server listen on?');
  await page.reload();
  await page.locator('docent-chat .turn').nth(1).waitFor();
}));

test('a server that restarts is waited for, and the conversation survives', { skip, timeout: 120_000 }, () => check({ expectErrors: true }, async (page) => {
  await open(page);
  await ask(page, 'What does a kill lose of what was already embedded?');
  await stopDocent(docent);
  await field(page).fill('Which port does the server listen on?');
  await field(page).press('Enter');
  await page.getByText(/cannot be reached|waking up/).waitFor();
  docent = await startDocent({ port: server.port, site: site.origin, folder });
  await page.locator('docent-chat .turn').nth(1).locator('.actions').waitFor({ timeout: 60_000 });
  await page.reload();
  await page.locator('docent-chat .turn').nth(1).waitFor();
}));

test('a site that is not listed gets no answer', { skip }, async () => {
  const response = await fetch(server.origin + '/api/chat', { method: 'POST', headers: { 'content-type': 'application/json', origin: 'https://evil.example', 'sec-fetch-site': 'cross-site' }, body: '{"message":"x"}' });
  assert.equal(response.status, 403);
});

test('the hosted page works under its own policy, with the line for other sites', { skip, timeout: 60_000 }, async () => {
  const { page, context, complaints } = await openPage(browser, server.origin + '/');
  await page.getByText('Put this chat on your own site').click();
  assert.equal(await page.locator('#snippet').textContent(), `<script src="${server.origin}/widget.js" defer></script>`);
  await assertAccessible(page, 'hosted page');
  const [topic] = await page.locator('docent-chat .welcome .chip').allTextContents();
  assert.match(topic, /^What is “.+” about\?$/, 'a question about a page of the book');
  await page.getByRole('button', { name: topic }).click();
  await turn(page).locator('.actions').waitFor();
  assert.ok((await turn(page).locator('.prose .cite').count()) > 0, topic);
  await ask(page, 'What does a kill lose of what was already embedded?');
  await assertAccessible(page, 'hosted page, answered');
  assert.deepEqual(complaints, []);
  await context.close();
});

/** A model that writes slowly: 40 pieces, `pace` milliseconds apart. Speaks the OpenAI-compatible stream. */
async function startSlowModel(pace) {
  const model = createServer(async (request, response) => {
    if (!request.url.endsWith('/chat/completions')) return void response.writeHead(404).end('{}');
    for await (const _ of request);
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    const frame = (delta, finish_reason = null) => response.write(`data: ${JSON.stringify({ id: 'c', object: 'chat.completion.chunk', created: 1, model: 'slow', choices: [{ index: 0, delta, finish_reason }] })}\n\n`);
    for (let piece = 1; piece <= 40 && !response.destroyed; piece++) {
      frame({ content: piece === 1 ? 'A kill loses nothing that was already embedded [1].' : ` Word ${piece}.` });
      await new Promise((resolve) => setTimeout(resolve, pace));
    }
    frame({}, 'stop');
    response.end('data: [DONE]\n\n');
  });
  await new Promise((resolve) => model.listen(0, '127.0.0.1', resolve));
  model.unref();
  return { url: `http://127.0.0.1:${model.address().port}/v1`, stop: () => (model.closeAllConnections(), model.close()) };
}

for (const [name, end, expected] of [
  ['a server that is told to stop in mid-stream finishes the answer', 'SIGTERM', 'whole'],
  ['a server that dies in mid-stream leaves what was said and a retry, which works once it is back', 'SIGKILL', 'cut'],
]) {
  test(name, { skip, timeout: 180_000 }, async () => {
    const slow = await startSlowModel(60);
    const port = await freePort();
    const data = mkdtempSync(tmpdir() + '/docent-slow-');
    const start = () => startDocent({ port, site: site.origin, folder: data, settings: { OPENAI_BASE_URL: slow.url, OPENAI_MODEL: 'slow', OPENAI_API_KEY: 'k' } });
    let child = await start();
    const { page, context } = await openPage(browser, site.origin + '/plain', { expectErrors: true });
    try {
      await page.locator('docent-chat').evaluate((chat, server) => {
        chat.remove();
        chat.setAttribute('server', server);
        document.body.append(chat);
      }, `http://127.0.0.1:${port}`);
      await open(page);
      await field(page).fill('What does a kill lose of what was already embedded?');
      await field(page).press('Enter');
      await turn(page).getByText('Word 3.').waitFor({ timeout: 60_000 });
      const gone = new Promise((resolve) => child.once('exit', resolve));
      child.kill(end);
      if (expected === 'whole') {
        await turn(page).locator('.actions').waitFor({ timeout: 60_000 });
        assert.match(await turn(page).locator('.prose').textContent(), /Word 40\./);
        assert.equal(await turn(page).locator('.cite').count(), 1);
        await gone;
      } else {
        await gone;
        await page.getByText('The connection broke').waitFor({ timeout: 60_000 });
        child = await start();
        await page.getByText('The answer was cut off.').waitFor({ timeout: 60_000 });
        assert.match(await turn(page).locator('.prose').textContent(), /Word 3\./);
        await page.getByRole('button', { name: 'Try again' }).click();
        await turn(page).locator('.actions').waitFor({ timeout: 60_000 });
        assert.match(await turn(page).locator('.prose').textContent(), /Word 40\./);
      }
    } finally {
      await context.close();
      if (child.exitCode === null && child.signalCode === null) await stopDocent(child);
      slow.stop();
      rmSync(data, { recursive: true, force: true });
    }
  });
}
