/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TG_FORMAT_NIFTI_H
#define TG_FORMAT_NIFTI_H
/*
 * What: the headers of NIfTI-1 (348 bytes) and NIfTI-2 (540), as bytes and as JSON attributes; for
 * the format, its sinks and the fuzz target. Axes are as nibabel's: (x, y, z, t, ...), of which the
 * first lies closest together in the file.
 *
 * Attributes, all of them optional when written:
 *     affine        4 x 4, voxel to space: the sform, else the qform, else from voxel sizes alone
 *     sform, qform  4 x 4, each where its code is not 0;  sform_code, qform_code
 *     pixdim        the size of a cell, for each axis
 *     units         [space, time]: "unknown", "meter", "mm", "micron"; "sec", "msec", "usec", ...
 *     scl_slope, scl_inter, datatype     only read: values come out scaled
 *     descrip, intent_code, intent_name, cal_min, cal_max, toffset, slice_duration
 * A matrix that is written alone as `affine` becomes the sform, with code 2, as nibabel does.
 *
 * Ownership: values; texts are the caller's.
 * Threads: pure functions.
 * Errors: TG_ERR_FORMAT malformed, TG_ERR_UNSUPPORTED another data type or Analyze, TG_ERR_LIMIT
 * absurd sizes, TG_ERR_VALUE attributes that cannot be written, naming them.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/array/view.h"
#include "core/base/status.h"
#include "io/format/format.h"

enum {
    TG_NIFTI_NDIM_MAX = 7,
    TG_NIFTI_HEADER_MAX = 540,
    TG_NIFTI_HEADER_OUT = 544, /* with the four bytes that say: no extensions */
    TG_NIFTI_DIM1_MAX = 32767  /* beyond it: NIfTI-2 */
};

typedef struct tg_nifti_header {
    int version;
    bool big_endian;
    bool pair; /* data is in another file, .img */
    tg_dtype stored;
    bool scaled; /* values are slope * stored + inter, in float64 (complex128) */
    double slope, inter;
    int ndim;
    int64_t shape[TG_NIFTI_NDIM_MAX];
    int64_t data_offset;
    double qfac; /* 1 or -1 */
    double pixdim[TG_NIFTI_NDIM_MAX];
    int units; /* xyzt_units */
    int qform_code, sform_code;
    double quatern[3], qoffset[3];
    double sform[3][4];
    int intent_code;
    double cal_min, cal_max, toffset, slice_duration;
    char descrip[80 + 1];
    char intent_name[16 + 1];
} tg_nifti_header;

/* What the values that come out are: the scaled dtype. */
tg_dtype tg_nifti_dtype(const tg_nifti_header *header);
/* All bytes of the data; false: more than TG_ARRAY_BYTES_MAX. */
bool tg_nifti_data_bytes(const tg_nifti_header *header, int64_t *bytes);

/* `name` is for messages; `bytes` the first `count` bytes of the file. The length of the file is
 * for the caller to compare. */
tg_status tg_nifti_header_parse(const char *name, const unsigned char *bytes, size_t count,
                                tg_nifti_header *header, tg_error *err);
/* For a .nii, little endian. Sets version, 2 where an axis is too long for 1, and data_offset. */
void tg_nifti_header_write(tg_nifti_header *header, unsigned char bytes[TG_NIFTI_HEADER_OUT]);
/* NIfTI's number for a dtype; 0: there is none. */
int tg_nifti_code(tg_dtype dtype);

/* The header of a new array: dtype, shape, and what the attributes (JSON object or NULL) say. */
tg_status tg_nifti_header_make(const char *name, const tg_sink_options *options,
                               tg_nifti_header *header, tg_error *err);
/* A JSON object; freed by tg__format_text_free. NULL: out of memory. */
char *tg_nifti_attributes(const tg_nifti_header *header);

/* Chunks in the order of the file, of about TG_FORMAT_CHUNK_BYTES. */
void tg_nifti_chunks(const tg_nifti_header *header, int64_t *chunks);
tg_status tg_nifti_create_sink(const char *path, const tg_sink_options *options, tg_sink **out,
                               tg_error *err);

#endif
