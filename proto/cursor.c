/* The only reader of MessagePack from the network. It never reads behind its end and never
 * recurses: to skip a value it counts how many are still to come. The first thing that is
 * wrong is kept (`why`) and everything after it reads as zero, so that callers look once, at
 * the end of a row. */

#include "proto/cursor.h"

#include "proto/text.h"

#include <math.h>
#include <string.h>

enum { DEPTH = 16 };

/* The first byte of a value. The specification's table: github.com/msgpack/msgpack, spec.md. */
enum { NIL = 0xc0, FALSE_ = 0xc2, TRUE_ = 0xc3, BIN8 = 0xc4, FLOAT32 = 0xca };
enum {
    FLOAT64 = 0xcb,
    UINT8 = 0xcc,
    INT8 = 0xd0,
    FIXEXT1 = 0xd4,
    FIXEXT16 = 0xd8,
    STR8 = 0xd9
};
enum { ARRAY16 = 0xdc, MAP16 = 0xde, FIXMAP = 0x80, FIXARRAY = 0x90, FIXSTR = 0xa0 };

struct cursor cursor_over(const void *bytes, size_t n)
{
    static const uint8_t nothing;
    const uint8_t *const at = n ? bytes : &nothing;

    return (struct cursor){at, at + n, NULL};
}

void cursor_fail(struct cursor *cursor, const char *why)
{
    if (!cursor->why)
        cursor->why = why;
    cursor->at = cursor->end;
}

static size_t left(const struct cursor *cursor)
{
    return (size_t)(cursor->end - cursor->at);
}

/* `n` <= 8 bytes, big-endian. */
static uint64_t big(struct cursor *cursor, size_t n)
{
    uint64_t value = 0;

    if (n > left(cursor)) {
        cursor_fail(cursor, "ends early");
        return 0;
    }
    while (n--)
        value = value << 8 | *cursor->at++;
    return value;
}

static uint8_t first(struct cursor *cursor)
{
    return (uint8_t)big(cursor, 1);
}

uint64_t cursor_uint(struct cursor *cursor)
{
    const uint8_t tag = first(cursor);

    if (tag < FIXMAP)
        return tag;
    if (tag >= UINT8 && tag < UINT8 + 4)
        return big(cursor, (size_t)1 << (tag - UINT8));
    if (tag >= INT8 && tag < INT8 + 4) {
        const size_t n = (size_t)1 << (tag - INT8);
        const uint64_t value = big(cursor, n);
        if (!(value >> (8 * n - 1)))
            return value;
    }
    cursor_fail(cursor, "not a whole number");
    return 0;
}

double cursor_real(struct cursor *cursor)
{
    double value = 0;

    if (left(cursor) && *cursor->at == FLOAT32) {
        uint32_t bits;
        float narrow;
        cursor->at++;
        bits = (uint32_t)big(cursor, 4);
        memcpy(&narrow, &bits, sizeof narrow);
        value = (double)narrow;
    } else if (left(cursor) && *cursor->at == FLOAT64) {
        uint64_t bits;
        cursor->at++;
        bits = big(cursor, 8);
        memcpy(&value, &bits, sizeof value);
    } else if (left(cursor) && *cursor->at >= 0xe0) {
        value = (double)(int8_t)first(cursor);
    } else {
        value = (double)cursor_uint(cursor);
    }
    if (!isfinite(value)) {
        cursor_fail(cursor, "not a finite number");
        return 0;
    }
    return value;
}

bool cursor_bool(struct cursor *cursor)
{
    const uint8_t tag = first(cursor);

    if (tag != FALSE_ && tag != TRUE_)
        cursor_fail(cursor, "not true or false");
    return tag == TRUE_;
}

/* A count of things of at least `least` bytes each, all of which must still fit. */
static size_t count(struct cursor *cursor, uint64_t n, size_t least)
{
    if (n <= left(cursor) / least)
        return (size_t)n;
    cursor_fail(cursor, "ends early");
    return 0;
}

size_t cursor_array(struct cursor *cursor)
{
    const uint8_t tag = first(cursor);

    if ((tag & 0xf0) == FIXARRAY)
        return count(cursor, tag & 15, 1);
    if (tag == ARRAY16 || tag == ARRAY16 + 1)
        return count(cursor, big(cursor, tag == ARRAY16 ? 2 : 4), 1);
    cursor_fail(cursor, "not an array");
    return 0;
}

size_t cursor_map(struct cursor *cursor)
{
    const uint8_t tag = first(cursor);

    if ((tag & 0xf0) == FIXMAP)
        return count(cursor, tag & 15, 2);
    if (tag == MAP16 || tag == MAP16 + 1)
        return count(cursor, big(cursor, tag == MAP16 ? 2 : 4), 2);
    cursor_fail(cursor, "not a map");
    return 0;
}

static const uint8_t *bytes(struct cursor *cursor, uint64_t n, size_t *out)
{
    const uint8_t *const at = cursor->at;

    *out = count(cursor, n, 1);
    if (cursor->why)
        return at;
    cursor->at += *out;
    return at;
}

const uint8_t *cursor_bin(struct cursor *cursor, size_t *n)
{
    const uint8_t tag = first(cursor);

    if (tag >= BIN8 && tag < BIN8 + 3)
        return bytes(cursor, big(cursor, (size_t)1 << (tag - BIN8)), n);
    cursor_fail(cursor, "not bytes");
    *n = 0;
    return cursor->at;
}

const char *cursor_text(struct cursor *cursor, size_t *n)
{
    const uint8_t tag = first(cursor);
    const char *text;

    *n = 0;
    if ((tag & 0xe0) == FIXSTR) {
        text = (const char *)bytes(cursor, tag & 31, n);
    } else if (tag >= STR8 && tag < STR8 + 3) {
        text = (const char *)bytes(cursor, big(cursor, (size_t)1 << (tag - STR8)), n);
    } else {
        cursor_fail(cursor, "not text");
        return (const char *)cursor->at;
    }
    if (!cursor->why && !text_valid(text, *n)) {
        cursor_fail(cursor, "text that is not UTF-8, or has a zero byte");
        *n = 0;
    }
    return text;
}

/* What kind of value a first byte begins. */
enum cursor_kind { WRONG, SCALAR, BYTES, TEXT, ARRAY, MAP };

static enum cursor_kind kind_of(uint8_t tag)
{
    static const struct {
        uint8_t first, last;
        enum cursor_kind kind;
    } row[] = {
        {0, FIXMAP - 1, SCALAR},
        {FIXMAP, FIXARRAY - 1, MAP},
        {FIXARRAY, FIXSTR - 1, ARRAY},
        {FIXSTR, NIL - 1, TEXT},
        {NIL, NIL, SCALAR},
        {FALSE_, TRUE_, SCALAR},
        {BIN8, BIN8 + 2, BYTES},
        {FLOAT32, INT8 + 3, SCALAR},
        {STR8, STR8 + 2, TEXT},
        {ARRAY16, ARRAY16 + 1, ARRAY},
        {MAP16, MAP16 + 1, MAP},
        {0xe0, 0xff, SCALAR},
    };

    for (size_t i = 0; i < sizeof row / sizeof *row; i++)
        if (tag >= row[i].first && tag <= row[i].last)
            return row[i].kind;
    return WRONG; /* extensions, and the byte that is never used */
}

/* Passes over the head of a value; returns how many values must follow for it to be whole. */
static uint64_t open(struct cursor *cursor)
{
    size_t n;
    uint8_t tag;

    switch (left(cursor) ? kind_of(*cursor->at) : SCALAR) {
    case ARRAY:
        return cursor_array(cursor);
    case MAP:
        return 2 * (uint64_t)cursor_map(cursor);
    case TEXT:
        cursor_text(cursor, &n);
        break;
    case BYTES:
        cursor_bin(cursor, &n);
        break;
    case SCALAR: /* numbers: 4 or 8 bytes of a real, 1, 2, 4 or 8 of an integer */
        tag = first(cursor);
        if (tag == FLOAT32 || tag == FLOAT64)
            big(cursor, tag == FLOAT32 ? 4 : 8);
        else if (tag >= UINT8 && tag < INT8 + 4)
            big(cursor, (size_t)1 << ((tag - UINT8) & 3));
        break;
    case WRONG:
        cursor_fail(cursor, "a type that no message has");
        break;
    }
    return 0;
}

void cursor_skip(struct cursor *cursor)
{
    uint64_t open_at[DEPTH]; /* values that are still to come at each depth */
    int depth = 0;

    open_at[0] = 1;
    while (!cursor->why) {
        uint64_t inside;
        while (!open_at[depth])
            if (!depth--)
                return;
        open_at[depth]--;
        inside = open(cursor);
        if (inside && depth + 1 == DEPTH)
            cursor_fail(cursor, "nested too deep");
        else if (inside)
            open_at[++depth] = inside;
    }
}
