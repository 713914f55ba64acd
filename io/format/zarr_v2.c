/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Zarr 2: .zarray, with its attributes from .zattrs. Filters are refused: each would have to be
 * undone exactly, and what they are good for (delta, shuffle) is in blosc's shuffle today.
 */
#include <string.h>

#include "core/base/size.h"
#include "io/format/zarr.h"

/* "<u2", ">f4", "|b1". */
static tg_status
parse_dtype(const char *name, const tg_json *node, tg_zarr_meta *meta, tg_error *err)
{
    tg_status status = TG_OK;
    const char *text = tg_json_string(node);
    TG_CHECK(text != NULL, err, TG_ERR_UNSUPPORTED,
             "%s: structured data types are not supported (dtype)", name);
    meta->dtype = tg_dtype_from_typestr(text, &meta->big_endian);
    TG_CHECK(meta->dtype != TG_DT_NONE, err, TG_ERR_UNSUPPORTED,
             "%s: the data type '%.60s' is not supported", name, text);
out:
    return status;
}

static tg_status
parse_layout(const char *name, const tg_json *root, tg_zarr_meta *meta, tg_error *err)
{
    tg_status status = TG_OK;
    const char *order = tg_json_string(tg_json_get(root, "order"));
    const tg_json *separator = tg_json_get(root, "dimension_separator");
    TG_CHECK(order == NULL || strcmp(order, "C") == 0 || strcmp(order, "F") == 0, err,
             TG_ERR_FORMAT, "%s: order must be C or F, is '%.20s'", name, order);
    bool fortran = order != NULL && order[0] == 'F';
    for (int a = 0; a < meta->ndim; a++) {
        meta->order[a] = fortran ? meta->ndim - 1 - a : a;
    }
    const char *text = separator != NULL ? tg_json_string(separator) : ".";
    TG_CHECK(text != NULL && (strcmp(text, ".") == 0 || strcmp(text, "/") == 0), err, TG_ERR_FORMAT,
             "%s: dimension_separator must be '.' or '/'", name);
    meta->separator = text[0];
out:
    return status;
}

tg_status
tg_zarr_meta_parse_v2(const char *name, const tg_json *root, const tg_json *attributes,
                      tg_zarr_meta *meta, tg_error *err)
{
    tg_status status = TG_OK;
    int64_t format = 0;
    *meta = (tg_zarr_meta){ .version = 2 };
    TG_CHECK(tg_json_type_of(root) == TG_JSON_OBJECT, err, TG_ERR_FORMAT, "%s: is no object", name);
    TG_CHECK(tg_json_int(tg_json_get(root, "zarr_format"), &format) && format == 2, err,
             TG_ERR_FORMAT, "%s: zarr_format must be 2", name);
    meta->ndim = -1;
    TG_TRY(tg__zarr_parse_lengths(name, "shape", tg_json_get(root, "shape"), 0, &meta->ndim,
                                  meta->shape, err));
    TG_TRY(tg__zarr_parse_lengths(name, "chunks", tg_json_get(root, "chunks"), 1, &meta->ndim,
                                  meta->chunks, err));
    memcpy(meta->inner, meta->chunks, sizeof meta->inner);
    TG_TRY(parse_dtype(name, tg_json_get(root, "dtype"), meta, err));
    TG_TRY(parse_layout(name, root, meta, err));
    const tg_json *fill = tg_json_get(root, "fill_value");
    if (fill != NULL && tg_json_type_of(fill) != TG_JSON_NULL) {
        TG_TRY(tg__zarr_parse_fill(name, fill, meta->dtype, meta->fill, err));
    }
    const tg_json *filters = tg_json_get(root, "filters");
    const char *first = tg_json_string(tg_json_get(tg_json_at(filters, 0), "id"));
    TG_CHECK(tg_json_count(filters) == 0, err, TG_ERR_UNSUPPORTED,
             "%s: the filter '%.60s' is not supported", name, first != NULL ? first : "?");
    const tg_json *compressor = tg_json_get(root, "compressor");
    if (compressor != NULL && tg_json_type_of(compressor) != TG_JSON_NULL) {
        TG_TRY(tg__zarr_parse_codec(name, 2, tg_json_string(tg_json_get(compressor, "id")),
                                    compressor, meta, err));
    }
    const tg_json *names = tg_json_get(attributes, "_ARRAY_DIMENSIONS"); /* xarray's custom */
    bool have_names = tg_json_type_of(names) == TG_JSON_ARRAY;
    TG_TRY(tg__zarr_take_texts(name, attributes, have_names ? names : NULL, meta, err));
    TG_TRY(tg__zarr_meta_complete(name, meta, err));
out:
    if (status != TG_OK) {
        tg_zarr_meta_fini(meta);
    }
    return status;
}
