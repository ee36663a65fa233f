// A small real site for the plugin's tests. PLAIN leaves the plugin out, to measure what it adds.
const plugin = require.resolve('../../index.js');

module.exports = {
  title: 'The Little Manual',
  url: 'http://127.0.0.1',
  baseUrl: '/manual/',
  onBrokenLinks: 'throw',
  future: { v4: true },
  i18n: { defaultLocale: process.env.SITE_LOCALE ?? 'en', locales: [process.env.SITE_LOCALE ?? 'en'] },
  plugins: [
    ['@docusaurus/plugin-content-docs', { routeBasePath: '/', sidebarPath: undefined }],
    ...(process.env.PLAIN ? [] : [[plugin, { examples: ['How do I install Docent?'], ...(process.env.SITE_OPTIONS ? JSON.parse(process.env.SITE_OPTIONS) : {}) }]]),
  ],
  themes: ['@docusaurus/theme-classic'],
  themeConfig: { colorMode: { respectPrefersColorScheme: true }, navbar: { title: 'The Little Manual', items: [{ to: '/', label: 'Docs' }] } },
};
