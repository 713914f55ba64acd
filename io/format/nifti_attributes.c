/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Where a NIfTI array lies in space, as JSON attributes and back; see the header for their names.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/array/dtype.h"
#include "core/base/size.h"
#include "core/mem/alloc.h"
#include "io/format/json.h"
#include "io/format/nifti.h"

typedef double affine[4][4];

/* xyzt_units: the low three bits for space, the next three for time. */
static const char *const space_units[] = { "unknown", "meter", "mm", "micron" };
static const char *const time_units[] = { "unknown", "sec", "msec", "usec", "hz", "ppm", "rads" };
enum { SPACE_UNITS = 4, TIME_UNITS = 7, SFORM_ALIGNED = 2 };

static const char *
unit_name(const char *const *names, int count, int value)
{
    return value < count ? names[value] : "unknown";
}

/* ---- matrices ---- */

static void
affine_of_sform(const tg_nifti_header *h, affine m)
{
    memset(m, 0, sizeof(affine));
    memcpy(m, h->sform, sizeof h->sform);
    m[3][3] = 1;
}

static void
affine_of_qform(const tg_nifti_header *h, affine m)
{
    double b = h->quatern[0];
    double c = h->quatern[1];
    double d = h->quatern[2];
    double square = 1 - (b * b + c * c + d * d);
    if (square < 1e-7) { /* half a turn, but for rounding */
        double length = sqrt(b * b + c * c + d * d);
        length = length > 0 ? length : 1;
        b /= length;
        c /= length;
        d /= length;
        square = 0;
    }
    double a = sqrt(square);
    const double rotation[3][3] = {
        { a * a + b * b - c * c - d * d, 2 * (b * c - a * d), 2 * (b * d + a * c) },
        { 2 * (b * c + a * d), a * a + c * c - b * b - d * d, 2 * (c * d - a * b) },
        { 2 * (b * d - a * c), 2 * (c * d + a * b), a * a + d * d - b * b - c * c },
    };
    memset(m, 0, sizeof(affine));
    for (int i = 0; i < 3; i++) {
        for (int k = 0; k < 3; k++) {
            m[i][k] = rotation[i][k] * h->pixdim[k] * (k == 2 ? h->qfac : 1);
        }
        m[i][3] = h->qoffset[i];
    }
    m[3][3] = 1;
}

/* nibabel's: x runs to the left, and the middle of the array is the origin. */
static void
affine_of_sizes(const tg_nifti_header *h, affine m)
{
    memset(m, 0, sizeof(affine));
    for (int i = 0; i < 3; i++) {
        double size = i < h->ndim ? h->pixdim[i] : 1;
        m[i][i] = i == 0 ? -size : size;
        m[i][3] = i < h->ndim ? -m[i][i] * ((double)h->shape[i] - 1) / 2 : 0;
    }
    m[3][3] = 1;
}

static void
best_affine(const tg_nifti_header *h, affine m)
{
    if (h->sform_code > 0) {
        affine_of_sform(h, m);
    } else if (h->qform_code > 0) {
        affine_of_qform(h, m);
    } else {
        affine_of_sizes(h, m);
    }
}

/* Sizes, rotation and offset of a matrix; false: it has a shear, which a qform cannot say. */
static bool
set_qform(tg_nifti_header *h, affine m)
{
    double r[3][3];
    bool whole = true;
    for (int k = 0; k < 3; k++) {
        double size = sqrt(m[0][k] * m[0][k] + m[1][k] * m[1][k] + m[2][k] * m[2][k]);
        whole = whole && size > 0;
        h->pixdim[k] = size;
        for (int i = 0; i < 3; i++) {
            r[i][k] = size > 0 ? m[i][k] / size : 0;
        }
        h->qoffset[k] = m[k][3];
    }
    for (int k = 0; k < 3; k++) {
        int n = (k + 1) % 3;
        whole = whole && fabs(r[0][k] * r[0][n] + r[1][k] * r[1][n] + r[2][k] * r[2][n]) < 1e-4;
    }
    double det = r[0][0] * (r[1][1] * r[2][2] - r[1][2] * r[2][1]) -
                 r[0][1] * (r[1][0] * r[2][2] - r[1][2] * r[2][0]) +
                 r[0][2] * (r[1][0] * r[2][1] - r[1][1] * r[2][0]);
    h->qfac = det < 0 ? -1 : 1;
    for (int i = 0; i < 3; i++) {
        r[i][2] *= h->qfac;
    }
    /* The largest of the four parts is found from the diagonal, the others by division by it. */
    double trace = r[0][0] + r[1][1] + r[2][2];
    int big = r[0][0] >= r[1][1] && r[0][0] >= r[2][2] ? 0 : r[1][1] >= r[2][2] ? 1 : 2;
    double a = 0.5 * sqrt(fmax(1 + trace, 0));
    double q[3] = { 0 };
    if (trace > 0) {
        q[0] = (r[2][1] - r[1][2]) / (4 * a);
        q[1] = (r[0][2] - r[2][0]) / (4 * a);
        q[2] = (r[1][0] - r[0][1]) / (4 * a);
    } else {
        int n = (big + 1) % 3;
        int l = (big + 2) % 3;
        q[big] = 0.5 * sqrt(fmax(1 + r[big][big] - r[n][n] - r[l][l], 0));
        q[n] = (r[n][big] + r[big][n]) / (4 * q[big]);
        q[l] = (r[l][big] + r[big][l]) / (4 * q[big]);
        if (r[l][n] < r[n][l]) { /* the real part would be negative */
            q[0] = -q[0];
            q[1] = -q[1];
            q[2] = -q[2];
        }
    }
    memcpy(h->quatern, q, sizeof q);
    return whole;
}

/* ---- to JSON ---- */

static void
add_affine(tg_text *t, const char *name, affine m)
{
    tg_text_add(t, ",\"%s\":[", name);
    for (int i = 0; i < 4; i++) {
        for (int k = 0; k < 4; k++) { /* sizes near the end of the numbers: JSON has no infinity */
            tg_text_add(t, "%s%.17g",
                        k > 0   ? ","
                        : i > 0 ? ",["
                                : "[",
                        isfinite(m[i][k]) ? m[i][k] : 0.0);
        }
        tg_text_add(t, "]");
    }
    tg_text_add(t, "]");
}

/* Texts of a file may be in any encoding: what is not plain ASCII becomes "?". */
static void
add_words(tg_text *t, const char *name, const char *words)
{
    char plain[sizeof((tg_nifti_header *)0)->descrip];
    size_t n = 0;
    for (; words[n] != '\0'; n++) {
        plain[n] = words[n] >= ' ' && words[n] <= '~' ? words[n] : '?';
    }
    plain[n] = '\0';
    if (n > 0) {
        tg_text_add(t, ",\"%s\":", name);
        tg_text_json(t, plain);
    }
}

static void
add_number(tg_text *t, const char *name, double value)
{
    if (value != 0) {
        tg_text_add(t, ",\"%s\":%.9g", name, value);
    }
}

char *
tg_nifti_attributes(const tg_nifti_header *h)
{
    tg_text t = { 0 };
    affine m;
    char *copy = NULL;
    tg_text_add(&t, "{\"datatype\":\"%s\"", tg_dtype_name(h->stored));
    best_affine(h, m);
    add_affine(&t, "affine", m);
    if (h->sform_code > 0) {
        affine_of_sform(h, m);
        add_affine(&t, "sform", m);
        tg_text_add(&t, ",\"sform_code\":%d", h->sform_code);
    }
    if (h->qform_code > 0) {
        affine_of_qform(h, m);
        add_affine(&t, "qform", m);
        tg_text_add(&t, ",\"qform_code\":%d", h->qform_code);
    }
    tg_text_add(&t, ",\"pixdim\":[");
    for (int a = 0; a < h->ndim; a++) {
        tg_text_add(&t, "%s%.9g", a > 0 ? "," : "", h->pixdim[a]);
    }
    tg_text_add(&t, "],\"units\":[\"%s\",\"%s\"]",
                unit_name(space_units, SPACE_UNITS, h->units & 7),
                unit_name(time_units, TIME_UNITS, h->units >> 3 & 7));
    if (h->scaled) {
        tg_text_add(&t, ",\"scl_slope\":%.17g,\"scl_inter\":%.17g", h->slope, h->inter);
    }
    add_words(&t, "descrip", h->descrip);
    add_words(&t, "intent_name", h->intent_name);
    add_number(&t, "intent_code", h->intent_code);
    add_number(&t, "cal_min", h->cal_min);
    add_number(&t, "cal_max", h->cal_max);
    add_number(&t, "toffset", h->toffset);
    add_number(&t, "slice_duration", h->slice_duration);
    tg_text_add(&t, "}");
    copy = t.failed ? NULL : tg__format_text(t.data);
    tg_text_fini(&t);
    return copy;
}

/* ---- from JSON ---- */

/* *found: whether it is there. */
static tg_status
take_affine(const char *path, const tg_json *root, const char *name, affine m, bool *found,
            tg_error *err)
{
    tg_status status = TG_OK;
    const tg_json *node = tg_json_get(root, name);
    *found = node != NULL && tg_json_type_of(node) != TG_JSON_NULL;
    bool right = tg_json_count(node) == 4;
    for (size_t i = 0; i < 4 && *found; i++) {
        const tg_json *row = tg_json_at(node, i);
        right = right && tg_json_count(row) == 4;
        for (size_t k = 0; k < 4 && right; k++) {
            right = tg_json_real(tg_json_at(row, k), &m[i][k]);
        }
    }
    right = right && m[3][0] == 0 && m[3][1] == 0 && m[3][2] == 0 && m[3][3] == 1;
    TG_CHECK(!*found || right, err, TG_ERR_VALUE,
             "%s: the attribute %s must be 4 rows of 4 numbers, the last [0, 0, 0, 1]", path, name);
out:
    return status;
}

static bool
same_affine(affine a, affine b)
{
    bool same = true;
    for (int i = 0; i < 4; i++) {
        for (int k = 0; k < 4; k++) {
            same = same && fabs(a[i][k] - b[i][k]) <= 1e-5 * (1 + fabs(a[i][k]));
        }
    }
    return same;
}

static tg_status
take_int(const char *path, const tg_json *root, const char *name, int low, int high, int *out,
         tg_error *err)
{
    tg_status status = TG_OK;
    const tg_json *node = tg_json_get(root, name);
    int64_t value = *out;
    bool right = node == NULL || tg_json_int(node, &value);
    TG_CHECK(right && value >= low && value <= high, err, TG_ERR_VALUE,
             "%s: the attribute %s must be a whole number from %d to %d", path, name, low, high);
    *out = (int)value;
out:
    return status;
}

static tg_status
take_text(const char *path, const tg_json *root, const char *name, char *out, size_t size,
          tg_error *err)
{
    tg_status status = TG_OK;
    const tg_json *node = tg_json_get(root, name);
    const char *text = tg_json_string(node);
    TG_CHECK(node == NULL || (text != NULL && strlen(text) < size), err, TG_ERR_VALUE,
             "%s: the attribute %s must be a text of at most %zu bytes", path, name, size - 1);
    if (text != NULL) {
        memcpy(out, text, strlen(text));
    }
out:
    return status;
}

static tg_status
take_units(const char *path, const tg_json *root, tg_nifti_header *h, tg_error *err)
{
    tg_status status = TG_OK;
    const tg_json *node = tg_json_get(root, "units");
    const char *space = tg_json_string(tg_json_at(node, 0));
    const char *time = tg_json_string(tg_json_at(node, 1));
    int found[2] = { -1, -1 };
    for (int i = 0; i < SPACE_UNITS && space != NULL; i++) {
        found[0] = strcmp(space, space_units[i]) == 0 ? i : found[0];
    }
    for (int i = 0; i < TIME_UNITS && time != NULL; i++) {
        found[1] = strcmp(time, time_units[i]) == 0 ? i : found[1];
    }
    TG_CHECK(node == NULL || (found[0] >= 0 && found[1] >= 0), err, TG_ERR_VALUE,
             "%s: the attribute units must be two of NIfTI's names, as in [\"mm\", \"sec\"]", path);
    h->units = node != NULL ? found[0] | found[1] << 3 : 0;
out:
    return status;
}

/* Cell sizes as given; else those of a matrix, else 1. */
static tg_status
take_pixdim(const char *path, const tg_json *root, tg_nifti_header *h, tg_error *err)
{
    tg_status status = TG_OK;
    const tg_json *node = tg_json_get(root, "pixdim");
    for (int a = 0; a < h->ndim && node != NULL; a++) {
        double size = 0;
        TG_CHECK(tg_json_count(node) == (size_t)h->ndim &&
                     tg_json_real(tg_json_at(node, (size_t)a), &size) && size >= 0,
                 err, TG_ERR_VALUE, "%s: the attribute pixdim must be %d numbers >= 0", path,
                 h->ndim);
        h->pixdim[a] = size;
    }
out:
    return status;
}

/* affine, sform, qform and their codes. */
static tg_status
take_space(const char *path, const tg_json *root, tg_nifti_header *h, tg_error *err)
{
    tg_status status = TG_OK;
    affine best;
    affine sform;
    affine qform;
    bool has_best = false;
    bool has_sform = false;
    bool has_qform = false;
    TG_TRY(take_affine(path, root, "affine", best, &has_best, err));
    TG_TRY(take_affine(path, root, "sform", sform, &has_sform, err));
    TG_TRY(take_affine(path, root, "qform", qform, &has_qform, err));
    TG_CHECK(!has_best || !(has_sform || has_qform) || same_affine(best, has_sform ? sform : qform),
             err, TG_ERR_VALUE,
             "%s: the attribute affine says another thing than %s; give one of them", path,
             has_sform ? "sform" : "qform");
    if (has_best && !has_sform && !has_qform) {
        memcpy(sform, best, sizeof sform);
        has_sform = true;
    }
    if (has_sform) {
        (void)set_qform(h, sform); /* for the sizes; without its code it says nothing */
        memcpy(h->sform, sform, sizeof h->sform);
        h->sform_code = SFORM_ALIGNED;
    }
    TG_CHECK(!has_qform || set_qform(h, qform), err, TG_ERR_VALUE,
             "%s: the attribute qform must turn, mirror and stretch only; give it as sform", path);
    h->qform_code = has_qform ? 1 : 0;
    TG_TRY(take_int(path, root, "sform_code", has_sform ? 1 : 0, has_sform ? 5 : 0, &h->sform_code,
                    err));
    TG_TRY(take_int(path, root, "qform_code", has_qform ? 1 : 0, has_qform ? 5 : 0, &h->qform_code,
                    err));
out:
    return status;
}

tg_status
tg_nifti_header_make(const char *path, const tg_sink_options *options, tg_nifti_header *h,
                     tg_error *err)
{
    tg_status status = TG_OK;
    tg_json *root = NULL;
    const char *text = options->attributes != NULL ? options->attributes : "{}";
    *h = (tg_nifti_header){ .stored = options->dtype, .ndim = options->ndim, .slope = 1 };
    TG_CHECK(tg_nifti_code(options->dtype) != 0, err, TG_ERR_TYPE,
             "%s: NIfTI has no data type for %s; use astype first", path,
             tg_dtype_name(options->dtype));
    TG_CHECK(options->ndim >= 1 && options->ndim <= TG_NIFTI_NDIM_MAX, err, TG_ERR_VALUE,
             "%s: NIfTI holds 1 to 7 axes, not %d", path, options->ndim);
    memcpy(h->shape, options->shape, (size_t)options->ndim * sizeof *options->shape);
    h->qfac = 1;
    for (int a = 0; a < TG_NIFTI_NDIM_MAX; a++) {
        h->pixdim[a] = 1;
    }
    TG_TRY(tg_json_parse(path, text, strlen(text), &root, err));
    TG_TRY(take_space(path, root, h, err));
    TG_TRY(take_pixdim(path, root, h, err));
    TG_TRY(take_units(path, root, h, err));
    TG_TRY(take_int(path, root, "intent_code", 0, INT16_MAX, &h->intent_code, err));
    TG_TRY(take_text(path, root, "descrip", h->descrip, sizeof h->descrip, err));
    TG_TRY(take_text(path, root, "intent_name", h->intent_name, sizeof h->intent_name, err));
    (void)tg_json_real(tg_json_get(root, "cal_min"), &h->cal_min);
    (void)tg_json_real(tg_json_get(root, "cal_max"), &h->cal_max);
    (void)tg_json_real(tg_json_get(root, "toffset"), &h->toffset);
    (void)tg_json_real(tg_json_get(root, "slice_duration"), &h->slice_duration);
out:
    tg_json_destroy(root);
    return status;
}
