// The widget in a real mdBook beside the real server. Needs `mdbook` on the PATH or named by MDBOOK
// (`cargo install mdbook@0.5.4 --locked --no-default-features`); without it the tests say so and do nothing.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { after, before, test } from 'node:test';
import { ask, assertAccessible, field, focused, launch, openPage } from './browser.mjs';
import { freePort, skip, startDocent, stopDocent } from './docent.mjs';
import { serveSite } from './site.mjs';

const mdbook = process.env.MDBOOK ?? 'mdbook';
let missing = skip;
try {
  execFileSync(mdbook, ['--version'], { stdio: 'ignore' });
} catch {
  missing ||= 'no mdbook: install it or set MDBOOK';
}

const FILES = {
  'book.toml': '[book]\ntitle = "The Lever Book"\nlanguage = "en"\n[output.html]\nadditional-js = ["docent.js"]\nsite-url = "/guide/"\n',
  'src/SUMMARY.md': '# Summary\n\n- [Levers](levers.md)\n- [Pulleys](pulleys.md)\n',
  'src/levers.md': '# Levers\n\nA lever lifts a heavy stone with a small force when its arm is long enough.\n\n## The fulcrum\n\nThe fulcrum is the point on which a lever turns, and it should be made of hard oak.\n',
  'src/pulleys.md': '# Pulleys\n\nA pulley changes the direction of a rope. Two pulleys halve the force that is needed.\n',
};

let folder;
let site;
let docent;
let browser;
before(async () => {
  if (missing) return;
  folder = mkdtempSync(tmpdir() + '/docent-mdbook-');
  const port = await freePort();
  mkdirSync(folder + '/src');
  for (const [name, text] of Object.entries(FILES)) writeFileSync(`${folder}/${name}`, text);
  // As the manual says under "In mdBook".
  writeFileSync(folder + '/docent.js', `const docent = document.createElement('script');\ndocent.src = 'http://127.0.0.1:${port}/widget.js';\ndocument.head.append(docent);\n`);
  execFileSync(mdbook, ['build', folder], { stdio: 'ignore' });
  site = await serveSite(folder + '/book/', '/guide/');
  docent = await startDocent({ port, site: site.origin, folder, book: folder, base: null });
  browser = await launch();
}, { timeout: 180_000 });
after(async () => {
  await browser?.close();
  site?.stop();
  if (docent) await stopDocent(docent);
  if (folder) rmSync(folder, { recursive: true, force: true });
});

/** A page of the book with the panel open. */
async function check(act, options = {}) {
  const { page, context, complaints } = await openPage(browser, site.origin + '/guide/pulleys.html', options);
  try {
    await page.getByRole('button', { name: 'Ask the book' }).click();
    await field(page).waitFor();
    await act(page);
    // mdBook itself complains of storage or icons in some versions; what comes from us counts.
    assert.deepEqual(complaints.filter((line) => /docent|widget|CSP|foreign/.test(line)), []);
  } finally {
    await context.close();
  }
}

test('mdBook: an answer, and its citation opens the chapter with the panel still there', { skip: missing, timeout: 120_000 }, () => check(async (page) => {
  await ask(page, 'What should the fulcrum be made of?');
  const turn = page.locator('docent-chat .turn').last();
  assert.match(await turn.locator('.prose').textContent(), /hard oak/);
  await assertAccessible(page, 'mdBook, answered');
  await turn.locator('.cite').first().click();
  await page.waitForURL(/\/guide\/levers\.html#the-fulcrum/, { timeout: 60_000 });
  await page.locator('docent-chat .panel .turn').waitFor();
}));

test('mdBook: a selection is asked about', { skip: missing, timeout: 120_000 }, () => check(async (page) => {
  await page.evaluate(() => getSelection().selectAllChildren(document.querySelector('main p')));
  await page.getByRole('button', { name: 'Ask about this' }).click();
  await page.getByText('Only about the selected text').waitFor();
  await ask(page, 'What do two pulleys do?');
  assert.match(await page.locator('docent-chat .turn').last().locator('.prose').textContent(), /halve the force/);
}));

test('mdBook: keys in the panel turn no page, and its dark theme is followed', { skip: missing, timeout: 120_000 }, () => check(async (page) => {
  const before = page.url();
  for (const key of ['s', '/', '?', 'ArrowLeft', 'ArrowRight']) await page.keyboard.press(key);
  await page.keyboard.press('Shift+Tab');
  assert.notEqual(await focused(page), 'BODY');
  await page.keyboard.press('ArrowLeft');
  await page.keyboard.press('ArrowRight');
  assert.equal(page.url(), before);
  const isDark = () => document.querySelector('docent-chat').shadowRoot.querySelector('.root').classList.contains('dark');
  assert.equal(await page.evaluate(isDark), false);
  await page.evaluate(() => document.documentElement.classList.replace([...document.documentElement.classList].find((name) => name === 'light'), 'navy'));
  await page.waitForFunction(isDark);
  await assertAccessible(page, 'mdBook, navy');
}, { colorScheme: 'light' }));
