// The widget in real Chromium, on host pages and as the hosted page, against the stand-in.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { ask, assertAccessible, field, focused, launch, openPage } from './browser.mjs';
import { hosts } from './hosts.mjs';
import { startStandin } from './standin.mjs';

let browser;
let standin;
before(async () => {
  browser = await launch();
  standin = await startStandin({ pages: hosts() });
});
after(async () => {
  await browser.close();
  await standin.stop();
});

/** One page a test: opened, used, checked for complaints, closed. */
function check(name, path, options, act) {
  test(name, { timeout: 60_000 }, async (t) => {
    Object.assign(standin.state, { faults: [], pace: 4, requests: [], feedback: [], closed: 0, resumed: [], custom: null, conversation: null, words: [], scripts: [], wordless: null, ...options.server });
    const { server, errors, ...rest } = options;
    const { page, context, complaints } = await openPage(browser, standin.origin + path, { ...rest, expectErrors: errors });
    try {
      await act(page, t, context);
      assert.deepEqual(complaints, []);
    } finally {
      await context.close();
    }
  });
}

const open = async (page) => {
  await page.getByRole('button', { name: 'Ask the book' }).click();
  await page.locator('docent-chat .panel').waitFor();
};
const turn = (page) => page.locator('docent-chat .turn').last();

check('an answer streams with its citations, code, table and follow-ups', '/', {}, async (page) => {
  await page.getByRole('heading', { name: 'Ask The Docent Manual' }).waitFor();
  await ask(page, 'How do I install Docent?');
  assert.equal(await turn(page).locator('.cite').count(), 2);
  const cite = turn(page).locator('.cite').first();
  assert.match(await cite.getAttribute('href'), /^https:\/\/book\.example\/docs\/installation#from-source:~:text=Docent%20needs/);
  assert.equal(await cite.getAttribute('aria-label'), '1: Installation');
  assert.equal(await turn(page).locator('pre code .co').textContent(), '# builds the index, then serves');
  assert.equal(await turn(page).locator('td').count(), 6);
  assert.deepEqual(await turn(page).locator('.next .chip').allTextContents(), ['How do I change the port?', 'Can I serve an mdBook?']);
  assert.deepEqual(await turn(page).locator('.sources a').allTextContents(), ['1Installation · From source', '2Quick start · Serve a book']);
  assert.equal(await page.locator('docent-chat .unseen[role=status]').textContent().then((text) => text.startsWith('Answer: Docent needs nothing')), true);
});

check('on a page of its own the chat fills the window, and the field stays at its foot', '/', { viewport: { width: 360, height: 740 } }, async (page) => {
  const foot = () => page.locator('docent-chat footer').evaluate((element) => Math.round(innerHeight - element.getBoundingClientRect().bottom));
  assert.equal(await foot(), 0);
  await ask(page, 'How do I install Docent?');
  assert.equal(await foot(), 0);
});

check('the log does not chatter while it grows', '/', { server: { pace: 20 } }, async (page) => {
  assert.equal(await page.getByRole('log').getAttribute('aria-live'), 'off');
  await page.evaluate(() => {
    window.said = [];
    new MutationObserver(() => window.said.push(1)).observe(document.querySelector('docent-chat').shadowRoot.querySelector('.unseen[role=status]'), { childList: true, characterData: true, subtree: true });
  });
  await ask(page, 'How do I install Docent?');
  assert.equal(await page.evaluate(() => window.said.length), 1);
});

check('a citation shows its sentence on focus, and Escape hides it', '/', {}, async (page) => {
  await ask(page, 'How do I install Docent?');
  await turn(page).locator('.cite').first().focus();
  const card = page.getByRole('tooltip');
  assert.match(await card.textContent(), /Docent needs nothing but a Rust toolchain\./);
  await assertAccessible(page, 'preview');
  await page.keyboard.press('Escape');
  assert.equal(await card.isVisible(), false);
  assert.equal(await focused(page), '1: Installation');
  await turn(page).locator('.cite').nth(1).hover();
  assert.match(await card.textContent(), /port 7860/);
});

check('a follow-up goes into the same conversation, and only the newest turn offers more', '/', {}, async (page) => {
  await ask(page, 'How do I install Docent?');
  await turn(page).getByRole('button', { name: 'How do I change the port?' }).click();
  await page.locator('docent-chat .turn').nth(1).locator('.actions').waitFor();
  assert.equal(standin.state.requests[1].conversation_id, '7d9f3c1e-52aa-4b0e-9a41-0f6de2c8b713');
  assert.equal(await page.locator('docent-chat .next:visible').count(), 1);
  assert.equal(await page.locator('docent-chat .again:visible').count(), 1);
});

check('a waking Space is waited for and said so', '/', { server: { faults: ['html', 'html200', 'starting'] }, errors: true }, async (page) => {
  await field(page).fill('How do I install Docent?');
  await field(page).press('Enter');
  await page.getByText('The assistant is waking up').waitFor();
  await assertAccessible(page, 'waiting');
  await turn(page).locator('.actions').waitFor();
  assert.equal(standin.state.requests.length, 4);
});

check('an offline reader is told, and the question goes out later', '/', { errors: true }, async (page, _, context) => {
  await context.setOffline(true);
  await field(page).fill('How do I install Docent?');
  await field(page).press('Enter');
  await page.getByText('You are offline').waitFor();
  await assertAccessible(page, 'offline');
  await context.setOffline(false);
  await turn(page).locator('.actions').waitFor();
  assert.equal(standin.state.requests.length, 1);
});

check('a cut stream is taken up after the last event', '/', { server: { faults: ['cut'] }, errors: true }, async (page) => {
  await ask(page, 'How do I install Docent?');
  assert.match(await turn(page).locator('.prose').innerText(), /^Docent needs nothing but a Rust toolchain\s1\.$/);
  assert.deepEqual(standin.state.resumed, [{ message: 'c0ffee00-0000-4000-8000-000000000008', lastEventId: '4' }]);
});

check('an answer that breaks off keeps its text and offers a retry', '/', {}, async (page) => {
  await ask(page, 'Will it break?');
  assert.match(await turn(page).locator('.prose').textContent(), /Docent needs nothing but/);
  await page.getByText('The answer broke off. Please try again.').waitFor();
  await assertAccessible(page, 'error');
  await page.getByRole('button', { name: 'Try again' }).click();
  await page.waitForFunction(() => document.querySelector('docent-chat').shadowRoot.querySelectorAll('.again').length === 1);
  await turn(page).locator('.again').waitFor();
  assert.equal(standin.state.requests.length, 2);
  assert.equal(await page.locator('docent-chat .turn').count(), 1);
});

check('stop ends the request, keeps the text, and the field never loses the focus', '/', { server: { pace: 150 } }, async (page) => {
  await field(page).fill('How do I install Docent?');
  await field(page).press('Enter');
  await turn(page).locator('.prose').getByText('Docent').waitFor();
  await assertAccessible(page, 'streaming');
  assert.equal(await focused(page), 'Ask a question…');
  await page.getByRole('button', { name: 'Stop' }).click();
  await page.getByText('Stopped.').waitFor();
  await assertAccessible(page, 'stopped');
  for (let tries = 0; tries < 50 && !standin.state.closed; tries++) await new Promise((resolve) => setTimeout(resolve, 20));
  assert.equal(standin.state.closed, 1);
});

check('the conversation of this tab comes back after a reload, a stopped answer as stopped', '/', {}, async (page) => {
  await ask(page, 'How do I install Docent?');
  standin.state.conversation = readFileSync(fileURLToPath(new URL('transcripts/conversation.json', import.meta.url)), 'utf8');
  await page.reload();
  await page.locator('docent-chat .turn').nth(1).waitFor();
  assert.equal(await page.locator('docent-chat .turn').first().locator('.cite').count(), 2);
  await page.getByText('Stopped.').waitFor();
  await ask(page, 'And the port?');
  assert.equal(standin.state.requests.at(-1).conversation_id, '7d9f3c1e-52aa-4b0e-9a41-0f6de2c8b713');
});

check('a conversation of an earlier visit is offered, not forced', '/', { errors: true }, async (page) => {
  await ask(page, 'How do I install Docent?');
  standin.state.conversation = readFileSync(fileURLToPath(new URL('transcripts/conversation.json', import.meta.url)), 'utf8');
  await page.evaluate(() => sessionStorage.clear());
  await page.reload();
  const resume = page.getByRole('button', { name: 'Continue the last conversation' });
  await resume.waitFor();
  await assertAccessible(page, 'an earlier conversation is offered');
  assert.equal(await page.locator('docent-chat .turn').count(), 0);
  await resume.click();
  await page.locator('docent-chat .turn').nth(1).waitFor();
  await page.getByRole('button', { name: 'New conversation' }).click();
  assert.equal(await page.locator('docent-chat .turn').count(), 0);
  await ask(page, 'Fresh?');
  assert.equal(standin.state.requests.at(-1).conversation_id, undefined);
});

check('thumbs down asks why and sends it', '/', {}, async (page) => {
  await ask(page, 'How do I install Docent?');
  await page.getByRole('button', { name: 'Bad answer' }).click();
  await assertAccessible(page, 'feedback');
  await page.getByRole('button', { name: 'Incomplete' }).click();
  await page.getByRole('textbox', { name: 'Anything to add?' }).fill('The Windows part is missing.');
  await page.locator('docent-chat .why').getByRole('button', { name: 'Send' }).click();
  await page.getByText('Thank you.').waitFor();
  assert.deepEqual(standin.state.feedback[0], { message_id: 'c0ffee00-0000-4000-8000-000000000001', helpful: false, reason: 'incomplete', note: 'The Windows part is missing.' });
  assert.equal(await focused(page), 'Bad answer');
});

check('?ask= asks once and leaves the address', '/?ask=How%20do%20I%20install%20Docent%3F&x=1', {}, async (page) => {
  await turn(page).locator('.actions').waitFor();
  assert.equal(standin.state.requests[0].message, 'How do I install Docent?');
  assert.equal(new URL(page.url()).search, '?x=1');
});

check('a degraded answer says so', '/', {}, async (page) => {
  await ask(page, 'Is the model resting?');
  await page.getByText('these are passages from the book').waitFor();
  await assertAccessible(page, 'degraded');
});

check('an answer names what no passage supports, below the text that was shown', '/', {}, async (page) => {
  await ask(page, 'Who invented Docent?');
  await page.getByText('not found in the passages: “It was written by Ada Lovelace in 1843”').waitFor();
  assert.match(await turn(page).locator('.prose').textContent(), /written by Ada Lovelace/);
  await assertAccessible(page, 'unsupported');
});

check('a refusal is plain, and shows the nearest pages when there are any', '/', {}, async (page) => {
  await ask(page, 'What is the weather?');
  assert.match(await turn(page).locator('.prose').textContent(), /outside the scope of this book/);
  assert.equal(await turn(page).locator('.sources a').count(), 0);
  await ask(page, 'How do I listen on two ports?');
  await assertAccessible(page, 'refused');
  assert.equal(await turn(page).locator('.sources a').count(), 1);
});

check('text in many scripts survives', '/', {}, async (page) => {
  await ask(page, 'What about Größe?');
  assert.match(await turn(page).locator('.prose').textContent(), /Größe, naïve café, Ελληνικά, 日本語の本, العربية, اردو, हिन्दी, 👩🏽‍🚀🇩🇪/);
});

const HOSTILE = ['<img src=x onerror="window.hit=1">', '[x](javascript:window.hit=1)', '![i](https://evil.example/p.png)', '[phish](https://evil.example/)', '<https://evil.example/a>']
  .map((content, index) => `id: ${index + 3}\ndata: ${JSON.stringify({ type: 'token', content: content + '\n\n' })}\n\n`).join('');
check('hostile model output stays text: no script, no image, no foreign link', '/', {}, async (page) => {
  standin.state.custom = `id: 1\ndata: {"type":"metadata","conversation_id":"7d9f3c1e-52aa-4b0e-9a41-0f6de2c8b713","message_id":"m"}\n\nid: 2\ndata: {"type":"sources","sources":[{"n":1,"title":"T","href":"javascript:window.hit=1","quote":"<b>x</b>"}]}\n\n${HOSTILE}id: 9\ndata: {"type":"token","content":"[1]"}\n\nid: 10\ndata: {"type":"done","sources":[],"outcome":"answered"}\n\n`;
  await ask(page, 'x');
  assert.equal(await turn(page).locator('.prose a, .prose img, .prose script').count(), 0);
  assert.equal(await turn(page).locator('.prose .cite').count(), 1);
  assert.equal(await page.evaluate(() => window.hit), undefined);
});

check('the button opens the panel, Escape closes it, and the focus goes back', '/plain', {}, async (page) => {
  await assertAccessible(page, 'closed');
  await page.locator('#opener').focus();
  await page.keyboard.press('Control+i');
  assert.equal(await focused(page), 'Ask a question…');
  await assertAccessible(page, 'empty');
  await page.keyboard.press('Escape');
  assert.equal(await focused(page), 'opener');
  await open(page);
  await page.getByRole('button', { name: 'Close' }).click();
  assert.equal(await focused(page), 'Ask the book');
});

check('the whole journey works by keyboard', '/plain', {}, async (page) => {
  await page.keyboard.press('Control+i');
  await page.keyboard.type('How do I install Docent?');
  await page.keyboard.press('Enter');
  await turn(page).locator('.actions').waitFor();
  const stops = [];
  for (let tries = 0; tries < 40 && stops.at(-1) !== 'Close'; tries++) {
    await page.keyboard.press('Shift+Tab');
    stops.push(await focused(page));
  }
  for (const stop of ['Can I serve an mdBook?', 'Bad answer', 'Good answer', 'Try again', 'Copy', '2Quick start · Serve a book', '2: Quick start', '1: Installation', 'Close']) {
    assert.ok(stops.includes(stop), `${stop} is not among ${stops.join(' | ')}`);
  }
  await page.keyboard.press('Enter');
  assert.equal(await page.locator('docent-chat .panel').isVisible(), false);
});

const TYPED = ['/', 's', 'ArrowRight', 'ArrowLeft', 'k', '?', 'Enter', 'Backspace'];
async function typeInPanel(page) {
  await page.keyboard.press('Control+i');
  await page.evaluate(() => (window.keys.length = 0));
  for (const key of TYPED) await page.keyboard.press(key);
  await page.keyboard.press('Tab');
  await page.keyboard.press('ArrowRight');
  return page.evaluate(() => window.keys.length);
}

for (const path of ['/plain', '/mdbook']) {
  check(`keys typed in the panel never reach the page (${path})`, path, {}, async (page) => {
    assert.equal(await typeInPanel(page), 0);
  });
}

test('negative control: without the line, the keys reach the page', async () => {
  const source = readFileSync(fileURLToPath(new URL('../widget/dist/widget.js', import.meta.url)), 'utf8');
  const leaky = await startStandin({ pages: { ...hosts('/leaky.js'), '/leaky.js': { body: source.replaceAll('.stopPropagation()', '.composedPath()'), type: 'text/javascript' } } });
  const { page, context } = await openPage(browser, leaky.origin + '/plain');
  assert.ok((await typeInPanel(page)) >= TYPED.length);
  await context.close();
  await leaky.stop();
});

const selectText = (page, selector) => page.evaluate((target) => {
  const range = document.createRange();
  range.selectNodeContents(document.querySelector(target));
  getSelection().removeAllRanges();
  getSelection().addRange(range);
}, selector);

check('a selection is offered, asked about, kept, replaced and left', '/plain', {}, async (page) => {
  await selectText(page, '#first');
  const button = page.getByRole('button', { name: 'Ask about this' });
  await button.waitFor();
  await assertAccessible(page, 'selection button');
  await button.click();
  await page.getByText('Only about the selected text').waitFor();
  await assertAccessible(page, 'selection');
  await ask(page, 'What does this mean?');
  const request = standin.state.requests[0];
  assert.equal(request.mode, 'selection');
  assert.match(request.context, /^A kill at any moment loses nothing/);
  assert.equal(await page.locator('docent-chat .badge').isVisible(), true);
  await page.keyboard.press('Escape');
  assert.equal(await page.locator('docent-chat .badge').isVisible(), false);
  await ask(page, 'And in general?');
  assert.equal(standin.state.requests[1].mode, 'general');
});

check('a new selection replaces the old one', '/plain', {}, async (page) => {
  await selectText(page, '#first');
  await page.getByRole('button', { name: 'Ask about this' }).click();
  await page.evaluate(() => (document.querySelector('#second').textContent = 'Another sentence that is long enough.'));
  await selectText(page, '#second');
  await page.getByRole('button', { name: 'Ask about this' }).click();
  assert.match(await page.locator('docent-chat .badge').textContent(), /Another sentence/);
});

check('a selection works by touch', '/plain', { hasTouch: true, viewport: { width: 360, height: 740 } }, async (page) => {
  await selectText(page, '#first');
  const button = page.getByRole('button', { name: 'Ask about this' });
  await button.waitFor();
  const box = await button.boundingBox();
  assert.ok(box.x >= 0 && box.x + box.width <= 360, `the button is at ${box.x}`);
  assert.ok(box.height >= 24);
  await button.tap();
  await page.getByText('Only about the selected text').waitFor();
});

check('a short selection is left alone', '/plain', {}, async (page) => {
  await selectText(page, '#second');
  // The button of a long selection comes, and goes when the selection becomes short.
  await selectText(page, '#first');
  await page.locator('docent-chat .picker').waitFor();
  await selectText(page, '#second');
  await page.locator('docent-chat .picker').waitFor({ state: 'hidden' });
});

check('a selection works by keyboard', '/plain', {}, async (page) => {
  await page.evaluate(() => getSelection().collapse(document.querySelector('#first').firstChild, 0));
  for (let count = 0; count < 6; count++) {
    await page.evaluate(() => getSelection().modify('extend', 'forward', 'word'));
  }
  await page.getByRole('button', { name: 'Ask about this' }).waitFor();
  await page.keyboard.press('Control+i');
  await page.getByText('Only about the selected text').waitFor();
});

check('an over-long selection is cut and says so', '/plain', {}, async (page) => {
  await page.evaluate(() => (document.querySelector('#long').textContent = 'Many words. '.repeat(1000)));
  await selectText(page, '#long');
  await page.getByRole('button', { name: 'Ask about this' }).click();
  await page.getByText('only the first 8000 characters').waitFor();
  await assertAccessible(page, 'a cut selection');
  const overflow = await page.locator('docent-chat .panel').evaluate((panel) => panel.scrollWidth - panel.clientWidth);
  assert.equal(overflow, 0);
  await ask(page, 'Why?');
  assert.equal([...standin.state.requests[0].context].length, 8000);
});

check('the page, its version and its language go with the question', '/plain?secret=1#first', {}, async (page) => {
  await page.evaluate(() => {
    for (const [name, content] of [['docusaurus_version', 'current'], ['docusaurus_locale', 'en']]) {
      const meta = document.createElement('meta');
      meta.name = name;
      meta.content = content;
      document.head.append(meta);
    }
  });
  await open(page);
  await ask(page, 'What?');
  const { page: place, version, locale } = standin.state.requests[0];
  assert.deepEqual({ place, version, locale }, { place: standin.origin + '/plain', version: 'current', locale: 'en' });
});

check('docent-navigate may be cancelled to open a citation in the page', '/plain', {}, async (page) => {
  await page.evaluate(() => addEventListener('docent-navigate', (event) => {
    event.preventDefault();
    window.followed = event.url;
  }));
  await open(page);
  await ask(page, 'How do I install Docent?');
  await turn(page).locator('.cite').first().click();
  assert.match(await page.evaluate(() => window.followed), /installation#from-source/);
  assert.equal(new URL(page.url()).pathname, '/plain');
});

check('the panel stays open when a site without client-side navigation loads a page', '/plain', { errors: true }, async (page) => {
  await open(page);
  await page.goto(standin.origin + '/docs/installation');
  await page.locator('docent-chat .panel').waitFor();
});

const dark = (page) => page.locator('docent-chat .root').evaluate((root) => root.classList.contains('dark'));
check('the theme is the page\'s, not the system\'s', '/plain', { colorScheme: 'dark' }, async (page) => assert.equal(await dark(page), false));
check('a dark page is followed without being told, and its switch too', '/dark', { colorScheme: 'light' }, async (page) => {
  assert.equal(await dark(page), true);
  await page.evaluate(() => (document.documentElement.dataset.theme = 'light'));
  await page.waitForFunction(() => !document.querySelector('docent-chat').shadowRoot.querySelector('.root').classList.contains('dark'));
});
check('an mdBook theme is followed by its colour', '/mdbook', {}, async (page) => assert.equal(await dark(page), true));

for (const [look, path, options] of [
  ['light page', '/', {}], ['dark page', '/', { colorScheme: 'dark' }], ['page at 320 px', '/', { viewport: { width: 320, height: 640 } }],
  ['forced colours', '/', { forcedColors: 'active' }], ['dark host with a light brand colour', '/dark', {}], ['mdBook', '/mdbook', {}],
  ['plain host at 320 px', '/plain', { viewport: { width: 320, height: 640 } }],
  ['200 % zoom', '/plain', { viewport: { width: 640, height: 400 }, deviceScaleFactor: 2 }],
]) {
  check(`axe finds nothing: ${look}`, path, options, async (page) => {
    if (path !== '/') await open(page);
    await assertAccessible(page, 'empty');
    await ask(page, 'How do I install Docent?');
    await assertAccessible(page, 'answered');
    const overflow = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
    assert.ok(overflow <= 0, `${overflow} px wider than the window`);
  });
}

for (const [language, words, direction] of [['de', 'Stell eine Frage…', 'ltr'], ['ar', 'اطرح سؤالًا…', 'rtl'], ['ur', 'سوال پوچھیں…', 'rtl'], ['ja', '質問を入力…', 'ltr']]) {
  check(`the widget speaks ${language}`, '/plain', {}, async (page) => {
    await page.locator('docent-chat').evaluate((chat, lang) => {
      chat.lang = lang;
      chat.open = true;
    }, language);
    await page.getByRole('textbox', { name: words }).waitFor();
    assert.equal(await page.locator('docent-chat .root').getAttribute('dir'), direction);
    await ask(page, 'How do I install Docent?');
    await assertAccessible(page, language);
  });
}

check('a page in Arabic loads Arabic alone, and no English is seen before it', '/ar', { server: { wordless: null } }, async (page) => {
  await page.getByRole('button', { name: 'اسأل الكتاب' }).click();
  await page.getByRole('textbox', { name: 'اطرح سؤالًا…' }).waitFor();
  assert.equal(await page.locator('docent-chat .root').getAttribute('dir'), 'rtl');
  assert.match(standin.state.words.join(' '), /^\/widget\.ar\.json\?v=[\da-f]{16}$/);
  const { seen, shifted } = await page.evaluate(() => window.watched);
  assert.deepEqual(seen, ['اسأل الكتاب']);
  assert.equal(shifted, 0);
});

check('a script in the page\'s language is all that the page loads', '/ja', {}, async (page) => {
  await page.getByRole('button', { name: 'この本に質問' }).click();
  await page.getByRole('textbox', { name: '質問を入力…' }).waitFor();
  assert.equal(await page.locator('docent-chat .root').getAttribute('lang'), 'ja');
  assert.deepEqual([standin.state.scripts, standin.state.words], [['?lang=ja'], []]);
  assert.deepEqual((await page.evaluate(() => window.watched)).seen, ['この本に質問']);
});

check('a script in another language than the page\'s loads the page\'s words', '/en-of-ja', {}, async (page) => {
  await page.getByRole('button', { name: 'Ask the book' }).waitFor();
  assert.equal(await page.locator('docent-chat .root').getAttribute('lang'), 'en');
  assert.match(standin.state.words.join(' '), /^\/widget\.en\.json\?v=[\da-f]{16}$/);
});

check('without the page\'s words a script speaks its own language, and says which', '/en-of-ja', { server: { wordless: (response) => void response.writeHead(404).end() }, errors: true }, async (page) => {
  await page.getByRole('button', { name: 'この本に質問' }).waitFor();
  assert.equal(await page.locator('docent-chat .root').getAttribute('lang'), 'ja');
});

check('the page of its own speaks the reader\'s language', '/', { locale: 'ar-EG' }, async (page) => {
  await page.getByRole('textbox', { name: 'اطرح سؤالًا…' }).waitFor();
  assert.equal(standin.state.words.length, 1);
  await assertAccessible(page, 'hosted page in Arabic');
});

check('a page in English asks for no words', '/plain', {}, async (page) => {
  await open(page);
  assert.deepEqual(standin.state.words, []);
});

// What may come instead of a language's words, and whether the browser itself tells of it.
for (const [what, wordless, errors] of [
  ['no file', (response) => void response.writeHead(404).end(), true],
  ['a page instead', (response) => void response.writeHead(200, { 'content-type': 'text/html' }).end('<!doctype html>')],
  ['another thing', (response) => void response.writeHead(200, { 'content-type': 'application/json' }).end('{"ask":"x"}')],
  ['no answer', () => {}],
  ['a cut connection', (response) => response.destroy(), true],
]) {
  check(`without its language the widget speaks English: ${what}`, '/ar', { server: { wordless }, errors }, async (page) => {
    await open(page);
    await ask(page, 'How do I install Docent?');
    assert.equal(standin.state.words.length, 1);
    assert.equal(await page.locator('docent-chat .root').getAttribute('lang'), 'en');
    assert.equal(await page.locator('docent-chat .root').getAttribute('dir'), 'ltr');
  });
}

check('words of another version: what is missing is English', '/ar', { server: { wordless: (response) => void response.writeHead(200, { 'content-type': 'application/json' }).end('["اسأل الكتاب",7,"إغلاق"]') } }, async (page) => {
  await page.getByRole('button', { name: 'اسأل الكتاب' }).click();
  await page.getByRole('textbox', { name: 'Ask a question…' }).waitFor();
  await page.getByRole('button', { name: 'إغلاق' }).waitFor();
});

check('a page\'s own words win over those of its language', '/ar', {}, async (page) => {
  await page.locator('docent-chat').evaluate((chat) => {
    chat.texts = { ask: 'اسأل الدليل' };
  });
  await page.getByRole('button', { name: 'اسأل الدليل' }).click();
  await page.getByRole('textbox', { name: 'اطرح سؤالًا…' }).waitFor();
});

check('a page that brings every word asks for none', '/plain', {}, async (page) => {
  const texts = JSON.parse(readFileSync(new URL('../widget/languages.json', import.meta.url), 'utf8')).de;
  await page.locator('docent-chat').evaluate((chat, words) => {
    chat.texts = words;
    chat.lang = 'de';
  }, texts);
  await page.getByRole('button', { name: texts.ask }).click();
  assert.deepEqual(standin.state.words, []);
});

check('a removed element leaves nothing running', '/plain', { server: { pace: 100 } }, async (page) => {
  await open(page);
  await field(page).fill('How do I install Docent?');
  await field(page).press('Enter');
  await turn(page).waitFor();
  await page.locator('docent-chat').evaluate((chat) => chat.remove());
  for (let tries = 0; tries < 50 && !standin.state.closed; tries++) await new Promise((resolve) => setTimeout(resolve, 20));
  assert.equal(standin.state.closed, 1);
  await page.keyboard.press('Control+i');
});

check('no cookie, and nothing stored but ids', '/plain', {}, async (page, _, context) => {
  await open(page);
  await ask(page, 'How do I install Docent?');
  assert.deepEqual(await context.cookies(), []);
  const stored = await page.evaluate(() => [...Object.values({ ...localStorage }), ...Object.values({ ...sessionStorage })].join(' '));
  assert.match(stored, /^7d9f3c1e-52aa-4b0e-9a41-0f6de2c8b713 \d+ (7d9f3c1e-52aa-4b0e-9a41-0f6de2c8b713 1|1 7d9f3c1e-52aa-4b0e-9a41-0f6de2c8b713)$/);
});

check('a server under a path prefix works', '/', {}, async () => {
  const prefixed = await startStandin({ prefix: '/ask/the/book' });
  const { page, context, complaints } = await openPage(browser, prefixed.url);
  await ask(page, 'How do I install Docent?');
  assert.deepEqual(complaints, []);
  await context.close();
  await prefixed.stop();
});

check('the size does not depend on the site\'s rem', '/mdbook', {}, async (page) => {
  await open(page);
  assert.equal(await page.locator('docent-chat .panel').evaluate((panel) => panel.getBoundingClientRect().width), 432);
});

// Two browsers: one that knows constructable stylesheets, one that does not and needs the nonce.
for (const old of [false, true]) {
  check(`a policy that knows only a nonce is enough ${old ? 'in an old browser' : 'in a new browser'}`, '/nonce', { init: old ? () => delete CSSStyleSheet.prototype.replaceSync : undefined }, async (page) => {
    await open(page);
    await ask(page, 'How do I install Docent?');
    assert.equal(await page.locator('docent-chat .panel').evaluate((panel) => getComputedStyle(panel).position), 'fixed');
    assert.equal(await page.locator('docent-chat style').count(), old ? 1 : 0);
  });
}

check('a page may replace single words, and set examples', '/plain', {}, async (page) => {
  await page.locator('docent-chat').evaluate((chat) => {
    chat.texts = { ask: 'Ask the manual' };
    chat.examples = ['Where does it say so?'];
  });
  await page.getByRole('button', { name: 'Ask the manual' }).click();
  await page.getByRole('button', { name: 'Where does it say so?' }).waitFor();
  await page.getByRole('button', { name: 'Close' }).waitFor();
});

check('topics of the book are offered as questions', '/plain', {}, async (page) => {
  await page.locator('docent-chat').evaluate((chat) => chat.setAttribute('topics', '["Levers", "What is a fulcrum?"]'));
  await open(page);
  assert.deepEqual(await page.locator('docent-chat .welcome .chip').allTextContents(), ['What is “Levers” about?', 'What is a fulcrum?']);
  await page.locator('docent-chat').evaluate((chat) => chat.setAttribute('topics', 'not JSON\nbut lines'));
  assert.equal(await page.locator('docent-chat .welcome .chip').count(), 2);
  await page.locator('docent-chat').evaluate((chat) => chat.setAttribute('topics', '[]'));
  assert.equal(await page.locator('docent-chat .welcome .chip').count(), 3);
});
