/**
 * `manifest.yml` is true to the app, both ways: what the code listens to stands in it and nothing
 * else; each Web API method that is called has its scope and each scope its method; Slack's own schema
 * accepts it.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

import { Ajv } from 'ajv';
import { expect, test } from 'vitest';
import { parse } from 'yaml';
import { z } from 'zod';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));

const Manifest = z.looseObject({
  features: z.looseObject({
    slash_commands: z.array(z.looseObject({ command: z.string(), url: z.string() })).default([]),
    shortcuts: z.array(z.looseObject({ callback_id: z.string() })).default([]),
  }),
  oauth_config: z.looseObject({ scopes: z.looseObject({ bot: z.array(z.string()) }) }),
  settings: z.looseObject({
    event_subscriptions: z.looseObject({ bot_events: z.array(z.string()) }).optional(),
    interactivity: z.looseObject({ is_enabled: z.boolean(), request_url: z.string() }),
    socket_mode_enabled: z.boolean(),
  }),
});

/** Slack docs, each method's page: the bot scope it needs. Empty: any token may. */
const SCOPES: Readonly<Record<string, string>> = {
  'auth.test': '',
  'chat.postMessage': 'chat:write',
  'chat.postEphemeral': 'chat:write',
  'chat.update': 'chat:write',
  'users.info': 'users:read',
  'usergroups.users.list': 'usergroups:read',
  'views.open': '',
};
/** Scopes that no method needs, and why they stand there. */
const OTHER_SCOPES: Readonly<Record<string, string>> = { commands: 'slash commands' };

function readManifest(): { readonly raw: unknown; readonly manifest: z.infer<typeof Manifest> } {
  const raw: unknown = parse(readFileSync(`${ROOT}manifest.yml`, 'utf8'));
  return { raw, manifest: Manifest.parse(raw) };
}

function readSource(): string {
  const folder = `${ROOT}src/slack`;
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts'))
    .map((name) => readFileSync(`${folder}/${name}`, 'utf8'))
    .join('\n');
}

function allMatches(source: string, pattern: RegExp): readonly string[] {
  return [...new Set([...source.matchAll(pattern)].map((match) => match[1] ?? ''))].toSorted();
}

/** `NAME` or a text, as listeners register it. */
function resolveName(source: string, name: string): string {
  const quoted = /^'(.*)'$/.exec(name);
  if (quoted !== null) return quoted[1] ?? '';
  const constant = new RegExp(`const ${name} = '([^']+)'`).exec(source);
  return constant?.[1] ?? name;
}

function registered(kind: 'command' | 'shortcut' | 'event', source: string): readonly string[] {
  return allMatches(source, new RegExp(`app\\.${kind}\\(\\s*([A-Z_]+|'[^']+')`, 'g')).map((name) =>
    resolveName(source, name),
  );
}

test('Slack accepts the manifest: its own schema finds nothing', () => {
  const schema = z
    .record(z.string(), z.unknown())
    .parse(JSON.parse(readFileSync(`${ROOT}test/tidy/manifest.schema.json`, 'utf8')));
  const validate = new Ajv({ strict: false, validateFormats: false }).compile(schema);

  const isValid = validate(readManifest().raw);

  expect(validate.errors ?? []).toEqual([]);
  expect(isValid).toBe(true);
});

test('each command, shortcut and event of the code is in the manifest, and none besides', () => {
  const source = readSource();
  const { features, settings } = readManifest().manifest;

  expect(registered('command', source)).toEqual(
    features.slash_commands.map(({ command }) => command).toSorted(),
  );
  expect(registered('shortcut', source)).toEqual(
    features.shortcuts.map(({ callback_id }) => callback_id).toSorted(),
  );
  expect(registered('event', source)).toEqual(
    (settings.event_subscriptions?.bot_events ?? []).toSorted(),
  );
  expect(registered('command', source)).toEqual(['/dbdr']);
});

test('each Web API method that is called has its scope, and each scope its method', () => {
  const source = readSource();
  const methods = allMatches(source, /\bclient\.((?:\w+\.)+\w+)\(/g);
  const scopes = readManifest().manifest.oauth_config.scopes.bot;

  const unknown = methods.filter((method) => SCOPES[method] === undefined);
  const needed = methods.flatMap((method) => SCOPES[method] ?? []).filter((scope) => scope !== '');
  expect(methods.length).toBeGreaterThan(4);
  expect(unknown).toEqual([]);
  expect(scopes.toSorted()).toEqual(
    [...new Set([...needed, ...Object.keys(OTHER_SCOPES)])].toSorted(),
  );
});

test('each button has a listener and each form has one, so that no click is left without answer', () => {
  const source = readSource();
  const buttons = allMatches(source, /actionId: ([A-Z_]+)/g);
  const forms = allMatches(source, /callback_id: ([A-Z_]+)/g);
  const listened = allMatches(
    source,
    /(?:app\.(?:action|view)\(\s*|listenTo\w+\(app, desk, )([A-Z_]+)/g,
  );

  const known = allMatches(source, /(?:BUTTONS = \[|, )([A-Z_]+)(?=[^;\n]*\];)/g);
  expect(buttons.length).toBeGreaterThan(5);
  expect(known).toEqual(expect.arrayContaining([...buttons]));
  expect(listened).toEqual([...buttons, ...forms].toSorted());
});

test('requests arrive over HTTP where the app listens', () => {
  const { features, settings } = readManifest().manifest;
  const urls = [
    ...features.slash_commands.map(({ url }) => url),
    settings.interactivity.request_url,
  ];

  expect(settings.socket_mode_enabled).toBe(false);
  for (const url of urls) expect(new URL(url).pathname).toBe('/slack/events');
});
