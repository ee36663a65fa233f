// The stream reader on the golden transcripts of `protocol/`: the same events over every cut of the bytes, and the
// grammar that the transcripts promise.

import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { load } from './modules.mjs';

const { sseDecoder, readEvent } = await load('transcript');
const folder = fileURLToPath(new URL('../../../protocol/', import.meta.url));
const names = readdirSync(folder).filter((name) => name.endsWith('.sse'));
const bytesOf = (name) => new Uint8Array(readFileSync(folder + name));

function events(chunks) {
  const decode = sseDecoder();
  return [...chunks.flatMap((chunk) => decode(chunk)), ...decode()].map((frame) => ({ id: frame.id, event: readEvent(frame) }));
}

const encode = (text) => new TextEncoder().encode(text);

for (const name of names) {
  test(`${name}: every cut of the bytes gives the same events`, () => {
    const bytes = bytesOf(name);
    const whole = events([bytes]);
    for (let cut = 0; cut <= bytes.length; cut++) assert.deepEqual(events([bytes.subarray(0, cut), bytes.subarray(cut)]), whole, `cut at ${cut}`);
    assert.deepEqual(events([...bytes].map((byte) => Uint8Array.of(byte))), whole);
  });

  test(`${name}: keeps the grammar`, () => {
    const cut = name === 'resume-1-cut.sse';
    const rest = name === 'resume-2-rest.sse';
    // Only the token that tells a failure to older pages has no number.
    const read = events([bytesOf(name)]).filter(({ id, event }) => event && id !== undefined);
    assert.deepEqual(read.map(({ id }) => Number(id)), read.map((_, index) => index + (rest ? 5 : 1)), 'ids count from 1');
    const order = read.map(({ event }) => event.type).join(' ');
    assert.match(order, cut ? /^metadata sources( token)*$/ : rest ? /^token( token)* done$/ : /^metadata sources( token)*( notice)* (done|error)$/);
  });
}

test('a frame cut in the middle is not an event and its id does not count', () => {
  const last = events([bytesOf('resume-1-cut.sse')]).at(-1);
  assert.equal(last.event, null);
});

test('a cut stream and its rest make the whole answer', () => {
  const text = ['resume-1-cut.sse', 'resume-2-rest.sse'].flatMap((name) => events([bytesOf(name)]))
    .map(({ event }) => (event?.type === 'token' ? event.content : '')).join('');
  assert.equal(text, 'Docent needs nothing but a Rust toolchain [1].');
});

test('the streamed text is the text of the JSON answer', () => {
  const text = events([bytesOf('general-answer.sse')]).map(({ event }) => (event?.type === 'token' ? event.content : '')).join('');
  assert.equal(text, JSON.parse(readFileSync(folder + 'general-answer.json', 'utf8')).answer);
});

const CASES = [
  ['CRLF ends a line', 'data: {"type":"token","content":"a"}\r\n\r\n', ['a']],
  ['CR ends a line', 'data: {"type":"token","content":"a"}\r\r', ['a']],
  ['no space after the colon', 'data:{"type":"token","content":"a"}\n\n', ['a']],
  ['data over two lines', 'data: {"type":"token",\ndata: "content":"a"}\n\n', ['a']],
  ['no blank line at the end', 'data: {"type":"token","content":"a"}', ['a']],
  ['a broken frame is skipped', 'data: {"type"\n\ndata: {"type":"token","content":"b"}\n\n', ['b']],
  ['an unknown event is skipped', 'data: {"type":"weather"}\n\ndata: {"type":"token","content":"b"}\n\n', ['b']],
  ['null, numbers and lists are skipped', 'data: null\n\ndata: 7\n\ndata: []\n\n', []],
  ['comments and unknown fields are skipped', ': ping\n\nevent: x\nretry: 5\ndata: {"type":"token","content":"a"}\n\n', ['a']],
  ['all keys of the first service, null when unused', 'data: {"type":"token","content":"a","sources":null,"conversation_id":null}\n\n', ['a']],
];
for (const [name, text, expected] of CASES) {
  test(name, () => {
    const read = (chunks) => events(chunks).flatMap(({ event }) => (event?.type === 'token' ? [event.content] : []));
    const bytes = encode(text);
    for (let cut = 0; cut <= bytes.length; cut++) assert.deepEqual(read([bytes.subarray(0, cut), bytes.subarray(cut)]), expected);
  });
}

test('sources of a wrong shape lose what is wrong', () => {
  const [frame] = sseDecoder()(encode('data: {"type":"sources","sources":[{"n":"1","href":5,"title":"T"},null,"x"]}\n\n'));
  const told = (source) => Object.fromEntries(Object.entries(source).filter(([, value]) => value));
  assert.deepEqual(readEvent(frame).sources.map(told), [{ n: 1, title: 'T' }, { n: 2 }, { n: 3 }]);
});
