// The client against a scripted network: waking Space, busy server, offline reader, cut streams. No test waits: time
// is a value.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { load } from './modules.mjs';

const { openClient } = await load('client');
const golden = (name) => readFileSync(fileURLToPath(new URL('../../../protocol/' + name, import.meta.url)));
const stream = (name) => () => new Response(golden(name), { headers: { 'content-type': 'text/event-stream' } });
const page = (status) => () => new Response('<!doctype html>', { status, headers: { 'content-type': 'text/html' } });
const problem = (name, headers = {}) => () => new Response(golden(name), { status: JSON.parse(golden(name)).status, headers: { 'content-type': 'application/problem+json', ...headers } });
const refused = () => { throw new TypeError('network'); };

/** Asks one question against replies in order. Returns a line per event, the requests, and the time that passed. */
async function ask(replies, { online = () => true, base = '' } = {}) {
  const requests = [];
  let clock = 0;
  const around = {
    fetch: async (url, init) => {
      requests.push({ url, init });
      const reply = replies.length > 1 ? replies.shift() : replies[0];
      return reply();
    },
    sleep: async (milliseconds) => void (clock += milliseconds),
    online: () => online(clock),
  };
  const lines = [];
  for await (const event of openClient(base, around).ask({ message: 'q', mode: 'general' }, new AbortController().signal)) {
    if (event.type === 'token') {
      if (lines.at(-1)?.startsWith('text ')) lines[lines.length - 1] += event.content;
      else lines.push('text ' + event.content);
    } else if (event.type === 'waiting') lines.push(`waiting ${event.reason}`);
    else if (event.type === 'error') lines.push(`error ${event.code}`);
    else lines.push(event.type);
  }
  return { lines, requests, clock };
}

const WHOLE = 'text Docent needs nothing but a Rust toolchain [1].';

test('a sleeping Space is waited for, whatever its page says', async () => {
  for (const status of [200, 404, 502, 503]) {
    const { lines } = await ask([page(status), page(status), stream('refusal-uncertain.sse')]);
    assert.deepEqual(lines.slice(0, 2), ['waiting starting', 'waiting starting']);
    assert.equal(lines.at(-1), 'done');
  }
});

test('503 starting is waited for as long as it says', async () => {
  const { lines, clock } = await ask([problem('problem-starting.json', { 'retry-after': '7' }), stream('refusal-uncertain.sse')]);
  assert.equal(lines[0], 'waiting starting');
  assert.equal(clock, 7000);
});

test('a busy server is asked again after its time, a very busy one is not', async () => {
  assert.equal((await ask([problem('problem-busy.json', { 'retry-after': '3' }), stream('refusal-uncertain.sse')])).clock, 3000);
  assert.deepEqual((await ask([problem('problem-busy.json', { 'retry-after': '3600' })])).lines, ['error busy']);
});

test('a refused question is not sent again', async () => {
  const { lines, requests } = await ask([problem('problem-validation.json')]);
  assert.deepEqual(lines, ['error invalid_fields']);
  assert.equal(requests.length, 1);
});

test('a wrong address is given up after half a minute, a waking one after three', async () => {
  const wrong = await ask([refused]);
  assert.equal(wrong.lines.at(-1), 'error unreachable');
  assert.ok(wrong.clock >= 30_000 && wrong.clock < 45_000, String(wrong.clock));
  const waking = await ask([page(503)]);
  assert.ok(waking.clock >= 180_000 && waking.clock < 200_000, String(waking.clock));
});

test('an offline reader waits as long as it takes', async () => {
  const { lines, clock } = await ask([() => { if (clock0() < 600_000) refused(); return stream('refusal-uncertain.sse')(); }], { online: (now) => { seen = now; return now >= 600_000; } });
  assert.equal(lines.at(-1), 'done');
  assert.ok(clock >= 600_000);
});
let seen = 0;
const clock0 = () => seen;

test('a cut stream goes on after the last event that was read whole', async () => {
  const { lines, requests } = await ask([stream('resume-1-cut.sse'), stream('resume-2-rest.sse')]);
  assert.deepEqual(lines, ['metadata', 'sources', 'text Docent needs nothing but', 'waiting resuming', 'text  a Rust toolchain [1].', 'done']);
  assert.equal(requests[1].url, 'api/chat/c0ffee00-0000-4000-8000-000000000008/events');
  assert.equal(requests[1].init.headers['last-event-id'], '4');
});

test('an answer whose rest is gone ends with an error', async () => {
  const { lines } = await ask([stream('resume-1-cut.sse'), () => new Response('{}', { status: 404 })]);
  assert.equal(lines.at(-1), 'error cut');
});

test('a stream that is cut before its first event is asked for again', async () => {
  const nothing = () => new Response(': ping\n\nid: 1\ndata: {"ty', { headers: { 'content-type': 'text/event-stream' } });
  const { lines } = await ask([nothing, stream('refusal-uncertain.sse')]);
  assert.equal(lines[0], 'waiting resuming');
  assert.equal(lines.at(-1), 'done');
  assert.equal((await ask([nothing])).lines.at(-1), 'error unreachable');
});

test('a server that stays away is asked five times for the rest', async () => {
  const { lines, requests } = await ask([stream('resume-1-cut.sse'), refused]);
  assert.equal(lines.at(-1), 'error cut');
  assert.equal(requests.length, 6);
});

test('every path is relative to the base, also under a prefix', async () => {
  assert.equal((await ask([stream('refusal-uncertain.sse')], { base: 'https://h.example/book' })).requests[0].url, 'https://h.example/book/api/chat');
  assert.equal((await ask([stream('refusal-uncertain.sse')], { base: '' })).requests[0].url, 'api/chat');
});

test('no cookie travels', async () => {
  const { requests } = await ask([stream('general-answer.sse')]);
  assert.equal(requests[0].init.credentials, 'omit');
});

test('a conversation that the server has forgotten begins anew', async () => {
  const bodies = [];
  const gone = new Response('{"code":"conversation_not_found"}', { status: 404, headers: { 'content-type': 'application/problem+json' } });
  const around = { fetch: async (_, init) => (bodies.push(JSON.parse(init.body)), bodies.length === 1 ? gone : stream('refusal-uncertain.sse')()), sleep: async () => assert.fail('no wait'), online: () => true };
  const types = [];
  for await (const event of openClient('', around).ask({ message: 'q', mode: 'general', conversation_id: 'x' }, new AbortController().signal)) types.push(event.type);
  assert.deepEqual(bodies.map((body) => body.conversation_id), ['x', undefined]);
  assert.equal(types.at(-1), 'done');
});

test('a stopped question yields nothing more', async () => {
  const controller = new AbortController();
  const around = { fetch: async () => stream('general-answer.sse')(), sleep: async () => {}, online: () => true };
  let count = 0;
  for await (const event of openClient('', around).ask({ message: 'q', mode: 'general' }, controller.signal)) {
    count++;
    if (event.type === 'token') controller.abort();
  }
  assert.equal(count, 3);
});

test('a failure that is told twice, for older pages in a token without number, is shown once', async () => {
  const { lines } = await ask([stream('error-after-tokens.sse')]);
  assert.deepEqual(lines, ['metadata', 'sources', 'text Docent needs nothing but', 'error interrupted']);
});

test('a verdict goes out in the words of the protocol', async () => {
  const sent = [];
  const around = { fetch: async (_, init) => (sent.push(JSON.parse(init.body)), new Response(null, { status: 204 })), sleep: async () => {}, online: () => true };
  const wanted = JSON.parse(golden('feedback.json'));
  assert.equal(await openClient('', around).feedback(wanted, new AbortController().signal), true);
  assert.deepEqual(sent, [wanted]);
});

test('a whole answer needs one request', async () => {
  const { lines, requests } = await ask([stream('general-answer.sse')]);
  assert.equal(requests.length, 1);
  assert.equal(lines.at(-1), 'done');
  assert.notEqual(lines[2], WHOLE);
});
