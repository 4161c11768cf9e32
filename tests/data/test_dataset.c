#include "data/dataset.h"

#include "base/fs.h"
#include "base/mem.h"
#include "base/spool.h"
#include "data/mixture.h"
#include "tests/data/record.h"
#include "tests/support/test.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char folder[] = "/tmp/drover-dataset-XXXXXX";

static const char *at(const char *name)
{
    static char path[8][128];
    static int next;
    char *p = path[next++ % 8];

    snprintf(p, sizeof(path[0]), "%s/%s", folder, name);
    return p;
}

static void put(const char *name, int from, int to)
{
    FILE *file = fopen(at(name), "w");

    assert_non_null(file);
    for (int i = from; i < to; i++)
        fprintf(file, "{\"id\": %d, \"q\": \"x\"}\n", i);
    fclose(file);
}

static long id(const struct dataset *set, size_t i)
{
    return record_int(set, i, "id");
}

static struct dataset_conf base_conf(void)
{
    return (struct dataset_conf){
        .train = "train", .test = "test", .test_size = NAN, .strict = true, .seed = 42};
}

static void a_file_is_read_in_order(void **state)
{
    struct dataset_conf conf = base_conf();
    struct dataset *train, *test;
    (void)state;

    conf.name = at("train.jsonl");
    assert_ok(dataset_load(&train, &test, &conf));
    assert_null(test);
    assert_int_equal(train->n, 10);
    assert_int_equal(id(train, 9), 9);
    err_set(ERR_PARSE, "words");
    assert_err(ERR_PARSE, dataset_at(train, 9));
    assert_non_null(strstr(err_text(), "train.jsonl:10: words"));
    dataset_free(train);
}

static void a_folder_has_splits(void **state)
{
    struct dataset_conf conf = base_conf();
    struct dataset *train, *test;
    (void)state;

    conf.name = folder;
    assert_ok(dataset_load(&train, &test, &conf));
    assert_int_equal(train->n, 10);
    assert_int_equal(test->n, 4);
    dataset_free(train);
    dataset_free(test);
    conf.train = "nosuch";
    assert_err(ERR_IO, dataset_load(&train, &test, &conf));
}

static void the_held_out_part_is_fixed_by_the_seed(void **state)
{
    struct dataset_conf conf = base_conf();
    struct dataset *train, *test, *again, *other;
    int seen[10] = {0}, moved = 0;
    (void)state;

    conf.name = at("train.jsonl");
    conf.test_size = .25; /* 2.5 of 10: rounded up */
    assert_ok(dataset_load(&train, &test, &conf));
    assert_int_equal(test->n, 3);
    assert_int_equal(train->n, 7);
    for (size_t i = 0; i < 7; i++)
        seen[id(train, i)]++;
    for (size_t i = 0; i < 3; i++)
        seen[id(test, i)]++;
    for (int i = 0; i < 10; i++)
        assert_int_equal(seen[i], 1);
    assert_ok(dataset_load(&again, &other, &conf));
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(id(test, i), id(other, i));
    dataset_free(again);
    dataset_free(other);
    conf.seed = 43;
    assert_ok(dataset_load(&again, &other, &conf));
    for (size_t i = 0; i < 3; i++)
        moved += id(test, i) != id(other, i);
    assert_true(moved > 0);
    dataset_free(again);
    dataset_free(other);
    dataset_free(train);
    dataset_free(test);
    conf.test_size = 10;
    assert_err(ERR_RANGE, dataset_load(&train, &test, &conf));
}

static char *text_of(const struct dataset *set, size_t row)
{
    json_t *object = record(set, row);
    char *text = json_dumps(object, 0);

    json_decref(object);
    return text;
}

/* A record is what it was, number by number and in the order of its keys, also when the set lies on
 * disk; and so is the held-out part, which has a block of its own. */
static void records_that_memory_does_not_hold_are_the_same(void **state)
{
    struct dataset_conf conf = base_conf();
    struct dataset *whole, *test, *spooled, *other;
    char *path = mem_print("%s/many.jsonl", folder);
    FILE *file = fopen(path, "w");

    (void)state;
    assert_non_null(file);
    for (int i = 0; i < 500; i++)
        fprintf(file, "{\"z\":%d,\"text\":\"%0*d\\u00fc\",\"a\":[0.1,-0.0,1e-310,%d.0,null]}\n",
                i, i % 97 + 1, i, i);
    fclose(file);
    conf.name = path;
    conf.test_size = 0.2;
    assert_ok(dataset_load(&whole, &test, &conf));
    assert_false(spool_on_disk(whole->spool));
    conf.memory = 1000;
    conf.folder = folder;
    assert_ok(dataset_load(&spooled, &other, &conf));
    assert_true(spool_on_disk(spooled->spool));
    assert_true(spool_on_disk(other->spool));
    assert_int_equal(whole->n, spooled->n);
    assert_int_equal(test->n, other->n);
    for (size_t i = 0; i < whole->n + test->n; i++) {
        const size_t n = whole->n;
        char *a = i < n ? text_of(whole, i) : text_of(test, i - n);
        char *b = i < n ? text_of(spooled, i) : text_of(other, i - n);

        assert_string_equal(a, b);
        assert_non_null(strstr(a, "\"a\": [0.1"));
        free(a);
        free(b);
    }
    dataset_free(whole);
    dataset_free(test);
    dataset_free(spooled);
    dataset_free(other);
    conf.folder = path; /* a file is in the way */
    assert_err(ERR_IO, dataset_load(&spooled, &other, &conf));
    assert_int_equal(unlink(path), 0);
    free(path);
}

/* trl 1.16: shares normalised, no oversampling: 10 rows at .5 and 4 at .5 give 4 + 4. */
static void a_mixture_takes_shares_columns_and_new_names(void **state)
{
    struct dataset_conf conf = base_conf();
    struct dataset *train, *test;
    char *text;
    json_t *list, *first, *fifth;
    (void)state;

    text = malloc(2048);
    snprintf(text, 2048,
             "[{\"path\":\"json\",\"data_files\":\"%s\",\"fraction\":\"0.5\",\"columns\":"
             "[\"id\"]},{\"path\":\"%s\",\"split\":\"test\",\"fraction\":\"0.5\",\"rename\":"
             "{\"q\":\"text\"}}]",
             at("train.jsonl"), folder);
    list = json_loads(text, 0, NULL);
    free(text);
    assert_non_null(list);
    conf.mixture = list;
    assert_ok(dataset_load(&train, &test, &conf));
    assert_int_equal(train->n, 8);
    first = record(train, 0);
    fifth = record(train, 4);
    assert_null(json_object_get(first, "q"));
    assert_int_equal(id(train, 4), 100);
    assert_string_equal(json_string_value(json_object_get(fifth, "text")), "x");
    json_decref(first);
    json_decref(fifth);
    dataset_free(train);
    json_object_del(json_array_get(list, 1), "fraction");
    assert_err(ERR_RANGE, dataset_load(&train, &test, &conf));
    json_object_set_new(json_array_get(list, 1), "fracton", json_string("1"));
    assert_err(ERR_PARSE, dataset_load(&train, &test, &conf));
    assert_non_null(strstr(err_text(), "'fracton'"));
    json_decref(list);
}

/* The alignment handbook's weight is a share of the part's own rows, chosen by the seed; a
 * configuration of a set is a folder in it. */
static void a_weight_is_a_share_of_its_part(void **state)
{
    struct dataset_conf conf = base_conf();
    struct dataset *train, *test, *again;
    char text[512];
    json_t *list;
    int later = 0;
    (void)state;

    snprintf(text, sizeof(text),
             "[{\"path\":\"%s\",\"weight\":\"0.5\"},{\"path\":\"%s\",\"split\":\"test\","
             "\"weight\":\"1.0\"}]",
             at("train.jsonl"), folder);
    list = json_loads(text, 0, NULL);
    assert_non_null(list);
    conf.mixture = list;
    assert_ok(dataset_load(&train, &test, &conf));
    assert_ok(dataset_load(&again, &test, &conf));
    assert_int_equal(train->n, 5 + 4);
    for (size_t i = 0; i < train->n; i++)
        assert_int_equal(id(train, i), id(again, i));
    for (size_t i = 0; i < 5; i++) {
        later += id(train, i) >= 5;
        assert_true(!i || id(train, i) > id(train, i - 1)); /* in the file's order */
    }
    assert_true(later > 0); /* a choice, not the first ones */
    dataset_free(train);
    dataset_free(again);
    json_object_set_new(json_array_get(list, 0), "weight", json_string("1.5"));
    assert_err(ERR_RANGE, dataset_load(&train, &test, &conf));
    json_object_set_new(json_array_get(list, 0), "weight", json_string("0.5"));
    json_object_set_new(json_array_get(list, 0), "fraction", json_string("0.5"));
    assert_err(ERR_RANGE, dataset_load(&train, &test, &conf));
    json_object_del(json_array_get(list, 0), "fraction");
    json_object_set_new(json_array_get(list, 1), "name", json_string("Mid"));
    assert_err(ERR_RANGE, dataset_load(&train, &test, &conf));
    assert_non_null(strstr(err_text(), "Mid"));
    json_decref(list);
}

static void bad_lines_are_errors_or_counted(void **state)
{
    struct dataset_conf conf = base_conf();
    struct dataset *train, *test;
    FILE *file = fopen(at("bad.jsonl"), "w");
    (void)state;

    fputs("{\"id\":1}\nnot json\n{\"id\":2}\n", file);
    fclose(file);
    conf.name = at("bad.jsonl");
    assert_err(ERR_PARSE, dataset_load(&train, &test, &conf));
    assert_non_null(strstr(err_text(), "bad.jsonl:2: not JSON"));
    conf.strict = false;
    assert_ok(dataset_load(&train, &test, &conf));
    assert_int_equal(train->n, 2);
    assert_int_equal(train->skipped, 1);
    dataset_free(train);
}

static void nothing_and_empty_are_errors(void **state)
{
    struct dataset_conf conf = base_conf();
    struct dataset *train, *test;
    (void)state;

    assert_err(ERR_PARSE, dataset_load(&train, &test, &conf));
    put("empty.jsonl", 0, 0);
    conf.name = at("empty.jsonl");
    assert_err(ERR_PARSE, dataset_load(&train, &test, &conf));
    assert_non_null(strstr(err_text(), "no record"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_file_is_read_in_order),
        cmocka_unit_test(a_folder_has_splits),
        cmocka_unit_test(the_held_out_part_is_fixed_by_the_seed),
        cmocka_unit_test(records_that_memory_does_not_hold_are_the_same),
        cmocka_unit_test(a_mixture_takes_shares_columns_and_new_names),
        cmocka_unit_test(a_weight_is_a_share_of_its_part),
        cmocka_unit_test(bad_lines_are_errors_or_counted),
        cmocka_unit_test(nothing_and_empty_are_errors),
    };
    int status;

    if (!mkdtemp(folder))
        return 1;
    put("train.jsonl", 0, 10);
    put("test.jsonl", 100, 104);
    status = cmocka_run_group_tests_name("dataset", tests, NULL, NULL);
    if (fs_remove(folder))
        return 1;
    return status;
}
