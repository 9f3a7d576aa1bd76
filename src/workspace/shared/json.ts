/**
 * Reads JSON whose shape nobody promises: blocks, payloads, requests. Pure, and used by the server and
 * the page alike. Refuses nothing: what is missing reads as empty; judging is `limits/`' work.
 */

export type JsonRecord = { readonly [key: string]: unknown };

export function isRecord(value: unknown): value is JsonRecord {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

export function valueAt(value: unknown, key: string): unknown {
  return isRecord(value) ? value[key] : undefined;
}

/** The text at `key`, or `''`. */
export function textAt(value: unknown, key: string): string {
  const found = valueAt(value, key);
  return typeof found === 'string' ? found : '';
}

export function numberAt(value: unknown, key: string): number | undefined {
  const found = valueAt(value, key);
  return typeof found === 'number' ? found : undefined;
}

/** Only the literal `true` is true. */
export function flagAt(value: unknown, key: string): boolean {
  return valueAt(value, key) === true;
}

export function listAt(value: unknown, key: string): readonly unknown[] {
  return asList(valueAt(value, key));
}

export function recordAt(value: unknown, key: string): JsonRecord | undefined {
  const found = valueAt(value, key);
  return isRecord(found) ? found : undefined;
}

export function recordsAt(value: unknown, key: string): readonly JsonRecord[] {
  return listAt(value, key).filter(isRecord);
}

export function asList(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

/** The words of a text object: `{ type, text: { text } }` has them one level down. */
export function wordsAt(value: unknown, key: string): string {
  return textAt(valueAt(value, key), 'text');
}

export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
