// A small server that plays Docent on loopback for the browser tests: it serves the real assets, plays the
// transcripts beside it, and misbehaves on demand. What a question gets is decided by its words. The transcripts keep to
// the grammar of `protocol/`; they are our own so that the tests may count on their words.

import { createServer } from 'node:http';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const repo = (path) => fileURLToPath(new URL('../../' + path, import.meta.url));
const golden = (name) => readFileSync(repo('web/tests/transcripts/' + name), 'utf8');
const CSP = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors *; require-trusted-types-for 'script'; trusted-types 'none'";
const TYPES = { html: 'text/html; charset=utf-8', css: 'text/css', js: 'text/javascript', json: 'application/json' };

/** Which transcript answers a question. */
const SCRIPTS = [
  [/weather/i, 'refusal-out-of-scope.sse'], [/two ports/i, 'refusal-uncertain.sse'], [/resting/i, 'degraded.sse'],
  [/invent/i, 'unsupported.sse'],
  [/break/i, 'error-after-tokens.sse'], [/größe|size/i, 'multi-byte.sse'], [/.*/, 'general-answer.sse'],
];

/**
 * Starts the stand-in on a free port. `state` is live: a test sets `faults` (names used up one per request: `html`,
 * `starting`, `busy`, `invalid`), `pace` (ms between frames), `origins` (allowed cross-site origins), `custom`
 * (text → stream), `wordless` (answers a request for a language's words), and reads `requests`, `feedback`, `closed`, `words`,
 * `scripts`.
 */
export async function startStandin({ prefix = '', pages = {}, title = 'The Docent Manual' } = {}) {
  const state = { faults: [], pace: 4, requests: [], feedback: [], closed: 0, resumed: [], cuts: 0, custom: null, conversation: null, words: [], scripts: [], wordless: null };

  const server = createServer(async (request, response) => {
    const url = new URL(request.url, 'http://x');
    if (!url.pathname.startsWith(prefix)) return void response.writeHead(404).end();
    const path = url.pathname.slice(prefix.length) || '/';
    const cors = request.headers.origin ? { 'access-control-allow-origin': request.headers.origin, vary: 'Origin' } : {};
    if (request.method === 'OPTIONS') {
      return void response.writeHead(204, { ...cors, 'access-control-allow-methods': 'GET, POST, DELETE', 'access-control-allow-headers': 'content-type, last-event-id', 'access-control-max-age': '600' }).end();
    }
    const send = (status, type, body, headers = {}) => void response.writeHead(status, { 'content-type': type, ...cors, ...headers }).end(body);
    const problem = (name, headers) => {
      const body = golden(name);
      send(JSON.parse(body).status, 'application/problem+json', body, headers);
    };
    const play = async (text, pace = state.pace) => {
      response.writeHead(200, { 'content-type': 'text/event-stream; charset=utf-8', 'cache-control': 'no-cache, no-transform', ...cors });
      let open = true;
      response.on('close', () => {
        if (!response.writableEnded) state.closed++;
        open = false;
      });
      for (const frame of text.split(/(?<=\n\n)/)) {
        if (!open) return;
        response.write(frame);
        await new Promise((resolve) => setTimeout(resolve, pace));
      }
      response.end();
    };

    if (path === '/api/chat' && request.method === 'POST') {
      let body = '';
      for await (const chunk of request) body += chunk;
      const question = JSON.parse(body);
      state.requests.push(question);
      switch (state.faults.shift()) {
        case 'html': return send(503, 'text/html', '<!doctype html><title>Your space is waking up</title>');
        case 'html200': return send(200, 'text/html', '<!doctype html><title>Preparing</title>');
        case 'starting': return problem('problem-starting.json', { 'retry-after': '1' });
        case 'busy': return problem('problem-busy.json', { 'retry-after': '1' });
        case 'invalid': return problem('problem-validation.json');
        case 'refuse': return void request.socket.destroy();
        case 'cut': {
          response.writeHead(200, { 'content-type': 'text/event-stream', ...cors });
          response.write(golden('resume-1-cut.sse'));
          return void setTimeout(() => request.socket.destroy(), 30);
        }
      }
      if (state.custom) return play(state.custom);
      return play(golden(question.mode === 'selection' ? 'selection.sse' : SCRIPTS.find(([pattern]) => pattern.test(question.message))[1]));
    }
    const resume = /^\/api\/chat\/([^/]+)\/events$/.exec(path);
    if (resume) {
      state.resumed.push({ message: resume[1], lastEventId: request.headers['last-event-id'] });
      return play(golden('resume-2-rest.sse'));
    }
    if (path.startsWith('/api/conversation/')) {
      if (!state.conversation) return send(404, 'application/problem+json', '{"code":"not_found"}');
      return send(200, 'application/json', state.conversation);
    }
    if (path === '/api/feedback' && request.method === 'POST') {
      let body = '';
      for await (const chunk of request) body += chunk;
      state.feedback.push(JSON.parse(body));
      return void response.writeHead(204, cors).end();
    }
    if (path === '/favicon.ico') return void response.writeHead(204).end();
    const page = pages[path];
    if (page) return send(200, page.type ?? TYPES.html, page.body, page.headers);
    const file = { '/': 'chat/index.html', '/chat.css': 'chat/chat.css', '/chat.js': 'chat/chat.js', '/widget.js': 'widget/head.js' }[path] ?? /^\/(widget\.[a-z]+\.json)$/.exec(path)?.[1];
    if (file?.endsWith('.json')) {
      state.words.push(path + url.search);
      if (state.wordless) return state.wordless(response);
    }
    if (!file) return send(404, 'text/plain', 'no such page');
    // The script is in two parts; its second is a language's.
    const language = /^(ar|de|es|fr|ja|ur|zh)$/.exec(url.searchParams.get('lang'))?.[1] ?? 'en';
    const files = path === '/widget.js' ? [file, `widget/${language}.js`] : [file];
    if (path === '/widget.js') state.scripts.push(url.search);
    const body = files.map((name) => readFileSync(repo('crates/docent/assets/' + name), 'utf8')).join('').replaceAll('{{BOOK_TITLE}}', title).replace('{{TOPICS}}', '[&quot;Installation&quot;,&quot;What does a citation show?&quot;,&quot;Serving an mdBook&quot;]');
    send(200, TYPES[file.split('.').pop()], body, { 'content-security-policy': CSP });
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  const origin = `http://127.0.0.1:${server.address().port}`;
  return { state, origin, url: origin + prefix + '/', stop: () => new Promise((resolve) => (server.closeAllConnections(), server.close(resolve))) };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) console.log((await startStandin()).url);
