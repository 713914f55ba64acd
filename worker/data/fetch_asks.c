/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What is asked, of whom and when: windows, turns, and what counts as lost (fetch.h says the
 * rules).
 */
#include "core/base/assert.h"
#include "core/base/size.h"
#include "worker/data/fetch_inside.h"

/* Parts in a row, without a pause, from which the rate of a line is taken. */
enum { RUN_PARTS = 4 };

size_t
tg__part_bytes(const tg_fetcher *f, const tg__fetch *fetch, uint32_t part)
{
    uint64_t most = f->options.part_bytes;
    uint64_t rest = fetch->knows_total          ? fetch->total - (uint64_t)part * most
                    : fetch->want.bytes_max > 0 ? (uint64_t)fetch->want.bytes_max
                                                : 1;
    return (size_t)(rest < most ? rest : most);
}

/* -- the parts of a fetch, and the first of a holder's fetches that has something to ask for -- */

void
tg__part_todo(tg__fetch *fetch, uint32_t part)
{
    tg__holder *h = fetch->holder;
    fetch->state[part] = PART_TODO;
    fetch->todo = part < fetch->todo ? part : fetch->todo;
    if (h->todo == NULL || fetch->order < h->todo->order) {
        h->todo = fetch;
    }
}

/* Moves the marks to the next part that is to be asked for. */
static void
advance(tg__fetch *fetch)
{
    tg__holder *h = fetch->holder;
    while (fetch->todo < fetch->parts && fetch->state[fetch->todo] != PART_TODO) {
        fetch->todo++;
    }
    while (h->todo != NULL && h->todo->todo == h->todo->parts) {
        h->todo = h->todo->next;
    }
}

void
tg__part_here(tg__fetch *fetch, uint32_t part)
{
    TG_ASSERT(fetch->state[part] != PART_HERE);
    fetch->state[part] = PART_HERE;
    fetch->here++;
    advance(fetch);
}

void
tg__holder_unlink(tg__holder *h, tg__fetch *fetch)
{
    fetch->todo = fetch->parts;
    advance(fetch);
    if (fetch->previous != NULL) {
        fetch->previous->next = fetch->next;
    } else {
        h->first = fetch->next;
    }
    if (fetch->next != NULL) {
        fetch->next->previous = fetch->previous;
    } else {
        h->last = fetch->previous;
    }
    fetch->next = fetch->previous = NULL;
}

/* -- asks ---------------------------------------------------------------------------------- */

static void
drop_at(tg_fetcher *f, size_t index)
{
    tg__ask *ask = &f->asks[index];
    tg__holder *h = ask->fetch->holder;
    f->under_way -= ask->bytes;
    h->asks--;
    if (h->asks == 0) {
        h->run_ns = INT64_MIN; /* from here on the line is idle */
    }
    *ask = f->asks[--f->ask_count];
}

void
tg__ask_drop(tg_fetcher *f, const tg__fetch *fetch, uint32_t part)
{
    for (size_t i = 0; i < f->ask_count; i++) {
        if (f->asks[i].fetch == fetch && f->asks[i].part == part) {
            drop_at(f, i);
            break;
        }
    }
}

void
tg__asks_drop(tg_fetcher *f, const tg__fetch *fetch)
{
    for (size_t i = f->ask_count; i-- > 0;) {
        if (f->asks[i].fetch == fetch) {
            drop_at(f, i);
        }
    }
}

/* From when on an ask counts as lost. */
static int64_t
lost_at(const tg__ask *ask)
{
    const tg__holder *h = ask->fetch->holder;
    bool overtaken = ask->number < h->answered;
    return (overtaken ? ask->asked_ns : tg_max_i64(ask->asked_ns, h->heard_ns)) + h->retry_ns;
}

/* Puts the parts of lost asks back, and finds the time at which the next one may be lost. */
static void
find_lost(tg_fetcher *f, int64_t now_ns)
{
    f->check_ns = INT64_MAX;
    for (size_t i = f->ask_count; i-- > 0;) {
        tg__ask ask = f->asks[i];
        tg__holder *h = ask.fetch->holder;
        if (lost_at(&ask) <= now_ns) {
            h->silent = h->silent || ask.number >= h->answered;
            drop_at(f, i);
            tg__part_todo(ask.fetch, ask.part);
            f->stats.repeated++;
        }
    }
    /* Once per holder, not per ask: each silence doubles the wait. */
    for (size_t i = 0; i < f->holder_count; i++) {
        tg__holder *h = f->holders[i];
        if (h->silent && h->asks == 0 && h->todo != NULL) {
            h->retry_ns = tg_min_i64(2 * h->retry_ns, f->options.retry_most_ns);
        }
    }
    for (size_t i = 0; i < f->ask_count; i++) {
        f->check_ns = tg_min_i64(f->check_ns, lost_at(&f->asks[i]));
    }
}

void
tg__holder_heard(tg_fetcher *f, tg__holder *h, int64_t now_ns, const tg__fetch *fetch,
                 uint32_t part)
{
    h->heard_ns = now_ns;
    h->silent = false;
    h->retry_ns = f->options.retry_ns;
    for (size_t i = 0; i < f->ask_count; i++) {
        const tg__ask *ask = &f->asks[i];
        if (ask->fetch == fetch && ask->part == part && ask->number > h->answered) {
            h->answered = ask->number;
            f->check_ns = tg_min_i64(f->check_ns, now_ns); /* others are overtaken */
        }
    }
    tg__ask_drop(f, fetch, part);
}

void
tg__holder_measure(tg_fetcher *f, tg__holder *h, int64_t now_ns, uint64_t bytes, bool packed)
{
    if (packed || h->asks == 0) {
        h->run_ns = INT64_MIN;
    } else if (h->run_ns == INT64_MIN) {
        h->run_ns = now_ns;
        h->run_bytes = 0;
    } else {
        h->run_bytes += bytes;
        if (h->run_bytes >= RUN_PARTS * f->options.part_bytes && now_ns > h->run_ns) {
            double seconds = (double)(now_ns - h->run_ns) * 1e-9;
            uint64_t rate = (uint64_t)((double)h->run_bytes / seconds);
            h->rate = h->rate == 0 ? rate : h->rate / 4 * 3 + rate / 4;
            h->run_ns = now_ns;
            h->run_bytes = 0;
        }
    }
}

/* -- turns --------------------------------------------------------------------------------- */

static bool
has_turn(const tg__holder *h)
{
    return h->todo != NULL && !(h->silent && h->asks > 0);
}

/* The holder whose turn it is; NULL: nobody's. It may still have to wait for the window, and then
 * nobody goes before it, lest small parts always come before large ones. */
static tg__holder *
whose_turn(const tg_fetcher *f, size_t *index)
{
    tg__holder *found = NULL;
    for (size_t i = 0; i < f->holder_count && found == NULL; i++) {
        *index = (f->turn + i) % f->holder_count;
        found = has_turn(f->holders[*index]) ? f->holders[*index] : NULL;
    }
    if (found != NULL && f->ask_count > 0) {
        size_t bytes = tg__part_bytes(f, found->todo, found->todo->todo);
        bool fits =
            f->ask_count < TG_FETCH_ASKS_MAX && bytes <= f->options.window_bytes - f->under_way;
        found = fits ? found : NULL;
    }
    return found;
}

static void
ask(tg_fetcher *f, tg__holder *h, int64_t now_ns, tg_data_message *out)
{
    tg__fetch *fetch = h->todo;
    uint32_t part = fetch->todo;
    size_t bytes = tg__part_bytes(f, fetch, part);
    bool may_map = f->options.reader != NULL && !fetch->copy && !h->copy && !fetch->knows_total;
    tg_data_frame get = { .kind = TG_DATA_GET,
                          .request = fetch->id,
                          .job = fetch->want.job,
                          .task = fetch->want.task,
                          .count = (uint32_t)bytes,
                          .offset = (uint64_t)part * f->options.part_bytes,
                          .rate = h->rate,
                          .host = may_map ? f->options.host : 0 };
    f->asks[f->ask_count++] = (tg__ask){ fetch, part, ++h->asked, bytes, now_ns };
    f->under_way += bytes;
    h->asks++;
    f->stats.asked++;
    f->check_ns = tg_min_i64(f->check_ns, now_ns + h->retry_ns);
    fetch->state[part] = PART_ASKED;
    advance(fetch);
    *out = (tg_data_message){ .peer = h->peer, .route = fetch->want.route };
    tg_data_seal(&get, out->header);
}

bool
tg_fetcher_next(tg_fetcher *f, int64_t now_ns, tg_data_message *out)
{
    size_t index = 0;
    tg__fetches_expire(f, now_ns);
    if (now_ns >= f->check_ns) {
        find_lost(f, now_ns);
    }
    tg__holder *h = whose_turn(f, &index);
    if (h != NULL) {
        ask(f, h, now_ns, out);
        f->turn = index + 1;
    }
    return h != NULL;
}

int64_t
tg_fetcher_deadline(const tg_fetcher *f)
{
    size_t index = 0;
    bool at_once = f->ended_first != NULL || whose_turn(f, &index) != NULL;
    int64_t check_ns = f->ask_count > 0 ? f->check_ns : INT64_MAX;
    return at_once ? INT64_MIN : tg_min_i64(check_ns, f->soonest_ns);
}

size_t
tg_fetcher_under_way(const tg_fetcher *f)
{
    return f->under_way;
}

/* -- looking at it ------------------------------------------------------------------------- */

tg_fetcher_stats
tg_fetcher_get_stats(const tg_fetcher *f)
{
    return f->stats;
}

const char *
tg_fetcher_check(const tg_fetcher *f)
{
    const char *wrong = NULL;
    size_t under_way = 0, asked = 0, fetches = 0;
    for (size_t i = 0; i < f->ask_count; i++) {
        const tg__ask *a = &f->asks[i];
        under_way += a->bytes;
        wrong = a->fetch->state[a->part] == PART_ASKED ? wrong : "an ask for a part that is not";
    }
    wrong = under_way == f->under_way ? wrong : "the window is counted wrong";
    wrong = under_way <= f->options.window_bytes ? wrong : "more is under way than the window";
    for (size_t i = 0; i < f->slot_count; i++) {
        const tg__fetch *fetch = f->slots[i];
        uint32_t here = 0, todo = fetch != NULL ? fetch->parts : 0;
        fetches += fetch != NULL;
        if (fetch == NULL || fetch->ended) {
            continue;
        }
        for (uint32_t p = fetch->parts; p-- > 0;) {
            here += fetch->state[p] == PART_HERE;
            asked += fetch->state[p] == PART_ASKED;
            todo = fetch->state[p] == PART_TODO ? p : todo;
        }
        wrong = here == fetch->here ? wrong : "parts that are here are counted wrong";
        wrong = todo == fetch->todo ? wrong : "a part is forgotten";
        const tg__fetch *first = fetch->holder->todo;
        wrong = todo == fetch->parts || (first != NULL && first->order <= fetch->order)
                    ? wrong
                    : "a fetch is forgotten";
    }
    wrong = asked == f->ask_count ? wrong : "a part waits for an ask that is none";
    wrong = fetches == f->fetch_count ? wrong : "fetches are counted wrong";
    return wrong;
}
