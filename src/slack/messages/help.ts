/** What can be asked, in the gate's own words. Pure. */
import { codeBlock, context, type Message, message, section } from './blocks.ts';

export function helpMessage(text: string): Message {
  return message(text, [
    section('*What you can ask for*, behind `/dbdr`:'),
    section(codeBlock(text)),
    context(
      '`incident` opens the walk for a bad day · `update` writes to stakeholders · `cancel RUN` stops a run',
    ),
  ]);
}
