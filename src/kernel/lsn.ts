/**
 * Log positions. As text they are PostgreSQL's own `0/16B3748`; arithmetic is done on bigint. The
 * text form does not sort (`0/10000000` < `0/9000000`), so SQL stores `sortableLsn()`.
 */

/** PostgreSQL's text form of a log position, such as `0/16B3748`. */
export type Lsn = string & { readonly __brand: 'Lsn' };

export function isLsn(text: string): text is Lsn {
  return /^[0-9A-F]{1,8}\/[0-9A-F]{1,8}$/i.test(text);
}

export function toLsn(text: string): Lsn {
  if (!isLsn(text)) throw new TypeError(`Not a log position: "${text}"`);
  return text;
}

/** The position as a number of bytes from the beginning of the log. */
export function lsnBytes(lsn: Lsn): bigint {
  const [high = '', low = ''] = lsn.split('/');
  return (BigInt(`0x${high}`) << 32n) | BigInt(`0x${low}`);
}

export function lsnFromBytes(bytes: bigint): Lsn {
  const high = (bytes >> 32n).toString(16).toUpperCase();
  const low = (bytes & 0xff_ff_ff_ffn).toString(16).toUpperCase();
  return toLsn(`${high}/${low}`);
}

export function compareLsn(a: Lsn, b: Lsn): -1 | 0 | 1 {
  const [x, y] = [lsnBytes(a), lsnBytes(b)];
  if (x === y) return 0;
  return x < y ? -1 : 1;
}

/** 16 hexadecimal digits, which sort as text the way positions do. */
export function sortableLsn(lsn: Lsn): string {
  return lsnBytes(lsn).toString(16).toUpperCase().padStart(16, '0');
}
