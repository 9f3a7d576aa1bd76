/**
 * `npm run demo`: a disaster to hold in your hands within two minutes. With `--unattended` the story
 * plays itself and the exit code says whether every row came back. Ctrl-C leaves nothing behind.
 */
import { untilAborted } from '../kernel/aborted.ts';
import { systemClock } from '../kernel/clock.ts';
import { silentLog } from '../kernel/log.ts';
import { isProblem } from '../kernel/problem.ts';
import { runBadMigration } from './bad-migration.ts';
import { echoChannel } from './echo.ts';
import { ANA, OPS } from './people.ts';
import { type Stage, type StageOptions, setStage } from './stage.ts';
import { playStory } from './story.ts';
import { openTimeline } from './timeline.ts';

const DEFAULT_PORT = 3000;
const BOT_LINES_KEPT = 40;

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

async function main(): Promise<number> {
  const interrupted = new AbortController();
  for (const name of ['SIGINT', 'SIGTERM'] as const)
    process.once(name, () => interrupted.abort(new Error(name)));
  const unattended = process.argv.includes('--unattended');
  const botLines: string[] = [];
  const options: StageOptions = {
    clock: systemClock,
    log: silentLog,
    signal: interrupted.signal,
    port: unattended ? 0 : Number(process.env['DBDR_DEMO_PORT'] ?? DEFAULT_PORT),
    environment: process.env,
    say,
    onBotLog(line) {
      botLines.push(line);
      if (botLines.length > BOT_LINES_KEPT) botLines.shift();
    },
    actions: (shop) => [
      {
        id: 'bad-migration',
        label: 'Run the bad migration',
        description: 'Drops orders.shipping_address in production, as a release would',
        async run() {
          const damage = await runBadMigration(shop);
          say(`The migration ran at ${damage.at}: 50,000 shipping addresses are gone`);
          return `orders.shipping_address is gone. A good moment to go back to: ${damage.before}`;
        },
      },
    ],
  };
  try {
    await using stage = await setStage(options);
    return await (unattended ? playAlone(stage, options) : keepOpen(stage, options));
  } catch (error) {
    if (interrupted.signal.aborted) {
      say('Stopped; nothing is left behind');
      return 130;
    }
    say(describe(error));
    say(`The bot's last lines:\n${botLines.join('\n')}`);
    return 4;
  }
}

function describe(error: unknown): string {
  if (isProblem(error))
    return [
      `Problem  ${error.kind.code}: ${error.message}`,
      error.hint,
      JSON.stringify(error.facts),
    ].join('\n');
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}

async function playAlone(stage: Stage, { clock, signal }: StageOptions): Promise<number> {
  const timeline = openTimeline(clock, say);
  const { workspace, shop } = stage;
  const story = playStory({ workspace, shop, timeline, clock, signal });
  const end = await Promise.race([story, stage.bot.ended]);
  say(`\nThe timeline, in seconds since the incident:\n${timeline.told('INCIDENT')}`);
  return end.outcome === 'all addresses are back' ? 0 : 1;
}

async function keepOpen(stage: Stage, { signal }: StageOptions): Promise<number> {
  const ana = stage.workspace.as(ANA);
  say(`\nWorkspace: ${stage.workspace.url}\n`);
  say('Ana asks for a first backup and its proof; watch them in #ops. Then press');
  say('"Run the bad migration" there and type /dbdr incident. Ctrl-C ends the demo.');
  await ana.command('/dbdr backup shop', OPS);
  const backedUp = stage.workspace.waitForMessage(OPS, ({ text }) => /Done/.test(text), { signal });
  const first = backedUp.then(async () => ana.command('/dbdr verify shop', OPS));
  const echo = echoChannel(stage.workspace, { channel: OPS, say, signal }).catch(() => undefined);
  await Promise.race([first.then(async () => untilAborted(signal)), stage.bot.ended]);
  await echo;
  say('Closing: the bot, the workspace and the shop are taken down');
  return 130;
}

process.exitCode = await main();
