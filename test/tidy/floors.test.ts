/**
 * The house rules no linter knows. A floor may import itself and the floors below it; a room may
 * not import another room of its own floor unless the table says so; an SDK has one home.
 */
import { globSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { describe, expect, test } from 'vitest';

import { BESIDE, FLOORS, HOMES, SIDEWAYS } from './house.ts';

const SRC = join(import.meta.dirname, '../../src');
const TOP = join(SRC, '..');

interface Import {
  readonly from: string;
  readonly to: string;
}

/** `import … from`, `export … from`, `import '…'`, `import('…')`, `new URL('….ts', import.meta.url)`. */
const SPECIFIER = /(?:\bfrom\s+|\bimport\s+|\bimport\(\s*|new URL\(\s*)'(?<to>[^']+)'/gu;

const FILES = globSync('**/*.{ts,mjs}', { cwd: SRC }).toSorted();

function roomOf(path: string): string {
  return path.split('/')[0] ?? path;
}

function floorOf(room: string): number {
  if (BESIDE.includes(room)) return FLOORS.length;
  return FLOORS.findIndex((rooms) => rooms.includes(room));
}

function importsOf(path: string): Import[] {
  const specifiers = readFileSync(join(SRC, path), 'utf8').matchAll(SPECIFIER);
  return [...specifiers].map((match) => ({ from: path, to: match.groups?.['to'] ?? '' }));
}

function targetRoom({ from, to }: Import): string {
  return roomOf(relative(SRC, join(SRC, dirname(from), to)));
}

function crossesWrongly(edge: Import): boolean {
  const [a, b] = [roomOf(edge.from), targetRoom(edge)];
  if (a === b || b === '..' || b === '.') return false;
  if (SIDEWAYS.has(`${a} → ${b}`)) return false;
  if (BESIDE.includes(a)) return b !== 'kernel';
  return floorOf(b) >= floorOf(a);
}

function packageOf(specifier: string): string {
  const parts = specifier.split('/');
  return specifier.startsWith('@') ? parts.slice(0, 2).join('/') : (parts[0] ?? specifier);
}

function picture(imports: readonly Import[]): string {
  const rooms = new Set(FILES.map(roomOf));
  const lines = FLOORS.toReversed().map((floor, index) => {
    const there = floor.filter((room) => rooms.has(room));
    return `${FLOORS.length - 1 - index} │ ${there.join(' · ')}`;
  });
  const beside = BESIDE.filter((room) => rooms.has(room));
  return [...lines, `beside │ ${beside.join(' · ')}`, `${imports.length} imports seen`].join('\n');
}

describe('the house', () => {
  const code = FILES.filter((path) => path.endsWith('.ts'));
  const imports = FILES.flatMap(importsOf);
  const inner = imports.filter(({ to }) => to.startsWith('.') && /\.(?:ts|mjs)$/.test(to));

  test('has no room outside the table of floors', () => {
    expect(
      FILES.map(roomOf).filter((room) => floorOf(room) === -1 && room !== 'strip.mjs'),
    ).toEqual([]);
  });

  test('has imports, and none goes up a floor or sideways without a reason', () => {
    process.stdout.write(`${picture(inner)}\n`);

    expect(inner.length).toBeGreaterThan(0); // A scan that finds nothing proves nothing.
    expect(inner.filter(crossesWrongly)).toEqual([]);
  });

  test('keeps each outside package in its room', () => {
    const astray = imports.filter(
      ({ from, to }) => HOMES.get(packageOf(to))?.includes(roomOf(from)) === false,
    );
    expect(astray).toEqual([]);
  });

  test('opens every file with a comment that says what it is for', () => {
    const silent = code.filter((path) => !readFileSync(join(SRC, path), 'utf8').startsWith('/**'));
    expect(silent).toEqual([]);
  });

  test('has no folder whose name says nothing', () => {
    const vague = /(?:^|\/)(?:utils|common|helpers|lib|types|services|core)\//;
    expect(FILES.filter((path) => vague.test(path))).toEqual([]);
  });

  test('holds at its top level only what it should', () => {
    const allowed =
      /^(?:package\.json|package-lock\.json|tsconfig\.json|src|manifest\.yml|Dockerfile|test|runbooks|README\.md|node_modules|\..+)$/;
    const found = globSync('*', { cwd: TOP }).filter((name) => !allowed.test(name));
    expect(
      found.filter((name) => !['state', 'store', 'keyring.json', 'dbdr.yaml'].includes(name)),
    ).toEqual([]);
  });
});
