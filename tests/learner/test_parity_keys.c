/* The numbers of TRL 1.16 itself for keys that few runs have: tests/golden/trl/make_more.py. */
#include "base/fs.h"
#include "learner/methods/methods.h"
#include "learner/offline/prepare.h"
#include "tests/learner/trl.h"
#include "tests/support/scratch.h"
#include "tests/support/test.h"

#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* NAME.yaml with the words behind it, into a folder of its own, whose path is in dir. */
static void run(char dir[96], const char *name, const char *as, int n, char **words)
{
    char yaml[64], out[128];
    char *argv[16] = {yaml, out};

    snprintf(yaml, sizeof(yaml), "%s.yaml", name);
    snprintf(dir, 96, "%s", scratch_at(as));
    snprintf(out, sizeof(out), "output_dir=%s", dir);
    for (int i = 0; i < n; i++)
        argv[2 + i] = words[i];
    assert_ok(
        prepare_main(methods_find(strncmp(name, "sft", 3) ? "reward" : "sft"), 2 + n, argv));
}

/* A data set whose held-out records are those that are trained on, as TRL was given them. */
static void splits(char set[160], const char *name, const char *data)
{
    char source[256];

    snprintf(set, 160, "dataset_name=%s%s-data", scratch_at(""), name);
    snprintf(source, sizeof(source), "%s/%s", GOLDEN, data);
    trl_splits(set + strlen("dataset_name="), source);
}

static const json_t *of(const char *name, const char *part)
{
    const json_t *found = trl_of(name, part);

    if (!found)
        fail_msg("more.json has no %s of %s", part, name);
    return found;
}

/* Every step that TRL logged, and the evaluation before the first. */
static void same_run(const char *name, const char *data, double loss_slack)
{
    const json_t *want = of(name, "steps");
    char dir[96], set[160], other[64];
    char *words[] = {set, "datasets=null", "max_steps=1", "eval_on_start=true"};
    json_t *got;

    run(dir, name, name, 0, NULL);
    got = trl_lines(dir, "grad_norm");
    assert_int_equal(json_array_size(got), json_array_size(want));
    for (size_t i = 0; i < json_array_size(want); i++) {
        const json_t *a = json_array_get(want, i), *b = json_array_get(got, i);
        trl_figures(name, a, b);
        trl_near("loss", json_number_value(json_object_get(b, "loss")),
                 json_number_value(json_object_get(a, "loss")), 0, loss_slack);
    }
    json_decref(got);
    splits(set, name, data);
    snprintf(other, sizeof(other), "%s-eval", name);
    run(dir, name, other, 4, words);
    got = trl_lines(dir, "eval_loss");
    trl_figures(name, of(name, "eval"), json_array_get(got, 0));
    json_decref(got);
}

static void labels_are_smoothed(void **state)
{
    (void)state;
    same_run("sft_smooth", "completion.jsonl", 1e-4);
    same_run("sft_smooth_all", "chat.jsonl", 1e-4);
}

static void other_rules_of_a_step(void **state)
{
    (void)state;
    same_run("sft_adafactor", "completion.jsonl", 1e-4);
    same_run("sft_sgd", "completion.jsonl", 1e-4);
    same_run("sft_rmsprop", "completion.jsonl", 1e-4);
    same_run("sft_lion", "completion.jsonl", 1e-4);
}

/* Variables of the template that stand in a record are that record's alone. */
static void a_record_has_its_own_variables(void **state)
{
    (void)state;
    same_run("sft_kwargs", "kwargs.jsonl", 1e-4);
    same_run("reward_kwargs", "kwargs_pairs.jsonl", 1e-5);
}

/* The same noise on both sides: which embedding gets it, how large it is, and in training only. */
static void noise_on_the_embeddings(void **state)
{
    (void)state;
    same_run("sft_neftune", "completion.jsonl", 1e-4);
}

static json_t *run_json(const char *dir)
{
    char path[128];
    json_t *json;

    snprintf(path, sizeof(path), "%s/run.json", dir);
    json = json_load_file(path, 0, NULL);
    assert_non_null(json);
    return json;
}

static char *model_of(const char *dir, size_t *n)
{
    char path[160], *bytes;

    snprintf(path, sizeof(path), "%s/model/model.safetensors", dir);
    assert_ok(fs_read(&bytes, n, path, 1 << 24));
    return bytes;
}

static void gone(const char *dir, const char *name)
{
    char path[160];

    snprintf(path, sizeof(path), "%s/%s", dir, name);
    assert_ok(fs_remove(path));
}

/* As if the process had died behind step 4: it goes on, knows what was best, and ends alike. */
static void goes_on_with_the_best(const char *name, int n, char **words)
{
    char dir[96], *was, *is;
    size_t bytes, again;

    run(dir, name, name, n, words); /* finished: nothing is done */
    was = model_of(dir, &bytes);
    gone(dir, "run.json");
    gone(dir, "model");
    gone(dir, "checkpoints/step-0000000005.ckpt");
    gone(dir, "checkpoints/step-0000000006.ckpt");
    run(dir, name, name, n, words);
    is = model_of(dir, &again);
    assert_int_equal(bytes, again);
    assert_memory_equal(was, is, bytes);
    free(was);
    free(is);
}

/* Which evaluation was best is TRL's, and the model that is written is that step's. */
static void ends_with_the_best(const char *name)
{
    const json_t *best = of(name, "best"), *evals = json_object_get(best, "evals");
    char dir[96], again[96], set[160], model[160];
    char *words[] = {set, "datasets=null", "save_steps=1", "save_total_limit=9"};
    char *whole[] = {set, "datasets=null", "max_steps=1", "eval_on_start=true", model};
    json_t *got, *json;
    const json_t *ours;

    splits(set, name, "completion.jsonl");
    run(dir, name, name, 4, words);
    got = trl_lines(dir, "eval_loss");
    assert_int_equal(json_array_size(got), json_array_size(evals));
    for (size_t i = 0; i < json_array_size(evals); i++)
        trl_near(name, json_number_value(json_object_get(json_array_get(got, i), "eval_loss")),
                 json_number_value(json_object_get(json_array_get(evals, i), "eval_loss")),
                 1e-3, 0);
    json = run_json(dir);
    ours = json_object_get(json, "best");
    assert_int_equal(json_integer_value(json_object_get(ours, "step")),
                     json_integer_value(json_object_get(best, "step")));
    /* it is not the last one: else nothing would have been shown */
    assert_true(json_integer_value(json_object_get(ours, "step")) < 6);
    json_decref(json);
    snprintf(model, sizeof(model), "model_name_or_path=%s/model", dir);
    snprintf(again, sizeof(again), "%s-again", name);
    run(dir, name, again, 5, whole);
    json = trl_lines(dir, "eval_loss");
    for (size_t i = 0; i < json_array_size(got); i++) {
        const json_t *line = json_array_get(got, i);
        const double loss = json_number_value(json_object_get(line, "eval_loss"));
        const bool is_best = json_integer_value(json_object_get(line, "step")) ==
                             json_integer_value(json_object_get(best, "step"));
        /* the same weights give the same bits, others do not */
        assert_true(is_best == (loss == json_number_value(json_object_get(
                                            json_array_get(json, 0), "eval_loss"))));
    }
    json_decref(json);
    json_decref(got);
    goes_on_with_the_best(name, 4, words);
}

static void the_best_evaluation_is_kept(void **state)
{
    (void)state;
    ends_with_the_best("sft_best");
    ends_with_the_best("sft_best_metric");
}

/* Each evaluation that beats all before it leaves its checkpoint, no other step but the last does;
 * from the best a run that died goes on to the same end, which here is the last step. */
static void only_better_evaluations_are_saved(void **state)
{
    char dir[96], set[160], path[160], *was, *is;
    char *words[] = {set, "datasets=null", "save_strategy=best", "save_total_limit=9",
                     "load_best_model_at_end=false"};
    double least = INFINITY;
    size_t bytes, again;
    json_t *got;

    (void)state;
    splits(set, "sft_best-only", "completion.jsonl");
    run(dir, "sft_best", "sft_best-only", 5, words);
    got = trl_lines(dir, "eval_loss");
    assert_int_equal(json_array_size(got), 3);
    for (int step = 1, at = 0; step <= 6; step++) {
        const json_t *line = json_array_get(got, (size_t)at);
        const double loss = json_number_value(json_object_get(line, "eval_loss"));
        const bool judged = json_integer_value(json_object_get(line, "step")) == step;

        snprintf(path, sizeof path, "%s/checkpoints/step-%010d.ckpt", dir, step);
        assert_int_equal(fs_exists(path), step == 6 || (judged && loss < least));
        least = judged && loss < least ? loss : least;
        at += judged;
    }
    json_decref(got);
    was = model_of(dir, &bytes);
    gone(dir, "run.json");
    gone(dir, "model");
    gone(dir, "checkpoints/step-0000000006.ckpt");
    run(dir, "sft_best", "sft_best-only", 5, words);
    is = model_of(dir, &again);
    assert_int_equal(bytes, again);
    assert_memory_equal(was, is, bytes);
    free(was);
    free(is);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(labels_are_smoothed),
        cmocka_unit_test(other_rules_of_a_step),
        cmocka_unit_test(a_record_has_its_own_variables),
        cmocka_unit_test(noise_on_the_embeddings),
        cmocka_unit_test(the_best_evaluation_is_kept),
        cmocka_unit_test(only_better_evaluations_are_saved),
    };

    if (trl_golden(GOLDEN, "more.json"))
        return 1;
    return cmocka_run_group_tests_name("parity_keys", tests, scratch_open, trl_close);
}
