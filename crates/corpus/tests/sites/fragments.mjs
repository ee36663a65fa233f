// Opens the links of Docent's answers in real Chromium and compares what the browser highlights with the quote.
//   node fragments.mjs DOCENT SOURCE BUILD BASE_URL QUESTIONS
// Reads the site in SOURCE, asks each line of QUESTIONS without a model, and opens every source's href on BUILD, served
// under BASE_URL. The highlight is painted in a colour of its own by ::target-text and read from a screenshot, letter by
// letter; it must be the quote, word for word, and stand in the section of the href's anchor.
import {execFileSync} from 'node:child_process';
import {existsSync, mkdtempSync, readFileSync, rmSync, statSync} from 'node:fs';
import {createServer} from 'node:http';
import {tmpdir} from 'node:os';
import {extname, join, normalize, resolve} from 'node:path';
import {chromium} from 'playwright-core';

const [docent, source, build, baseUrl, questions] = process.argv.slice(2);
const TYPES = {'.html': 'text/html; charset=utf-8', '.js': 'text/javascript', '.css': 'text/css', '.json': 'application/json'};

// The built page with a colour of its own for the highlight, and without its scripts: when Docusaurus takes a page over, the
// browser has scrolled to the text and drops the highlight; our plugin for Docusaurus paints it again.
const STYLE = '<style>::target-text { background-color: rgb(255, 0, 255) !important; color: rgb(0, 0, 0) !important }</style>';
const prepared = (html) => html.replace(/<script\b[^>]*>[\s\S]*?<\/script>/g, '').replace('</head>', `${STYLE}</head>`);

const server = createServer((request, reply) => {
  const path = decodeURIComponent(new URL(request.url, 'http://x').pathname);
  const inner = normalize(path.slice(baseUrl.length - 1)).replace(/^(\.\.[/\\])+/, '');
  const candidates = [inner, join(inner, 'index.html'), `${inner}.html`].map((name) => join(build, name));
  const file = path.startsWith(baseUrl) && candidates.find((name) => existsSync(name) && statSync(name).isFile());
  if (!file) return reply.writeHead(404).end();
  const type = TYPES[extname(file)] ?? 'application/octet-stream';
  const body = extname(file) === '.html' ? prepared(readFileSync(file, 'utf8')) : readFileSync(file);
  reply.writeHead(200, {'content-type': type}).end(body);
});
await new Promise((listening) => server.listen(0, '127.0.0.1', listening));
const site = `http://127.0.0.1:${server.address().port}`;

const data = mkdtempSync(join(tmpdir(), 'docent-fragments-'));
const run = (...arguments_) =>
  execFileSync(resolve(docent), arguments_, {
    env: {PATH: process.env.PATH, DOCENT_DATA_DIR: data, DOCENT_EMBEDDER: 'none', DOCENT_GENERATOR: 'extractive'},
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
  });

const browser = await chromium.launch({executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', args: ['--no-sandbox', '--disable-gpu']});
// High enough for a whole page, so that nothing has to be scrolled.
const page = await browser.newPage({viewport: {width: 1000, height: 3000}, reducedMotion: 'reduce'});
const eye = await browser.newPage();

/** The highlighted text of an address, and the id of the heading before it. */
async function highlighted(address) {
  await page.goto('about:blank');
  await page.goto(address, {waitUntil: 'load'});
  // Letters and picture must be of the same layout: fonts have arrived, and two frames were drawn.
  await page.evaluate(() => document.fonts.ready.then(() => new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(() => drawn())))));
  const picture = (await page.screenshot()).toString('base64');
  const letters = await page.evaluate(() => {
    const letters = [];
    let heading = null;
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT | NodeFilter.SHOW_ELEMENT);
    for (let node; (node = walker.nextNode()); ) {
      if (node.nodeType === Node.ELEMENT_NODE) {
        if (/^H[1-6]$/.test(node.tagName)) heading = node.id;
        continue;
      }
      for (let at = 0; at < node.length; at += 1) {
        const range = document.createRange();
        range.setStart(node, at);
        range.setEnd(node, at + 1);
        const [box] = range.getClientRects();
        if (box && box.width > 0) letters.push([node.data[at], heading, box.left, box.top, box.width, box.height]);
      }
    }
    return letters;
  });
  return eye.evaluate(async ([picture, letters]) => {
    const bitmap = await createImageBitmap(await (await fetch(`data:image/png;base64,${picture}`)).blob());
    const canvas = new OffscreenCanvas(bitmap.width, bitmap.height).getContext('2d');
    canvas.drawImage(bitmap, 0, 0);
    let text = '';
    let section;
    for (const [letter, heading, left, top, width, height] of letters) {
      const {data} = canvas.getImageData(Math.floor(left), Math.floor(top), Math.max(1, Math.round(width)), Math.max(1, Math.round(height)));
      let painted = 0;
      for (let at = 0; at < data.length; at += 4) painted += data[at] > 240 && data[at + 1] < 40 && data[at + 2] > 240;
      if (painted * 10 > data.length / 4) {
        text += letter;
        section ??= heading;
      }
    }
    return {text, section};
  }, [picture, letters]);
}

// White space at the end of a line has no width on the picture, so it cannot be read there.
const letters = (text) => text.replace(/[\s\u200b]/g, '');
let opened = 0;
let wrong = 0;
try {
  run('ingest', resolve(source), '--site-url', site);
  const seen = new Set();
  for (const question of readFileSync(questions, 'utf8').split('\n').filter(Boolean)) {
    const answer = JSON.parse(run('ask', question, '--json'));
    const links = answer.sources.filter(({href}) => href.includes(':~:text='));
    if (links.length === 0) {
      wrong += 1;
      console.log(`no link to a sentence: ${question}`);
    }
    for (const {href, quote, anchor} of links.filter(({href}) => !seen.has(href))) {
      seen.add(href);
      opened += 1;
      const {text, section} = await highlighted(href);
      if (letters(text) !== letters(quote) || (anchor && section !== anchor)) {
        wrong += 1;
        console.log(`${href}\n  quote       ${quote}\n  highlighted ${text}\n  section     ${section}, expected ${anchor}`);
      }
    }
  }
} finally {
  await browser.close();
  server.close();
  rmSync(data, {recursive: true});
}
console.log(`${source}: ${opened} links opened in Chromium, ${wrong} highlight another text`);
process.exit(wrong > 0 || opened === 0 ? 1 : 0);
