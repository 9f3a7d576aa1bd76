/** One text form for each value that is stored, hashed or shown to a program. Pure. */
import { createHash } from 'node:crypto';

export type Json =
  | string
  | number
  | boolean
  | null
  | readonly Json[]
  | { readonly [key: string]: Json | undefined };

/** JSON with sorted keys: equal values have equal text, so it can be hashed. */
export function canonicalJson(value: Json): string {
  return JSON.stringify(value, (_key, inner: unknown) => {
    if (typeof inner !== 'object' || inner === null || Array.isArray(inner)) return inner;
    return Object.fromEntries(Object.entries(inner).toSorted(([a], [b]) => (a < b ? -1 : 1)));
  });
}

/** SHA-256 of the canonical text, in hexadecimal: the identity of a plan. */
export function hashJson(value: Json): string {
  return createHash('sha256').update(canonicalJson(value)).digest('hex');
}

/** RFC 3339 in UTC, always with six digits of a second: it sorts as text. */
export function utcText(at: Temporal.Instant): string {
  return at.toString({ fractionalSecondDigits: 6 });
}
