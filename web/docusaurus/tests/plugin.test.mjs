// The plugin in a real Docusaurus build, cross-origin to the stand-in: it builds, asks, follows a citation inside the
// site, and costs the site next to nothing.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { gzipSync } from 'node:zlib';
import { ask, assertAccessible, field, launch, openPage } from '../../tests/browser.mjs';
import { freePort, skip, startDocent, stopDocent } from '../../tests/docent.mjs';
import { serveSite } from '../../tests/site.mjs';
import { startStandin } from '../../tests/standin.mjs';

const site = fileURLToPath(new URL('site/', import.meta.url));
const run = promisify(execFile);

/** Builds the site into a folder of its own and returns it. */
async function build(folder, environment) {
  await run('npx', ['docusaurus', 'build', '--out-dir', folder], { cwd: site, env: { ...process.env, DOCUSAURUS_NO_PERSISTENT_CACHE: 'true', REACT_APP_API_BASE_URL: '', ...environment }, maxBuffer: 1e7 });
  return site + folder + '/';
}

/** Serves a built site under `/manual/`. */
const serve = (folder, change) => serveSite(folder, '/manual/', change);

let browser;
let standin;
let web;
let built;
before(async () => {
  standin = await startStandin();
  built = await build('build', { REACT_APP_API_BASE_URL: standin.origin });
  web = await serve(built);
  // The golden answer, with its citations in this site.
  const golden = readFileSync(fileURLToPath(new URL('../../tests/transcripts/general-answer.sse', import.meta.url)), 'utf8');
  standin.state.custom = golden.replaceAll('https://book.example/docs/', web.origin + '/manual/').replaceAll('quick-start.mdx', 'quick-start.md');
  browser = await launch();
}, { timeout: 300_000 });
after(async () => {
  await browser?.close();
  web?.stop();
  await standin.stop();
});

test('a production build without a server fails and says how to set it', { timeout: 120_000 }, async () => {
  await assert.rejects(build('build-fail', {}), (error) => /server is missing/.test(error.stderr + error.stdout) && /REACT_APP_API_BASE_URL=/.test(error.stderr + error.stdout));
});

test('a citation opens the sentence by client-side navigation, and the panel stays', { timeout: 90_000 }, async () => {
  const { page, context, complaints } = await openPage(browser, web.origin + '/manual/');
  await page.evaluate(() => (window.sameDocument = true));
  await page.getByRole('button', { name: 'Ask the book' }).click();
  await page.getByRole('button', { name: 'How do I install Docent?' }).click();
  await page.locator('docent-chat .actions').waitFor();
  await assertAccessible(page, 'on Docusaurus');
  await page.locator('docent-chat .cite').first().click();
  await page.waitForFunction(() => CSS.highlights.has('docent'));
  assert.equal(await page.evaluate(() => location.pathname + location.hash), '/manual/installation#from-source');
  assert.equal(await page.evaluate(() => window.sameDocument), true);
  assert.equal(await page.locator('docent-chat .panel').isVisible(), true);
  assert.equal(await page.evaluate(() => [...CSS.highlights.get('docent')].map((range) => range.toString()).join()), 'Docent needs nothing but a Rust toolchain.');
  const top = await page.evaluate(() => [...CSS.highlights.get('docent')][0].getBoundingClientRect().top);
  assert.ok(top > 60 && top < 800, `the sentence is at ${top}`);
  // A second citation, on another page, and one on the page that is already open.
  await page.locator('docent-chat .cite').nth(1).click();
  await page.waitForFunction(() => location.pathname === '/manual/quick-start');
  await ask(page, 'Again?');
  const request = standin.state.requests.at(-1);
  assert.deepEqual([request.page, request.version, request.locale], [web.origin + '/manual/quick-start', 'current', 'en']);
  await page.locator('docent-chat .turn').last().locator('.cite').nth(1).click();
  await page.waitForFunction(() => CSS.highlights.has('docent'));
  assert.deepEqual(complaints, []);
  await context.close();
});

test('on a wide screen the panel stands beside the text and not on it', { timeout: 60_000 }, async () => {
  const { page, context, complaints } = await openPage(browser, web.origin + '/manual/installation', { viewport: { width: 1500, height: 800 } });
  await page.getByRole('button', { name: 'Ask the book' }).click();
  const left = await page.locator('docent-chat .panel').evaluate((panel) => panel.getBoundingClientRect().left);
  const right = await page.locator('article').evaluate((article) => article.getBoundingClientRect().right);
  assert.ok(right <= left, `the article ends at ${right}, the panel begins at ${left}`);
  await page.keyboard.press('Escape');
  assert.equal(await page.evaluate(() => getComputedStyle(document.body).paddingRight), '0px');
  assert.deepEqual(complaints, []);
  await context.close();
});

test('the widget follows the site\'s switch to dark', { timeout: 60_000 }, async () => {
  const { page, context } = await openPage(browser, web.origin + '/manual/', { colorScheme: 'dark' });
  await page.getByRole('button', { name: 'Ask the book' }).click();
  assert.equal(await page.locator('docent-chat .root.dark').count(), 1);
  await ask(page, 'How do I install Docent?');
  await assertAccessible(page, 'dark Docusaurus');
  await context.close();
});

test('the page does not move, and nothing but the lazy chunk is asked for before the reader asks', { timeout: 60_000 }, async () => {
  standin.state.requests.length = 0;
  const seen = [];
  const { page, context } = await openPage(browser, 'about:blank', { init: () => {
    window.shift = 0;
    new PerformanceObserver((list) => {
      for (const entry of list.getEntries()) window.shift += entry.value;
    }).observe({ type: 'layout-shift', buffered: true });
  } });
  page.on('request', (request) => seen.push(request.url()));
  await page.goto(web.origin + '/manual/');
  await page.locator('docent-chat .launcher').waitFor();
  assert.equal(await page.evaluate(() => window.shift), 0);
  assert.deepEqual(seen.filter((url) => url.startsWith(standin.origin)), []);
  await context.close();
});

test('pages are rendered without the widget, and hold its address only in the bundle', () => {
  const pages = readdirSync(built, { recursive: true }).filter((name) => name.endsWith('.html'));
  assert.ok(pages.length >= 3);
  for (const page of pages) assert.doesNotMatch(readFileSync(built + page, 'utf8'), /docent-chat/);
});

/** Bytes of a build's main bundle, as gzip. */
const main = (folder) => gzipSync(readFileSync(folder + 'assets/js/' + readdirSync(folder + 'assets/js').find((name) => name.startsWith('main.'))), { level: 9 }).length;

test('the main bundle grows by at most 1 KB', { timeout: 120_000 }, async (t) => {
  const plain = await build('build-plain', { PLAIN: '1' });
  t.diagnostic(`main bundle: ${main(plain)} without, ${main(built)} with the plugin (gzip)`);
  assert.ok(main(built) - main(plain) <= 1024);
});

test('a German site has German words without asking for them', { timeout: 240_000 }, async (t) => {
  const folder = await build('build-de', { SITE_LOCALE: 'de', REACT_APP_API_BASE_URL: standin.origin });
  const plain = await build('build-plain-de', { PLAIN: '1', SITE_LOCALE: 'de' });
  t.diagnostic(`main bundle in German: ${main(plain)} without, ${main(folder)} with the plugin (gzip)`);
  assert.ok(main(folder) - main(plain) <= 1024);
  const scripts = readdirSync(folder + 'assets/js').map((name) => readFileSync(folder + 'assets/js/' + name, 'utf8'));
  assert.equal(scripts.filter((script) => script.includes('Frag das Buch')).length, 1, 'its words are in one chunk');
  assert.ok(!scripts.some((script) => script.includes('Ask the book')), 'and no English ones are sent');
  const german = await serve(folder);
  const { page, context, complaints } = await openPage(browser, german.origin + '/manual/');
  await page.getByRole('button', { name: 'Frag das Buch' }).click();
  await field(page).waitFor();
  assert.equal(await field(page).getAttribute('placeholder'), 'Stell eine Frage…');
  assert.deepEqual(complaints, []);
  await context.close();
  german.stop();
});

test('the built site asks the real server, and its citation lands on the sentence', { skip, timeout: 120_000 }, async () => {
  const port = await freePort();
  const folder = mkdtempSync(tmpdir() + '/docent-site-');
  // The same build, with the address that a build for this server would have.
  const live = await serve(built, (text) => text.replaceAll(standin.origin, `http://127.0.0.1:${port}`));
  const docent = await startDocent({ port, site: live.origin, folder });
  const { page, context, complaints } = await openPage(browser, live.origin + '/manual/');
  try {
    await page.evaluate(() => (window.sameDocument = true));
    await page.getByRole('button', { name: 'Ask the book' }).click();
    await page.getByRole('button', { name: 'How do I install Docent?' }).click();
    await page.locator('docent-chat .actions').waitFor();
    assert.match(await page.locator('docent-chat .prose').textContent(), /Docent needs nothing but a Rust toolchain\./);
    await page.locator('docent-chat .cite[href*=installation]').first().click();
    await page.waitForFunction(() => CSS.highlights.has('docent'));
    assert.equal(await page.evaluate(() => location.pathname + location.hash), '/manual/installation#from-source');
    assert.match(await page.evaluate(() => [...CSS.highlights.get('docent')].map((range) => range.toString()).join()), /^Docent needs nothing but a Rust toolchain\./);
    assert.equal(await page.evaluate(() => window.sameDocument), true);
    assert.equal(await page.locator('docent-chat .panel').isVisible(), true);
    assert.deepEqual(complaints, []);
  } finally {
    await context.close();
    live.stop();
    await stopDocent(docent);
    rmSync(folder, { recursive: true, force: true });
  }
});
