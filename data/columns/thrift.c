/* How it works: a struct is fields, each a byte of type and of the distance to the field before
 * (or that number behind it), then a stop; numbers are varints, zigzag where signed. Who reads a
 * header asks for the fields it knows and skips the rest, whatever newer writers add; skipping
 * goes at most NESTED deep. An element takes at least a byte, so that a count is bounded by the
 * bytes that are left. */
#include "data/columns/thrift.h"

enum { NESTED = 32 };

static unsigned byte(struct thrift *t)
{
    if (t->at == t->end)
        t->bad = true;
    return t->bad ? 0 : *t->at++;
}

/* Seven bits a byte, the lowest first; the tenth byte would be the last that 64 bits have
 * room for. */
static uint64_t varint(struct thrift *t)
{
    uint64_t value = 0;

    for (int shift = 0; shift < 64; shift += 7) {
        const unsigned b = byte(t);
        value |= (uint64_t)(b & 127) << shift;
        if (b < 128)
            return value;
    }
    t->bad = true;
    return 0;
}

static int64_t zigzag(struct thrift *t)
{
    const uint64_t value = varint(t);

    return (int64_t)(value >> 1) ^ -(int64_t)(value & 1);
}

/* The distance from the field before stands in the head, or a whole number behind it. */
bool thrift_next(struct thrift *t, struct thrift_field *field)
{
    const unsigned head = byte(t);

    if (t->bad || !head)
        return false;
    field->type = (enum thrift_type)(head & 15);
    field->id = head >> 4 ? field->id + (int)(head >> 4) : (int)(int16_t)zigzag(t);
    if (field->type == THRIFT_STOP || field->type > THRIFT_STRUCT)
        t->bad = true;
    return !t->bad;
}

int64_t thrift_int(struct thrift *t, const struct thrift_field *field)
{
    switch (field->type) {
    case THRIFT_I8:
        return (int8_t)byte(t);
    case THRIFT_I16:
    case THRIFT_I32:
    case THRIFT_I64:
        return zigzag(t);
    default:
        t->bad = true;
        return 0;
    }
}

bool thrift_bool(struct thrift *t, const struct thrift_field *field)
{
    if (field->type != THRIFT_TRUE && field->type != THRIFT_FALSE)
        t->bad = true;
    return !t->bad && field->type == THRIFT_TRUE;
}

static const uint8_t *take(struct thrift *t, uint64_t n)
{
    const uint8_t *at = t->at;

    if (t->bad || n > (size_t)(t->end - t->at)) {
        t->bad = true;
        return t->end;
    }
    t->at += n;
    return at;
}

/* Borrowed from the buffer: whoever keeps it copies it. */
const uint8_t *thrift_binary(struct thrift *t, const struct thrift_field *field, size_t *n)
{
    const uint64_t length = varint(t);
    const uint8_t *at;

    if (field->type != THRIFT_BINARY)
        t->bad = true;
    at = take(t, length);
    *n = t->bad ? 0 : (size_t)length;
    return at;
}

/* Count and type of a list's elements. */
static uint64_t list_head(struct thrift *t, enum thrift_type *type)
{
    const unsigned head = byte(t);
    const uint64_t n = head >> 4 == 15 ? varint(t) : head >> 4;

    *type = (enum thrift_type)(head & 15);
    if (n > (size_t)(t->end - t->at))
        t->bad = true;
    return t->bad ? 0 : n;
}

/* Elements of another type than the reader knows are damage, not something to convert. */
size_t thrift_list(struct thrift *t, const struct thrift_field *field, enum thrift_type type)
{
    enum thrift_type found = THRIFT_STOP;
    const bool is_list = field->type == THRIFT_LIST || field->type == THRIFT_SET;
    const uint64_t n = is_list ? list_head(t, &found) : 0;

    if (!is_list || (n && found != type))
        t->bad = true;
    return t->bad ? 0 : (size_t)n;
}

static void skip(struct thrift *t, enum thrift_type type, bool element, int deep);

static void skip_list(struct thrift *t, int deep)
{
    enum thrift_type type;

    for (uint64_t n = list_head(t, &type); n && !t->bad; n--)
        skip(t, type, true, deep);
}

static void skip_map(struct thrift *t, int deep)
{
    const uint64_t n = varint(t);
    const unsigned types = n ? byte(t) : 0;

    if (n > (size_t)(t->end - t->at))
        t->bad = true;
    for (uint64_t i = 0; i < n && !t->bad; i++) {
        skip(t, (enum thrift_type)(types >> 4), true, deep);
        skip(t, (enum thrift_type)(types & 15), true, deep);
    }
}

/* A truth value is in its field's head, but a byte of its own as an element. */
static void skip_plain(struct thrift *t, enum thrift_type type, bool element)
{
    if (type == THRIFT_BINARY)
        take(t, varint(t));
    else if (type == THRIFT_DOUBLE)
        take(t, 8);
    else if (type >= THRIFT_I16)
        varint(t);
    else if (type == THRIFT_I8 || element)
        byte(t);
}

static void skip_struct(struct thrift *t, int deep)
{
    struct thrift_field field = {.id = 0};

    while (thrift_next(t, &field))
        skip(t, field.type, false, deep);
}

static void skip(struct thrift *t, enum thrift_type type, bool element, int deep)
{
    if (deep == NESTED || type == THRIFT_STOP || type > THRIFT_STRUCT)
        t->bad = true;
    if (t->bad)
        return;
    switch (type) {
    case THRIFT_LIST:
    case THRIFT_SET:
        skip_list(t, deep + 1);
        break;
    case THRIFT_MAP:
        skip_map(t, deep + 1);
        break;
    case THRIFT_STRUCT:
        skip_struct(t, deep + 1);
        break;
    default:
        skip_plain(t, type, element);
    }
}

void thrift_skip(struct thrift *t, const struct thrift_field *field)
{
    skip(t, field->type, false, 0);
}
