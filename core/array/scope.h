/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TG_ARRAY_SCOPE_H
#define TG_ARRAY_SCOPE_H
/*
 * What: building nodes. A scope owns what is built in it and remembers the first error: after a
 * failure every building function returns NULL, and NULL is accepted as an argument, so a chain is
 * checked once, at its end.
 *
 * Ownership: arrays that are returned belong to the scope; tg_array_retain takes one out of it.
 * Threads: a scope belongs to one thread at a time.
 * Errors: recorded in the scope; tg_scope_error.
 */
#include "core/array/array.h"

/* The rest of the interface (destroy, error, clear, tg_apply) is public: tilegraph/array.h. */
tg_scope *tg_scope_create_in(tg_context *context);
/* For builders: records an error (the first wins) and returns NULL. */
tg_array *tg__scope_fail(tg_scope *scope, tg_status code, const char *file, int line,
                         const char *format, ...) __attribute__((format(printf, 5, 6)));
#define tg_scope_fail(scope, code, ...)                                                            \
    tg__scope_fail((scope), (code), __FILE__, __LINE__, __VA_ARGS__)

/* Sources of the engine: wraps a source (shared) or a buffer (shared) with a layout. `chunks` NULL:
 * the source's own, or one that the engine chooses. */
tg_array *tg_scope_from_source(tg_scope *scope, tg_source *source, tg_grid *chunks);
tg_array *tg_scope_from_memory(tg_scope *scope, tg_buffer *data, const tg_view *view,
                               tg_grid *chunks, uint64_t key);
/* Plain numbers: weak scalars in the sense of NumPy 2. */
tg_array *tg_scope_weak(tg_scope *scope, tg_weak kind, double real, double imag, int64_t integer);

/* What infer of an op with arithmetic arguments needs. */
/* The array converted to dtype; itself when it has it already. Checks that a weak integer fits
 * (TG_ERR_OVERFLOW, with NumPy's words). */
tg_array *tg_scope_cast(tg_scope *scope, tg_array *array, tg_dtype dtype);
/* NumPy 2's result type of several arrays, weak scalars considered. */
tg_dtype tg_result_type(size_t count, tg_array *const *arrays);
/* Room for the text of any shape. */
enum { TG_SHAPE_TEXT = 20 * TG_NDIM_MAX + 3 };
/* NumPy's way of writing a shape in messages: "(2,3)", "(4,)", "()"; "?" for a length that is not
 * known. Cut when it does not fit. */
void tg_shape_text(char *text, size_t size, int ndim, const int64_t *shape);
/* The broadcast shape; TG_ERR_VALUE "operands could not be broadcast together with shapes ..." */
TG_MUST_USE tg_status tg_broadcast_shape(size_t count, tg_array *const *arrays, int *ndim,
                                         int64_t *shape, tg_error *err);
/* Wraps a negative axis; TG_ERR_AXIS "axis 3 is out of bounds for array of dimension 2". */
TG_MUST_USE tg_status tg_normalize_axis(int64_t axis, int ndim, int *out, tg_error *err);
/* A list of axes (count 0: all) as a mask; repeated axes are TG_ERR_VALUE, as in NumPy. */
TG_MUST_USE tg_status tg_normalize_axes(const tg_value *axes, int ndim, uint64_t *mask,
                                        tg_error *err);

#endif
