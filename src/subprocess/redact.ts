/** Takes secrets out of text before a person, a log or a problem sees it. Pure. */

const HIDDEN = '***';

/** Passwords in connection URLs and `password=…` words, and every text in `secrets`. */
export function redact(text: string, secrets: readonly string[] = []): string {
  let clean = text
    .replaceAll(/(\b[a-z][a-z0-9+.-]*:\/\/[^\s:/@]*:)[^\s@/]+@/gi, `$1${HIDDEN}@`)
    .replaceAll(/\b(password|passwd|pwd|secret|token)=('[^']*'|"[^"]*"|[^\s&]+)/gi, `$1=${HIDDEN}`);
  // Longest first: a secret that holds another one must not leave a remainder behind.
  for (const secret of [...secrets].toSorted((a, b) => b.length - a.length)) {
    if (secret !== '') clean = clean.replaceAll(secret, HIDDEN);
  }
  return clean;
}
