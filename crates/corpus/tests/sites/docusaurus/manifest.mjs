// Writes what the build itself knows of its pages, source and permalink, beside the pages.
import {writeFile} from 'node:fs/promises';
import {join} from 'node:path';

export default function manifest() {
  const pages = [];
  return {
    name: 'manifest',
    allContentLoaded({allContent}) {
      const add = (page, version = null) =>
        pages.push({
          file: page.source.replace('@site/', ''),
          permalink: page.permalink,
          version,
          unlisted: page.unlisted ?? false,
        });
      for (const instance of Object.values(allContent['docusaurus-plugin-content-docs'] ?? {})) {
        const versioned = instance.loadedVersions.length > 1;
        for (const version of instance.loadedVersions) {
          const name = versioned ? version.versionName : null;
          version.docs.forEach((doc) => add(doc, name));
          const categories = (items) =>
            items.forEach((item) => {
              if (item.type !== 'category') return;
              categories(item.items);
              if (item.link?.type === 'generated-index') {
                add({source: 'generated', permalink: item.link.permalink}, name);
              }
            });
          Object.values(version.sidebars).forEach(categories);
        }
      }
      for (const blog of Object.values(allContent['docusaurus-plugin-content-blog'] ?? {})) {
        blog.blogPosts.forEach((post) => add({...post.metadata, source: post.metadata.source}));
      }
      for (const own of Object.values(allContent['docusaurus-plugin-content-pages'] ?? {})) {
        (own ?? []).filter((page) => page.type === 'mdx').forEach((page) => add(page));
      }
    },
    async postBuild({outDir, i18n}) {
      await writeFile(join(outDir, 'manifest.json'), JSON.stringify({locale: i18n.currentLocale, pages}));
    },
  };
}
