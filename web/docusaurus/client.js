// Runs in the reader's browser on every page of the site, so it is small: when the page is idle it loads what mounts the
// widget, and it tells that part when the site has drawn another page.

import ExecutionEnvironment from '@docusaurus/ExecutionEnvironment';
import globalData from '@generated/globalData';

let arrived;

if (ExecutionEnvironment.canUseDOM) {
  const idle = window.requestIdleCallback ?? setTimeout;
  const start = () => idle(async () => {
    const { mount } = await import('./mount.js');
    arrived = mount(Object.values(globalData['docusaurus-plugin-docent'])[0]);
  });
  if (document.readyState === 'complete') start();
  else addEventListener('load', start, { once: true });
}

/** Docusaurus calls this after each client-side navigation. */
export function onRouteDidUpdate({ location, previousLocation }) {
  if (location.pathname !== previousLocation?.pathname) arrived?.();
}
