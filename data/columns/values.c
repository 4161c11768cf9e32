/* How it works: a page's values stand in one of nine encodings; each is a way to the next
 * value's bytes. Where those stand in the page or in the dictionary they are given in place; else
 * they are put together in `scratch`, which grows with the longest value alone.
 *
 * What must hold: no byte beyond the page is touched, whatever lengths it claims; a value that
 * takes its front from the one before it (VALUES_DELTA_BYTES) is never longer than the page, as
 * every byte of it stood there once. */
#include "data/columns/values.h"

#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

static enum err damaged(void)
{
    return err_set(ERR_IO, "a page's values are damaged");
}

static uint32_t little32(const uint8_t *b)
{
    return (uint32_t)b[0] | (uint32_t)b[1] << 8 | (uint32_t)b[2] << 16 | (uint32_t)b[3] << 24;
}

/* Doubled, so that a page of growing values copies little. */
static void reserve(struct values *v, size_t n)
{
    if (n > v->room) {
        v->room = 2 * n > 64 ? 2 * n : 64;
        v->scratch = mem_grow(v->scratch, v->room, 1);
    }
}

/* Which types an encoding may carry. */
static bool fits(const struct values *v)
{
    const bool number = v->type == SCHEMA_INT32 || v->type == SCHEMA_INT64;

    switch (v->encoding) {
    case VALUES_RLE:
        return v->type == SCHEMA_BOOLEAN;
    case VALUES_DELTA:
        return number;
    case VALUES_DELTA_LENGTH:
        return v->type == SCHEMA_BYTE_ARRAY;
    case VALUES_DELTA_BYTES:
        return v->type == SCHEMA_BYTE_ARRAY || v->type == SCHEMA_FIXED;
    case VALUES_STREAMS:
        return v->width != 0;
    default:
        return true;
    }
}

/* The two encodings of texts whose lengths come first. */
static enum err begin_lengths(struct values *v)
{
    const uint8_t *end;

    delta_begin(&v->first, v->at, (size_t)(v->end - v->at));
    end = delta_end(&v->first);
    if (!end)
        return damaged();
    v->at = end;
    if (v->encoding != VALUES_DELTA_BYTES)
        return OK;
    delta_begin(&v->second, v->at, (size_t)(v->end - v->at));
    end = delta_end(&v->second);
    if (!end)
        return damaged();
    v->at = end;
    return OK;
}

static enum err begin_places(struct values *v)
{
    if (!v->dictionary)
        return err_set(ERR_IO, "a page refers to a dictionary that is not there");
    /* A page of nulls alone may have no width. */
    if (v->at == v->end)
        hybrid_begin(&v->places, v->at, 0, 0);
    else
        hybrid_begin(&v->places, v->at + 1, (size_t)(v->end - v->at - 1), *v->at);
    return OK;
}

/* Truth values in runs, behind their length. */
static enum err begin_truths(struct values *v)
{
    const size_t n = (size_t)(v->end - v->at);

    if (!n) /* nothing but nulls */
        return OK;
    if (n < 4 || little32(v->at) > n - 4)
        return damaged();
    hybrid_begin(&v->places, v->at + 4, little32(v->at), 1);
    return OK;
}

/* What stands before the first value. */
static enum err begin(struct values *v)
{
    const size_t n = (size_t)(v->end - v->at);

    switch (v->encoding) {
    case VALUES_PLAIN_DICTIONARY:
    case VALUES_DICTIONARY:
        return begin_places(v);
    case VALUES_RLE:
        return begin_truths(v);
    case VALUES_DELTA:
        delta_begin(&v->first, v->at, n);
        return OK;
    case VALUES_DELTA_LENGTH:
    case VALUES_DELTA_BYTES:
        return begin_lengths(v);
    case VALUES_STREAMS:
        v->streams = n / v->width;
        return n % v->width ? damaged() : OK;
    case VALUES_PLAIN:
    case VALUES_BIT_PACKED:
        break;
    }
    return OK;
}

enum err values_begin(struct values *v, const struct schema_node *leaf, int64_t encoding,
                      const uint8_t *at, size_t n, const struct values_dictionary *dictionary)
{
    if (encoding < 0 || encoding > VALUES_STREAMS || encoding == 1 ||
        encoding == VALUES_BIT_PACKED)
        return err_set(ERR_RANGE, "encoding %lld is not read", (long long)encoding);
    *v = (struct values){.encoding = (enum values_encoding)encoding,
                         .type = leaf->type,
                         .width = leaf->width,
                         .at = at,
                         .end = at + n,
                         .dictionary = dictionary,
                         .scratch = v->scratch,
                         .room = v->room};
    reserve(v, leaf->width ? leaf->width : 8);
    if (!fits(v))
        return err_set(ERR_IO, "encoding %lld does not go with the type", (long long)encoding);
    return begin(v);
}

void values_free(struct values *v)
{
    free(v->scratch);
    *v = (struct values){.room = 0};
}

/* Texts have their length in front, numbers have none, truth values are bits. */
static enum err next_plain(struct values *v, const uint8_t **bytes, size_t *n)
{
    size_t width = v->width;

    if (v->type == SCHEMA_BOOLEAN) {
        if (v->at == v->end)
            return damaged();
        v->scratch[0] = *v->at >> v->bit & 1;
        v->at += v->bit == 7;
        v->bit = (v->bit + 1) & 7;
        *bytes = v->scratch;
        *n = 1;
        return OK;
    }
    if (!width) {
        if (v->end - v->at < 4)
            return damaged();
        width = little32(v->at);
        v->at += 4;
    }
    if (width > (size_t)(v->end - v->at))
        return damaged();
    *bytes = v->at;
    *n = width;
    v->at += width;
    return OK;
}

/* A place beyond the dictionary is damage, whatever the index's width lets it say. */
static enum err next_place(struct values *v, const uint8_t **bytes, size_t *n)
{
    const struct values_dictionary *d = v->dictionary;
    const uint32_t place = hybrid_next(&v->places);

    if (v->places.bad || place >= d->count)
        return damaged();
    if (!d->start) {
        *bytes = d->bytes + place * v->width;
        *n = v->width;
        return OK;
    }
    *bytes = d->bytes + d->start[place];
    *n = little32(*bytes - 4); /* checked when the dictionary came */
    return OK;
}

/* Back to bytes of the type's width, as every other encoding gives them. */
static enum err next_number(struct values *v, const uint8_t **bytes, size_t *n)
{
    const uint64_t value = delta_next(&v->first);

    if (v->first.bad)
        return damaged();
    for (size_t i = 0; i < v->width; i++)
        v->scratch[i] = (uint8_t)(value >> 8 * i);
    *bytes = v->scratch;
    *n = v->width;
    return OK;
}

/* The bytes of all texts lie behind all lengths, in order. */
static enum err next_length(struct values *v, const uint8_t **bytes, size_t *n)
{
    const uint64_t length = delta_next(&v->first);

    if (v->first.bad || length > (size_t)(v->end - v->at))
        return damaged();
    *bytes = v->at;
    *n = (size_t)length;
    v->at += length;
    return OK;
}

/* How much of the value before is kept, then what is put behind it. */
static enum err next_behind_front(struct values *v, const uint8_t **bytes, size_t *n)
{
    const uint64_t front = delta_next(&v->first), rest = delta_next(&v->second);

    if (v->first.bad || v->second.bad || front > v->n_scratch ||
        rest > (size_t)(v->end - v->at))
        return damaged();
    reserve(v, (size_t)(front + rest) + 1);
    if (rest)
        memcpy(v->scratch + front, v->at, (size_t)rest);
    v->at += rest;
    v->n_scratch = (size_t)(front + rest);
    if (v->width && v->n_scratch != v->width)
        return damaged();
    *bytes = v->scratch;
    *n = v->n_scratch;
    return OK;
}

/* Byte k of every value stands in stream k. */
static enum err next_streams(struct values *v, const uint8_t **bytes, size_t *n)
{
    if (v->taken == v->streams)
        return damaged();
    for (size_t k = 0; k < v->width; k++)
        v->scratch[k] = v->at[k * v->streams + v->taken];
    v->taken++;
    *bytes = v->scratch;
    *n = v->width;
    return OK;
}

enum err values_next(struct values *v, const uint8_t **bytes, size_t *n)
{
    switch (v->encoding) {
    case VALUES_PLAIN_DICTIONARY:
    case VALUES_DICTIONARY:
        return next_place(v, bytes, n);
    case VALUES_RLE:
        v->scratch[0] = (uint8_t)hybrid_next(&v->places);
        *bytes = v->scratch;
        *n = 1;
        return v->places.bad ? damaged() : OK;
    case VALUES_DELTA:
        return next_number(v, bytes, n);
    case VALUES_DELTA_LENGTH:
        return next_length(v, bytes, n);
    case VALUES_DELTA_BYTES:
        return next_behind_front(v, bytes, n);
    case VALUES_STREAMS:
        return next_streams(v, bytes, n);
    case VALUES_PLAIN:
    case VALUES_BIT_PACKED:
        break;
    }
    return next_plain(v, bytes, n);
}

/* Where each text begins; every length is held against what is left. */
static enum err find_starts(struct values_dictionary *d)
{
    size_t at = 0;

    d->start = mem_new(d->count, sizeof(*d->start));
    for (size_t i = 0; i < d->count; i++) {
        uint32_t length;
        if (d->n - at < 4)
            return damaged();
        length = little32(d->bytes + at);
        at += 4;
        if (length > d->n - at)
            return damaged();
        d->start[i] = (uint32_t)at;
        at += length;
    }
    return OK;
}

/* The count is held against the bytes before anything is reserved for it. */
enum err values_dictionary(struct values_dictionary *out, const struct schema_node *leaf,
                           uint8_t *bytes, size_t n, int64_t count)
{
    const size_t least = leaf->width ? leaf->width : 4;
    enum err err = OK;

    *out = (struct values_dictionary){.bytes = bytes, .n = n};
    if (count < 0 || leaf->type == SCHEMA_BOOLEAN || (uint64_t)count > n / least)
        err = damaged();
    if (!err) {
        out->count = (size_t)count;
        err = leaf->width ? OK : find_starts(out);
    }
    if (err)
        values_dictionary_free(out);
    return err;
}

void values_dictionary_free(struct values_dictionary *dictionary)
{
    free(dictionary->bytes);
    free(dictionary->start);
    *dictionary = (struct values_dictionary){.n = 0};
}
