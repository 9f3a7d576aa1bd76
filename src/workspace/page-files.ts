/**
 * The page's own code and lit, served as they are on disk: TypeScript with its types stripped, no
 * build. Promises: only the listed folders can be read, and only files with a known ending.
 */
import { readFile } from 'node:fs/promises';
import { stripTypeScriptTypes } from 'node:module';
import { dirname, join, normalize, sep } from 'node:path';
import { fileURLToPath } from 'node:url';

const OWN = dirname(fileURLToPath(import.meta.url));

const TYPES: Readonly<Record<string, string>> = {
  '.js': 'text/javascript; charset=utf-8',
  '.ts': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
};

/** Packages of the page, by the name the page imports. */
const PACKAGES: ReadonlyMap<string, string> = new Map(
  ['lit', 'lit-html', 'lit-element', '@lit/reactive-element'].map((name) => [
    name,
    packageFolder(name),
  ]),
);

export interface PageFile {
  readonly type: string;
  readonly text: string;
}

/** `code/…` is ours; `packages/<name>/…` is lit. Undefined: there is no such file to be served. */
export async function readPageFile(path: string): Promise<PageFile | undefined> {
  const place = resolvePlace(path);
  const ending = /\.[a-z]+$/.exec(path)?.[0] ?? '';
  const type = TYPES[ending];
  if (place === undefined || type === undefined) return undefined;
  try {
    const text = await readFile(place, 'utf8');
    return { type, text: ending === '.ts' ? stripTypeScriptTypes(text) : text };
  } catch {
    return undefined;
  }
}

function resolvePlace(path: string): string | undefined {
  const [kind = '', ...rest] = path.split('/');
  if (kind === 'code' && ['browser', 'shared'].includes(rest[0] ?? ''))
    return inside(OWN, rest.join('/'));
  if (kind !== 'packages') return undefined;
  const scoped = rest[0]?.startsWith('@') === true ? 2 : 1;
  const folder = PACKAGES.get(rest.slice(0, scoped).join('/'));
  return folder === undefined ? undefined : inside(folder, rest.slice(scoped).join('/'));
}

function inside(folder: string, path: string): string | undefined {
  const place = normalize(join(folder, path));
  return place.startsWith(`${folder}${sep}`) ? place : undefined;
}

function packageFolder(name: string): string {
  // Two of lit's packages are not ours to import by name; they lie beside it.
  const lit = dirname(fileURLToPath(import.meta.resolve('lit')));
  return normalize(join(lit, '..', name));
}

/** Tells the browser where the names in imports are. */
export const IMPORT_MAP = JSON.stringify({
  imports: {
    lit: '/packages/lit/index.js',
    'lit/': '/packages/lit/',
    'lit-html': '/packages/lit-html/lit-html.js',
    'lit-html/': '/packages/lit-html/',
    'lit-element/lit-element.js': '/packages/lit-element/lit-element.js',
    '@lit/reactive-element': '/packages/@lit/reactive-element/reactive-element.js',
    '@lit/reactive-element/': '/packages/@lit/reactive-element/',
  },
});
