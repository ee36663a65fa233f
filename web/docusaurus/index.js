// The Docusaurus plugin: checks its options, hands them to the browser as global data, and adds a client module that
// loads the widget when the page is idle. It wraps no component and runs nothing of the widget on the server.

const languages = require('./languages.json');
const { readOptions } = require('./options.js');

/** @type {import('@docusaurus/types').PluginModule} */
module.exports = function docent(context, options) {
  const { siteConfig, i18n } = context;
  return {
    name: 'docusaurus-plugin-docent',
    getClientModules: () => [require.resolve('./client.js')],
    contentLoaded({ actions }) {
      const { currentLocale } = i18n;
      // The words of this locale travel with the page, so that the browser asks for nothing.
      const words = languages[currentLocale.toLowerCase().split(/[-_]/)[0]];
      const { id, texts, ...rest } = options;
      actions.setGlobalData({
        ...rest,
        book: options.book ?? siteConfig.title,
        lang: i18n.localeConfigs?.[currentLocale]?.htmlLang ?? currentLocale,
        locale: currentLocale,
        baseUrl: siteConfig.baseUrl,
        texts: words || texts ? { ...words, ...texts } : undefined,
      });
    },
  };
};

module.exports.validateOptions = ({ options }) => readOptions(options ?? {}, process.env);
