// The npm package: what it ships, that its types serve a stranger's project, and that a server may import it. Needs dist/,
// which `build.mjs` and `tsc` write (test.sh and `npm run build` run both).

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const here = (path) => fileURLToPath(new URL('../' + path, import.meta.url));
const manifest = JSON.parse(readFileSync(here('package.json'), 'utf8'));

test('the package ships every file that it names, and no source or test', () => {
  const [{ files }] = JSON.parse(execFileSync('npm', ['pack', '--dry-run', '--json', '--ignore-scripts'], { cwd: here('.'), encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }));
  const shipped = files.map(({ path }) => path);
  const named = Object.values(manifest.exports).flatMap((entry) => (typeof entry === 'string' ? [entry] : Object.values(entry))).map((path) => path.slice(2));
  assert.deepEqual(named.filter((path) => !path.includes('*') && !shipped.includes(path)), []);
  assert.deepEqual(shipped.filter((path) => !/^(dist\/|react\.|README\.md|package\.json)/.test(path)), []);
  for (const language of ['ar', 'de', 'es', 'fr', 'ja', 'ur', 'zh']) {
    // Beside the script for a reader's browser, and with their names for a page that brings its own.
    assert.ok(shipped.includes(`dist/widget.${language}.json`) && shipped.includes(`dist/in/${language}.js`) && shipped.includes(`dist/languages/${language}.json`), language);
  }
  assert.equal(manifest.dependencies, undefined, 'no run-time dependency');
});

test('importing it on a server does nothing and does not fail', async () => {
  assert.equal(typeof HTMLElement, 'undefined');
  assert.equal(typeof (await import('@docent/widget')).DocentChat, 'function');
  assert.equal(typeof (await import('@docent/widget/element')).DocentChat, 'function');
  assert.equal(typeof (await import('@docent/widget/in/de')).DocentChat, 'function');
});

const CONSUMER = `import { DocentChat, type DocentNavigateEvent } from '@docent/widget';
import { DocentChat as Bare } from '@docent/widget/element';
import '@docent/widget/in/ar';
const chat = document.createElement('docent-chat');
chat.examples = ['x'];
chat.texts = { ask: 'y' };
chat.addEventListener('docent-navigate', (event) => console.log((event as DocentNavigateEvent).url, DocentChat === Bare));
// @ts-expect-error there is no such word
chat.texts = { nonsense: 'y' };
`;

for (const [module, resolution] of [['esnext', 'bundler'], ['nodenext', 'nodenext']]) {
  test(`its types serve a project with ${resolution} resolution`, { timeout: 120_000 }, () => {
    // Below web/, so that node_modules/@docent/widget is found as a stranger finds it.
    const folder = mkdtempSync(here('../consumer-'));
    try {
      writeFileSync(folder + '/package.json', '{"type":"module"}');
      writeFileSync(folder + '/use.ts', CONSUMER);
      const compiler = fileURLToPath(import.meta.resolve('typescript/package.json')).replace('package.json', 'bin/tsc');
      execFileSync(process.execPath, [compiler, '--noEmit', '--strict', '--target', 'es2022', '--lib', 'es2022,dom,dom.iterable', '--module', module, '--moduleResolution', resolution, 'use.ts'], { cwd: folder, encoding: 'utf8' });
    } catch (error) {
      assert.fail(error.stdout || error.message);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });
}
