/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Include template: ENVELOPE(line, length, y, spacing, out) of type T, see ops/kernel/edt.h. SQUARE
 * is the squared distance of j rows, CAP what is written of a value. The stop is looked at once in
 * four steps: it costs a pass over the block.
 */
static inline void
TG_CAT2(lower_, ENVELOPE)(T *restrict acc, const T *restrict row, T add)
{
    for (int i = 0; i < TG_EDT_BLOCK; i++) {
        T v = row[i] + add;
        acc[i] = v < acc[i] ? v : acc[i];
    }
}

static void
ENVELOPE(const T *line, int64_t length, int64_t y, double spacing, T *out)
{
    T acc[TG_EDT_BLOCK];
    int64_t reach = y > length - 1 - y ? y : length - 1 - y;
    (void)spacing;
    for (int i = 0; i < TG_EDT_BLOCK; i++) {
        acc[i] = line[y * TG_EDT_BLOCK + i];
    }
    for (int64_t j = 1; j <= reach; j++) {
        T add = SQUARE(j);
        if (j % STEPS == 1) {
            T most = 0;
            for (int i = 0; i < TG_EDT_BLOCK; i++) {
                most = acc[i] > most ? acc[i] : most;
            }
            if (add >= most) {
                break;
            }
        }
        if (y - j >= 0) {
            TG_CAT2(lower_, ENVELOPE)(acc, line + (y - j) * TG_EDT_BLOCK, add);
        }
        if (y + j < length) {
            TG_CAT2(lower_, ENVELOPE)(acc, line + (y + j) * TG_EDT_BLOCK, add);
        }
    }
    for (int i = 0; i < TG_EDT_BLOCK; i++) {
        out[i] = CAP(acc[i]);
    }
}
#undef CAP
#undef SQUARE
#undef ENVELOPE
#undef T
