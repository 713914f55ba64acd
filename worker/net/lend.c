/* SPDX-License-Identifier: BSD-3-Clause */
/* Arrays of a client that workers map. See lend.h. */
#include "worker/net/lend.h"

#include <string.h>

#include "core/mem/alloc.h"

typedef struct loan {
    void *data;
    size_t bytes;
    tg_shared_ref ref;
    struct loan *next;
} loan;

/* Each job has a file of its own: its pages go when the last reader lets go. */
struct tg_loans {
    tg_pool *pool;
    tg_shared *shared;
    loan *first;
};

tg_loans *
tg_loans_create(tg_pool *pool)
{
    tg_loans *loans = tg_calloc(NULL, 1, sizeof *loans);
    if (loans != NULL) {
        loans->pool = pool;
    }
    return loans;
}

tg_status
tg_loans_lend(void *ctx, const tg_array *array, tg_shared_ref *out, tg_error *err)
{
    tg_status status = TG_OK;
    tg_loans *loans = ctx;
    size_t bytes = (size_t)tg_array_nbytes(array);
    bool reserved = false;
    tg_view packed;
    loan *made = tg_calloc(NULL, 1, sizeof *made);
    TG_CHECK(made != NULL, err, TG_ERR_MEMORY, "no memory to lend an array");
    if (loans->shared == NULL) {
        TG_TRY(
            tg_shared_create(2 * tg_pool_get_stats(loans->pool).limit_bytes, &loans->shared, err));
    }
    reserved = tg_pool_reserve(loans->pool, (int64_t)bytes);
    TG_CHECK(reserved, err, TG_ERR_MEMORY,
             "an array of %.1f MiB in memory goes to the workers by a copy, for which memory_limit "
             "has no room; raise it, or save the array to a store and open that",
             (double)bytes / 1048576.0);
    const tg_alloc *alloc = tg_shared_alloc(loans->shared);
    made->data = alloc->alloc(alloc->ctx, bytes, 64);
    TG_CHECK(made->data != NULL, err, TG_ERR_MEMORY,
             "the system has no shared memory for an array of %.1f MiB", (double)bytes / 1048576.0);
    made->bytes = bytes;
    tg_view_from_shape(&packed, made->data, array->dtype, array->ndim, array->shape);
    tg_view_copy(&packed, array->data_view_);
    TG_CHECK(tg_shared_offer(loans->shared, made->data, bytes, &made->ref), err, TG_ERR_LIMIT,
             "an array of %zu bytes cannot be lent to the workers", bytes);
    *out = made->ref;
    made->next = loans->first;
    loans->first = made;
    made = NULL;
out:
    if (made != NULL) {
        if (made->data != NULL) {
            tg_free(tg_shared_alloc(loans->shared), made->data, bytes);
        }
        tg_pool_unreserve(loans->pool, reserved ? (int64_t)bytes : 0);
        tg_free(NULL, made, sizeof *made);
    }
    return status;
}

static void
free_loan(tg_loans *loans, loan *gone)
{
    tg_free(tg_shared_alloc(loans->shared), gone->data, gone->bytes);
    tg_pool_unreserve(loans->pool, (int64_t)gone->bytes);
    tg_free(NULL, gone, sizeof *gone);
}

bool
tg_loans_end(tg_loans *loans)
{
    loan **at = &loans->first;
    while (*at != NULL) {
        loan *one = *at;
        if (tg_shared_withdraw(loans->shared, &one->ref)) {
            *at = one->next;
            free_loan(loans, one);
        } else {
            at = &one->next;
        }
    }
    return loans->first == NULL;
}

void
tg_loans_destroy(tg_loans *loans)
{
    if (loans != NULL) {
        (void)tg_loans_end(loans);
        while (loans->first != NULL) { /* its readers keep the pages */
            loan *next = loans->first->next;
            free_loan(loans, loans->first);
            loans->first = next;
        }
        tg_shared_destroy(loans->shared);
        tg_free(NULL, loans, sizeof *loans);
    }
}
