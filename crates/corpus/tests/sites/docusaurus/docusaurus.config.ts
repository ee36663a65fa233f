// A site that uses every feature that decides where a page or a heading is found.
import type {Config} from '@docusaurus/types';
import type * as Preset from '@docusaurus/preset-classic';
import remarkMath from 'remark-math';
import rehypeKatex from 'rehype-katex';

const base = '/base/';
const math = {remarkPlugins: [remarkMath], rehypePlugins: [rehypeKatex]};

const config: Config = {
  title: 'Every rule',
  url: process.env.SITE_URL ?? 'https://example.org',
  baseUrl: base,
  trailingSlash: undefined,
  onBrokenLinks: 'ignore',
  onBrokenAnchors: 'ignore',
  onDuplicateRoutes: 'ignore',
  i18n: {defaultLocale: 'en', locales: ['en', 'fr']},
  markdown: {hooks: {onBrokenMarkdownLinks: 'ignore', onBrokenMarkdownImages: 'ignore'}},
  presets: [
    [
      'classic',
      {
        docs: {sidebarPath: './sidebars.ts', ...math},
        blog: {showReadingTime: false, onInlineAuthors: 'ignore', onUntruncatedBlogPosts: 'ignore'},
      } satisfies Preset.Options,
    ],
  ],
  plugins: [
    './manifest.mjs',
    [
      '@docusaurus/plugin-content-docs',
      {
        id: 'community',
        path: 'community',
        routeBasePath: 'community/all',
        sidebarPath: false,
        numberPrefixParser: false,
        exclude: ['**/_*.md', 'internal/**'],
      },
    ],
  ],
};

export default config;
