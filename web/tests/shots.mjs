// Writes a picture of each state for people to look at: `node tests/shots.mjs [FOLDER] [NAME]`, by default into
// target/screenshots; `test.sh` runs it. `node tests/shots.mjs manual` writes those that the manual shows into docs/images.
// On the small Docusaurus site when it has been built (`bash test.sh` builds it), else on a plain page.

import { createServer } from 'node:http';
import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { ask, field, launch, openPage } from './browser.mjs';
import { hosts } from './hosts.mjs';
import { small } from './png.mjs';
import { startStandin } from './standin.mjs';

/** The pictures in the manual. */
const MANUAL = ['page-answer-wide-light', 'page-answer-phone-dark', 'site-citation', 'site-selection'];

const [given, only = ''] = process.argv.slice(2);
const manual = given === 'manual';
const folder = manual ? fileURLToPath(new URL('../../docs/images', import.meta.url)) : given ?? fileURLToPath(new URL('../../target/screenshots', import.meta.url));
mkdirSync(folder, { recursive: true });
const built = fileURLToPath(new URL('../docusaurus/tests/site/build/', import.meta.url));
const TYPES = { html: 'text/html; charset=utf-8', js: 'text/javascript', css: 'text/css' };

const standin = await startStandin({ pages: hosts() });
const site = createServer((request, response) => {
  let path = built + new URL(request.url, 'http://x').pathname.replace('/manual/', '');
  if (existsSync(path) && statSync(path).isDirectory()) path += '/index.html';
  if (!existsSync(path)) return void response.writeHead(404).end();
  let body = readFileSync(path);
  // The built site knows the address of the test that built it; here it is this stand-in.
  if (path.endsWith('.js')) body = body.toString().replace(/server:"http:\/\/127\.0\.0\.1:\d+"|"server":"http:\/\/127\.0\.0\.1:\d+"/g, (match) => match.replace(/http[^"]*/, standin.origin));
  response.writeHead(200, { 'content-type': TYPES[path.split('.').pop()] ?? 'application/octet-stream' }).end(body);
});
await new Promise((resolve) => site.listen(0, '127.0.0.1', resolve));
const book = existsSync(built) ? `http://127.0.0.1:${site.address().port}/manual/` : standin.origin + '/plain';

const browser = await launch();
let written = 0;
const WIDE = { width: 1280, height: 800 };
const PHONE = { width: 360, height: 740 };

async function shot(name, url, options, act) {
  if (manual ? !MANUAL.includes(name) : !name.includes(only)) return;
  Object.assign(standin.state, { faults: [], pace: 2, conversation: null, ...options.server });
  const { server, lang, ...rest } = options;
  const { page, context } = await openPage(browser, url, { viewport: WIDE, ...rest });
  await page.locator('docent-chat').waitFor({ state: 'attached' });
  if (lang) {
    await page.locator('docent-chat').evaluate((chat, value) => {
      // The built site brings its own words; a page in another language has others.
      chat.texts = {};
      chat.lang = value;
    }, lang);
    await page.waitForFunction((value) => document.querySelector('docent-chat').shadowRoot.querySelector('.root')?.lang === value, lang);
  }
  await act?.(page);
  await page.evaluate(() => document.fonts.ready.then(() => new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve)))));
  const png = await page.screenshot();
  writeFileSync(`${folder}/${name}.png`, manual ? await small(browser, png, 256) : png);
  written++;
  await context.close();
}

const QUESTION = 'How do I install Docent?';
const opened = async (page) => {
  await page.locator('docent-chat').evaluate((chat) => chat.show());
  await field(page).waitFor();
};
const answered = async (page) => {
  await opened(page);
  await ask(page, QUESTION);
};
const select = (page) => page.evaluate(() => {
  const range = document.createRange();
  range.selectNodeContents([...document.querySelectorAll('article p')].find((p) => p.textContent.includes('kill')));
  getSelection().removeAllRanges();
  getSelection().addRange(range);
});

for (const [look, options] of [['light', {}], ['dark', { colorScheme: 'dark' }]]) {
  for (const [size, viewport] of [['wide', WIDE], ['phone', PHONE]]) {
    await shot(`page-empty-${size}-${look}`, standin.url, { viewport, ...options });
    await shot(`page-answer-${size}-${look}`, standin.url, { viewport, ...options }, (page) => ask(page, QUESTION));
    await shot(`site-closed-${size}-${look}`, book, { viewport, ...options });
    await shot(`site-empty-${size}-${look}`, book, { viewport, ...options }, opened);
    await shot(`site-answer-${size}-${look}`, book, { viewport, ...options }, answered);
  }
}
await shot('site-citation', book, {}, async (page) => {
  await answered(page);
  await page.locator('docent-chat .cite').first().focus();
});
await shot('site-selection-button', book, {}, async (page) => {
  await select(page);
  await page.locator('docent-chat .picker').waitFor();
});
await shot('site-selection', book, {}, async (page) => {
  await select(page);
  await page.locator('docent-chat .picker').click();
  await ask(page, 'What does this mean?');
});
await shot('site-waiting', book, { server: { faults: ['html', 'html', 'html'] } }, async (page) => {
  await opened(page);
  await field(page).fill(QUESTION);
  await field(page).press('Enter');
  await page.locator('docent-chat .wait').waitFor();
});
await shot('site-error', book, {}, async (page) => {
  await opened(page);
  await ask(page, 'Will it break?');
});
await shot('site-feedback', book, {}, async (page) => {
  await answered(page);
  await page.getByRole('button', { name: 'Bad answer' }).click();
});
for (const lang of ['ar', 'ur', 'de', 'ja', 'zh', 'fr', 'es']) {
  await shot(`page-${lang}-phone`, standin.url, { lang, viewport: PHONE }, async (page) => {
    if (lang === 'ar' || lang === 'ja') await ask(page, 'What about Größe?');
  });
}
await shot('site-ar', book, { lang: 'ar' }, answered);
await browser.close();
site.close();
await standin.stop();
console.log(`${written} screenshots in ${folder}`);
