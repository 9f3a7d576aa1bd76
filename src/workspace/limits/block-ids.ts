/** Gives blocks and elements the ids that Slack would give them. Pure: the caller brings the ids. */
import { isRecord, type JsonRecord, recordsAt } from '../shared/json.ts';
import type { Block } from '../shared/model.ts';

/** Every block gets a `block_id`, every interactive element an `action_id`. */
export function withIds(blocks: readonly unknown[], newId: () => string): readonly Block[] {
  return blocks.filter(isRecord).map((block) => ({
    ...block,
    block_id: block['block_id'] ?? newId(),
    ...elementsWithIds(block, newId),
  }));
}

function elementsWithIds(block: JsonRecord, newId: () => string): JsonRecord {
  const type = block['type'];
  if (type === 'actions')
    return { elements: recordsAt(block, 'elements').map((each) => withActionId(each, newId)) };
  if (type === 'input' && isRecord(block['element']))
    return { element: withActionId(block['element'], newId) };
  if (type === 'section' && isRecord(block['accessory']))
    return { accessory: withActionId(block['accessory'], newId) };
  return {};
}

function withActionId(element: JsonRecord, newId: () => string): JsonRecord {
  return element['type'] === 'image'
    ? element
    : { ...element, action_id: element['action_id'] ?? newId() };
}
