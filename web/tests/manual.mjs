// The manual's own site, built with the plugin, beside `docent serve docs`: it answers questions about Docent, and a
// citation opens the page of the manual at its sentence. Run by `web/test.sh manual` after `npm run build` in website/.

import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { ask, assertAccessible, launch, openPage } from './browser.mjs';
import { freePort, skip, startDocent, stopDocent } from './docent.mjs';
import { serveSite } from './site.mjs';

const built = fileURLToPath(new URL('../../website/build/', import.meta.url));
/** Where the built site asks: the plugin's option, not the same address in the manual's text. */
const SERVER = /("?server"?:")[^"]*/g;
const unready = skip || (existsSync(built) ? false : 'the manual is not built: npm run build in website/');

let folder;
let site;
let docent;
let browser;
before(async () => {
  if (unready) return;
  folder = mkdtempSync(tmpdir() + '/docent-manual-');
  const port = await freePort();
  site = await serveSite(built, '/', (text) => text.replace(SERVER, `$1http://127.0.0.1:${port}`));
  docent = await startDocent({ port, site: site.origin, folder, book: 'docs', base: null });
  browser = await launch();
}, { timeout: 180_000 });
after(async () => {
  await browser?.close();
  site?.stop();
  if (docent) await stopDocent(docent);
  if (folder) rmSync(folder, { recursive: true, force: true });
});

test('the manual answers about itself, and a citation opens its page at the sentence', { skip: unready, timeout: 120_000 }, async () => {
  const { page, context, complaints } = await openPage(browser, site.origin + '/');
  await page.evaluate(() => (window.sameDocument = true));
  await page.getByRole('button', { name: 'Ask the manual' }).click();
  await ask(page, 'Which port does the server listen on?');
  const turn = page.locator('docent-chat .turn').last();
  assert.match(await turn.locator('.prose').textContent(), /7860/);
  await assertAccessible(page, 'the manual, answered');
  const cite = turn.locator('.cite').first();
  const href = new URL(await cite.getAttribute('href'));
  assert.equal(href.origin, site.origin);
  await cite.click();
  await page.waitForFunction(() => CSS.highlights.has('docent'), null, { timeout: 60_000 });
  assert.equal(await page.evaluate(() => location.pathname), href.pathname);
  assert.equal(await page.evaluate(() => window.sameDocument), true);
  assert.equal(await page.locator('docent-chat .panel').isVisible(), true);
  assert.deepEqual(complaints, []);
  await context.close();
});

test('every question that the manual suggests is answered with citations', { skip: unready, timeout: 180_000 }, async () => {
  const { page, context, complaints } = await openPage(browser, site.origin + '/');
  await page.getByRole('button', { name: 'Ask the manual' }).click();
  const questions = await page.locator('docent-chat .welcome .chip').allTextContents();
  assert.ok(questions.length >= 3);
  for (const question of questions) {
    await ask(page, question);
    assert.ok((await page.locator('docent-chat .turn').last().locator('.prose .cite').count()) > 0, question);
    assert.equal(await page.locator('docent-chat .turn').last().getByText(/outside the scope|couldn't find/).count(), 0, question);
  }
  assert.deepEqual(complaints, []);
  await context.close();
});
