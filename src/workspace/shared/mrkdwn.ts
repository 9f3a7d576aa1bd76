/**
 * Reads Slack's mrkdwn into a tree of plain data, which the page turns into elements; text never
 * becomes markup. Pure. What is not closed or not known stays as it was typed.
 */

export type Inline =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'bold' | 'italic' | 'strike'; readonly children: readonly Inline[] }
  | { readonly kind: 'code'; readonly text: string }
  | { readonly kind: 'link'; readonly url: string; readonly label: string }
  | { readonly kind: 'user' | 'channel' | 'group'; readonly id: string; readonly label: string }
  | { readonly kind: 'broadcast'; readonly name: string }
  | {
      readonly kind: 'date';
      readonly epochSeconds: number;
      readonly format: string;
      readonly fallback: string;
    }
  | { readonly kind: 'break' };

export type Piece =
  | { readonly kind: 'paragraph'; readonly children: readonly Inline[] }
  | { readonly kind: 'heading'; readonly children: readonly Inline[] }
  | { readonly kind: 'pre'; readonly text: string }
  | { readonly kind: 'quote'; readonly children: readonly Piece[] }
  | {
      readonly kind: 'list';
      readonly ordered: boolean;
      readonly items: readonly (readonly Inline[])[];
    };

const FENCE = /```\n?([\s\S]*?)\n?```/g;

export function parseMrkdwn(text: string): readonly Piece[] {
  const pieces: Piece[] = [];
  let last = 0;
  for (const match of text.matchAll(FENCE)) {
    pieces.push(...parseLines(text.slice(last, match.index)));
    pieces.push({ kind: 'pre', text: unescapeText(match[1] ?? '') });
    last = match.index + match[0].length;
  }
  return [...pieces, ...parseLines(text.slice(last))];
}

/** Slack docs, Formatting text: these three and no others. */
function unescapeText(text: string): string {
  return text.replaceAll('&lt;', '<').replaceAll('&gt;', '>').replaceAll('&amp;', '&');
}

const QUOTE = /^(?:>|&gt;) ?/;
const BULLET = /^\s*[•◦-] +/;
const NUMBER = /^\s*\d{1,2}[.)] +/;

type LineKind = 'quote' | 'bullet' | 'number' | 'plain';

function kindOf(line: string): LineKind {
  if (QUOTE.test(line)) return 'quote';
  if (BULLET.test(line)) return 'bullet';
  return NUMBER.test(line) ? 'number' : 'plain';
}

function parseLines(text: string): readonly Piece[] {
  const lines = text.replace(/^\n/, '').replace(/\n$/, '').split('\n');
  const groups: { kind: LineKind; lines: string[] }[] = [];
  for (const line of lines) {
    const kind = kindOf(line);
    const group = groups.at(-1);
    if (group?.kind === kind) group.lines.push(line);
    else groups.push({ kind, lines: [line] });
  }
  return groups.flatMap(({ kind, lines: own }) => groupPiece(kind, own));
}

function groupPiece(kind: LineKind, lines: readonly string[]): readonly Piece[] {
  switch (kind) {
    case 'quote': {
      const inner = lines.map((line) => line.replace(QUOTE, '')).join('\n');
      return [{ kind: 'quote', children: parseLines(inner) }];
    }
    case 'bullet':
      return [listOf(false, lines, BULLET)];
    case 'number':
      return [listOf(true, lines, NUMBER)];
    case 'plain': {
      const children = parseInline(lines.join('\n').replaceAll(/^\n+|\n+$/g, ''));
      return children.length === 0 ? [] : [{ kind: 'paragraph', children }];
    }
    default:
      throw new TypeError(`Unreachable kind of line: ${JSON.stringify(kind satisfies never)}`);
  }
}

function listOf(ordered: boolean, lines: readonly string[], mark: RegExp): Piece {
  return {
    kind: 'list',
    ordered,
    items: lines.map((line) => parseInline(line.replace(mark, ''))),
  };
}

/** Each of them begins at the place where it is tried. */
const CODE = /^`([^`\n]+)`/;
const ANGLE = /^<([^<>\n]+)>/;
const ADDRESS = /^https?:\/\/[^\s<>|]+[^\s<>|.,;:!?)'"]/;
const MARKS: Readonly<Record<string, 'bold' | 'italic' | 'strike'>> = {
  '*': 'bold',
  _: 'italic',
  '~': 'strike',
};

interface Found {
  readonly inline: Inline;
  readonly length: number;
}

export function parseInline(text: string): readonly Inline[] {
  const found: Inline[] = [];
  let plain = '';
  for (let at = 0; at < text.length; ) {
    const special = findSpecial(text, at);
    if (special === undefined) {
      plain += text.charAt(at);
      at += 1;
      continue;
    }
    if (plain !== '') found.push({ kind: 'text', text: unescapeText(plain) });
    plain = '';
    found.push(special.inline);
    at += special.length;
  }
  if (plain !== '') found.push({ kind: 'text', text: unescapeText(plain) });
  return found;
}

function findSpecial(text: string, at: number): Found | undefined {
  const rest = text.slice(at);
  const first = rest.charAt(0);
  if (first === '\n') return { inline: { kind: 'break' }, length: 1 };
  if (first === '`') return matched(CODE.exec(rest), (inner) => codeOf(inner));
  if (first === '<') return matched(ANGLE.exec(rest), (inner) => angleOf(inner));
  if (first === 'h' && !isWordBefore(text, at)) {
    const address = ADDRESS.exec(rest)?.[0];
    if (address !== undefined)
      return {
        inline: { kind: 'link', url: unescapeText(address), label: unescapeText(address) },
        length: address.length,
      };
  }
  return MARKS[first] === undefined ? undefined : markedFrom(text, at, first);
}

function matched(
  match: RegExpExecArray | null,
  read: (inner: string) => Inline,
): Found | undefined {
  return match === null ? undefined : { inline: read(match[1] ?? ''), length: match[0].length };
}

function codeOf(inner: string): Inline {
  return { kind: 'code', text: unescapeText(inner) };
}

/** `*bold*` only where the marks hug words: `2 * 3 * 4` and `snake_case_name` stay as they are. */
function markedFrom(text: string, at: number, mark: string): Found | undefined {
  const kind = MARKS[mark];
  const next = text.charAt(at + 1);
  if (
    kind === undefined ||
    isWordBefore(text, at) ||
    next === '' ||
    /\s/.test(next) ||
    next === mark
  )
    return undefined;
  for (let end = text.indexOf(mark, at + 2); end > 0; end = text.indexOf(mark, end + 1)) {
    const inner = text.slice(at + 1, end);
    if (inner.includes('\n')) return undefined;
    const closes = !/\s$/.test(inner) && !/[\p{L}\p{N}]/u.test(text.charAt(end + 1));
    if (closes && !isInsideCode(inner))
      return { inline: { kind, children: parseInline(inner) }, length: inner.length + 2 };
  }
  return undefined;
}

function isWordBefore(text: string, at: number): boolean {
  return at > 0 && /[\p{L}\p{N}]/u.test(text.charAt(at - 1));
}

function isInsideCode(inner: string): boolean {
  return (inner.match(/`/g)?.length ?? 0) % 2 === 1;
}

function angleOf(inner: string): Inline {
  const bar = inner.indexOf('|');
  const [target, label] = bar < 0 ? [inner, ''] : [inner.slice(0, bar), inner.slice(bar + 1)];
  const words = unescapeText(label);
  const id = target.slice(1);
  if (target.startsWith('@')) return { kind: 'user', id, label: words };
  if (target.startsWith('#')) return { kind: 'channel', id, label: words };
  if (target.startsWith('!')) return commandOf(id, words);
  if (!/^(?:https?|mailto):/.test(target))
    return { kind: 'text', text: unescapeText(`<${inner}>`) };
  return { kind: 'link', url: unescapeText(target), label: words || unescapeText(target) };
}

/** `!date^1392734382^{date_num}`, `!subteam^S123`, `!here`. */
function commandOf(command: string, label: string): Inline {
  const [name = '', first = '', second = ''] = command.split('^');
  if (name === 'subteam') return { kind: 'group', id: first, label };
  if (name === 'date' && /^\d+$/.test(first))
    return { kind: 'date', epochSeconds: Number(first), format: second, fallback: label };
  return { kind: 'broadcast', name };
}
