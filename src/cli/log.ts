/**
 * The log on standard error: one JSON event per line, written before the call returns, so that the last
 * line before a death is there. Secrets are taken out at the root: by the field's name, and passwords
 * inside any text.
 */
import { type Logger, pino, stdSerializers } from 'pino';

import { redactUrl } from '../config/explain.ts';
import type { Log, LogFields } from '../kernel/log.ts';
import { isProblem } from '../kernel/problem.ts';

const LEVELS = ['debug', 'info', 'warn', 'error'] as const;
export type LogLevel = (typeof LEVELS)[number];

const SECRET_FIELDS = [
  'password',
  'token',
  'secret',
  'bot_token',
  'signing_secret',
  'routing_key',
  'routingKey',
  'key',
];
/** Deeper than this nobody logs on purpose. */
const DEPTH_MAX = 6;

export function stderrLog(level: LogLevel): Log {
  return fromPino(createPino(level, pino.destination({ dest: 2, sync: true })));
}

/** For tests: the same lines, elsewhere. */
export function logInto(level: LogLevel, write: (line: string) => void): Log {
  return fromPino(createPino(level, { write }));
}

/** @returns undefined when `text` is no level. */
export function readLogLevel(text: string | undefined): LogLevel | undefined {
  return LEVELS.find((level) => level === text);
}

function createPino(level: LogLevel, destination: { write(line: string): void }): Logger {
  const paths = SECRET_FIELDS.flatMap((field) => [field, `*.${field}`]);
  return pino(
    {
      level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: {
        level: (label) => ({ level: label }),
        log: (fields) => cleanFields(fields),
      },
      redact: { paths, censor: '(hidden)' },
    },
    destination,
  );
}

function fromPino(logger: Logger): Log {
  return {
    debug: (message, fields = {}) => logger.debug(fields, message),
    info: (message, fields = {}) => logger.info(fields, message),
    warn: (message, fields = {}) => logger.warn(fields, message),
    error: (message, fields) => logger.error(fields, message),
    with: (fields) => fromPino(logger.child(cleanFields(fields))),
  };
}

function cleanFields(fields: LogFields): Record<string, unknown> {
  return Object.fromEntries(Object.entries(fields).map(([key, value]) => [key, clean(value, 1)]));
}

function clean(value: unknown, depth: number): unknown {
  if (typeof value === 'string') return redactUrl(value);
  if (typeof value === 'bigint') return value.toString();
  if (value instanceof Error) return clean(errorFields(value), depth + 1);
  if (typeof value !== 'object' || value === null || depth > DEPTH_MAX) return value;
  if (Array.isArray(value)) return value.map((inner) => clean(inner, depth + 1));
  if ('toJSON' in value && typeof value.toJSON === 'function')
    return clean(value.toJSON(), depth + 1);
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => [key, clean(inner, depth + 1)]),
  );
}

function errorFields(error: Error): Record<string, unknown> {
  if (!isProblem(error)) {
    const { type, message, stack } = stdSerializers.err(error);
    return { type, message, stack };
  }
  const { kind, message, hint, facts, cause } = error;
  return {
    code: kind.code,
    message,
    hint,
    facts,
    ...(cause instanceof Error ? { cause } : {}),
  };
}
