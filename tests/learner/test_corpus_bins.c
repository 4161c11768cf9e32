/* Rows of packed records are those of TRL's pack_dataset: tests/golden/pack.py. */
#include "base/mem.h"
#include "learner/corpus/corpus_bins.h"
#include "learner/corpus/corpus_pack.h"
#include "tests/support/test.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

static json_t *golden;

static size_t whole(const json_t *list, size_t i)
{
    return (size_t)json_integer_value(json_array_get(list, i));
}

/* Records of these lengths whose tokens are numbered through, as the reader appends them. */
static struct corpus *packed(const json_t *lengths, enum corpus_packing how, int limit)
{
    const struct corpus_rule rule = {.packing = how, .max_length = limit, .memory = 4000};
    struct corpus *c = corpus_new(&rule, 1);
    const bool divided = how != CORPUS_BFD;
    size_t first = 0, at = 0;

    for (size_t i = 0; i < json_array_size(lengths); i++) {
        const size_t n = whole(lengths, i),
                     kept = !divided && n > (size_t)limit ? (size_t)limit : n;
        int *ids = mem_new(n, sizeof(*ids));
        for (size_t k = 0; k < n; k++)
            ids[k] = (int)(at + k);
        at += n;
        assert_ok(corpus_append(c, 0, ids, kept, NULL, divided));
        corpus_close(c);
        free(ids);
        if ((i + 1) % CORPUS_BINS_BLOCK && i + 1 < json_array_size(lengths))
            continue;
        assert_ok(corpus_bins_close(c, first, &rule));
        first = c->n;
    }
    return c;
}

static void same_row(const struct corpus *c, uint32_t row, const json_t *want)
{
    uint32_t *record = mem_new(c->n, sizeof(*record));
    const size_t n = corpus_bins_take(c, &row, 1, record);
    size_t tokens = 0;

    assert_int_equal(n, json_array_size(want));
    for (size_t k = 0; k < n; k++) {
        const json_t *piece = json_array_get(want, k);
        const size_t from = c->seq[record[k]];
        assert_int_equal(c->token[from], whole(piece, 0));
        assert_int_equal(c->length[record[k]], whole(piece, 1));
        tokens += c->length[record[k]];
        for (size_t t = 0; t < c->length[record[k]]; t++)
            assert_int_equal(c->learn[from + t], t > 0); /* the first has nothing before it */
    }
    assert_int_equal(corpus_bins_length(c)[row], tokens);
    free(record);
}

static void rows_are_trls(void **state)
{
    static const char *const names[] = {"bfd", "bfd_split", "wrapped"};
    size_t i;
    const json_t *one;

    (void)state;
    json_array_foreach(golden, i, one)
    {
        for (int how = 0; how < 3; how++) {
            const json_t *want = json_object_get(one, names[how]);
            struct corpus *c =
                packed(json_object_get(one, "lengths"), CORPUS_BFD + (enum corpus_packing)how,
                       (int)json_integer_value(json_object_get(one, "limit")));
            assert_int_equal(corpus_bins_rows(c), json_array_size(want));
            for (uint32_t row = 0; row < corpus_bins_rows(c); row++)
                same_row(c, row, json_array_get(want, row));
            corpus_free(c);
        }
    }
}

/* Without packing a row is a record, and the longest rows bound a micro-batch. */
static void a_row_is_a_record(void **state)
{
    const json_t *one = json_array_get(golden, 0);
    struct corpus *c = packed(json_object_get(one, "lengths"), CORPUS_PLAIN, 0);
    const uint32_t row[] = {3, 1};
    uint32_t record[2];

    (void)state;
    assert_int_equal(corpus_bins_rows(c), 4);
    assert_int_equal(corpus_bins_take(c, row, 2, record), 2);
    assert_int_equal(record[0], 3);
    assert_int_equal(record[1], 1);
    assert_int_equal(corpus_pack_most(c, 2), 5 + 3);
    corpus_free(c);
    c = packed(json_object_get(one, "lengths"), CORPUS_BFD, 4);
    assert_int_equal(corpus_pack_most(c, 2), 4 + 4);
    corpus_free(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_are_trls),
        cmocka_unit_test(a_row_is_a_record),
    };
    int status;

    golden = json_load_file(GOLDEN, 0, NULL);
    status = golden ? cmocka_run_group_tests_name("corpus_bins", tests, NULL, NULL) : 1;
    json_decref(golden);
    return status;
}
