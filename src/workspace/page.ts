/** The page's shell and its files. Nothing comes from another host, and no script is inline but the import map. */
import { createHash } from 'node:crypto';

import type { Hono } from 'hono';

import { IMPORT_MAP, readPageFile } from './page-files.ts';

const SHELL = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>Workspace</title>
<link rel="icon" href="/code/browser/icon.svg" type="image/svg+xml">
<link rel="stylesheet" href="/code/browser/frame.css">
<link rel="stylesheet" href="/code/browser/messages.css">
<link rel="stylesheet" href="/code/browser/forms.css">
<script type="importmap">${IMPORT_MAP}</script>
<script type="module" src="/code/browser/page.ts"></script>
</head>
<body><div id="page"><p class="loading">Opening the workspace</p></div></body>
</html>
`;

const MAP_HASH = createHash('sha256').update(IMPORT_MAP).digest('base64');
const POLICY = [
  "default-src 'self'",
  `script-src 'self' 'sha256-${MAP_HASH}'`,
  "img-src 'self' https: data:",
  "object-src 'none'",
  "base-uri 'none'",
  "frame-ancestors 'none'",
].join('; ');

export function mountPage(app: Hono): void {
  app.get('/', (c) => c.html(SHELL, 200, { 'content-security-policy': POLICY }));
  app.get('/archives/*', (c) => c.redirect('/'));
  for (const folder of ['code', 'packages']) {
    app.get(`/${folder}/*`, async (c) => {
      const file = await readPageFile(c.req.path.slice(1));
      if (file === undefined) return c.text('Not found', 404);
      return c.body(file.text, 200, { 'content-type': file.type, 'cache-control': 'no-cache' });
    });
  }
}
