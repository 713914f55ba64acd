/* SPDX-License-Identifier: BSD-3-Clause */
/* Answers of a tile server: what is sent to whom, and what is done when it was sent. */
#include "worker/data/pack.h"
#include "worker/data/serve_inside.h"

enum { RAW_RUN = 8 }; /* parts of TG_SERVE_RAW_EVERY that are not packed */

/* A message that the socket has; it is the hint of its free function. */
typedef struct sent {
    tg_tile_server *server;
    tg__reader *reader;
    size_t bytes;
    tg_buffer *buffer; /* the payload is a part of it, or: */
    void *packed;      /* a block of the pool, */
    size_t capacity;   /* so large */
} sent;

/* The socket has sent it, or thrown it away. From any thread. */
static void
free_sent(void *payload, void *hint)
{
    sent *m = hint;
    tg_tile_server *s = m->server;
    size_t bytes = m->bytes;
    tg__reader *p = m->reader;
    (void)payload;
    tg_buffer_release(m->buffer);
    if (m->packed != NULL) {
        tg_pool_put(s->options.pool, m->packed, m->capacity);
    }
    tg_free(NULL, m, sizeof *m);
    atomic_fetch_sub(&p->under_way, bytes);
    atomic_fetch_sub(&s->under_way, bytes);
    if (atomic_exchange(&s->starved, false) && s->options.wake != NULL) {
        s->options.wake(s->options.ctx);
    }
    atomic_fetch_sub(&p->messages, 1); /* the reader may be freed from here on, */
    atomic_fetch_sub(&s->messages, 1); /* and the server from here on */
}

/* Packs a part for a line that is slow; false: send it as it is. */
static bool
pack(tg_tile_server *s, tg__reader *p, const void *from, size_t bytes, size_t element_bytes,
     sent *m, size_t *packed_bytes)
{
    bool wanted = p->remote && s->options.pool != NULL && tg__pack_pays(p->rate, bytes) &&
                  p->parts % TG_SERVE_RAW_EVERY >= RAW_RUN;
    if (wanted) {
        m->packed =
            tg__part_pack(s->options.pool, from, bytes, element_bytes, packed_bytes, &m->capacity);
    }
    return m->packed != NULL;
}

static bool
answer_part(tg_tile_server *s, tg__reader *p, const tg__request *r, tg_buffer *buffer,
            size_t element_bytes, tg_data_frame *frame, tg_data_message *out)
{
    size_t total = tg_buffer_bytes(buffer);
    size_t left = total - (size_t)r->offset;
    sent *m = tg_calloc(NULL, 1, sizeof *m);
    if (m == NULL) {
        s->stats.dropped++;
        return false;
    }
    size_t bytes = r->count < left ? r->count : left;
    *m = (sent){ .server = s, .reader = p };
    out->payload = (unsigned char *)tg_buffer_data(buffer) + r->offset;
    out->payload_bytes = bytes;
    if (pack(s, p, out->payload, bytes, element_bytes, m, &out->payload_bytes)) {
        frame->packing = TG_DATA_BLOSC;
        out->payload = m->packed;
    } else {
        m->buffer = tg_buffer_retain(buffer);
    }
    m->bytes = out->payload_bytes;
    out->free_fn = free_sent;
    out->hint = m;
    frame->kind = TG_DATA_PART;
    frame->count = (uint32_t)bytes;
    frame->total = total;
    p->parts++;
    atomic_fetch_add(&p->under_way, m->bytes);
    atomic_fetch_add(&s->under_way, m->bytes);
    atomic_fetch_add(&p->messages, 1);
    atomic_fetch_add(&s->messages, 1);
    s->stats.parts++;
    s->stats.bytes += bytes;
    s->stats.wire_bytes += m->bytes;
    return true;
}

static void
free_ref(void *payload, void *hint)
{
    (void)hint;
    tg_free(NULL, payload, TG_SHARED_REF_BYTES);
}

/* False: the tile does not lie in shared memory. */
static bool
answer_shared(tg_tile_server *s, const tg__request *r, tg_buffer *buffer, tg_data_frame *frame,
              tg_data_message *out)
{
    tg_shared_ref ref;
    void *payload = tg_malloc(NULL, TG_SHARED_REF_BYTES);
    bool ok = payload != NULL && tg__offers_get(&s->offers, r->job, r->task, buffer, &ref);
    if (ok) {
        tg_shared_ref_put(&ref, payload);
        frame->kind = TG_DATA_SHARED;
        frame->total = ref.bytes;
        out->payload = payload;
        out->payload_bytes = TG_SHARED_REF_BYTES;
        out->free_fn = free_ref;
        s->stats.shared++;
    } else {
        tg_free(NULL, payload, TG_SHARED_REF_BYTES);
    }
    return ok;
}

bool
tg__answer(tg_tile_server *s, tg__reader *p, const tg__request *r, bool *waits,
           tg_data_message *out)
{
    tg_buffer *buffer = NULL;
    size_t element_bytes = 1;
    bool made = true;
    tg_data_frame frame = { .kind = TG_DATA_NONE,
                            .reason = TG_DATA_NOT_HERE,
                            .request = r->id,
                            .job = r->job,
                            .task = r->task,
                            .offset = r->offset };
    tg_tile_answer found =
        s->options.lookup(s->options.ctx, r->job, r->task, &buffer, &element_bytes);
    *out = (tg_data_message){ .peer = p->peer, .route = p->route };
    *waits = found == TG_TILE_LATER;
    if (found == TG_TILE_HERE) {
        size_t total = tg_buffer_bytes(buffer);
        bool share = s->offers.shared != NULL && r->host != 0 && r->host == s->options.host &&
                     r->offset == 0;
        if (r->offset > total || (r->offset == total && total > 0)) {
            frame.reason = TG_DATA_OUTSIDE;
        } else if (!share || !answer_shared(s, r, buffer, &frame, out)) {
            made = answer_part(s, p, r, buffer, element_bytes, &frame, out);
        }
        tg_buffer_release(buffer);
    }
    made = made && !*waits;
    if (made) {
        s->stats.refused += frame.kind == TG_DATA_NONE;
        frame.payload = out->payload;
        frame.payload_bytes = out->payload_bytes;
        tg_data_seal(&frame, out->header);
    }
    return made;
}
