/**
 * From a line of text to words, the way a shell would, and from the dashes and quotes that phones and
 * autocorrect make back to those that were meant. Pure.
 */

/**
 * A quoted piece, perhaps after `--flag=`, else everything up to the next space. A quote opens only
 * there, so the one in `O'Brien` is a letter; autocorrect may have changed one end of a pair only.
 */
const WORD =
  /(?<before>[^\s"'=“”„‘«]*=)?(?:["“”„](?<double>[^"“”]*)["“”]|['‘](?<single>[^'’]*)['’]|«(?<angle>[^»]*)»)(?=\s|$)|\S+/gu;

export function splitLine(line: string): readonly string[] {
  return [...line.matchAll(WORD)].map((match) => {
    const { before = '', double, single, angle } = match.groups ?? {};
    const quoted = double ?? single ?? angle;
    return quoted === undefined ? match[0] : before + quoted;
  });
}

/** `—to` and `–to` are `--to`; a date and the time after it are one word. */
export function mendTokens(tokens: readonly string[]): readonly string[] {
  const mended: string[] = [];
  for (const token of tokens) {
    const last = mended.at(-1);
    if (last !== undefined && isDate(last) && /^\d{1,2}:\d{2}/.test(token))
      mended[mended.length - 1] = `${last} ${token}`;
    else mended.push(token.replace(/^(?:[—–―−]-?|-[—–])(?=\p{L})/u, '--'));
  }
  return mended;
}

function isDate(token: string): boolean {
  return /(?:^|=)\d{4}-\d{2}-\d{2}$/.test(token);
}
