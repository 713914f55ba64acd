/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The codec table and the text form of codec chains.
 */
#include "io/codec/codec.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/assert.h"

#define TG_CODEC(name) extern const tg_codec tg_codec_##name;
#include "io/codec/codec.def"
#undef TG_CODEC

static const tg_codec *const codecs[] = {
#define TG_CODEC(name) &tg_codec_##name,
#include "io/codec/codec.def"
#undef TG_CODEC
};
enum { CODEC_COUNT = sizeof codecs / sizeof codecs[0] };

const tg_codec *
tg_codec_find(const char *name)
{
    const tg_codec *found = NULL;
    for (size_t i = 0; i < CODEC_COUNT && found == NULL; i++) {
        found = strcmp(codecs[i]->name, name) == 0 ? codecs[i] : NULL;
    }
    return found;
}

const tg_codec *
tg_codec_at(size_t index)
{
    return index < CODEC_COUNT ? codecs[index] : NULL;
}

void
tg_codec_use_init(tg_codec_use *use, const tg_codec *codec, size_t element_bytes)
{
    *use = (tg_codec_use){ .codec = codec };
    for (int i = 0; codec->params[i].name != NULL; i++) {
        const tg_codec_param *p = &codec->params[i];
        use->values[i] = p->from_dtype ? (int64_t)element_bytes : p->initial;
    }
}

int
tg_codec_param_index(const tg_codec *codec, const char *name)
{
    int found = -1;
    for (int i = 0; codec->params[i].name != NULL && found < 0; i++) {
        found = strcmp(codec->params[i].name, name) == 0 ? i : -1;
    }
    return found;
}

tg_status
tg_codec_use_set(tg_codec_use *use, int param, int64_t value, tg_error *err)
{
    const tg_codec_param *p = &use->codec->params[param];
    tg_status status = TG_OK;
    TG_CHECK(value >= p->min && value <= p->max, err, TG_ERR_VALUE,
             "codec %s: %s must be in %lld..%lld, got %lld", use->codec->name, p->name,
             (long long)p->min, (long long)p->max, (long long)value);
    use->values[param] = value;
out:
    return status;
}

tg_status
tg_codec_use_set_word(tg_codec_use *use, int param, const char *word, tg_error *err)
{
    const tg_codec_param *p = &use->codec->params[param];
    tg_status status = TG_OK;
    char allowed[160] = "";
    size_t used = 0;
    if (p->choices == NULL) {
        char *end = NULL;
        long long v = strtoll(word, &end, 10);
        TG_CHECK(end != word && *end == '\0', err, TG_ERR_VALUE,
                 "codec %s: %s must be a number, got '%.40s'", use->codec->name, p->name, word);
        TG_TRY(tg_codec_use_set(use, param, v, err));
        goto out;
    }
    for (int i = 0; p->choices[i] != NULL; i++) {
        if (strcmp(p->choices[i], word) == 0) {
            use->values[param] = i;
            goto out;
        }
        int n = snprintf(allowed + used, sizeof allowed - used, " %s", p->choices[i]);
        used += n > 0 && (size_t)n < sizeof allowed - used ? (size_t)n : 0;
    }
    status = tg_fail(err, TG_ERR_VALUE, "codec %s: %s must be one of%s, got '%.40s'",
                     use->codec->name, p->name, allowed, word);
out:
    return status;
}

/* Parses one codec of a chain; `text` is cut up. */
static tg_status
parse_one(char *text, size_t element_bytes, tg_codec_use *use, tg_error *err)
{
    tg_status status = TG_OK;
    char *rest = strchr(text, ':');
    if (rest != NULL) {
        *rest++ = '\0';
    }
    const tg_codec *codec = tg_codec_find(text);
    char known[160] = "";
    size_t used = 0;
    for (size_t i = 0; i < CODEC_COUNT; i++) {
        int n = snprintf(known + used, sizeof known - used, " %s", codecs[i]->name);
        used += n > 0 && (size_t)n < sizeof known - used ? (size_t)n : 0;
    }
    TG_CHECK(codec != NULL, err, TG_ERR_VALUE, "there is no codec '%.40s'; known are:%s", text,
             known);
    tg_codec_use_init(use, codec, element_bytes);
    for (int i = 0; rest != NULL; i++) {
        char *word = rest;
        rest = strchr(word, ':');
        if (rest != NULL) {
            *rest++ = '\0';
        }
        while (codec->params[i].name != NULL && codec->params[i].quiet) {
            i++;
        }
        TG_CHECK(codec->params[i].name != NULL, err, TG_ERR_VALUE,
                 "codec %s: '%.40s' is one parameter too many", codec->name, word);
        TG_TRY(tg_codec_use_set_word(use, i, word, err));
    }
out:
    return status;
}

tg_status
tg_codec_chain_parse(const char *text, size_t element_bytes, tg_codec_use *uses, int *count,
                     tg_error *err)
{
    tg_status status = TG_OK;
    char copy[256];
    char *rest = copy;
    *count = 0;
    TG_CHECK(strlen(text) < sizeof copy, err, TG_ERR_VALUE, "the codec '%.60s...' is too long",
             text);
    memcpy(copy, text, strlen(text) + 1);
    if (copy[0] == '\0' || strcmp(copy, "none") == 0) {
        rest = NULL;
    }
    while (rest != NULL) {
        char *one = rest;
        rest = strchr(one, '+');
        if (rest != NULL) {
            *rest++ = '\0';
        }
        TG_CHECK(*count < TG_CODEC_CHAIN_MAX, err, TG_ERR_VALUE, "at most %d codecs, got '%.60s'",
                 TG_CODEC_CHAIN_MAX, text);
        TG_TRY(parse_one(one, element_bytes, &uses[*count], err));
        ++*count;
    }
out:
    return status;
}

void
tg_codec_chain_text(const tg_codec_use *uses, int count, char *text, size_t size)
{
    size_t used = 0;
    TG_ASSERT(size > 0);
    text[0] = '\0';
    for (int i = 0; i < count; i++) {
        const tg_codec *c = uses[i].codec;
        int n = snprintf(text + used, size - used, "%s%s", i > 0 ? "+" : "", c->name);
        used += n > 0 && (size_t)n < size - used ? (size_t)n : 0;
        for (int p = 0; c->params[p].name != NULL; p++) {
            if (c->params[p].quiet) {
                continue;
            }
            if (c->params[p].choices != NULL) {
                n = snprintf(text + used, size - used, ":%s",
                             c->params[p].choices[uses[i].values[p]]);
            } else {
                n = snprintf(text + used, size - used, ":%lld", (long long)uses[i].values[p]);
            }
            used += n > 0 && (size_t)n < size - used ? (size_t)n : 0;
        }
    }
    if (count == 0) {
        (void)snprintf(text, size, "none");
    }
}
