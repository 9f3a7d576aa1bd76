/** What schemas and operations hand over, as the plain JSON that rows keep. */
import type { Json } from '../kernel/codecs.ts';

/** Drops `undefined` members; what JSON cannot say is a mistake of whoever made the value. */
export function plainJson(value: unknown): Json {
  const text = JSON.stringify(value ?? null);
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- JSON.parse() answers nothing else
  return JSON.parse(text) as Json;
}

/** The server a plan or an input names, where it names one. */
export function serverOf(...places: readonly Json[]): string | null {
  for (const place of places) {
    const server = memberOf(place, 'server');
    if (typeof server === 'string') return server;
  }
  return null;
}

export function memberOf(value: Json, name: string): Json | undefined {
  if (typeof value !== 'object' || value === null || isArray(value)) return undefined;
  return value[name];
}

function isArray(value: Json): value is readonly Json[] {
  return Array.isArray(value);
}
