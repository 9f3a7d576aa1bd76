/** Keys for tests, by the guard like any other. */
import { isObjectKey, type ObjectKey } from '../../src/storage/object-store.ts';

export function objectKey(text: string): ObjectKey {
  if (!isObjectKey(text)) throw new TypeError(`Not a key: "${text}"`);
  return text;
}
