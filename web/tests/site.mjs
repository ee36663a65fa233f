// Serves a built site from a folder, as a static host does.

import { existsSync, readFileSync, statSync } from 'node:fs';
import { createServer } from 'node:http';

const TYPES = { html: 'text/html; charset=utf-8', js: 'text/javascript', css: 'text/css', svg: 'image/svg+xml', png: 'image/png' };

/** Serves `folder` under `base` on a free port. `change` may alter its scripts. */
export async function serveSite(folder, base, change = (text) => text) {
  const server = createServer((request, response) => {
    let path = decodeURIComponent(new URL(request.url, 'http://x').pathname);
    if (path === '/favicon.ico') return void response.writeHead(204).end();
    if (!path.startsWith(base) || path.includes('..')) return void response.writeHead(404).end();
    path = folder + path.slice(base.length);
    if (existsSync(path) && statSync(path).isDirectory()) path += '/index.html';
    if (!existsSync(path)) path = existsSync(path + '.html') ? path + '.html' : folder + '404.html';
    response.writeHead(200, { 'content-type': TYPES[path.split('.').pop()] ?? 'application/octet-stream' })
      .end(path.endsWith('.js') ? change(readFileSync(path, 'utf8')) : readFileSync(path));
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  server.unref();
  return { origin: `http://127.0.0.1:${server.address().port}`, stop: () => (server.closeAllConnections(), server.close()) };
}
