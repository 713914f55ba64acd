/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The headers of NIfTI-1 and NIfTI-2 as bytes. Both hold the same fields at other places and in
 * other widths: one table says which. Our own parser, because libnifti 3.0.1 overruns its stack on
 * a bad dim[0], and allocates what a header claims.
 */
#include <math.h>
#include <string.h>

#include "core/array/dtype.h"
#include "core/base/limits.h"
#include "core/base/size.h"
#include "io/format/nifti.h"

typedef enum field {
    DIM,
    INTENT_CODE,
    DATATYPE,
    BITPIX,
    PIXDIM,
    VOX_OFFSET,
    SCL_SLOPE,
    SCL_INTER,
    UNITS,
    CAL_MAX,
    CAL_MIN,
    SLICE_DURATION,
    TOFFSET,
    QFORM_CODE,
    SFORM_CODE,
    QUATERN,
    QOFFSET,
    SROW,
    DESCRIP,
    INTENT_NAME,
    FIELD_COUNT
} field;

/* Kinds: b, h, i, l: signed integers of 1, 2, 4, 8 bytes; f, d: floats; s: text. */
typedef struct place {
    int16_t at;
    char kind;
} place;

static const place places[2][FIELD_COUNT] = {
    { { 40, 'h' },  { 68, 'h' },  { 70, 'h' },  { 72, 'h' },  { 76, 'f' },
      { 108, 'f' }, { 112, 'f' }, { 116, 'f' }, { 123, 'b' }, { 124, 'f' },
      { 128, 'f' }, { 132, 'f' }, { 136, 'f' }, { 252, 'h' }, { 254, 'h' },
      { 256, 'f' }, { 268, 'f' }, { 280, 'f' }, { 148, 's' }, { 328, 's' } },
    { { 16, 'l' },  { 504, 'i' }, { 12, 'h' },  { 14, 'h' },  { 104, 'd' },
      { 168, 'l' }, { 176, 'd' }, { 184, 'd' }, { 500, 'i' }, { 192, 'd' },
      { 200, 'd' }, { 208, 'd' }, { 216, 'd' }, { 344, 'i' }, { 348, 'i' },
      { 352, 'd' }, { 376, 'd' }, { 400, 'd' }, { 240, 's' }, { 508, 's' } },
};

static const struct {
    int code;
    tg_dtype dtype;
} types[] = {
    { 2, TG_DT_U8 },    { 4, TG_DT_I16 },    { 8, TG_DT_I32 },    { 16, TG_DT_F32 },
    { 32, TG_DT_C64 },  { 64, TG_DT_F64 },   { 256, TG_DT_I8 },   { 512, TG_DT_U16 },
    { 768, TG_DT_U32 }, { 1024, TG_DT_I64 }, { 1280, TG_DT_U64 }, { 1792, TG_DT_C128 },
};
enum { TYPE_COUNT = sizeof types / sizeof types[0] };

static int
width(char kind)
{
    return kind == 'b' ? 1 : kind == 'h' ? 2 : kind == 'i' || kind == 'f' ? 4 : 8;
}

/* One number of a header: as an integer, and its bits for the floats. */
static uint64_t
bits_at(const unsigned char *bytes, int at, int count, bool big)
{
    uint64_t v = 0;
    for (int i = 0; i < count; i++) {
        v |= (uint64_t)bytes[at + i] << 8 * (big ? count - 1 - i : i);
    }
    return v;
}

static int64_t
integer(const unsigned char *bytes, const tg_nifti_header *h, field f, int index)
{
    place p = places[h->version - 1][f];
    int n = width(p.kind);
    uint64_t v = bits_at(bytes, p.at + index * n, n, h->big_endian);
    uint64_t sign = (uint64_t)1 << (8 * n - 1);
    return (int64_t)((v ^ sign) - sign);
}

static double
real(const unsigned char *bytes, const tg_nifti_header *h, field f, int index)
{
    place p = places[h->version - 1][f];
    int n = width(p.kind);
    uint64_t v = bits_at(bytes, p.at + index * n, n, h->big_endian);
    double d = 0;
    if (p.kind == 'f') {
        uint32_t low = (uint32_t)v;
        float single = 0;
        memcpy(&single, &low, sizeof single);
        d = single;
    } else {
        memcpy(&d, &v, sizeof d);
    }
    return d;
}

static void
put_bits(unsigned char *bytes, int at, int count, uint64_t v)
{
    for (int i = 0; i < count; i++) {
        bytes[at + i] = (unsigned char)(v >> 8 * i);
    }
}

static void
put_integer(unsigned char *bytes, int version, field f, int index, int64_t value)
{
    place p = places[version - 1][f];
    put_bits(bytes, p.at + index * width(p.kind), width(p.kind), (uint64_t)value);
}

static void
put_real(unsigned char *bytes, int version, field f, int index, double d)
{
    place p = places[version - 1][f];
    uint64_t v = 0;
    if (p.kind == 'f') {
        float single = (float)d;
        uint32_t low = 0;
        memcpy(&low, &single, sizeof low);
        v = low;
    } else {
        memcpy(&v, &d, sizeof v);
    }
    put_bits(bytes, p.at + index * width(p.kind), width(p.kind), v);
}

int
tg_nifti_code(tg_dtype dtype)
{
    int code = dtype == TG_DT_BOOL ? 2 : 0; /* NIfTI's own bits are packed, and rarely read */
    for (int i = 0; i < TYPE_COUNT; i++) {
        code = types[i].dtype == dtype ? types[i].code : code;
    }
    return code;
}

tg_dtype
tg_nifti_dtype(const tg_nifti_header *h)
{
    tg_dtype scaled = tg_dtype_is_complex(h->stored) ? TG_DT_C128 : TG_DT_F64;
    return h->scaled ? scaled : h->stored;
}

bool
tg_nifti_data_bytes(const tg_nifti_header *h, int64_t *bytes)
{
    int64_t full = (int64_t)tg_dtype_size(tg_nifti_dtype(h));
    bool fits = true;
    *bytes = (int64_t)tg_dtype_size(h->stored);
    for (int a = 0; a < h->ndim && fits; a++) { /* also of what they become, and if one is 0 */
        fits = tg_mul_size(full, tg_max_i64(h->shape[a], 1), &full) && full <= TG_ARRAY_BYTES_MAX;
        *bytes *= fits ? h->shape[a] : 0;
    }
    return fits;
}

/* Version, byte order, and whether the data is here, from the first bytes. */
static tg_status
parse_kind(const char *name, const unsigned char *bytes, size_t count, tg_nifti_header *h,
           tg_error *err)
{
    tg_status status = TG_OK;
    uint64_t little = count >= 4 ? bits_at(bytes, 0, 4, false) : 0;
    uint64_t big = count >= 4 ? bits_at(bytes, 0, 4, true) : 0;
    h->big_endian = big == 348 || big == 540;
    h->version = little == 348 || big == 348 ? 1 : 2;
    TG_CHECK(h->big_endian || little == 348 || little == 540, err, TG_ERR_FORMAT,
             "%s: is no NIfTI file", name);
    TG_CHECK(count >= (h->version == 1 ? 348 : 540), err, TG_ERR_FORMAT,
             "%s: the NIfTI-%d header is cut off: %zu bytes", name, h->version, count);
    const unsigned char *magic = bytes + (h->version == 1 ? 344 : 4);
    if (h->version == 1) {
        h->pair = memcmp(magic, "ni1", 4) == 0;
        TG_CHECK(h->pair || memcmp(magic, "n+1", 4) == 0, err, TG_ERR_UNSUPPORTED,
                 "%s: a header of 348 bytes without NIfTI's mark (Analyze 7.5?); save it as NIfTI",
                 name);
    } else {
        h->pair = memcmp(magic, "ni2\0\r\n\032\n", 8) == 0;
        TG_CHECK(h->pair || memcmp(magic, "n+2\0\r\n\032\n", 8) == 0, err, TG_ERR_FORMAT,
                 "%s: NIfTI-2's mark is damaged (a transfer as text?)", name);
    }
out:
    return status;
}

/* What the size of the array depends on. */
static tg_status
parse_shape(const char *name, const unsigned char *bytes, tg_nifti_header *h, tg_error *err)
{
    tg_status status = TG_OK;
    int64_t ignored = 0;
    int64_t ndim = integer(bytes, h, DIM, 0);
    TG_CHECK(ndim >= 1 && ndim <= TG_NIFTI_NDIM_MAX, err, TG_ERR_FORMAT,
             "%s: dim[0] is %lld, must be from 1 to 7", name, (long long)ndim);
    h->ndim = (int)ndim;
    for (int a = 0; a < h->ndim; a++) {
        h->shape[a] = integer(bytes, h, DIM, a + 1);
        TG_CHECK(h->shape[a] >= 0, err, TG_ERR_FORMAT, "%s: dim[%d] is %lld, must be >= 0", name,
                 a + 1, (long long)h->shape[a]);
    }
    int64_t code = integer(bytes, h, DATATYPE, 0);
    for (int i = 0; i < TYPE_COUNT; i++) {
        h->stored = types[i].code == code ? types[i].dtype : h->stored;
    }
    TG_CHECK(h->stored != TG_DT_NONE, err, TG_ERR_UNSUPPORTED,
             "%s: the NIfTI data type %lld is not supported (numbers of up to 64 bits, complex64 "
             "and complex128 are)",
             name, (long long)code);
    TG_CHECK(tg_nifti_data_bytes(h, &ignored), err, TG_ERR_LIMIT,
             "%s: the array is too large (more than 2^60 bytes)", name);
out:
    return status;
}

static tg_status
parse_offset(const char *name, const unsigned char *bytes, tg_nifti_header *h, tg_error *err)
{
    tg_status status = TG_OK;
    int64_t least = h->pair ? 0 : h->version == 1 ? 352 : 544;
    if (h->version == 1) { /* a float there */
        double at = real(bytes, h, VOX_OFFSET, 0);
        TG_CHECK(at >= 0 && at <= 0x1p53 && at == floor(at), err, TG_ERR_FORMAT,
                 "%s: vox_offset is %g, must be a whole number >= 0", name, at);
        h->data_offset = (int64_t)at;
    } else {
        h->data_offset = integer(bytes, h, VOX_OFFSET, 0);
    }
    h->data_offset = h->data_offset == 0 ? least : h->data_offset; /* as all readers take it */
    TG_CHECK(h->data_offset >= least && h->data_offset <= TG_ARRAY_BYTES_MAX, err, TG_ERR_FORMAT,
             "%s: vox_offset is %lld, must be >= %lld", name, (long long)h->data_offset,
             (long long)least);
out:
    return status;
}

/* nibabel's rule: a slope of 0 or none at all means no scaling, whatever the intercept. */
static tg_status
parse_scaling(const char *name, const unsigned char *bytes, tg_nifti_header *h, tg_error *err)
{
    tg_status status = TG_OK;
    h->slope = real(bytes, h, SCL_SLOPE, 0);
    h->inter = real(bytes, h, SCL_INTER, 0);
    if (!isfinite(h->slope) || h->slope == 0) {
        h->slope = 1;
        h->inter = 0;
    }
    TG_CHECK(isfinite(h->inter), err, TG_ERR_FORMAT, "%s: scl_inter is %g beside a scl_slope of %g",
             name, h->inter, h->slope);
    h->scaled = h->slope != 1 || h->inter != 0;
out:
    return status;
}

static double
finite_or(double value, double otherwise)
{
    return isfinite(value) ? value : otherwise;
}

/* What says where the array lies; none of it can be wrong for us, only odd. */
static void
parse_space(const unsigned char *bytes, tg_nifti_header *h)
{
    h->qfac = real(bytes, h, PIXDIM, 0) < 0 ? -1 : 1;
    for (int a = 0; a < TG_NIFTI_NDIM_MAX; a++) {
        h->pixdim[a] = fabs(finite_or(real(bytes, h, PIXDIM, a + 1), 1));
    }
    h->units = (int)(integer(bytes, h, UNITS, 0) & 0xff);
    h->qform_code = (int)integer(bytes, h, QFORM_CODE, 0);
    h->sform_code = (int)integer(bytes, h, SFORM_CODE, 0);
    for (int i = 0; i < 3; i++) {
        h->quatern[i] = finite_or(real(bytes, h, QUATERN, i), 0);
        h->qoffset[i] = finite_or(real(bytes, h, QOFFSET, i), 0);
        for (int k = 0; k < 4; k++) {
            h->sform[i][k] = finite_or(real(bytes, h, SROW, 4 * i + k), 0);
        }
    }
    h->intent_code = (int)integer(bytes, h, INTENT_CODE, 0);
    h->cal_max = finite_or(real(bytes, h, CAL_MAX, 0), 0);
    h->cal_min = finite_or(real(bytes, h, CAL_MIN, 0), 0);
    h->toffset = finite_or(real(bytes, h, TOFFSET, 0), 0);
    h->slice_duration = finite_or(real(bytes, h, SLICE_DURATION, 0), 0);
    memcpy(h->descrip, bytes + places[h->version - 1][DESCRIP].at, 80);
    memcpy(h->intent_name, bytes + places[h->version - 1][INTENT_NAME].at, 16);
}

tg_status
tg_nifti_header_parse(const char *name, const unsigned char *bytes, size_t count,
                      tg_nifti_header *h, tg_error *err)
{
    tg_status status = TG_OK;
    *h = (tg_nifti_header){ 0 };
    TG_TRY(parse_kind(name, bytes, count, h, err));
    TG_TRY(parse_shape(name, bytes, h, err));
    TG_TRY(parse_offset(name, bytes, h, err));
    TG_TRY(parse_scaling(name, bytes, h, err));
    parse_space(bytes, h);
out:
    return status;
}

void
tg_nifti_header_write(tg_nifti_header *h, unsigned char bytes[TG_NIFTI_HEADER_OUT])
{
    h->version = 1;
    for (int a = 0; a < h->ndim; a++) {
        h->version = h->shape[a] > TG_NIFTI_DIM1_MAX ? 2 : h->version;
    }
    int v = h->version;
    h->data_offset = v == 1 ? 352 : 544;
    memset(bytes, 0, TG_NIFTI_HEADER_OUT);
    put_bits(bytes, 0, 4, v == 1 ? 348 : 540);
    memcpy(bytes + (v == 1 ? 344 : 4), v == 1 ? "n+1" : "n+2\0\r\n\032\n", v == 1 ? 4 : 8);
    put_integer(bytes, v, DIM, 0, h->ndim);
    put_real(bytes, v, PIXDIM, 0, h->qfac);
    for (int a = 0; a < TG_NIFTI_NDIM_MAX; a++) {
        put_integer(bytes, v, DIM, a + 1, a < h->ndim ? h->shape[a] : 1);
        put_real(bytes, v, PIXDIM, a + 1, h->pixdim[a]);
    }
    put_integer(bytes, v, DATATYPE, 0, tg_nifti_code(h->stored));
    put_integer(bytes, v, BITPIX, 0, 8 * (int64_t)tg_dtype_size(h->stored));
    if (v == 1) {
        put_real(bytes, v, VOX_OFFSET, 0, (double)h->data_offset);
    } else {
        put_integer(bytes, v, VOX_OFFSET, 0, h->data_offset);
    }
    put_real(bytes, v, SCL_SLOPE, 0, h->slope);
    put_real(bytes, v, SCL_INTER, 0, h->inter);
    put_integer(bytes, v, UNITS, 0, h->units);
    put_integer(bytes, v, QFORM_CODE, 0, h->qform_code);
    put_integer(bytes, v, SFORM_CODE, 0, h->sform_code);
    for (int i = 0; i < 3; i++) {
        put_real(bytes, v, QUATERN, i, h->quatern[i]);
        put_real(bytes, v, QOFFSET, i, h->qoffset[i]);
        for (int k = 0; k < 4; k++) {
            put_real(bytes, v, SROW, 4 * i + k, h->sform[i][k]);
        }
    }
    put_integer(bytes, v, INTENT_CODE, 0, h->intent_code);
    put_real(bytes, v, CAL_MAX, 0, h->cal_max);
    put_real(bytes, v, CAL_MIN, 0, h->cal_min);
    put_real(bytes, v, TOFFSET, 0, h->toffset);
    put_real(bytes, v, SLICE_DURATION, 0, h->slice_duration);
    memcpy(bytes + places[v - 1][DESCRIP].at, h->descrip, 80);
    memcpy(bytes + places[v - 1][INTENT_NAME].at, h->intent_name, 16);
}
