// Builds the widget twice from one source: `define.js` (ES module, for bundlers) and `widget.js` (classic script, for
// one script tag), copies them to the server and the plugin, and holds the sizes against their budget.
// `node build.mjs --check` changes no committed file and fails when one is not what the source builds.

import { build } from 'esbuild';
import { minify } from 'terser';
import zopfli from '@gfx/zopfli';
import { brotliCompressSync, brotliDecompressSync, gunzipSync, gzipSync } from 'node:zlib';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const asset = here('../../crates/docent/assets/widget.js');
const languageAsset = here('../../crates/docent/assets/widget-languages.json');
const budget = JSON.parse(readFileSync(here('budget.json'), 'utf8'));
const check = process.argv.includes('--check');

/** Drops what only the source needs in the stylesheet: line ends and spaces around punctuation. */
const minifyStyles = {
  name: 'styles',
  setup(builder) {
    builder.onLoad({ filter: /styles\.ts$/ }, ({ path }) => ({
      loader: 'ts',
      contents: readFileSync(path, 'utf8').replace(/(?<=css \*\/ )`([^`]*)`/, (_, css) => JSON.stringify(css.replace(/\/\*.*?\*\//g, '').replace(/\s*\n\s*/g, ''))),
    }));
  },
};

async function bundle(entry, format) {
  const result = await build({
    entryPoints: [here(`src/${entry}.ts`)], bundle: true, minify: true, format, target: 'es2022', write: false,
    charset: 'utf8', legalComments: 'none', plugins: [minifyStyles], logLevel: 'warning',
  });
  // A second pass finds some two per cent that esbuild leaves.
  const { code } = await minify(result.outputFiles[0].text, {
    ecma: 2020, module: format === 'esm', toplevel: true, compress: { passes: 3, unsafe_arrows: true, pure_getters: true, keep_fargs: false },
    format: { preamble: '/* Docent widget, Apache-2.0 */' },
  });
  return Buffer.from(code + '\n');
}

const files = { 'widget.js': await bundle('iife', 'iife'), 'define.js': await bundle('define', 'esm'), 'element.js': await bundle('element', 'esm') };
// Beside the widget, for readers of other languages.
const languages = JSON.stringify(JSON.parse(readFileSync(here('languages.json'), 'utf8'))) + '\n';
files['widget-languages.json'] = Buffer.from(languages);
let failed = 0;
for (const [name, bytes] of Object.entries(files)) {
  const size = gzipSync(bytes, { level: 9 }).length;
  const limit = budget[name];
  console.log(`${name}: ${bytes.length} bytes, ${size} gzip (budget ${limit})`);
  if (size > limit) failed++;
}
if (failed) console.error(`${failed} file(s) over the budget of budget.json`);
// The server embeds the first two, also as gzip and brotli; the Docusaurus plugin carries its own copies, so that it works
// without a registry.
const complain = (path) => {
  console.error(`${path} is not current: run \`npm run build\` in web/`);
  failed++;
};
for (const [name, path] of [['widget.js', asset], ['widget-languages.json', languageAsset], ['define.js', here('../docusaurus/widget.mjs')], ['widget-languages.json', here('../docusaurus/languages.json')]]) {
  const now = Buffer.from(files[name]);
  if (!check) writeFileSync(path, now);
  else if (!existsSync(path) || !readFileSync(path).equals(now)) complain(path);
  if (path !== asset && path !== languageAsset) continue;
  // What readers fetch is packed once and for all, so it may take a second: zopfli's gzip is some four per cent smaller
  // than `gzip -9`. Compressors differ from version to version, so the text inside is compared, not the bytes.
  for (const [ending, pack, unpack] of [['.gz', (bytes) => zopfli.gzipAsync(bytes, { numiterations: 30 }), gunzipSync], ['.br', brotliCompressSync, brotliDecompressSync]]) {
    const packed = path + ending;
    const same = existsSync(packed) && now.equals(unpack(readFileSync(packed)));
    if (check && !same) complain(packed);
    if (!check && !same) writeFileSync(packed, await pack(now));
    if (existsSync(packed)) console.log(`${name}${ending} as the server sends it: ${readFileSync(packed).length} bytes`);
  }
}
// What the package ships; never committed.
mkdirSync(here('dist'), { recursive: true });
for (const [name, bytes] of Object.entries(files)) writeFileSync(here('dist/' + name), bytes);
process.exitCode = failed ? 1 : 0;
