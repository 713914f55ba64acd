/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * matmul_core: products of stacks of matrices, (..., i, k) times (..., k, j). A reduction over the
 * domain (batch ..., i, j, k): a tile's partial is the product of its pieces, partials are added in
 * the order of k. So k may be larger than memory, and the result does not depend on who computed
 * what. float16 is computed and added in float32, and rounded once, at the end.
 *
 * The state is the box of the result, batch first, C order, in the type that is computed in.
 */
#include <string.h>

#include "core/array/array.h"
#include "core/array/half.h"
#include "core/array/scope.h"
#include "core/base/assert.h"
#include "core/base/status.h"
#include "ops/linalg/blas.h"
#include "ops/registry.h"
#include "ops/shape/common.h"
#include "ops/shape/odometer.h"

static tg_dtype
compute_dtype(tg_dtype dtype)
{
    return dtype == TG_DT_F16 ? TG_DT_F32 : dtype;
}

static tg_status
check_shapes(const tg_infer *infer, tg_error *err)
{
    tg_status status = TG_OK;
    const tg_array *a = infer->args[0];
    const tg_array *b = infer->args[1];
    TG_TRY(tg__require_known(infer, 0, err));
    TG_TRY(tg__require_known(infer, 1, err));
    TG_CHECK(a->ndim >= 2 && a->ndim == b->ndim && a->ndim < TG_NDIM_MAX, err, TG_ERR_VALUE,
             "matmul: both operands need the same number of axes, from 2 to %d, got %d and %d",
             TG_NDIM_MAX - 1, a->ndim, b->ndim);
    TG_CHECK(a->shape[a->ndim - 1] == b->shape[b->ndim - 2], err, TG_ERR_VALUE,
             "matmul: Input operand 1 has a mismatch in its core dimension 0, with gufunc "
             "signature (n?,k),(k,m?)->(n?,m?) (size %lld is different from %lld)",
             (long long)b->shape[b->ndim - 2], (long long)a->shape[a->ndim - 1]);
    for (int d = 0; d < a->ndim - 2; d++) {
        TG_CHECK(a->shape[d] == b->shape[d] || a->shape[d] == 1 || b->shape[d] == 1, err,
                 TG_ERR_VALUE,
                 "matmul: operands could not be broadcast together with remapped shapes: axis %d "
                 "has lengths %lld and %lld",
                 d, (long long)a->shape[d], (long long)b->shape[d]);
    }
out:
    return status;
}

static tg_status
matmul_core_infer(tg_infer *infer, tg_error *err)
{
    tg_status status = TG_OK;
    TG_TRY(check_shapes(infer, err));
    infer->dtype = tg_result_type(2, infer->args);
    for (size_t i = 0; i < 2; i++) {
        TG_TRY(tg__infer_cast(infer, i, infer->dtype, err));
    }
    const tg_array *a = infer->args[0];
    const tg_array *b = infer->args[1];
    infer->ndim = a->ndim;
    for (int d = 0; d < a->ndim - 2; d++) {
        infer->shape[d] = a->shape[d] == 1 ? b->shape[d] : a->shape[d];
    }
    infer->shape[a->ndim - 2] = a->shape[a->ndim - 2];
    infer->shape[a->ndim - 1] = b->shape[a->ndim - 1];
    TG_TRY(tg__check_bytes(infer, err));
    if (a->chunks != NULL && b->chunks != NULL) {
        tg_grid_axis axes[TG_NDIM_MAX];
        for (int d = 0; d < a->ndim; d++) {
            const bool from_b = d == a->ndim - 1 || (d < a->ndim - 2 && a->shape[d] == 1);
            axes[d] = *tg_grid_axis_at(from_b ? b->chunks : a->chunks, d);
        }
        infer->chunks = tg_grid_create(a->ndim, axes);
    }
    tg__blas_single_thread();
out:
    return status;
}

static void
matmul_domain(const tg_array *node, int *ndim, int64_t *shape)
{
    *ndim = node->ndim + 1;
    memcpy(shape, node->shape, (size_t)node->ndim * sizeof shape[0]);
    shape[node->ndim] = node->args[0]->shape[node->ndim - 1];
}

static uint64_t
matmul_axes(const tg_array *node)
{
    return (uint64_t)1 << node->ndim;
}

static void
matmul_demand(const tg_array *node, size_t arg, const tg_box *domain, tg_box *in)
{
    const tg_array *input = node->args[arg];
    const int n = node->ndim;
    /* Domain axes of the last two axes: (i, k) of the first operand, (k, j) of the second. */
    const int row = arg == 0 ? n - 2 : n;
    const int column = arg == 0 ? n : n - 1;
    const bool empty = tg_box_is_empty(domain);
    in->ndim = n;
    for (int d = 0; d < n; d++) {
        const int from = d < n - 2 ? d : (d == n - 2 ? row : column);
        const bool stretched = d < n - 2 && input->shape[d] != node->shape[d];
        in->lo[d] = stretched ? 0 : domain->lo[from];
        in->hi[d] = stretched ? (empty ? 0 : 1) : domain->hi[from];
    }
}

/* The box of the result, without k. */
static int64_t
result_count(const tg_array *node, const tg_box *domain)
{
    int64_t count = 1;
    for (int d = 0; d < node->ndim; d++) {
        count *= tg_max_i64(domain->hi[d] - domain->lo[d], 0);
    }
    return count;
}

static int64_t
matmul_state_bytes(const tg_array *node, const tg_box *domain)
{
    return result_count(node, domain) * (int64_t)tg_dtype_size(compute_dtype(node->dtype));
}

static int64_t
matrix_bytes(tg_dtype dtype, int64_t rows, int64_t columns)
{
    return rows * columns * (int64_t)tg_dtype_size(compute_dtype(dtype));
}

static void
matmul_cost(const tg_array *node, const tg_box *domain, tg_cost *cost)
{
    const int n = node->ndim;
    const int64_t i = tg_max_i64(domain->hi[n - 2] - domain->lo[n - 2], 0);
    const int64_t j = tg_max_i64(domain->hi[n - 1] - domain->lo[n - 1], 0);
    const int64_t k = domain->ndim > n ? tg_max_i64(domain->hi[n] - domain->lo[n], 0) : 0;
    /* BLAS does some 16 multiplications in the time of one plain operation. */
    cost->operations = (double)result_count(node, domain) * (double)k / 16.0;
    /* Both matrices, should they have to be made contiguous; slack for alignment. */
    cost->scratch_bytes = matrix_bytes(node->dtype, i, k) + matrix_bytes(node->dtype, k, j) + 256;
}

/* The last two axes of a view at `at` of the others (axes of length one standing still). */
static void
matrix_view(const tg_view *view, const int64_t *at, tg_view *matrix)
{
    const int n = view->ndim;
    char *data = view->data;
    for (int d = 0; d < n - 2; d++) {
        data += view->shape[d] == 1 ? 0 : at[d] * view->strides[d];
    }
    matrix->data = data;
    matrix->dtype = view->dtype;
    matrix->ndim = 2;
    for (int d = 0; d < 2; d++) {
        matrix->shape[d] = view->shape[n - 2 + d];
        matrix->strides[d] = view->strides[n - 2 + d];
    }
}

/* A view as BLAS wants it: as it lies when rows are contiguous and do not overlap, else copied to
 * `scratch` (room for the matrix), float16 converted. */
static void
matrix_for_blas(const tg_view *view, void *scratch, tg_matrix *matrix)
{
    const int64_t size = (int64_t)tg_dtype_size(view->dtype);
    const int64_t rows = view->shape[0];
    const int64_t columns = view->shape[1];
    matrix->rows = rows;
    matrix->columns = columns;
    matrix->stride = tg_max_i64(columns, 1);
    matrix->data = scratch;
    if (view->dtype == TG_DT_F16) {
        for (int64_t i = 0; i < rows; i++) {
            const char *row = (const char *)view->data + i * view->strides[0];
            for (int64_t k = 0; k < columns; k++) {
                uint16_t half = 0;
                memcpy(&half, row + k * view->strides[1], sizeof half);
                ((float *)scratch)[i * columns + k] = tg_half_to_float(half);
            }
        }
    } else if ((columns <= 1 || view->strides[1] == size) &&
               (rows <= 1 || (view->strides[0] % size == 0 &&
                              view->strides[0] / size >= tg_max_i64(columns, 1)))) {
        matrix->data = view->data;
        matrix->stride = rows <= 1 ? matrix->stride : view->strides[0] / size;
    } else {
        tg_view packed = *view;
        packed.data = scratch;
        packed.strides[0] = columns * size;
        packed.strides[1] = size;
        tg_view_copy(&packed, view);
    }
}

static tg_status
matmul_partial(const tg_run *run, const tg_view *in, tg_buffer **state, tg_error *err)
{
    tg_status status = TG_OK;
    const tg_array *node = run->node;
    const tg_box *box = run->out_box;
    const int n = node->ndim;
    const tg_dtype dtype = compute_dtype(node->dtype);
    const int64_t bytes = matmul_state_bytes(node, box);
    int64_t batch[TG_NDIM_MAX];
    int64_t at[TG_NDIM_MAX] = { 0 };
    void *scratch[2] = { NULL, NULL };
    tg_matrix c = { .rows = box->hi[n - 2] - box->lo[n - 2],
                    .columns = box->hi[n - 1] - box->lo[n - 1] };
    const int64_t k = box->hi[n] - box->lo[n];
    bool more = bytes > 0;

    *state = tg_buffer_create(run->pool, (size_t)tg_max_i64(bytes, 1));
    TG_CHECK(*state != NULL, err, TG_ERR_MEMORY, "matmul: no memory for a partial of %lld bytes",
             (long long)bytes);
    c.data = tg_buffer_data(*state);
    c.stride = c.columns;
    if (more && k <= 0) {
        memset(c.data, 0, (size_t)bytes);
        more = false;
    }
    if (more) {
        scratch[0] = tg_scratch_alloc(run->scratch, matrix_bytes(node->dtype, c.rows, k));
        scratch[1] = tg_scratch_alloc(run->scratch, matrix_bytes(node->dtype, k, c.columns));
        TG_CHECK(scratch[0] != NULL && scratch[1] != NULL, err, TG_ERR_MEMORY,
                 "matmul: no memory for scratch");
    }
    for (int d = 0; d < n - 2; d++) {
        batch[d] = box->hi[d] - box->lo[d];
    }
    while (more) {
        tg_view view[2];
        tg_matrix matrix[2];
        for (int i = 0; i < 2; i++) {
            matrix_view(&in[i], at, &view[i]);
            matrix_for_blas(&view[i], scratch[i], &matrix[i]);
        }
        tg__matrix_product(dtype, &matrix[0], &matrix[1], &c);
        c.data = (char *)c.data + matrix_bytes(node->dtype, c.rows, c.columns);
        more = tg__odometer_next(n - 2, batch, at);
    }
out:
    return status;
}

/* sum += more, element by element. Complex numbers are twice as many reals. */
static void
add_f32(float *restrict sum, const float *restrict more, int64_t count)
{
    for (int64_t i = 0; i < count; i++) {
        sum[i] += more[i];
    }
}

static void
add_f64(double *restrict sum, const double *restrict more, int64_t count)
{
    for (int64_t i = 0; i < count; i++) {
        sum[i] += more[i];
    }
}

static void
add_u8(uint8_t *restrict sum, const uint8_t *restrict more, int64_t count)
{
    for (int64_t i = 0; i < count; i++) {
        sum[i] = (uint8_t)(sum[i] + more[i]);
    }
}

static void
add_u16(uint16_t *restrict sum, const uint16_t *restrict more, int64_t count)
{
    for (int64_t i = 0; i < count; i++) {
        sum[i] = (uint16_t)(sum[i] + more[i]);
    }
}

static void
add_u32(uint32_t *restrict sum, const uint32_t *restrict more, int64_t count)
{
    for (int64_t i = 0; i < count; i++) {
        sum[i] += more[i];
    }
}

static void
add_u64(uint64_t *restrict sum, const uint64_t *restrict more, int64_t count)
{
    for (int64_t i = 0; i < count; i++) {
        sum[i] += more[i];
    }
}

static void
or_bool(uint8_t *restrict sum, const uint8_t *restrict more, int64_t count)
{
    for (int64_t i = 0; i < count; i++) {
        sum[i] |= more[i];
    }
}

static void
add_state(tg_dtype dtype, void *sum, const void *more, int64_t bytes)
{
    const size_t size = tg_dtype_size(dtype);
    if (dtype == TG_DT_BOOL) {
        or_bool(sum, more, bytes);
    } else if (dtype == TG_DT_F32 || dtype == TG_DT_C64) {
        add_f32(sum, more, bytes / 4);
    } else if (dtype == TG_DT_F64 || dtype == TG_DT_C128) {
        add_f64(sum, more, bytes / 8);
    } else if (size == 1) {
        add_u8(sum, more, bytes);
    } else if (size == 2) {
        add_u16(sum, more, bytes / 2);
    } else if (size == 4) {
        add_u32(sum, more, bytes / 4);
    } else {
        add_u64(sum, more, bytes / 8);
    }
}

static tg_status
matmul_combine(const tg_run *run, size_t count, tg_buffer *const *states, const tg_box *boxes,
               tg_buffer **out, tg_error *err)
{
    tg_status status = TG_OK;
    const int64_t bytes = matmul_state_bytes(run->node, &boxes[0]);
    *out = tg_buffer_create(run->pool, (size_t)tg_max_i64(bytes, 1));
    TG_CHECK(*out != NULL, err, TG_ERR_MEMORY, "matmul: no memory for a partial of %lld bytes",
             (long long)bytes);
    memcpy(tg_buffer_data(*out), tg_buffer_data(states[0]), (size_t)bytes);
    for (size_t i = 1; i < count; i++) {
        TG_DCHECK(matmul_state_bytes(run->node, &boxes[i]) == bytes);
        add_state(compute_dtype(run->node->dtype), tg_buffer_data(*out), tg_buffer_data(states[i]),
                  bytes);
    }
out:
    return status;
}

static tg_status
matmul_finish(const tg_run *run, tg_buffer *state, const tg_view *out, tg_error *err)
{
    const tg_array *node = run->node;
    tg_view sum;
    (void)err;
    tg_view_from_box(&sum, tg_buffer_data(state), compute_dtype(node->dtype), run->out_box);
    if (node->dtype != TG_DT_F16) {
        tg_view_copy(out, &sum);
    } else if (!tg_box_is_empty(run->out_box)) {
        int64_t at[TG_NDIM_MAX] = { 0 };
        const float *from = sum.data;
        do {
            char *to = out->data;
            for (int d = 0; d < out->ndim; d++) {
                to += at[d] * out->strides[d];
            }
            const uint16_t half = tg_float_to_half(*from++);
            memcpy(to, &half, sizeof half);
        } while (tg__odometer_next(out->ndim, out->shape, at));
    }
    return TG_OK;
}

static const tg_reduce matmul_reduce = {
    .domain = matmul_domain,
    .axes = matmul_axes,
    .demand = matmul_demand,
    .state_bytes = matmul_state_bytes,
    .partial = matmul_partial,
    .combine = matmul_combine,
    .finish = matmul_finish,
};

const tg_op tg_op_matmul_core = {
    .name = "matmul_core",
    .module = "_",
    .summary = "Products of stacks of matrices of equal rank.",
    .version = 1,
    .cls = TG_CLASS_REDUCE,
    .nargs_min = 2,
    .nargs_max = 2,
    .arg_names = "a|b",
    .infer = matmul_core_infer,
    .cost = matmul_cost,
    .reduce = &matmul_reduce,
};
