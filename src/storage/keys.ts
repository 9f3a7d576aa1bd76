/** Refuses what is not a key. The brand says so already; a store does not rely on it. */
import { Problem } from '../kernel/problem.ts';
import { isObjectKey, type ObjectKey } from './object-store.ts';
import { KEY_INVALID } from './problems.ts';

/** @throws Problem STORAGE_KEY_INVALID */
export function requireKey(text: string): ObjectKey {
  if (isObjectKey(text)) return text;
  throw new Problem(KEY_INVALID, `Cannot use "${text.slice(0, 200)}" as the name of an object`);
}
