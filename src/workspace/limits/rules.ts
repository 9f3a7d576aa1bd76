/** The small questions that every validation is made of. Each answers with Slack's own kind of sentence. Pure. */
import { isRecord, type JsonRecord, textAt } from '../shared/json.ts';

/** `[ERROR] must be less than 3001 characters [json-pointer:/blocks/0/text/text]`. */
export function wrong(sentence: string, at: string): string {
  return `[ERROR] ${sentence} [json-pointer:${at}]`;
}

export interface TextRule {
  readonly max: number;
  /** mrkdwn is refused. */
  readonly plain?: boolean;
  readonly optional?: boolean;
}

/** A text object at `holder[key]`. */
export function checkText(
  holder: JsonRecord,
  key: string,
  at: string,
  rule: TextRule,
): readonly string[] {
  const value = holder[key];
  const here = `${at}/${key}`;
  if (value === undefined)
    return rule.optional === true ? [] : [wrong(`missing required field: ${key}`, at)];
  return checkTextObject(value, here, rule);
}

export function checkTextObject(value: unknown, at: string, rule: TextRule): readonly string[] {
  if (!isRecord(value)) return [wrong('expected a text object', at)];
  const type = textAt(value, 'type');
  const allowed = rule.plain === true ? ['plain_text'] : ['plain_text', 'mrkdwn'];
  if (!allowed.includes(type)) return [wrong(`unsupported type: ${type}`, `${at}/type`)];
  const text = value['text'];
  if (typeof text !== 'string') return [wrong('missing required field: text', at)];
  if (text === '') return [wrong('must be more than 0 characters', `${at}/text`)];
  return checkLength(text, `${at}/text`, rule.max);
}

function checkLength(text: unknown, at: string, max: number): readonly string[] {
  if (typeof text !== 'string') return [wrong('expected a string', at)];
  return text.length > max ? [wrong(`must be less than ${max + 1} characters`, at)] : [];
}

/** A string that may be missing. */
export function checkMaybe(
  holder: JsonRecord,
  key: string,
  at: string,
  max: number,
): readonly string[] {
  return holder[key] === undefined ? [] : checkLength(holder[key], `${at}/${key}`, max);
}

export function checkNeeded(
  holder: JsonRecord,
  key: string,
  at: string,
  max: number,
): readonly string[] {
  if (holder[key] === undefined || holder[key] === '')
    return [wrong(`missing required field: ${key}`, at)];
  return checkLength(holder[key], `${at}/${key}`, max);
}

export function checkCount(
  count: number,
  at: string,
  range: { readonly min: number; readonly max: number },
): readonly string[] {
  if (count > range.max) return [wrong(`no more than ${range.max} items allowed`, at)];
  return count < range.min ? [wrong(`no fewer than ${range.min} items allowed`, at)] : [];
}

export function checkOneOf(
  value: unknown,
  at: string,
  allowed: readonly string[],
): readonly string[] {
  return typeof value === 'string' && allowed.includes(value)
    ? []
    : [wrong(`must be one of: ${allowed.join(', ')}`, at)];
}

/** Each of `ids` at most once. */
export function checkUnique(
  ids: readonly { readonly id: string; readonly at: string }[],
  what: string,
): readonly string[] {
  const seen = new Set<string>();
  return ids.flatMap(({ id, at }) => {
    if (!seen.has(id)) {
      seen.add(id);
      return [];
    }
    return [wrong(`${what} \`${id}\` already exists`, at)];
  });
}
