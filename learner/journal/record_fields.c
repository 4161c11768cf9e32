/* One walk over a table for each of three verbs. Writing trusts what it is given. Reading
 * trusts nothing: every count is held against the bytes that are left before memory is taken
 * for it, so that a damaged record cannot ask for more than some times its own length. Once
 * something was missing the reader is bad and every later read gives zeros; the object is then
 * whole enough to be freed by the same walk. Freeing goes backwards: what RECORD_EACH frees
 * lies in the list that stands before it. */

#include "learner/journal/record_fields.h"

#include "base/mem.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* ---- writing */

static uint8_t *room(struct record_bytes *to, size_t n)
{
    if (to->room - to->n < n) {
        to->room = 2 * to->room + n;
        to->byte = mem_grow(to->byte, to->room, 1);
    }
    to->n += n;
    return to->byte + to->n - n;
}

/* Byte by byte: the file is the same on any machine. */
static void put(struct record_bytes *to, uint64_t value, size_t width)
{
    uint8_t *const at = room(to, width);

    for (size_t i = 0; i < width; i++)
        at[i] = (uint8_t)(value >> (8 * i));
}

static void put_bytes(struct record_bytes *to, const void *from, size_t n)
{
    uint8_t *const at = room(to, n);

    if (n)
        memcpy(at, from, n);
}

static void put_text(struct record_bytes *to, const char *text)
{
    const size_t n = text ? strlen(text) : 0;

    put(to, n, 4);
    put_bytes(to, text, n);
}

/* Members are read by memcpy: a table gives their places, not their types. */
static uint32_t u32_at(const void *object, size_t offset)
{
    uint32_t value;

    memcpy(&value, (const uint8_t *)object + offset, sizeof value);
    return value;
}

static uint64_t u64_at(const void *object, size_t offset)
{
    uint64_t value;

    memcpy(&value, (const uint8_t *)object + offset, sizeof value);
    return value;
}

static void *pointer_at(const void *object, size_t offset)
{
    void *value;

    memcpy(&value, (const uint8_t *)object + offset, sizeof value);
    return value;
}

static void put_column(struct record_bytes *to, const uint8_t *from, uint32_t n, size_t width)
{
    for (uint32_t i = 0; width > 1 && i < n; i++)
        put(to, u32_at(from, i * width), width);
    if (width == 1) /* bytes have no order */
        put_bytes(to, from, n);
}

static void write_list(struct record_bytes *to, const struct record_field *f,
                       const void *object)
{
    const uint8_t *const first = pointer_at(object, f->offset);
    const uint32_t n = u32_at(object, f->count);

    if (f->kind == RECORD_LIST)
        put(to, n, 4);
    for (uint32_t i = 0; i < n; i++)
        record_fields_write(to, f->of, first + i * f->of->size);
}

void record_fields_write(struct record_bytes *to, const struct record_table *table,
                         const void *object)
{
    for (int i = 0; i < table->n; i++) {
        const struct record_field *const f = &table->field[i];
        const uint8_t *const at = (const uint8_t *)object + f->offset;
        switch (f->kind) {
        case RECORD_COUNT:
        case RECORD_U32:
            put(to, u32_at(at, 0), 4);
            break;
        case RECORD_U64:
            put(to, u64_at(at, 0), 8);
            break;
        case RECORD_BYTES:
            put_bytes(to, at, f->width);
            break;
        case RECORD_TEXT:
            put_text(to, pointer_at(at, 0));
            break;
        case RECORD_STRUCT:
            record_fields_write(to, f->of, at);
            break;
        case RECORD_COLUMN:
            put_column(to, pointer_at(at, 0), u32_at(object, f->count), f->width);
            break;
        case RECORD_LIST:
        case RECORD_EACH:
            write_list(to, f, object);
            break;
        case RECORD_LATER:
            break;
        }
    }
}

/* ---- reading */

struct record_reader {
    const uint8_t *at, *end;
    bool bad;
};

static size_t left(const struct record_reader *from)
{
    return from->bad ? 0 : (size_t)(from->end - from->at);
}

/* The next n bytes; NULL, and bad from then on, if there are fewer. */
static const uint8_t *take(struct record_reader *from, size_t n)
{
    if (from->bad || left(from) < n) {
        from->bad = true;
        return NULL;
    }
    from->at += n;
    return from->at - n;
}

static uint64_t get(struct record_reader *from, size_t width)
{
    const uint8_t *const at = take(from, width);
    uint64_t value = 0;

    for (size_t i = 0; at && i < width; i++)
        value |= (uint64_t)at[i] << (8 * i);
    return value;
}

static void get_bytes(struct record_reader *from, void *to, size_t n)
{
    const uint8_t *const at = take(from, n);

    if (at)
        memcpy(to, at, n);
}

/* A count of things of at least `size` bytes each: never more than the bytes that are left. */
static uint32_t get_count(struct record_reader *from, size_t size)
{
    const uint32_t n = (uint32_t)get(from, 4);

    if (n > left(from) / size)
        from->bad = true;
    return from->bad ? 0 : n;
}

static char *get_text(struct record_reader *from)
{
    const uint32_t n = get_count(from, 1);
    char *const text = mem_new((size_t)n + 1, 1);

    get_bytes(from, text, n);
    return text;
}

static void *get_column(struct record_reader *from, uint32_t n, size_t width)
{
    const bool there = n <= left(from) / width; /* before memory is taken for it */
    uint8_t *const column = mem_new(there ? n : 0, width);

    from->bad = from->bad || !there;
    for (uint32_t i = 0; !from->bad && width > 1 && i < n; i++) {
        const uint32_t value = (uint32_t)get(from, width);
        memcpy(column + i * width, &value, width);
    }
    if (width == 1)
        get_bytes(from, column, n);
    return column;
}

/* The fewest bytes that an object of the table takes; never 0 where it matters, for lists. */
static size_t least(const struct record_table *table)
{
    size_t n = 0;

    for (int i = 0; i < table->n; i++) {
        const struct record_field *const f = &table->field[i];
        if (f->kind == RECORD_U64)
            n += 8;
        else if (f->kind == RECORD_BYTES)
            n += f->width;
        else if (f->kind == RECORD_STRUCT)
            n += least(f->of);
        else if (f->kind != RECORD_COLUMN && f->kind != RECORD_EACH && f->kind != RECORD_LATER)
            n += 4;
    }
    return n;
}

static void set(void *object, size_t offset, const void *value, size_t n)
{
    memcpy((uint8_t *)object + offset, value, n);
}

static void read_fields(struct record_reader *from, const struct record_table *table,
                        void *object);

static void read_list(struct record_reader *from, const struct record_field *f, void *object)
{
    const uint32_t n = get_count(from, least(f->of));
    uint8_t *const first = mem_new(n, f->of->size);

    /* count and array are set before the elements are read: what goes wrong inside is freed */
    set(object, f->count, &n, sizeof n);
    set(object, f->offset, &first, sizeof first);
    for (uint32_t i = 0; i < n; i++)
        read_fields(from, f->of, first + i * f->of->size);
}

static void read_number(struct record_reader *from, const struct record_field *f, void *at)
{
    const uint64_t wide = get(from, f->kind == RECORD_U64 ? 8 : 4);
    const uint32_t narrow = (uint32_t)wide;

    if (f->kind == RECORD_U64)
        memcpy(at, &wide, sizeof wide);
    else
        memcpy(at, &narrow, sizeof narrow);
}

static void read_pointer(struct record_reader *from, const struct record_field *f, void *object)
{
    void *const made = f->kind == RECORD_TEXT
                           ? get_text(from)
                           : get_column(from, u32_at(object, f->count), f->width);

    set(object, f->offset, &made, sizeof made);
}

static void read_fields(struct record_reader *from, const struct record_table *table,
                        void *object)
{
    for (int i = 0; i < table->n; i++) {
        const struct record_field *const f = &table->field[i];
        uint8_t *const at = (uint8_t *)object + f->offset;
        switch (f->kind) {
        case RECORD_COUNT:
        case RECORD_U32:
        case RECORD_U64:
            read_number(from, f, at);
            break;
        case RECORD_BYTES:
            get_bytes(from, at, f->width);
            break;
        case RECORD_STRUCT:
            read_fields(from, f->of, at);
            break;
        case RECORD_TEXT:
        case RECORD_COLUMN:
            read_pointer(from, f, object);
            break;
        case RECORD_LIST:
            read_list(from, f, object);
            break;
        case RECORD_EACH:
            for (uint32_t k = 0; k < u32_at(object, f->count); k++)
                read_fields(from, f->of,
                            (uint8_t *)pointer_at(object, f->offset) + k * f->of->size);
            break;
        case RECORD_LATER:
            if (from->at == from->end)
                return;
        }
    }
}

enum err record_fields_read(void *object, const struct record_table *table, const uint8_t *from,
                            size_t n, const char *what)
{
    struct record_reader reader = {from, from + n, false};
    enum err err = OK;

    memset(object, 0, table->size);
    read_fields(&reader, table, object);
    if (reader.bad)
        err = err_set(ERR_PARSE, "%s record: cut short", what);
    else if (reader.at != reader.end)
        err = err_set(ERR_PARSE, "%s record: bytes left over", what);
    if (err)
        record_fields_fini(object, table);
    return err;
}

/* ---- freeing */

static void fini_fields(void *object, const struct record_table *table)
{
    for (int i = table->n; i-- > 0;) {
        const struct record_field *const f = &table->field[i];
        const bool list = f->kind == RECORD_LIST || f->kind == RECORD_EACH;
        if (f->kind == RECORD_STRUCT)
            fini_fields((uint8_t *)object + f->offset, f->of);
        for (uint32_t k = 0; list && k < u32_at(object, f->count); k++)
            fini_fields((uint8_t *)pointer_at(object, f->offset) + k * f->of->size, f->of);
        if (f->kind == RECORD_TEXT || f->kind == RECORD_COLUMN || f->kind == RECORD_LIST)
            free(pointer_at(object, f->offset));
    }
}

void record_fields_fini(void *object, const struct record_table *table)
{
    fini_fields(object, table);
    memset(object, 0, table->size);
}

void record_fields_bytes_fini(struct record_bytes *bytes)
{
    free(bytes->byte);
    memset(bytes, 0, sizeof *bytes);
}
