// Writes the pictures that the quickstart and the manual's page on Spaces show: the terminal while `docent space deploy` and
// `docent doctor` run, and two pages of a Space. To make them anew:
//
//   cargo build -p docent -p doubles && cd web && npm ci && node tests/space-shots.mjs
//
// writes into docs/images; `node tests/space-shots.mjs FOLDER` writes elsewhere. The commands are the real ones; the Hub is the
// double of the tests, and the Space is a server on this machine. In the pictures both have the addresses that they have
// for a reader. Needs Chromium and `script` of util-linux, which gives a command a terminal.

import { execFileSync, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { fileURLToPath } from 'node:url';
import { ask, launch, openPage } from './browser.mjs';
import { binary, freePort, startDocent, stopDocent } from './docent.mjs';
import { small } from './png.mjs';

/** A manual's picture should not cost a reader more. */
const LIMIT = 80_000;
/** A terminal has few colours, and fewer shades of their edges make a smaller file. */
const TERMINAL_COLOURS = 48;
const SPACE = 'reader/rag-chatbot';
const SPACE_URL = 'https://reader-rag-chatbot.hf.space';
const SITE = 'https://my-book.vercel.app';
const repo = fileURLToPath(new URL('../..', import.meta.url));
const folder = process.argv[2] ?? repo + 'docs/images';
mkdirSync(folder, { recursive: true });
const scratch = mkdtempSync(tmpdir() + '/docent-shots-');
const env = { PATH: process.env.PATH, HOME: scratch, TERM: 'xterm-256color', NO_PROXY: '127.0.0.1' };

// The book's site: whatever is asked for is there, with every anchor of the manual.
const sections = execFileSync(binary, ['inspect', 'docs', '--json'], { cwd: repo, env, maxBuffer: 1 << 26 }).toString().trim().split('\n');
const anchors = [...new Set(sections.map((line) => JSON.parse(line).anchor).filter(Boolean))];
const site = createServer((_, response) => {
  response.writeHead(200, { 'content-type': 'text/html; charset=utf-8' }).end(anchors.map((id) => `<h2 id="${id}">Text</h2>`).join(''));
});
await new Promise((resolve) => site.listen(0, '127.0.0.1', resolve));
const siteUrl = `http://127.0.0.1:${site.address().port}`;

const port = await freePort();
const url = `http://127.0.0.1:${port}`;
const server = await startDocent({ port, site: siteUrl, folder: scratch, book: 'docs', base: '', settings: { ALLOWED_ORIGINS: SITE } });
const doubles = spawn(binary.replace(/docent$/, 'doubles'), ['--hub', url], { stdio: ['pipe', 'pipe', 'inherit'] });
const [, hub, token] = await new Promise((resolve) => {
  let said = '';
  doubles.stdout.on('data', (data) => {
    const found = /^hub (\S+) (\S+)$/m.exec((said += data));
    if (found) resolve(found);
  });
});

/** What a command prints on a terminal. A failed check ends it with 1, which is what one picture is about. */
async function printed(words, settings = {}) {
  const command = [binary, ...words].map((word) => `'${word}'`).join(' ');
  const child = spawn('script', ['--quiet', '--return', '--command', command, '/dev/null'], { cwd: repo, env: { ...env, ...settings } });
  let text = '';
  child.stdout.on('data', (data) => (text += data));
  await new Promise((done) => child.once('close', done));
  return text.replaceAll('\r', '').replaceAll(url, SPACE_URL).replaceAll(siteUrl, SITE).trimEnd();
}

const COLOURS = { 32: '#7ee2a8', 33: '#f2cc6b', '1;31': '#ff8f87' };
const escaped = (text) => text.replace(/[&<>]/g, (sign) => `&#${sign.charCodeAt(0)};`);

/** A terminal with commands and what they print, as a page. */
function terminal(title, entries) {
  const body = entries.map(([command, output]) => {
    const shown = escaped(output)
      .replace(/\x1b\[([\d;]+)m([^\x1b]*)\x1b\[0m/g, (_, code, text) => `<b style="color:${COLOURS[code]}">${text}</b>`)
      .replace(/\x1b\[[\d;]*m/g, '');
    return `<i>$</i> <strong>${escaped(command)}</strong>\n${shown}`;
  });
  return `<!doctype html><meta charset="utf-8"><title>${title}</title><style>
    body { margin: 0; width: max-content; min-width: 760px; background: #12181f; color: #cbd5df; }
    header { padding: 9px 16px; background: #1d2630; color: #93a3b3; font: 13px/1.4 system-ui, sans-serif; text-align: center; }
    header::before { content: ''; float: left; width: 11px; height: 11px; margin: 4px 40px 0 0; border-radius: 50%; background: #ff6b62; box-shadow: 18px 0 #f5bf4f, 36px 0 #58c86a; }
    pre { margin: 0; padding: 14px 18px 18px; font: 13px/1.5 'DejaVu Sans Mono', ui-monospace, monospace; }
    i { color: #6fb5ff; font-style: normal } strong { color: #fff; font-weight: 400 } b { font-weight: 700 }
  </style><header>${title}</header><pre>${body.join('\n\n')}</pre>`;
}

const browser = await launch();
async function write(name, page, colours = 256, clip = page) {
  await page.evaluate(() => document.fonts.ready.then(() => new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve)))));
  const png = await small(browser, await clip.screenshot(), colours);
  if (png.length > LIMIT) throw new Error(`${name}.png has ${png.length} bytes, more than ${LIMIT}`);
  writeFileSync(`${folder}/${name}.png`, png);
  console.log(`${name}.png: ${png.length} bytes`);
}
async function writeTerminal(name, title, entries) {
  const context = await browser.newContext({ deviceScaleFactor: 1.25, viewport: { width: 1400, height: 400 } });
  const page = await context.newPage();
  await page.setContent(terminal(title, entries));
  await write(name, page, TERMINAL_COLOURS, page.locator('body'));
  await context.close();
}

const account = { HF_ENDPOINT: hub, HF_TOKEN: token };
const settings = { GEMINI_API_KEY: 'AQ.a-key', ALLOWED_ORIGINS: SITE };
const deploy = ['space', 'deploy', SPACE, '--book', 'docs'];
await writeTerminal('space-deploy', 'from a folder to a Space', [
  ['docent ' + deploy.join(' '), await printed([...deploy, '--poll', '0.2'], { ...account, ...settings })],
]);
const stranger = 'https://www.my-book.example';
await writeTerminal('space-doctor', 'what is wrong, and what to do', [
  [`docent doctor ${SPACE_URL} --origin ${stranger}`, await printed(['doctor', url, '--origin', stranger])],
]);
{
  const { page, context } = await openPage(browser, url, { viewport: { width: 1100, height: 560 } });
  await ask(page, 'How long may a selection be?');
  await write('space-app', page);
  await context.close();
}
{
  const { page, context } = await openPage(browser, url + '/docs', { viewport: { width: 1100, height: 760 } });
  await page.getByText('/api/chat', { exact: true }).first().waitFor();
  await write('space-swagger', page);
  await context.close();
}
await browser.close();
doubles.stdin.end();
await stopDocent(server);
site.close();
rmSync(scratch, { recursive: true, force: true });
