/* SPDX-License-Identifier: BSD-3-Clause */
/* The built-in ops for bindings and documentation. */
#include "core/array/registry.h"
#include "ops/registry.h"
#include "tilegraph/array.h"

static const char *
text(const char *s)
{
    return s != NULL ? s : "";
}

static const tg_op *
op_at(size_t index)
{
    const tg_op *const *ops = NULL;
    size_t count = tg_ops_builtin(&ops);
    return index < count ? ops[index] : NULL;
}

size_t
tg_op_count(void)
{
    const tg_op *const *ops = NULL;
    return tg_ops_builtin(&ops);
}

bool
tg_op_get(size_t index, tg_op_info *info)
{
    const tg_op *op = op_at(index);
    if (op != NULL) {
        *info = (tg_op_info){ .name = op->name,
                              .module = text(op->module),
                              .summary = text(op->summary),
                              .arg_names = text(op->arg_names),
                              .nargs_min = op->nargs_min,
                              .nargs_max = op->nargs_max,
                              .nparams = tg_op_param_count(op) };
    }
    return op != NULL;
}

bool
tg_op_get_param(size_t index, size_t param, tg_param_info *info)
{
    const tg_op *op = op_at(index);
    bool found = op != NULL && param < tg_op_param_count(op);
    if (found) {
        const tg_param_schema *schema = &op->params[param];
        *info = (tg_param_info){ .name = schema->name,
                                 .kind = schema->kind,
                                 .is_list = schema->is_list,
                                 .required = schema->required,
                                 .fallback = text(schema->fallback),
                                 .choices = text(schema->choices),
                                 .summary = text(schema->summary) };
    }
    return found;
}
