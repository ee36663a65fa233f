// Loads the widget's TypeScript sources in Node: bundles one entry in memory and imports it.
import { build } from 'esbuild';
import { fileURLToPath } from 'node:url';

async function bundled(name, define) {
  const entry = fileURLToPath(new URL(`../src/${name}.ts`, import.meta.url));
  const { outputFiles } = await build({ entryPoints: [entry], bundle: true, format: 'esm', platform: 'neutral', write: false, target: 'es2022', define });
  return import('data:text/javascript;base64,' + Buffer.from(outputFiles[0].contents).toString('base64'));
}

/** A module as a build with English has it. */
export async function load(name) {
  const { en } = await bundled('en', {});
  return bundled(name, { WORDS_VERSION: '"1"', NAMES: JSON.stringify(Object.keys(en).join(' ')), WORDS: JSON.stringify(['en', ...Object.values(en)]) });
}
