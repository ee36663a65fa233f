// Runs the real server for the tests: finds the program, starts it on a small book, stops it cleanly.

import { spawn } from 'node:child_process';
import { existsSync, readFileSync, statSync } from 'node:fs';
import { createServer } from 'node:net';
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const repo = (path) => fileURLToPath(new URL('../../' + path, import.meta.url));
const built = ['release', 'debug'].map((profile) => repo(`target/${profile}/docent`)).filter(existsSync);

/** The program: what DOCENT_BIN names, else the newest build, else nothing. */
export const binary = process.env.DOCENT_BIN ?? built.sort((a, b) => statSync(b).mtimeMs - statSync(a).mtimeMs)[0];

/** Why the tests that need the program cannot run, or false. */
export const skip = binary ? false : 'no docent program: build it or set DOCENT_BIN';

/** A free port: asked for, given back, used at once. */
export async function freePort() {
  const server = createServer();
  await new Promise((done) => server.listen(0, '127.0.0.1', done));
  const { port } = server.address();
  await new Promise((done) => server.close(done));
  return port;
}

/**
 * Serves a book whose pages are at `site`: the plugin's test site, or the folder `book` (of this repository, or absolute) with its
 * `base` and routes as its own files say. Its data lies in `folder`; `settings` are further variables. Resolves when ready.
 */
export async function startDocent({ port, site, folder, book = 'web/docusaurus/tests/site', base = '/manual/', settings = {} }) {
  const child = spawn(binary, ['serve', resolve(repo('.'), book), '--site-url', site, ...(base ? ['--base-url', base, '--route-base-path', '/'] : [])], {
    cwd: folder, stdio: ['ignore', 'ignore', 'pipe'],
    env: { PATH: process.env.PATH, HOME: folder, HOST: '127.0.0.1', PORT: String(port), ALLOWED_ORIGINS: site, DOCENT_DATA_DIR: folder + '/data', ...settings },
  });
  let log = '';
  child.stderr.on('data', (data) => (log += data));
  for (;;) {
    try {
      if ((await fetch(`http://127.0.0.1:${port}/readyz`)).ok) break;
    } catch {
      // Not listening yet.
    }
    if (child.exitCode !== null) throw new Error('docent ended: ' + log);
    await new Promise((done) => setTimeout(done, 100));
  }
  const served = await (await fetch(`http://127.0.0.1:${port}/widget.js`)).text();
  // In whatever language the book is.
  if (!served.startsWith(readFileSync(repo('crates/docent/assets/widget/head.js'), 'utf8'))) {
    child.kill();
    throw new Error(`${binary} is older than crates/docent/assets: build it again`);
  }
  return child;
}

/** Ends the server as an operator does, and waits for it. */
export const stopDocent = (child) => new Promise((done) => {
  child.once('exit', done);
  child.kill('SIGTERM');
});
