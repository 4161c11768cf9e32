#include "tests/support/test.h"

#include "bench/passes.h"
#include "bench/suite.h"

#include <stdlib.h>
#include <string.h>

static int told;

static void progress(double seconds, const char *what)
{
    assert_true(seconds >= 0 && *what);
    told++;
}

static struct suite small(const char *parts, const char *compute)
{
    return (struct suite){.model = "smollm2-135m",
                          .layers = 1,
                          .compute = compute,
                          .parts = parts,
                          .batch = {1, {2}},
                          .context = {1, {5}},
                          .width = {1, {64}},
                          .rows = {2, {1, 3}},
                          .new_tokens = 3,
                          .texts = 2,
                          .length = 4,
                          .rounds = 1,
                          .seconds = 600,
                          .progress = progress};
}

static const json_t *row(const json_t *all, const char *list, size_t i)
{
    return json_array_get(json_object_get(all, list), i);
}

static double number(const json_t *row, const char *key)
{
    return json_number_value(json_object_get(row, key));
}

/* Each part gives its rows, in each precision, with the tokens that it said it would make. */
static void each_part_is_measured(void **state)
{
    static const char *const names[] = {"prefill", "decode",   "score",
                                        "forward", "backward", "optimizer"};
    static const char *const computes[] = {"float32", "bfloat16", "int8"};
    static const int tokens[] = {5, 2 * 2, 8, 8, 8, 8};
    const struct suite suite =
        small("products,decode,score,train,exactness", "float32,bfloat16,int8");
    json_t *all = NULL;

    (void)state;
    told = 0;
    assert_ok(suite_run(&all, &suite));
    assert_int_equal(json_array_size(json_object_get(all, "phases")), 18);
    for (size_t i = 0; i < 18; i++) {
        const json_t *p = row(all, "phases", i);

        assert_string_equal(json_string_value(json_object_get(p, "phase")), names[i % 6]);
        assert_string_equal(json_string_value(json_object_get(p, "compute")), computes[i / 6]);
        assert_int_equal(number(p, "tokens"), tokens[i % 6]);
        assert_true(number(p, "tokens_per_second") > 0);
        assert_true(number(p, "least") <= number(p, "greatest"));
        assert_true(number(p, "floor_seconds") > 0);
        assert_true(i % 6 == 5 ? number(p, "products_seconds") == 0
                               : number(p, "products_seconds") > 0);
    }
    assert_int_equal(json_array_size(json_object_get(all, "products")), 6);
    assert_int_equal(json_array_size(json_object_get(all, "machine")), 3);
    assert_true(json_array_size(json_object_get(all, "exactness")) == 2 ||
                json_array_size(json_object_get(all, "left_out")) == 1);
    assert_true(told >= 18);
    json_decref(all);
}

/* The operations are those of the weights: two for each, embedding's rows alone not multiplied unless they are the head. */
static void work_is_that_of_the_weights(void **state)
{
    struct subject subject;
    struct passes of;
    double matrices = 0;

    (void)state;
    assert_ok(subject_open(&subject, "smollm2-135m", 2, PRECISION_BFLOAT16));
    for (int i = 0; i < subject.params->n; i++)
        matrices +=
            subject.params->tensor[i].rows > 1
                ? (double)subject.params->tensor[i].rows * subject.params->tensor[i].cols
                : 0;
    of = passes_of(subject.model, 7, 7);
    assert_true(of.work == 14 * matrices);
    assert_true(of.bytes == 2 * matrices);
    assert_true(passes_of(subject.model, 7, 0).work == 14 * (matrices - 49152.0 * 576));
    subject_close(&subject);
    /* whole numbers and their scales; queries, keys and values in two bytes */
    assert_ok(subject_open(&subject, "smollm2-135m", 2, PRECISION_INT8));
    of = passes_of(subject.model, 7, 7);
    assert_true(of.bytes ==
                2 * (2 * (576.0 + 2 * 192) * 576 + 1.125 * (576.0 * 576 + 3 * 1536.0 * 576)) +
                    1.125 * 49152.0 * 576);
    subject_close(&subject);
}

/* What would not end in time is not begun, and is said. */
static void time_is_bounded(void **state)
{
    struct suite suite = small("decode,score,train", "bfloat16");
    json_t *all = NULL;

    (void)state;
    suite.seconds = 1e-3;
    assert_ok(suite_run(&all, &suite));
    assert_int_equal(json_array_size(json_object_get(all, "phases")), 0);
    assert_int_equal(json_array_size(json_object_get(all, "left_out")), 3);
    assert_non_null(strstr(json_string_value(row(all, "left_out", 0)), "would take"));
    json_decref(all);
}

/* A length beyond the model's context is left out by its words; the rest goes on. */
static void what_the_model_has_not_is_said(void **state)
{
    struct suite suite = small("decode", "bfloat16");
    json_t *all = NULL;

    (void)state;
    suite.context = (struct suite_list){2, {5, 8190}};
    suite.new_tokens = 4;
    suite.seconds = 1e9;
    assert_ok(suite_run(&all, &suite));
    assert_int_equal(json_array_size(json_object_get(all, "phases")), 2);
    assert_int_equal(json_array_size(json_object_get(all, "left_out")), 1);
    json_decref(all);
}

/* Nor is what memory does not hold. */
static void memory_is_bounded(void **state)
{
    struct suite suite = small("decode", "float32");
    struct subject subject;
    json_t *all = NULL;

    (void)state;
    suite.batch = (struct suite_list){1, {1 << 20}};
    suite.seconds = 1e12;
    assert_ok(suite_run(&all, &suite));
    assert_int_equal(json_array_size(json_object_get(all, "phases")), 0);
    assert_non_null(strstr(json_string_value(row(all, "left_out", 0)), "are available"));
    json_decref(all);
    assert_int_equal(subject_open(&subject, "qwen2.5-1.5b", 512, PRECISION_FLOAT32), ERR_NOMEM);
}

static void nonsense_is_refused(void **state)
{
    struct suite suite = small("decode,speed", "bfloat16");
    struct suite_list list;
    json_t *all = NULL;

    (void)state;
    assert_int_equal(suite_run(&all, &suite), ERR_RANGE);
    assert_non_null(strstr(err_text(), "'speed'"));
    suite = small("score", "float31");
    assert_int_equal(suite_run(&all, &suite), ERR_RANGE);
    suite = small("score", "float32");
    suite.model = "/nowhere";
    assert_int_not_equal(suite_run(&all, &suite), OK);
    assert_null(all);
    assert_ok(suite_list(&list, "batch", "1,8,32"));
    assert_int_equal(list.n, 3);
    assert_int_equal(list.at[2], 32);
    assert_int_equal(suite_list(&list, "batch", "1,,8"), ERR_RANGE);
    assert_int_equal(suite_list(&list, "batch", "0"), ERR_RANGE);
    assert_int_equal(suite_list(&list, "batch", ""), ERR_RANGE);
    assert_int_equal(suite_list(&list, "batch", "1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17"),
                     ERR_RANGE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(each_part_is_measured),
                                       cmocka_unit_test(work_is_that_of_the_weights),
                                       cmocka_unit_test(time_is_bounded),
                                       cmocka_unit_test(what_the_model_has_not_is_said),
                                       cmocka_unit_test(memory_is_bounded),
                                       cmocka_unit_test(nonsense_is_refused)};

    return cmocka_run_group_tests_name("suite", tests, NULL, NULL);
}
