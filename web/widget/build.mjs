// Builds the widget from one source, as ES modules for bundlers and as a classic script for one script tag. Each carries
// the words of one language at its edge, so that any other language makes the same program. Copies them to the server and
// the plugin, and holds the size in every language against the budget.
// `node build.mjs --check` changes no committed file and fails when one is not what the source builds.

import { build } from 'esbuild';
import { minify } from 'terser';
import ts from 'typescript';
import zopfli from '@gfx/zopfli';
import { brotliCompressSync, brotliDecompressSync, gunzipSync, gzipSync } from 'node:zlib';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { pack, unpack } from './pack.mjs';

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

const source = await build({ entryPoints: [here('src/en.ts')], bundle: true, format: 'esm', write: false });
const { en } = await import('data:text/javascript;base64,' + Buffer.from(source.outputFiles[0].contents).toString('base64'));
const languages = { en, ...JSON.parse(readFileSync(here('languages.json'), 'utf8')) };
const names = Object.keys(en);
/** For each language its words in the order of `en`: the names would be half of what is sent. */
const lists = Object.fromEntries(Object.keys(languages).sort().map((language) => [language, names.map((name) => languages[language][name])]));
/** What a page gets that speaks another language than its script. */
const words = Object.fromEntries(Object.entries(lists).map(([language, list]) => [`widget.${language}.json`, Buffer.from(JSON.stringify(list) + '\n')]));
/** A language as a script carries it. */
const carried = (language) => JSON.stringify([language, ...lists[language]]);

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

/** The scripts call their words so; the minifier gives nothing else this name. */
const WORDS = '$';

/** A script: what stands before its words and after them. */
async function bundle(entry, format) {
  const result = await build({
    entryPoints: [here(`src/${entry}.ts`)], bundle: true, minify: true, format, target: 'es2022', write: false,
    charset: 'utf8', mangleProps: new RegExp(`^(${INNER.join('|')})$`), legalComments: 'none',
    // Classes are strict by themselves, and the types know what the directive would find.
    tsconfigRaw: { compilerOptions: { alwaysStrict: false } }, plugins: [minifyStyles], logLevel: 'warning',
    define: { WORDS_VERSION: JSON.stringify(version), NAMES: JSON.stringify(names.join(' ')), WORDS },
  });
  // A second pass finds some two per cent that esbuild leaves.
  const { code } = await minify(result.outputFiles[0].text, {
    ecma: 2020, module: format === 'esm', toplevel: true, compress: { passes: 2, sequences: false, unsafe: true, unsafe_arrows: true, pure_getters: true, keep_fargs: false, hoist_funs: true },
  });
  // The words stand at the edge: a server that has the classic script in two parts gives the second in any language.
  const [before, after] = format === 'esm' ? [`const ${WORDS}=`, `;${code}`] : [code.replace(/^\(\(\)=>(\{[^]*\})\)\(\);$/, `(${WORDS}=>$1)(`), ');'];
  return { before: `/* Docent widget, Apache-2.0 */\n${before}`, after: `${after}\n` };
}

const formats = { 'widget.js': await bundle('iife', 'iife'), 'define.js': await bundle('define', 'esm'), 'element.js': await bundle('element', 'esm') };
/** A script that carries a language. */
const script = (name, language) => Buffer.from(formats[name].before + carried(language) + formats[name].after);
const size = (bytes) => gzipSync(bytes, { level: 9 }).length;
let failed = 0;
const hold = (name, is, what) => {
  console.log(`${name}: ${what}${is} gzip (budget ${budget[name]})`);
  if (is > budget[name]) failed++;
};
for (const name of Object.keys(formats)) {
  const sizes = Object.keys(lists).map((language) => [language, size(script(name, language))]);
  hold(name, Object.fromEntries(sizes).en, `${script(name, 'en').length} bytes, `);
  hold(`${name} in any language`, Math.max(...sizes.map(([, is]) => is)), `${sizes.map((pair) => pair.join(' ')).join(', ')}; at most `);
}
for (const [name, bytes] of Object.entries(words)) console.log(`${name}, for readers of another language than the script's: ${bytes.length} bytes, ${size(bytes)} gzip`);

const complain = (path) => {
  console.error(`${path} is not current: run \`npm run build\` in web/`);
  failed++;
};
const copy = (bytes, path) => {
  if (!check) writeFileSync(path, bytes);
  else if (!existsSync(path) || !readFileSync(path).equals(bytes)) complain(path);
};
// The Docusaurus plugin carries its own copies, so that it works without a registry.
copy(script('define.js', 'en'), here('../docusaurus/widget.mjs'));
copy(Buffer.from(JSON.stringify(lists, null, 1) + '\n'), here('../docusaurus/languages.json'));

/** Holds what is packed against its text, or packs it again. Compressors differ from version to version, so texts are compared, not bytes. */
async function packed(texts, opened, make) {
  const read = () => texts.map(([path]) => readFileSync(asset(path)));
  const same = () => {
    try {
      return opened(read());
    } catch {
      return false;
    }
  };
  if (!same()) {
    if (check) complain(asset(texts[0][0]));
    else for (const [path, bytes] of await make()) writeFileSync(asset(path), bytes);
  }
  return texts.every(([path]) => existsSync(asset(path))) ? read().reduce((sum, { length }) => sum + length, 0) : NaN;
}

// The server embeds the script's head once and its tail in each language, as they are, as gzip and as brotli. What
// readers fetch is packed once and for all, so it may take some seconds.
const { before, after } = formats['widget.js'];
const head = Buffer.from(before);
const tails = Object.fromEntries(Object.keys(lists).map((language) => [language, Buffer.from(carried(language) + after)]));
mkdirSync(asset('widget'), { recursive: true });
copy(head, asset('widget/head.js'));
for (const [language, tail] of Object.entries(tails)) copy(tail, asset(`widget/${language}.js`));
let parts;
for (const coding of ['gz', 'br']) {
  const sizes = {};
  for (const [language, tail] of Object.entries(tails)) {
    const paths = [[`widget/head.js.${coding}`], [`widget/${language}.js.${coding}`]];
    sizes[language] = await packed(paths, (read) => unpack[coding](...read).equals(Buffer.concat([head, tail])), async () => {
      parts ??= await pack(head, tails);
      return [[paths[0][0], parts[coding].head], [paths[1][0], parts[coding].tails[language]]];
    });
  }
  hold(`sent as ${coding}`, Math.max(...Object.values(sizes)), `the script as the server sends it: ${Object.entries(sizes).map((pair) => pair.join(' ')).join(', ')}; at most `);
}
for (const [name, bytes] of Object.entries(words)) {
  copy(bytes, asset(name));
  const sizes = [];
  for (const [ending, one, back] of [['.gz', (plain) => zopfli.gzipAsync(plain, { numiterations: 30 }), gunzipSync], ['.br', brotliCompressSync, brotliDecompressSync]]) {
    sizes.push(await packed([[name + ending]], ([read]) => back(read).equals(bytes), async () => [[name + ending, await one(bytes)]]) + ending);
  }
  console.log(`${name} as the server sends it: ${sizes.join(', ')}`);
}
if (failed) console.error(`${failed} not as they should be: over the budget of budget.json, or not current`);

// What the package ships; never committed. English has the plain names.
rmSync(here('dist/languages'), { recursive: true, force: true });
for (const folder of ['dist/languages', 'dist/in']) mkdirSync(here(folder), { recursive: true });
for (const name of Object.keys(formats)) writeFileSync(here('dist/' + name), script(name, 'en'));
for (const [name, bytes] of Object.entries(words)) writeFileSync(here('dist/' + name), bytes);
for (const [language, texts] of Object.entries(languages)) {
  // The element with these words inside: `import '@docent/widget/in/ar'`.
  writeFileSync(here(`dist/in/${language}.js`), script('define.js', language));
  // With their names, for pages that bring their own words: `chat.texts = ar`.
  writeFileSync(here(`dist/languages/${language}.json`), JSON.stringify(texts, null, 1) + '\n');
}
process.exitCode = failed ? 1 : 0;
