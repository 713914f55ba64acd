/* SPDX-License-Identifier: BSD-3-Clause */
/* binary_erosion: as scipy.ndimage.binary_erosion, exactly. See ops/morphology/binary.c. */
#include "ops/morphology/binary.h"

static tg_status
infer(tg_infer *infer, tg_error *err)
{
    return tg_binary_infer(infer, false, err);
}

const tg_op tg_op_binary_erosion = {
    .name = "binary_erosion",
    .module = "ndimage",
    .summary = "Cells on which the structure fits into the true cells.",
    .version = 1,
    .cls = TG_CLASS_STENCIL,
    .nargs_min = 1,
    .nargs_max = 2,
    .arg_names = "input|structure",
    .params = tg_binary_params,
    .infer = infer,
    .window = tg_binary_window,
    .cost = tg_binary_cost,
    .run = tg_binary_run,
};
