/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TG_KERNEL_STRIP_H
#define TG_KERNEL_STRIP_H
/*
 * What: the frame round every elementwise kernel. A kernel is written once, for contiguous rows;
 * the frame hands it the memory itself where that is contiguous and aligned, and otherwise blocks
 * of 4 KiB on the stack: strided operands are packed into them, scalars fill one once, float16 is
 * widened to float and narrowed back. A second load stream from L1 costs nothing measurable beside
 * a kernel of its own for each mixture of scalars, and one kernel instead of four keeps the code
 * (times three instruction sets) small.
 *
 * The output may be exactly an input of the same element size (in place), or apart from all inputs.
 *
 * Ownership: borrows. Threads: pure; everything is static. Errors: none.
 */
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "core/array/op.h"
#include "ops/kernel/half.h"

/* One loop per dtype of the (first computing) argument; NULL: no rule. */
typedef struct tg_loops {
    tg_loop at[TG_DT_COUNT];
} tg_loops;

typedef void (*tg_inner1)(const void *a, void *out, size_t count);
typedef void (*tg_inner2)(const void *a, const void *b, void *out, size_t count);
typedef void (*tg_inner3)(const void *a, const void *b, const void *c, void *out, size_t count);

enum { TG_STRIP_ARGS = 4, TG_STRIP_BYTES = 4096 };

/* The shape of a kernel: `arity` inputs, then the output at [arity]. */
typedef struct tg_form {
    uint8_t arity;
    uint8_t size[TG_STRIP_ARGS]; /* bytes of an element as stored */
    bool half[TG_STRIP_ARGS];    /* stored as float16, computed as float */
    tg_inner1 inner1;
    tg_inner2 inner2;
    tg_inner3 inner3;
} tg_form;

#define TG__STRIDED(type, to, to_step, from, from_step, count)                                     \
    for (size_t i_ = 0; i_ < (count); i_++) {                                                      \
        memcpy((to) + (ptrdiff_t)i_ * (to_step), (from) + (ptrdiff_t)i_ * (from_step),             \
               sizeof(type));                                                                      \
    }

/* Elements of `size` bytes from one stride to another; any alignment. */
static inline void
tg_strided_copy(char *to, ptrdiff_t to_step, const char *from, ptrdiff_t from_step, size_t count,
                size_t size)
{
    if (size == 1) {
        TG__STRIDED(uint8_t, to, to_step, from, from_step, count)
    } else if (size == 2) {
        TG__STRIDED(uint16_t, to, to_step, from, from_step, count)
    } else if (size == 4) {
        TG__STRIDED(uint32_t, to, to_step, from, from_step, count)
    } else if (size == 8) {
        TG__STRIDED(uint64_t, to, to_step, from, from_step, count)
    } else {
        struct sixteen {
            uint64_t part[2];
        };
        TG__STRIDED(struct sixteen, to, to_step, from, from_step, count)
    }
}

#define TG__FILLED(type, to, from, count)                                                          \
    type value_;                                                                                   \
    memcpy(&value_, (from), sizeof value_);                                                        \
    for (size_t i_ = 0; i_ < (count); i_++) {                                                      \
        memcpy((to) + i_ * sizeof(type), &value_, sizeof(type));                                   \
    }

/* One element of `size` bytes, many times. */
static inline void
tg_strided_fill(char *to, const char *from, size_t count, size_t size)
{
    if (size == 1) {
        memset(to, *from, count);
    } else if (size == 2) {
        TG__FILLED(uint16_t, to, from, count)
    } else if (size == 4) {
        TG__FILLED(uint32_t, to, from, count)
    } else if (size == 8) {
        TG__FILLED(uint64_t, to, from, count)
    } else {
        tg_strided_copy(to, 16, from, 0, count, 16);
    }
}

static inline void
tg_form_call(const tg_form *form, void *const *p, size_t count)
{
    if (form->arity == 1) {
        form->inner1(p[0], p[1], count);
    } else if (form->arity == 2) {
        form->inner2(p[0], p[1], p[2], count);
    } else {
        form->inner3(p[0], p[1], p[2], p[3], count);
    }
}

static inline bool
tg_strip_is_direct(const tg_form *form, int k, const char *data, ptrdiff_t stride)
{
    size_t align = form->size[k] < 8 ? form->size[k] : 8;
    return stride == form->size[k] && !form->half[k] && ((uintptr_t)data % align) == 0;
}

/* Brings `count` elements of an operand to `block`, as the kernel wants them. */
static inline void
tg_strip_load(const tg_form *form, int k, char *block, const char *data, ptrdiff_t stride,
              size_t count)
{
    if (form->half[k]) {
        uint16_t packed[TG_STRIP_BYTES / sizeof(float)];
        const uint16_t *row = packed;
        if (stride == 2 && ((uintptr_t)data % 2) == 0) {
            row = (const uint16_t *)(const void *)data;
        } else {
            tg_strided_copy((char *)packed, 2, data, stride, count, 2);
        }
        tg_half_row_to_float(row, (float *)(void *)block, count);
    } else {
        tg_strided_copy(block, form->size[k], data, stride, count, form->size[k]);
    }
}

static inline void
tg_strip_store(const tg_form *form, char *data, ptrdiff_t stride, const char *block, size_t count)
{
    int k = form->arity;
    if (form->half[k]) {
        uint16_t packed[TG_STRIP_BYTES / sizeof(float)];
        bool is_row = stride == 2 && ((uintptr_t)data % 2) == 0;
        uint16_t *row = is_row ? (uint16_t *)(void *)data : packed;
        tg_float_row_to_half((const float *)(const void *)block, row, count);
        if (!is_row) {
            tg_strided_copy(data, stride, (const char *)packed, 2, count, 2);
        }
    } else {
        tg_strided_copy(data, stride, block, form->size[k], count, form->size[k]);
    }
}

static __attribute__((noinline)) void
tg_strip_blocks(const tg_form *form, char *const *args, const ptrdiff_t *strides, size_t count)
{
    _Alignas(64) char blocks[TG_STRIP_ARGS][TG_STRIP_BYTES];
    int n = form->arity;
    size_t widest = 1;
    for (int k = 0; k <= n; k++) {
        size_t size = form->half[k] ? sizeof(float) : form->size[k];
        widest = size > widest ? size : widest;
    }
    size_t step = TG_STRIP_BYTES / widest;
    bool direct[TG_STRIP_ARGS];
    for (int k = 0; k <= n; k++) {
        direct[k] = tg_strip_is_direct(form, k, args[k], strides[k]);
        if (k < n && strides[k] == 0) {
            size_t now = count < step ? count : step;
            if (form->half[k]) {
                tg_strip_load(form, k, blocks[k], args[k], 0, now);
            } else {
                tg_strided_fill(blocks[k], args[k], now, form->size[k]);
            }
        }
    }
    for (size_t done = 0; done < count; done += step) {
        size_t now = count - done < step ? count - done : step;
        void *p[TG_STRIP_ARGS];
        for (int k = 0; k <= n; k++) {
            char *data = args[k] + (ptrdiff_t)done * strides[k];
            p[k] = direct[k] ? (void *)data : (void *)blocks[k];
            if (k < n && !direct[k] && strides[k] != 0) {
                tg_strip_load(form, k, blocks[k], data, strides[k], now);
            }
        }
        tg_form_call(form, p, now);
        if (!direct[n]) {
            tg_strip_store(form, args[n] + (ptrdiff_t)done * strides[n], strides[n], blocks[n],
                           now);
        }
    }
}

static inline void
tg_strip(const tg_form *form, char *const *args, const ptrdiff_t *strides, size_t count)
{
    bool direct = true;
    for (int k = 0; k <= form->arity; k++) {
        direct = direct && tg_strip_is_direct(form, k, args[k], strides[k]);
    }
    if (direct) {
        void *p[TG_STRIP_ARGS];
        for (int k = 0; k <= form->arity; k++) {
            p[k] = args[k];
        }
        tg_form_call(form, p, count);
    } else if (count > 0) {
        tg_strip_blocks(form, args, strides, count);
    }
}

#endif
