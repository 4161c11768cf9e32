/* The mirror of fields_read.c: the map first, into a buffer, then the columns in two rounds,
 * one that counts bytes and checks limits, one that copies. Nothing is sent that a reader
 * would refuse. */

#include "base/hash.h"
#include "proto/fields.h"
#include "proto/noun.h"
#include "proto/text.h"

#include <assert.h>
#include <math.h>
#include <msgpack.h>
#include <string.h>

static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "columns are copied as they lie");

static const void *at(const void *object, size_t offset)
{
    return (const uint8_t *)object + offset;
}

static uint64_t number(const void *object, size_t offset, size_t width)
{
    uint64_t wide;
    uint32_t narrow;

    if (width == sizeof wide) {
        memcpy(&wide, at(object, offset), sizeof wide);
        return wide;
    }
    memcpy(&narrow, at(object, offset), sizeof narrow);
    return narrow;
}

static const void *pointer(const void *object, size_t offset)
{
    const void *p;

    memcpy(&p, at(object, offset), sizeof p);
    return p;
}

static enum err over(const char *key, uint64_t n, uint64_t max)
{
    return err_set(ERR_RANGE, "%s: %llu, at most %llu", key, (unsigned long long)n,
                   (unsigned long long)max);
}

/* A count is checked before anything it counts is touched. */
static enum err counted(uint32_t *out, const void *object, const struct field *f)
{
    *out = (uint32_t)number(object, f->count, sizeof *out);
    if (*out > f->max)
        return err_set(ERR_RANGE, "%s: %u, at most %llu", f->key, *out,
                       (unsigned long long)f->max);
    return OK;
}

static void pack_bin(msgpack_packer *to, const void *bytes, size_t n)
{
    msgpack_pack_bin(to, n);
    msgpack_pack_bin_body(to, bytes, n);
}

/* NULL is as good as empty: a writer need not fill in what it does not have. */
static enum err pack_text(msgpack_packer *to, const char *key, const char *text, uint64_t max)
{
    const size_t n = text ? strlen(text) : 0;

    if (n > max)
        return err_set(ERR_RANGE, "%s: %zu bytes, at most %llu", key, n,
                       (unsigned long long)max);
    if (n && !text_valid(text, n))
        return err_set(ERR_RANGE, "%s: not UTF-8", key);
    msgpack_pack_str(to, n);
    msgpack_pack_str_body(to, n ? text : "", n);
    return OK;
}

static enum err pack_texts(msgpack_packer *to, const void *object, const struct field *f)
{
    const char *const *const text = pointer(object, f->offset);
    uint32_t n;
    enum err err = counted(&n, object, f);

    if (err)
        return err;
    msgpack_pack_array(to, n);
    for (uint32_t i = 0; !err && i < n; i++)
        err = pack_text(to, f->key, text[i], 256);
    return err;
}

static enum err pack_real(msgpack_packer *to, const void *object, const struct field *f)
{
    double wide;
    float narrow;

    if (f->width == sizeof wide) {
        memcpy(&wide, at(object, f->offset), sizeof wide);
        msgpack_pack_double(to, wide);
    } else {
        memcpy(&narrow, at(object, f->offset), sizeof narrow);
        msgpack_pack_float(to, narrow);
        wide = (double)narrow;
    }
    return isfinite(wide) ? OK : err_set(ERR_RANGE, "%s: not a finite number", f->key);
}

static void pack_bool(msgpack_packer *to, const void *object, const struct field *f)
{
    bool flag;

    memcpy(&flag, at(object, f->offset), sizeof flag);
    if (flag)
        msgpack_pack_true(to);
    else
        msgpack_pack_false(to);
}

static enum err pack_uint(msgpack_packer *to, const void *object, const struct field *f)
{
    const uint64_t value = number(object, f->offset, f->width);

    if (value > f->max)
        return over(f->key, value, f->max);
    msgpack_pack_uint64(to, value);
    return OK;
}

static enum err pack_version(msgpack_packer *to, const void *object, const struct field *f)
{
    const struct version *const version = at(object, f->offset);

    if (version->number > f->max)
        return over(f->key, version->number, f->max);
    msgpack_pack_array(to, 2);
    msgpack_pack_uint64(to, version->number);
    pack_bin(to, version->hash.byte, HASH_BYTES);
    return OK;
}

static enum err pack(msgpack_packer *to, const void *object, const struct field_table *table,
                     struct fields_head *head);

static enum err pack_list(msgpack_packer *to, const void *object, const struct field *f,
                          struct fields_head *head)
{
    const uint8_t *const element = pointer(object, f->offset);
    uint32_t n;
    enum err err = counted(&n, object, f);

    if (err)
        return err;
    msgpack_pack_array(to, n);
    for (uint32_t i = 0; !err && i < n; i++)
        err = pack(to, element + i * f->of->size, f->of, head);
    return err ? err_add("%s", f->key) : OK;
}

static enum err pack_field(msgpack_packer *to, const void *object, const struct field *f,
                           struct fields_head *head)
{
    uint32_t n;
    enum err err;

    switch (f->kind) {
    case FIELD_UINT:
        return pack_uint(to, object, f);
    case FIELD_REAL:
        return pack_real(to, object, f);
    case FIELD_BOOL:
        pack_bool(to, object, f);
        return OK;
    case FIELD_TEXT:
        return pack_text(to, f->key, pointer(object, f->offset), f->max);
    case FIELD_HASH:
        pack_bin(to, at(object, f->offset), HASH_BYTES);
        return OK;
    case FIELD_ID:
        pack_bin(to, at(object, f->offset), ID_BYTES);
        return OK;
    case FIELD_VERSION:
        return pack_version(to, object, f);
    case FIELD_TEXTS:
        return pack_texts(to, object, f);
    case FIELD_LIST:
        return pack_list(to, object, f, head);
    case FIELD_MAP:
        return pack(to, at(object, f->offset), f->of, head);
    case FIELD_COLUMN:
        err = counted(&n, object, f);
        msgpack_pack_uint32(to, n);
        return err;
    case FIELD_BESIDE:
    case FIELD_TASK:
    case FIELD_SAMPLE:
        break;
    }
    return OK;
}

static enum err pack(msgpack_packer *to, const void *object, const struct field_table *table,
                     struct fields_head *head)
{
    enum err err = OK;
    size_t keys = 0;

    for (int i = 0; i < table->n; i++)
        keys += table->field[i].key && table->field[i].kind != FIELD_BESIDE;
    msgpack_pack_map(to, keys);
    for (int i = 0; !err && i < table->n; i++) {
        const struct field *const f = &table->field[i];
        if (f->kind == FIELD_TASK) {
            head->task = number(object, f->offset, sizeof head->task);
            err = head->task > f->max ? over("task", head->task, f->max) : OK;
        } else if (f->kind == FIELD_SAMPLE) {
            head->sample = (uint32_t)number(object, f->offset, sizeof head->sample);
            err = head->sample > f->max ? over("sample", head->sample, f->max) : OK;
        } else if (f->kind != FIELD_BESIDE) {
            msgpack_pack_str(to, strlen(f->key));
            msgpack_pack_str_body(to, f->key, strlen(f->key));
            err = pack_field(to, object, f, head);
        }
    }
    return err;
}

/* Columns: first how many bytes each fills, then the bytes; `memory` NULL means the first. */
struct columns {
    size_t used[FRAMES_MAX];
    uint8_t *memory[FRAMES_MAX];
};

static enum err put(struct columns *columns, int column, const uint8_t *element, uint32_t n,
                    const struct field *f)
{
    const struct field_row *const row = f->row;
    const size_t wire = fields_row(row);
    uint8_t *to = columns->memory[column];

    columns->used[column] += n * wire;
    if (!n)
        return OK;
    if (!to) /* the first time */
        return fields_check(element, n, f);
    to += columns->used[column] - n * wire;
    if (row->cells == 1) {
        memcpy(to, element, n * wire);
    } else {
        for (uint32_t i = 0; i < n; i++, element += row->memory)
            for (int k = 0; k < row->cells; k++) {
                const size_t bytes = fields_cell(row->cell[k].cell);
                memcpy(to, element + row->cell[k].offset, bytes);
                to += bytes;
            }
        return OK;
    }
    for (uint32_t i = 0; row->cell[0].cell == CELL_F32 && i < n; i++) {
        float value;
        memcpy(&value, element + i * sizeof value, sizeof value);
        if (!isfinite(value))
            return err_set(ERR_RANGE, "%s: element %u is not a finite number", f->key, i);
    }
    return OK;
}

static enum err walk(struct columns *columns, const void *object,
                     const struct field_table *table, int first)
{
    enum err err = OK;

    for (int i = 0; !err && i < table->n; i++) {
        const struct field *const f = &table->field[i];
        if (f->kind == FIELD_COLUMN || f->kind == FIELD_BESIDE) {
            err = put(columns, first++, pointer(object, f->offset),
                      (uint32_t)number(object, f->count, sizeof(uint32_t)), f);
        } else if (f->kind == FIELD_MAP) {
            err = walk(columns, at(object, f->offset), f->of, first);
            first += fields_columns(f->of);
        } else if (f->kind == FIELD_LIST) {
            const uint8_t *const element = pointer(object, f->offset);
            const uint32_t n = (uint32_t)number(object, f->count, sizeof n);
            for (uint32_t k = 0; !err && k < n; k++)
                err = walk(columns, element + k * f->of->size, f->of, first);
            first += fields_columns(f->of);
        }
    }
    return err;
}

/* The first round says how large each frame is, so that it is made once and filled in place.
 * A message that does not use what was added later has the frames that it had before, and none
 * behind its large one: libzmq 4.3.4 aborts a process that closes a socket (linger 0) while the
 * last frame of a message has not been taken from its pipe. */
static enum err write_columns(struct frames *out, const void *object,
                              const struct field_table *table)
{
    struct columns columns = {0};
    const int before = fields_columns(table) - table->later;
    int n = fields_columns(table);
    enum err err = walk(&columns, object, table, 0);

    while (!err && n > before && !columns.used[n - 1])
        n--;
    for (int i = 0; !err && i < n; i++) {
        err = frames_add(out, columns.used[i], &columns.memory[i]);
        columns.used[i] = 0;
    }
    return err ? err : walk(&columns, object, table, 0);
}

enum err fields_write(struct frames *out, const void *object, const struct field_table *table,
                      struct fields_head *head)
{
    msgpack_sbuffer buffer;
    msgpack_packer packer;
    uint8_t *memory;
    enum err err;

    msgpack_sbuffer_init(&buffer);
    msgpack_packer_init(&packer, &buffer, msgpack_sbuffer_write);
    err = pack(&packer, object, table, head);
    if (!err)
        err = frames_add(out, buffer.size, &memory);
    if (!err)
        memcpy(memory, buffer.data, buffer.size);
    msgpack_sbuffer_destroy(&buffer);
    return err ? err : write_columns(out, object, table);
}
