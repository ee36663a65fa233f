// Docs at the root of the site, every URL with a slash at its end, one language that is not English.
const {themes} = require('prism-react-renderer');

/** @type {import('@docusaurus/types').Config} */
const config = {
  title: 'Nur Doku',
  url: 'https://example.org',
  baseUrl: '/',
  trailingSlash: true,
  onBrokenLinks: 'ignore',
  onBrokenAnchors: 'ignore',
  i18n: {defaultLocale: 'de', locales: ['de']},
  markdown: {format: 'detect', anchors: {maintainCase: true}},
  plugins: [require.resolve('../docusaurus/manifest.mjs')],
  presets: [
    [
      '@docusaurus/preset-classic',
      {
        docs: {
          routeBasePath: '/',
          lastVersion: 'current',
          versions: {current: {label: 'neu', path: 'neu'}, '0.9': {path: 'alt'}},
          onlyIncludeVersions: ['current', '0.9'],
        },
        blog: false,
      },
    ],
  ],
  themeConfig: {prism: {theme: themes.github}},
};

module.exports = config;
