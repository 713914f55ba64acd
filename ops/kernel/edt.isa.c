/* SPDX-License-Identifier: BSD-3-Clause */
/* The loops of ops/kernel/edt.h. The stop is looked at once in four steps: it costs a pass over the
 * block. */
#include "ops/kernel/edt.h"

enum { STEPS = 4 };

static inline void
lower_i32(int32_t *restrict acc, const int32_t *restrict row, int32_t add)
{
    for (int i = 0; i < TG_EDT_BLOCK; i++) {
        int32_t v = row[i] + add;
        acc[i] = v < acc[i] ? v : acc[i];
    }
}

static void
envelope_i32(const int32_t *line, int64_t length, int64_t y, int32_t *out)
{
    int32_t acc[TG_EDT_BLOCK];
    int64_t reach = y > length - 1 - y ? y : length - 1 - y;
    for (int i = 0; i < TG_EDT_BLOCK; i++) {
        acc[i] = line[y * TG_EDT_BLOCK + i];
    }
    for (int64_t j = 1; j <= reach; j++) {
        int32_t add = (int32_t)(j * j);
        if (j % STEPS == 1) {
            int32_t most = 0;
            for (int i = 0; i < TG_EDT_BLOCK; i++) {
                most = acc[i] > most ? acc[i] : most;
            }
            if (add >= most) {
                break;
            }
        }
        if (y - j >= 0) {
            lower_i32(acc, line + (y - j) * TG_EDT_BLOCK, add);
        }
        if (y + j < length) {
            lower_i32(acc, line + (y + j) * TG_EDT_BLOCK, add);
        }
    }
    for (int i = 0; i < TG_EDT_BLOCK; i++) {
        out[i] = acc[i] < TG_EDT_FAR ? acc[i] : TG_EDT_FAR;
    }
}

static inline void
lower_f64(double *restrict acc, const double *restrict row, double add)
{
    for (int i = 0; i < TG_EDT_BLOCK; i++) {
        double v = row[i] + add;
        acc[i] = v < acc[i] ? v : acc[i];
    }
}

static void
envelope_f64(const double *line, int64_t length, int64_t y, double spacing, double *out)
{
    double acc[TG_EDT_BLOCK];
    int64_t reach = y > length - 1 - y ? y : length - 1 - y;
    for (int i = 0; i < TG_EDT_BLOCK; i++) {
        acc[i] = line[y * TG_EDT_BLOCK + i];
    }
    for (int64_t j = 1; j <= reach; j++) {
        double add = ((double)j * spacing) * ((double)j * spacing);
        if (j % STEPS == 1) {
            double most = 0;
            for (int i = 0; i < TG_EDT_BLOCK; i++) {
                most = acc[i] > most ? acc[i] : most;
            }
            if (add >= most) {
                break;
            }
        }
        if (y - j >= 0) {
            lower_f64(acc, line + (y - j) * TG_EDT_BLOCK, add);
        }
        if (y + j < length) {
            lower_f64(acc, line + (y + j) * TG_EDT_BLOCK, add);
        }
    }
    for (int i = 0; i < TG_EDT_BLOCK; i++) {
        out[i] = acc[i];
    }
}

const tg_edt_kernels TG_ISA_NAME(tg_edt) = {
    .envelope_i32 = envelope_i32,
    .envelope_f64 = envelope_f64,
};
