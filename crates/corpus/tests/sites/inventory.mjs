// Prints the inventory of a built site: for every page its source file, its route and the ids of its headings
// in document order, as they stand in the HTML.
//   node inventory.mjs docusaurus BUILD BASE_URL             a site with the plugin manifest.mjs
//   node inventory.mjs docusaurus BUILD BASE_URL GENERATED   any site of one version, with its folder .docusaurus
//   node inventory.mjs mdbook BUILD
import {existsSync, readFileSync, readdirSync} from 'node:fs';
import {join} from 'node:path';

const [kind, build, baseUrl = '/', generated] = process.argv.slice(2);
const decode = (text) =>
  text.replace(/&#x([0-9a-f]+);/gi, (_, code) => String.fromCodePoint(parseInt(code, 16)))
    .replace(/&#(\d+);/g, (_, code) => String.fromCodePoint(Number(code)))
    .replaceAll('&quot;', '"').replaceAll('&lt;', '<').replaceAll('&gt;', '>').replaceAll('&amp;', '&');

/** Ids of the headings inside an element's HTML. Footnotes get a heading that no author wrote. */
function anchors(html) {
  const ids = [];
  for (const [, attributes] of html.matchAll(/<h[1-6]((?:\s+[^\s=>]+(?:=(?:"[^"]*"|'[^']*'|[^\s>]*))?)*)\s*>/g)) {
    const id = /\sid=(?:"([^"]*)"|'([^']*)'|([^\s>]*))/.exec(attributes);
    if (id) ids.push(decode(id[1] ?? id[2] ?? id[3]));
  }
  return ids.filter((id) => id !== 'footnote-label');
}

/** What manifest.mjs would have written, from the files that the docs plugin leaves behind. */
function left(folder) {
  const read = (name) => JSON.parse(readFileSync(join(folder, 'docusaurus-plugin-content-docs/default', name), 'utf8'));
  const names = readdirSync(join(folder, 'docusaurus-plugin-content-docs/default')).filter((name) => name.startsWith('site-'));
  const docs = names.map(read).map((doc) => ({...doc, file: doc.source.replace('@site/', ''), version: null}));
  // A permalink keeps the slash of an index page although the site is built without (`trailingSlash: false`).
  const bare = (path) => path.replace(/(.)\/$/, '$1');
  const known = new Set(docs.map((doc) => bare(doc.permalink)));
  // Of the rest, the list of addresses for search engines knows: index pages that were generated.
  const listed = [...readFileSync(join(build, 'sitemap.xml'), 'utf8').matchAll(/<loc>([^<]*)<\/loc>/g)];
  const paths = listed.map(([, address]) => new URL(decode(address)).pathname).filter((path) => !known.has(bare(path)));
  return {locale: 'en', pages: [...docs, ...paths.map((permalink) => ({file: 'generated', permalink, version: null}))]};
}

const pages = [];
if (kind === 'docusaurus') {
  const locales = [build, ...readdirSync(build).map((name) => join(build, name))]
    .filter((folder) => existsSync(join(folder, 'manifest.json')));
  const manifests = locales.map((folder) => JSON.parse(readFileSync(join(folder, 'manifest.json'), 'utf8')));
  for (const manifest of generated ? [left(generated)] : manifests) {
    for (const page of manifest.pages.filter((page) => !page.unlisted && !page.draft)) {
      const path = page.permalink.slice(baseUrl.length).replace(/\/$/, '');
      const candidates = [`${path}/index.html`, `${path}.html`].map((name) => join(build, name));
      const html = readFileSync(candidates.find((name) => existsSync(name)), 'utf8');
      const main = html.slice(html.search(/<(article|main)[\s>]/));
      const canonical = /<link[^>]*rel="?canonical"?[^>]*href=(?:"([^"]*)"|([^\s>]+))/.exec(html);
      pages.push({
        file: page.file,
        route: decodeURI(new URL(decode(canonical[1] ?? canonical[2])).pathname),
        version: page.version,
        locale: manifest.locale,
        anchors: page.file === 'generated' ? [] : anchors(main),
      });
    }
  }
} else {
  // The edit link of a page names its source. The first chapter is written twice, as index.html too.
  const outputs = readdirSync(build, {recursive: true}).filter((name) => name.endsWith('.html')).sort();
  const byFile = new Map();
  for (const output of outputs.sort((left, right) => (right === 'index.html') - (left === 'index.html'))) {
    const html = readFileSync(join(build, output), 'utf8');
    const file = /href="edit:([^"]*)"/.exec(html)?.[1];
    if (!file) continue;
    const main = html.slice(html.indexOf('<main>'), html.indexOf('</main>'));
    const route = baseUrl + output;
    byFile.set(decode(file), {file: decode(file), route, version: null, locale: 'en', anchors: anchors(main)});
  }
  pages.push(...byFile.values());
}
const key = (page) => [page.locale, page.route, page.file].join(' ');
pages.sort((left, right) => (key(left) < key(right) ? -1 : 1));
console.log(`[\n${pages.map((page) => JSON.stringify(page)).join(',\n')}\n]`);
