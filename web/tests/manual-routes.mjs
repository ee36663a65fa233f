// The manual as its source is read, held against the site that was really built: every page, every route and every
// anchor, in their order. Run by `web/test.sh manual` after `npm run build` in website/.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { binary, skip } from './docent.mjs';

const repo = (path) => fileURLToPath(new URL('../../' + path, import.meta.url));
const built = repo('website/build');
const unready = skip || (existsSync(built) ? false : 'the manual is not built: npm run build in website/');
const run = (program, args) => execFileSync(program, args, { encoding: 'utf8', maxBuffer: 64 << 20, env: { PATH: process.env.PATH } });

/** One line a page: its file, its route, its anchors. Which file a generated page comes from, the build does not say. */
const line = (file, route, anchors) => [file, route, ...anchors].join(' ');

function asBuilt(folder) {
  const tool = repo('crates/corpus/tests/sites/inventory.mjs');
  const pages = JSON.parse(run(process.execPath, [tool, 'docusaurus', built, '/', repo('website/.docusaurus')]));
  const file = (page) => (folder === 'docs' ? page.file.replace('../docs/', '') : page.file);
  return pages.map((page) => line(file(page), page.route, page.anchors)).sort();
}

function asRead(folder) {
  const pages = new Map();
  for (const text of run(binary, ['inspect', repo(folder), '--json']).trim().split('\n')) {
    const section = JSON.parse(text);
    const page = pages.get(section.route) ?? { ...section, anchors: [] };
    pages.set(section.route, page);
    if (section.anchor !== null) page.anchors.push(section.anchor);
  }
  const file = (page) => (page.file.endsWith('.json') ? 'generated' : page.file);
  return [...pages.values()].map((page) => line(file(page), page.route, page.anchors)).sort();
}

for (const folder of ['docs', 'website']) {
  test(`${folder} is read as the manual was built`, { skip: unready, timeout: 120_000 }, (context) => {
    const [read, real] = [asRead(folder), asBuilt(folder)];
    const only = (these, those) => these.filter((page) => !those.includes(page));
    assert.deepEqual({ onlyRead: only(read, real), onlyBuilt: only(real, read) }, { onlyRead: [], onlyBuilt: [] });
    const sections = real.reduce((sum, page) => sum + page.split(' ').length - 2, 0);
    context.diagnostic(`${real.length} pages and ${sections} sections equal the build of the manual`);
    assert.ok(real.length > 50 && sections > 200);
  });
}
