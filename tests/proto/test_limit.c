/* Every number that travels is refused above its limit, when it is written and when it is read,
 * and passes at its limit. New rows of the tables are tried without a word here. */

#include "tests/support/test.h"

#include "proto/arena.h"
#include "proto/codec.h"
#include "proto/codec_table.h"
#include "proto/msg_rows.h"
#include "tests/proto/every.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    enum msg_type type;
    const struct field_table *table;
} all[] = {
#define ROW(TYPE, member, name, table, max) {MSG_##TYPE, &table},
#define BARE(TYPE, name)
    MSG_ROWS(ROW, BARE)
#undef ROW
#undef BARE
};

static struct arena *arena;
static const struct field_table *strict, *loose; /* of the message that is tried */
static const void *whole;
static int tried;

/* Memory that is the test's to its end. */
static void *take(size_t n, size_t size)
{
    static _Alignas(16) uint8_t pool[4 << 20];
    static size_t used;
    void *at = pool + used;

    used += (n * size + 15) & ~(size_t)15;
    assert_true(used <= sizeof pool);
    return at;
}

/* The same table without limits. */
static const struct field_table *loosen(const struct field_table *table)
{
    struct field_table *out = take(1, sizeof *out);
    struct field *field = take((size_t)table->n + 1, sizeof *field);

    *out = (struct field_table){table->size, field, table->n, table->later};
    for (int i = 0; i < table->n; i++) {
        memcpy(&field[i], &table->field[i], sizeof *field);
        if (field[i].kind == FIELD_UINT || field[i].kind == FIELD_VERSION ||
            field[i].kind == FIELD_TASK || field[i].kind == FIELD_SAMPLE)
            field[i].max = UINT64_MAX;
        if (field[i].of)
            field[i].of = loosen(field[i].of);
        if (field[i].row) {
            struct field_row *row = take(1, sizeof *row);
            *row = *field[i].row;
            for (int k = 0; k < row->cells; k++)
                row->cell[k].max = 0;
            field[i].row = row;
        }
    }
    return out;
}

/* Writes by the loose table, reads by the strict one. */
static enum err travel(bool by_strict)
{
    struct fields_head head = {0, 0};
    struct frames frames;
    uint8_t object[2048], *unused;
    enum err err;

    assert_true(strict->size <= sizeof object);
    frames_init(&frames);
    assert_ok(frames_add(&frames, 0, &unused));
    err = fields_write(&frames, whole, by_strict ? strict : loose, &head);
    if (!err && !by_strict)
        err = fields_read(object, strict, &frames, &head, arena);
    frames_fini(&frames);
    arena_reset(arena);
    return err;
}

static void put(void *at, size_t width, uint64_t value)
{
    const uint32_t narrow = (uint32_t)value;

    if (width == sizeof value)
        memcpy(at, &value, sizeof value);
    else
        memcpy(at, &narrow, sizeof narrow);
}

/* A number of `width` bytes at `at`. */
static void try_number(void *at, size_t width, uint64_t max, const char *name)
{
    uint8_t was[8];

    memcpy(was, at, width);
    put(at, width, max);
    for (int way = 0; way < 2; way++)
        if (travel(way))
            fail_msg("%s at its limit: %s", name, err_text());
    if (max < (width == 8 ? UINT64_MAX : UINT32_MAX)) {
        put(at, width, max + 1);
        for (int way = 0; way < 2; way++) {
            if (travel(way) != ERR_RANGE)
                fail_msg("%s above its limit passes", name);
            if (!strstr(err_text(), name))
                fail_msg("'%s' does not name %s", err_text(), name);
        }
        tried++;
    }
    memcpy(at, was, width);
}

/* A copy of the first `n` elements, which may be changed; the pointer at `at` leads there. */
static uint8_t *own(void *at, size_t n, size_t size)
{
    uint8_t *old, *copy = take(n + 1, size);

    memcpy(&old, at, sizeof old);
    if (n)
        memcpy(copy, old, n * size);
    memcpy(at, &copy, sizeof copy);
    return copy;
}

static void visit(uint8_t *object, const struct field_table *table)
{
    for (int i = 0; i < table->n; i++) {
        const struct field *const f = &table->field[i];
        uint8_t *const at = object + f->offset;
        uint32_t n = 0;
        if (f->kind == FIELD_UINT) {
            try_number(at, f->width, f->max, f->key);
        } else if (f->kind == FIELD_VERSION) {
            try_number(at + offsetof(struct version, number), 8, f->max, f->key);
        } else if (f->kind == FIELD_TASK) {
            try_number(at, 8, f->max, "task");
        } else if (f->kind == FIELD_SAMPLE) {
            try_number(at, 4, f->max, "sample");
        } else if (f->kind == FIELD_MAP) {
            visit(at, f->of);
        } else if (f->kind == FIELD_LIST) {
            memcpy(&n, object + f->count, sizeof n);
            if (n)
                visit(own(at, n, f->of->size), f->of);
        } else if (f->kind == FIELD_COLUMN) {
            uint8_t *element;
            memcpy(&n, object + f->count, sizeof n);
            element = own(at, n, f->row->memory);
            for (int k = 0; n && k < f->row->cells; k++)
                if (f->row->cell[k].max)
                    try_number(element + f->row->cell[k].offset,
                               f->row->cell[k].cell == CELL_64 ? 8 : 4, f->row->cell[k].max,
                               f->key);
        }
    }
}

static void every_number_ends_at_its_limit(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        static struct msg msg;
        msg = every_message(all[i].type);
        strict = all[i].table;
        loose = loosen(strict);
        whole = &msg.hello;
        visit((uint8_t *)&msg.hello, strict);
    }
    assert_true(tried > 120);
}

/* Numbers without a limit are those that are compared and nothing else. */
static void check(const struct field_table *table)
{
    static const char *const any[] = {"incarnation", "features", "request",  "seed",  "table",
                                      "scorers",     "fence",    "numerics", "golden"};

    for (int i = 0; i < table->n; i++) {
        const struct field *const f = &table->field[i];
        bool may = false;
        if (f->of)
            check(f->of);
        if (f->kind != FIELD_UINT || f->max < (f->width == 8 ? UINT64_MAX : UINT32_MAX))
            continue;
        for (size_t k = 0; k < sizeof any / sizeof *any; k++)
            may |= !strcmp(any[k], f->key);
        if (!may)
            fail_msg("%s has no limit", f->key);
    }
}

static void only_numbers_that_are_compared_have_none(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        check(all[i].table);
}

static void the_order_for_too_many_processes_names_the_most(void **state)
{
    struct msg m = every_message(MSG_ADMIN);
    struct frames frames;

    (void)state;
    for (int i = 0; i < 2; i++) {
        m.admin.count = i ? UINT32_MAX : INT32_MAX;
        frames_init(&frames);
        assert_err(ERR_RANGE, codec_encode(&frames, &m));
        assert_non_null(strstr(err_text(), "at most 4096"));
    }
}

static void a_kind_that_is_none_is_refused(void **state)
{
    static struct artifact a;
    struct msg m = every_message(MSG_WREQ);
    struct frames frames;

    (void)state;
    frames_init(&frames);
    m.wreq.kind = 0;
    assert_err(ERR_RANGE, codec_encode(&frames, &m));
    m = every_message(MSG_OFFER);
    a = m.offer.artifact[0];
    a.kind = 0;
    m.offer.artifact = &a;
    m.offer.n_artifact = 1;
    assert_err(ERR_RANGE, codec_encode(&frames, &m));
    m = every_message(MSG_DROPPED);
    m.dropped.reason = 0;
    assert_err(ERR_RANGE, codec_encode(&frames, &m));
    m = every_message(MSG_HB);
    m.head.epoch = LIMIT_EPOCH + 1;
    assert_err(ERR_RANGE, codec_encode(&frames, &m));
}

static int open_arena(void **state)
{
    (void)state;
    arena_new(&arena, CODEC_ARENA);
    return 0;
}

static int close_arena(void **state)
{
    (void)state;
    arena_free(arena);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_number_ends_at_its_limit),
        cmocka_unit_test(only_numbers_that_are_compared_have_none),
        cmocka_unit_test(the_order_for_too_many_processes_names_the_most),
        cmocka_unit_test(a_kind_that_is_none_is_refused),
    };
    return cmocka_run_group_tests_name("proto/limit", tests, open_arena, close_arena);
}
