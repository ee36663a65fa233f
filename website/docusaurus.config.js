// @ts-check
// The site around the manual. The pages are in ../docs, so that a bare `docent serve docs` reads the same book;
// the addresses below are repeated in ../docs/docent.toml for that reason and must stay equal.

import {themes} from 'prism-react-renderer';

/** @type {import('@docusaurus/types').Config} */
const config = {
  title: 'Docent manual',
  tagline: 'Ask the book',
  url: 'http://localhost:3000',
  baseUrl: '/',
  trailingSlash: false,

  // A manual with a dead link does not build.
  onBrokenLinks: 'throw',
  onBrokenAnchors: 'throw',
  onDuplicateRoutes: 'throw',
  markdown: {
    hooks: {
      onBrokenMarkdownLinks: 'throw',
      onBrokenMarkdownImages: 'throw',
    },
  },

  i18n: {defaultLocale: 'en', locales: ['en']},

  presets: [
    [
      'classic',
      /** @type {import('@docusaurus/preset-classic').Options} */
      ({
        docs: {
          path: '../docs',
          routeBasePath: '/',
          sidebarPath: './sidebars.js',
        },
        blog: false,
        pages: false,
        theme: {customCss: './custom.css'},
      }),
    ],
  ],

  // The manual answers for itself: `docent serve docs` beside `npm run serve`.
  plugins: [
    [
      '../web/docusaurus',
      {
        server: process.env.DOCENT_URL ?? 'http://localhost:7860',
        label: 'Ask the manual',
        examples: [
          'How do I serve my own book?',
          'What happens when the model is not available?',
          'How is a citation made?',
        ],
      },
    ],
  ],

  themeConfig:
    /** @type {import('@docusaurus/preset-classic').ThemeConfig} */
    ({
      navbar: {
        title: 'Docent manual',
        items: [{type: 'docSidebar', sidebarId: 'manual', position: 'left', label: 'Contents'}],
      },
      colorMode: {respectPrefersColorScheme: true},
      prism: {
        theme: themes.github,
        darkTheme: themes.dracula,
        additionalLanguages: ['bash', 'toml', 'json', 'nginx', 'systemd', 'docker'],
      },
    }),
};

export default config;
