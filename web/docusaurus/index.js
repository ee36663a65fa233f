// The Docusaurus plugin: checks its options, hands them to the browser as global data, and adds a client module that
// loads the widget when the page is idle. It wraps no component and runs nothing of the widget on the server.

const { readOptions } = require('./options.js');
const { languageOf } = require('./words.js');

/** @type {import('@docusaurus/types').PluginModule} */
module.exports = function docent(context, options) {
  const { siteConfig, i18n } = context;
  return {
    name: 'docusaurus-plugin-docent',
    getClientModules: () => [require.resolve('./client.js')],
    contentLoaded({ actions }) {
      const { currentLocale } = i18n;
      const { id, ...rest } = options;
      actions.setGlobalData({
        ...rest,
        book: options.book ?? siteConfig.title,
        lang: i18n.localeConfigs?.[currentLocale]?.htmlLang ?? currentLocale,
        locale: currentLocale,
        baseUrl: siteConfig.baseUrl,
      });
    },
    // The words of this locale travel with the widget, so that the browser asks for nothing.
    configureWebpack: () => ({
      module: {
        rules: [{ test: /[\\/]widget\.mjs$/, include: __dirname, use: [{ loader: require.resolve('./words.js'), options: { language: languageOf(i18n.currentLocale) } }] }],
      },
    }),
  };
};

module.exports.validateOptions = ({ options }) => readOptions(options ?? {}, process.env);
