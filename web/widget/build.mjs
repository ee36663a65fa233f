// Builds the widget twice from one source: `define.js` (ES module, for bundlers) and `widget.js` (classic script, for
// one script tag), and a file of words for each language, copies them to the server and the plugin, and holds the sizes
// against their budget.
// `node build.mjs --check` changes no committed file and fails when one is not what the source builds.

import { build } from 'esbuild';
import { minify } from 'terser';
import ts from 'typescript';
import zopfli from '@gfx/zopfli';
import { brotliCompressSync, brotliDecompressSync, gunzipSync, gzipSync } from 'node:zlib';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const asset = (name) => here('../../crates/docent/assets/' + name);
const budget = JSON.parse(readFileSync(here('budget.json'), 'utf8'));
const check = process.argv.includes('--check');

/** Drops what only the source needs in the stylesheet: comments, line ends, and the names of variables that are not for pages. */
const minifyStyles = {
  name: 'styles',
  setup(builder) {
    builder.onLoad({ filter: /styles\.ts$/ }, ({ path }) => ({
      loader: 'ts',
      contents: readFileSync(path, 'utf8').replace(/(?<=css \*\/ )`([^`]*)`/, (_, css) => JSON.stringify(shortened(css.replace(/\/\*.*?\*\//g, '').replace(/\s*\n\s*/g, '')))),
    }));
  },
};

const languages = JSON.parse(readFileSync(here('languages.json'), 'utf8'));
const strings = await build({ entryPoints: [here('src/strings.ts')], bundle: true, format: 'esm', write: false });
const { en } = await import('data:text/javascript;base64,' + Buffer.from(strings.outputFiles[0].contents).toString('base64'));
/** For each language the words alone, in the order of `en`: the names would be half of what is sent. */
const words = Object.fromEntries(Object.keys(languages).sort().map((language) =>
  [`widget.${language}.json`, Buffer.from(JSON.stringify(Object.keys(en).map((key) => languages[language][key])) + '\n')]));

/** FNV-1a with 64 bits, as the server reckons it: all language files have one version. */
const version = Buffer.concat(Object.values(words))
  .reduce((hash, byte) => BigInt.asUintN(64, (hash ^ BigInt(byte)) * 0x100000001b3n), 0xcbf29ce484222325n).toString(16).padStart(16, '0');

function shortened(css) {
  const own = new Set(css.match(/(?<![\w-])--[a-z]+(?=:)/g));
  const names = [...own].map((name, at) => [name, '--' + String.fromCharCode(97 + at)]);
  return css.replace(/--[a-z]+(?![\w-])/g, (name) => Object.fromEntries(names)[name] ?? name);
}

/**
 * Properties of our own objects that may have any name. What is public or goes over the wire must not stand here; that none is
 * read from an object of the browser's is checked with the types.
 */
const INNER = `article changed children citation client closes conversation current empty end ended feedback finish
  follow free from glyph grown headingShift hide info kind label last memory number online opened opens preview
  properties question rate remember restart root run shadow sleep started strings tag take text to wasOpen width words`.split(/\s+/);
const { fileNames, options } = ts.parseJsonConfigFileContent(ts.readConfigFile(here('tsconfig.json'), ts.sys.readFile).config, ts.sys, here('.'));
const program = ts.createProgram(fileNames, options);
const checker = program.getTypeChecker();
const isOurs = (file) => file.fileName.startsWith(here('src/'));
const taken = new Set(INNER.filter((name) => name in en));
/** The type whose property a node names, if it names one. */
const holder = (node) =>
  ts.isPropertyAccessExpression(node) ? checker.getTypeAtLocation(node.expression)
    : ts.isBindingElement(node) && ts.isObjectBindingPattern(node.parent) ? checker.getTypeAtLocation(node.parent)
      : ts.isObjectLiteralElementLike(node) ? checker.getContextualType(node.parent) : undefined;
function look(node) {
  const name = (node.propertyName ?? node.name)?.text;
  const declared = INNER.includes(name) && holder(node)?.getNonNullableType().getProperty(name)?.declarations;
  if (declared && !declared.every((place) => isOurs(place.getSourceFile()))) taken.add(name);
  ts.forEachChild(node, look);
}
program.getSourceFiles().filter(isOurs).forEach(look);
if (taken.size) {
  console.error(`INNER in build.mjs must not hold ${[...taken]}: an object of the browser's, or a string, has that name too`);
  process.exit(1);
}

async function bundle(entry, format) {
  const result = await build({
    entryPoints: [here(`src/${entry}.ts`)], bundle: true, minify: true, format, target: 'es2022', write: false,
    charset: 'utf8', mangleProps: new RegExp(`^(${INNER.join('|')})$`), legalComments: 'none',
    // Classes are strict by themselves, and the types know what the directive would find.
    tsconfigRaw: { compilerOptions: { alwaysStrict: false } }, plugins: [minifyStyles], logLevel: 'warning', define: { WORDS_VERSION: JSON.stringify(version) },
  });
  // A second pass finds some two per cent that esbuild leaves.
  const { code } = await minify(result.outputFiles[0].text, {
    ecma: 2020, module: format === 'esm', toplevel: true, compress: { passes: 2, sequences: false, unsafe: true, unsafe_arrows: true, pure_getters: true, keep_fargs: false, hoist_funs: true },
    format: { preamble: '/* Docent widget, Apache-2.0 */' },
  });
  return Buffer.from(code + '\n');
}

const scripts = { 'widget.js': await bundle('iife', 'iife'), 'define.js': await bundle('define', 'esm'), 'element.js': await bundle('element', 'esm') };
const size = (bytes) => gzipSync(bytes, { level: 9 }).length;
let failed = 0;
const hold = (name, is, what) => {
  console.log(`${name}: ${what}${is} gzip (budget ${budget[name]})`);
  if (is > budget[name]) failed++;
};
for (const [name, bytes] of Object.entries(scripts)) hold(name, size(bytes), `${bytes.length} bytes, `);
for (const [name, bytes] of Object.entries(words)) console.log(`${name}: ${bytes.length} bytes, ${size(bytes)} gzip`);
// Readers load the script, and one file of words unless they read English.
hold('one reader', size(scripts['widget.js']) + Math.max(...Object.values(words).map(size)), 'the script and the largest file of words, ');
if (failed) console.error(`${failed} over the budget of budget.json`);

const complain = (path) => {
  console.error(`${path} is not current: run \`npm run build\` in web/`);
  failed++;
};
const copy = (bytes, path) => {
  if (!check) writeFileSync(path, bytes);
  else if (!existsSync(path) || !readFileSync(path).equals(bytes)) complain(path);
};
// The Docusaurus plugin carries its own copies, so that it works without a registry.
copy(scripts['define.js'], here('../docusaurus/widget.mjs'));
copy(Buffer.from(JSON.stringify(languages) + '\n'), here('../docusaurus/languages.json'));
// The server embeds these as they are, as gzip and as brotli.
for (const [name, bytes] of Object.entries({ 'widget.js': scripts['widget.js'], ...words })) {
  copy(bytes, asset(name));
  // What readers fetch is packed once and for all, so it may take a second: zopfli's gzip is some four per cent smaller
  // than `gzip -9`. Compressors differ from version to version, so the text inside is compared, not the bytes.
  const sent = [];
  for (const [ending, pack, unpack] of [['.gz', (plain) => zopfli.gzipAsync(plain, { numiterations: 30 }), gunzipSync], ['.br', brotliCompressSync, brotliDecompressSync]]) {
    const packed = asset(name + ending);
    const same = existsSync(packed) && bytes.equals(unpack(readFileSync(packed)));
    if (check && !same) complain(packed);
    if (!check && !same) writeFileSync(packed, await pack(bytes));
    if (existsSync(packed)) sent.push(`${readFileSync(packed).length}${ending}`);
  }
  console.log(`${name} as the server sends it: ${sent.join(', ')}`);
}
// What the package ships; never committed.
rmSync(here('dist/languages'), { recursive: true, force: true });
mkdirSync(here('dist/languages'), { recursive: true });
for (const [name, bytes] of Object.entries({ ...scripts, ...words })) writeFileSync(here('dist/' + name), bytes);
// With their names, for pages that bring their own words: `chat.texts = ar`.
for (const [language, texts] of Object.entries(languages)) writeFileSync(here(`dist/languages/${language}.json`), JSON.stringify(texts, null, 1) + '\n');
process.exitCode = failed ? 1 : 0;
