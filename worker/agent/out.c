/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a step gives: actions in the order in which they came up, and the messages some of them
 * carry. The arrays, of ranges and texts too, may move while they grow; so they are joined at the
 * end.
 */
#include "core/base/assert.h"
#include "core/mem/alloc.h"
#include "worker/agent/internal.h"

bool
tg__agent_room_for(tg_agent *agent, uint64_t actions)
{
    return TG_GROW(agent->actions, agent->action_count, actions);
}

tg_agent_action *
tg__agent_do(tg_agent *agent, tg_agent_action_kind kind, const tg__work *work, uint32_t task)
{
    TG_ASSERT_CMP(agent->action_count, <, agent->actions_capacity);
    tg_agent_action *action = &agent->actions[agent->action_count++];
    *action = (tg_agent_action){ .kind = kind, .task = task, .job = work != NULL ? work->id : 0 };
    return action;
}

tg_message *
tg__agent_say(tg_agent *agent, tg_message_kind kind, const tg__work *work, size_t room,
              tg_range **ranges)
{
    tg_message *message = NULL;
    if (tg__agent_room_for(agent, 1) && TG_GROW(agent->messages, agent->message_count, 1) &&
        TG_GROW(agent->ranges, agent->range_count, room)) {
        message = &agent->messages[agent->message_count];
        *message = (tg_message){ .kind = kind, .job = work != NULL ? work->id : 0 };
        /* For now: where its ranges begin, and which message it is. */
        message->offset = agent->range_count;
        tg__agent_do(agent, TG_DO_SAY, work, 0)->peer = agent->message_count++;
        if (ranges != NULL) {
            *ranges = agent->ranges + agent->range_count;
        }
    }
    return message;
}

void
tg__agent_said(tg_agent *agent, size_t count)
{
    agent->messages[agent->message_count - 1].range_count = count;
    agent->range_count += count;
}

void
tg__agent_out_finish(tg_agent *agent)
{
    for (size_t i = 0; agent->message_count != 0 && i < agent->action_count; i++) {
        tg_agent_action *action = &agent->actions[i];
        if (action->kind == TG_DO_SAY) {
            tg_message *message = &agent->messages[action->peer];
            message->ranges = message->range_count != 0 ? agent->ranges + message->offset : NULL;
            message->offset = 0;
            if (message->kind == TG_MESSAGE_FAILED && message->byte_count != 0) {
                message->text = agent->texts + message->byte_count - 1;
                message->byte_count = 0;
            }
            action->message = message;
            action->peer = 0;
        }
    }
}

/* --- heaps --------------------------------------------------------------------------------------
 */

void
tg__agent_heap_push(tg__heap *heap, uint32_t key, uint32_t number)
{
    TG_ASSERT_CMP(heap->count, <, heap->items_capacity);
    uint64_t item = (uint64_t)key << 32 | number;
    size_t at = heap->count++;
    for (; at > 0 && item < heap->items[(at - 1) / 2]; at = (at - 1) / 2) {
        heap->items[at] = heap->items[(at - 1) / 2];
    }
    heap->items[at] = item;
}

uint64_t
tg__agent_heap_pop(tg__heap *heap)
{
    uint64_t first = heap->items[0], last = heap->items[--heap->count];
    size_t at = 0;
    for (size_t child = 1; child < heap->count; child = 2 * at + 1) {
        child += child + 1 < heap->count && heap->items[child + 1] < heap->items[child];
        if (heap->items[child] >= last) {
            break;
        }
        heap->items[at] = heap->items[child];
        at = child;
    }
    heap->items[at] = last;
    return first;
}
