/** Says at the terminal what #ops reads: each message when it comes, and again whenever its news changes. */
import type { Message, Workspace } from '../workspace/workspace.ts';

export interface EchoOptions {
  readonly channel: string;
  readonly say: (line: string) => void;
  readonly signal: AbortSignal;
}

/** Rejects with the signal's reason when it is aborted. */
export async function echoChannel(workspace: Workspace, options: EchoOptions): Promise<never> {
  const { channel, say, signal } = options;
  const said = new Map<string, string>();
  for (;;) {
    const message = await workspace.waitForMessage(
      channel,
      (one) => one.threadTs === undefined && newsOf(one) !== said.get(one.ts),
      { signal },
    );
    said.set(message.ts, newsOf(message));
    say(`  #ops  ${newsOf(message)}`);
  }
}

/** The headline, and the step at work where there is one. */
function newsOf({ text }: Message): string {
  const lines = text.split('\n');
  const step = lines.findLast((line) => line.startsWith('▸'));
  return [lines[0] ?? '', ...(step === undefined ? [] : [step])].join('  ');
}
