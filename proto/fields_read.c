/* Two walks over the same table. The first reads the map frame: each key that is known by its
 * row, the rest skipped; members that no key names are preset, so a text is never NULL. The
 * second follows the columns in the order of rows, depth first, each from where the last
 * struct left off in its frame; afterwards every frame must be used up. Only then is anything
 * believed: all memory is the arena's. */

#include "base/hash.h"
#include "proto/arena.h"
#include "proto/column.h"
#include "proto/cursor.h"
#include "proto/fields.h"
#include "proto/noun.h"

#include <math.h>
#include <string.h>

/* What a reader carries along. `bare` notes texts that no key named: they become "". */
struct fields_reading {
    struct cursor cursor;
    struct arena *arena;
    const struct fields_head *head;
    const struct frames *in;
    size_t used[FRAMES_MAX]; /* bytes taken of each column */
};

static void *at(void *object, size_t offset)
{
    return (uint8_t *)object + offset;
}

static void set_pointer(void *object, size_t offset, const void *p)
{
    memcpy(at(object, offset), &p, sizeof p);
}

static enum err over(const char *key, uint64_t n, uint64_t max)
{
    return err_set(ERR_RANGE, "%s: %llu, at most %llu", key, (unsigned long long)n,
                   (unsigned long long)max);
}

static enum err copy_text(const char **out, struct fields_reading *r, const char *key,
                          uint64_t max)
{
    size_t n;
    const char *const text = cursor_text(&r->cursor, &n);
    char *copy;
    enum err err;

    *out = "";
    if (r->cursor.why || !n)
        return OK;
    if (n > max)
        return over(key, n, max);
    err = arena_take(r->arena, &copy, n + 1, 1);
    if (err)
        return err;
    memcpy(copy, text, n);
    *out = copy;
    return OK;
}

/* An empty text needs no memory: it is the one that preset has put there. */
static enum err read_text(void *object, const struct field *f, struct fields_reading *r)
{
    const char *text;
    const enum err err = copy_text(&text, r, f->key, f->max);

    set_pointer(object, f->offset, text);
    return err;
}

/* Each of them has its own limit, the list another: both are checked before memory is taken. */
static enum err read_texts(void *object, const struct field *f, struct fields_reading *r)
{
    const size_t n = cursor_array(&r->cursor);
    const uint32_t count = (uint32_t)n;
    const char **list;
    enum err err;

    if (n > f->max)
        return over(f->key, n, f->max);
    err = arena_take(r->arena, &list, n, sizeof *list);
    for (size_t i = 0; !err && i < n; i++)
        err = copy_text(&list[i], r, f->key, 256);
    if (err)
        return err;
    set_pointer(object, f->offset, list);
    memcpy(at(object, f->count), &count, sizeof count);
    return OK;
}

/* On the wire a number has no width. One that its member could not hold is over the limit,
 * since no limit is larger than the member. */
static enum err read_uint(void *object, const struct field *f, struct fields_reading *r)
{
    const uint64_t wide = cursor_uint(&r->cursor);
    const uint32_t narrow = (uint32_t)wide;

    if (wide > f->max)
        return over(f->key, wide, f->max);
    if (f->width == sizeof wide)
        memcpy(at(object, f->offset), &wide, sizeof wide);
    else
        memcpy(at(object, f->offset), &narrow, sizeof narrow);
    return OK;
}

/* A double that is finite may be none as a float. */
static enum err read_real(void *object, const struct field *f, struct fields_reading *r)
{
    const double wide = cursor_real(&r->cursor);
    const float narrow = (float)wide;

    if (f->width == sizeof wide) {
        memcpy(at(object, f->offset), &wide, sizeof wide);
        return OK;
    }
    if (!isfinite(narrow))
        return err_set(ERR_RANGE, "%s: too large a number", f->key);
    memcpy(at(object, f->offset), &narrow, sizeof narrow);
    return OK;
}

static void read_bytes(void *to, size_t want, struct fields_reading *r)
{
    size_t n;
    const uint8_t *const bytes = cursor_bin(&r->cursor, &n);

    if (n != want)
        cursor_fail(&r->cursor, "a hash or id of another length");
    else
        memcpy(to, bytes, n);
}

static enum err read_version(void *object, const struct field *f, struct fields_reading *r)
{
    struct version *const version = at(object, f->offset);

    if (cursor_array(&r->cursor) != 2)
        cursor_fail(&r->cursor, "a version that is not [number, hash]");
    version->number = cursor_uint(&r->cursor);
    read_bytes(version->hash.byte, HASH_BYTES, r);
    return version->number > f->max ? over(f->key, version->number, f->max) : OK;
}

static enum err read_map(void *object, const struct field_table *table,
                         struct fields_reading *r);

/* Elements are read in place, so what they point to follows them in the arena. */
static enum err read_list(void *object, const struct field *f, struct fields_reading *r)
{
    const size_t n = cursor_array(&r->cursor);
    const uint32_t count = (uint32_t)n;
    uint8_t *list;
    enum err err;

    if (n > f->max)
        return over(f->key, n, f->max);
    err = arena_take(r->arena, &list, n, f->of->size);
    if (err)
        return err;
    set_pointer(object, f->offset, list);
    memcpy(at(object, f->count), &count, sizeof count);
    for (size_t i = 0; !err && i < n; i++)
        err = read_map(list + i * f->of->size, f->of, r);
    return err;
}

/* The map has only how many there are; the elements come with their frame (read_column). */
static enum err read_count(void *object, const struct field *f, struct fields_reading *r)
{
    const uint64_t n = cursor_uint(&r->cursor);
    const uint32_t count = (uint32_t)n;

    if (n > f->max)
        return over(f->key, n, f->max);
    memcpy(at(object, f->count), &count, sizeof count);
    return OK;
}

static enum err read_field(void *object, const struct field *f, struct fields_reading *r)
{
    bool flag;

    switch (f->kind) {
    case FIELD_UINT:
        return read_uint(object, f, r);
    case FIELD_REAL:
        return read_real(object, f, r);
    case FIELD_BOOL:
        flag = cursor_bool(&r->cursor);
        memcpy(at(object, f->offset), &flag, sizeof flag);
        return OK;
    case FIELD_TEXT:
        return read_text(object, f, r);
    case FIELD_HASH:
        read_bytes(at(object, f->offset), HASH_BYTES, r);
        return OK;
    case FIELD_ID:
        read_bytes(at(object, f->offset), ID_BYTES, r);
        return OK;
    case FIELD_VERSION:
        return read_version(object, f, r);
    case FIELD_TEXTS:
        return read_texts(object, f, r);
    case FIELD_LIST:
        return read_list(object, f, r);
    case FIELD_MAP:
        return read_map(at(object, f->offset), f->of, r);
    case FIELD_COLUMN:
        return read_count(object, f, r);
    case FIELD_BESIDE:
    case FIELD_TASK:
    case FIELD_SAMPLE:
        break;
    }
    return OK;
}

/* What a member is when no key names it; numbers are zero already. */
static enum err preset(void *object, const struct field_table *table,
                       const struct fields_head *head)
{
    enum err err = OK;

    for (int i = 0; i < table->n; i++) {
        const struct field *const f = &table->field[i];
        if (f->kind == FIELD_TASK && head->task > f->max)
            err = over("task", head->task, f->max);
        else if (f->kind == FIELD_SAMPLE && head->sample > f->max)
            err = over("sample", head->sample, f->max);
        else if (f->kind == FIELD_TEXT)
            set_pointer(object, f->offset, "");
        else if (f->kind == FIELD_TASK)
            memcpy(at(object, f->offset), &head->task, sizeof head->task);
        else if (f->kind == FIELD_SAMPLE)
            memcpy(at(object, f->offset), &head->sample, sizeof head->sample);
        else if (f->kind == FIELD_MAP)
            err = preset(at(object, f->offset), f->of, head);
        if (err)
            break;
    }
    return err;
}

/* Whoever writes a map writes it in the order of the table: so the one at `next` is looked at first. */
static int named(const struct field_table *table, const char *key, size_t n, int next)
{
    for (int k = 0; k < table->n; k++) {
        const int i = (next + k) % table->n;
        const struct field *const f = &table->field[i];

        if (f->key && f->kind != FIELD_BESIDE && !strncmp(f->key, key, n) && !f->key[n])
            return i;
    }
    return -1;
}

static enum err read_map(void *object, const struct field_table *table,
                         struct fields_reading *r)
{
    const size_t pairs = cursor_map(&r->cursor);
    uint64_t seen = 0;
    int next = 0;
    enum err err = preset(object, table, r->head);

    for (size_t k = 0; !err && !r->cursor.why && k < pairs; k++) {
        size_t n;
        const char *const key = cursor_text(&r->cursor, &n);
        const int i = r->cursor.why ? -1 : named(table, key, n, next);
        if (i < 0) {
            cursor_skip(&r->cursor);
            continue;
        }
        next = i + 1;
        if (seen >> i & 1)
            cursor_fail(&r->cursor, "named twice");
        seen |= UINT64_C(1) << i;
        err = read_field(object, &table->field[i], r);
        if (!err && r->cursor.why)
            err = err_set(ERR_PARSE, "%s: %s", table->field[i].key, r->cursor.why);
    }
    return err;
}

/* A column of numbers that are not finite would go through sums unseen. */
static enum err check_finite(const float *value, uint32_t n, const char *key)
{
    uint32_t i = 0;

    if (column_finite(value, n))
        return OK;
    while (isfinite(value[i]))
        i++;
    return err_set(ERR_RANGE, "%s: element %u is not a finite number", key, i);
}

/* How many bytes are left is compared by division: the product of two counts of a peer may wrap. */
static enum err read_column(void *object, const struct field *f, struct fields_reading *r,
                            int column)
{
    const struct field_row *const row = f->row;
    const size_t wire = fields_row(row);
    const int part = 2 + column;
    const size_t left = part < r->in->n ? frames_size(r->in, part) - r->used[column] : 0;
    const uint8_t *from;
    uint8_t *to;
    uint32_t n;
    enum err err;

    memcpy(&n, at(object, f->count), sizeof n);
    if (n > left / wire)
        return err_set(ERR_PARSE, "%s: %u elements, the frame has %zu bytes", f->key, n, left);
    err = arena_take(r->arena, &to, n, row->memory);
    if (err)
        return err;
    set_pointer(object, f->offset, to);
    if (!n)
        return OK;
    from = frames_data(r->in, part) + r->used[column];
    r->used[column] += n * wire;
    if (row->cells == 1) {
        memcpy(to, from, n * wire);
        return row->cell[0].cell == CELL_F32
                   ? check_finite((const float *)(void *)to, n, f->key)
                   : fields_check(to, n, f);
    }
    for (uint32_t i = 0; i < n; i++)
        for (int k = 0; k < row->cells; k++) {
            const size_t bytes = fields_cell(row->cell[k].cell);
            memcpy(to + i * row->memory + row->cell[k].offset, from, bytes);
            from += bytes;
        }
    return fields_check(to, n, f);
}

static enum err walk(void *object, const struct field_table *table, struct fields_reading *r,
                     int first)
{
    enum err err = OK;

    for (int i = 0; !err && i < table->n; i++) {
        const struct field *const f = &table->field[i];
        if (f->kind == FIELD_COLUMN || f->kind == FIELD_BESIDE) {
            err = read_column(object, f, r, first++);
        } else if (f->kind == FIELD_MAP) {
            err = walk(at(object, f->offset), f->of, r, first);
            first += fields_columns(f->of);
        } else if (f->kind == FIELD_LIST) {
            uint8_t *list;
            uint32_t n;
            memcpy(&list, at(object, f->offset), sizeof list);
            memcpy(&n, at(object, f->count), sizeof n);
            for (uint32_t k = 0; !err && k < n; k++)
                err = walk(list + k * f->of->size, f->of, r, first);
            first += fields_columns(f->of);
        }
    }
    return err;
}

enum err fields_read(void *object, const struct field_table *table, const struct frames *in,
                     const struct fields_head *head, struct arena *arena)
{
    struct fields_reading r = {.arena = arena, .head = head, .in = in};
    const int columns = fields_columns(table);
    enum err err;

    memset(object, 0, table->size);
    r.cursor = cursor_over(frames_data(in, 1), frames_size(in, 1));
    err = read_map(object, table, &r);
    if (err)
        return err;
    if (!r.cursor.why && r.cursor.at != r.cursor.end)
        cursor_fail(&r.cursor, "bytes after the fields");
    if (r.cursor.why)
        return err_set(ERR_PARSE, "fields: %s", r.cursor.why);
    err = walk(object, table, &r, 0);
    for (int i = 0; !err && i < columns && i + 2 < in->n; i++)
        if (r.used[i] != frames_size(in, i + 2))
            err = err_set(ERR_PARSE, "frame %d: %zu bytes, its columns have %zu", i + 2,
                          frames_size(in, i + 2), r.used[i]);
    return err;
}
