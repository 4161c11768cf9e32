#include "learner/run/keys.h"
#include "learner/run/resume.h"
#include "learner/step/metrics.h"

#include "tests/support/test.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct conf_key own[] = {CONF_REAL(keys, learning_rate, "1e-4", 0, 1, ""),
                                      CONF_END};
static const struct conf_key *const tables[] = {own, keys_table_shared, keys_table_ignored,
                                                NULL};

static enum err with(struct keys *keys, int argc, char **argv)
{
    memset(keys, 0, sizeof(*keys));
    return keys_read(tables, keys, argc, argv, NULL);
}

static void defaults_are_trls(void **state)
{
    struct keys k;
    struct keys_plan plan;
    char *argv[] = {"model=m", "dataset=d.jsonl", "output_dir=o"};
    (void)state;

    assert_ok(with(&k, 3, argv));
    assert_string_equal(k.model_name_or_path, "m");
    assert_true(k.learning_rate == 1e-4 && k.adam_beta2 == .999 && k.max_grad_norm == 1);
    assert_true(k.per_device_train_batch_size == 8 && k.max_length == 1024 && k.seed == 42);
    assert_true(k.logging_steps == 10 && k.save_steps == 500 && k.num_train_epochs == 3);
    assert_ok(keys_check(&plan, &k));
    assert_true(plan.eval == KEYS_NO && plan.save == KEYS_STEPS && plan.order == ORDER_RANDOM);
    conf_free(tables, &k);
}

static void lengths_follow_transformers(void **state)
{
    struct keys k;
    struct keys_length length;
    char *argv[] = {"model=m",
                    "dataset=d",
                    "output_dir=o",
                    "per_device_train_batch_size=4",
                    "gradient_accumulation_steps=3",
                    "num_train_epochs=1.5",
                    "warmup_steps=0.25"};
    (void)state;

    assert_ok(with(&k, 7, argv));
    assert_ok(keys_length(&length, &k, 50)); /* 13 batches, 5 steps, ceil(7.5) */
    assert_int_equal(length.batches_per_epoch, 13);
    assert_int_equal(length.steps_per_epoch, 5);
    assert_int_equal(length.steps, 8);
    assert_int_equal(length.warmup, 2);
    k.dataloader_drop_last = true;
    assert_ok(keys_length(&length, &k, 50));
    assert_int_equal(length.batches_per_epoch, 12);
    k.max_steps = 1000;
    k.warmup_steps = 17;
    assert_ok(keys_length(&length, &k, 50));
    assert_int_equal(length.steps, 1000);
    assert_int_equal(length.warmup, 17);
    assert_err(ERR_RANGE, keys_length(&length, &k, 3));
    assert_int_equal(keys_steps(.1, 95), 10);
    assert_int_equal(keys_steps(7, 95), 7);
    conf_free(tables, &k);
}

static void wrong_words_are_named(void **state)
{
    static const struct {
        const char *arg, *words;
    } rows[] = {
        {"lerning_rate=1", "learning_rate"},
        {"per_device_train_batch_size=0", "not in [1"},
        {"eval_strategy=sometimes", "eval_strategy"},
        {"lr_scheduler_type=cubic", "cubic"},
        {"optim=galore_adamw", "sgd, rmsprop"},
        {"optim=apollo_adamw", "adafactor"},
        {"optim_args.x=1", "optim_args"},
        {"save_strategy=sometimes", "best"},
        {"eval_strategy=best", "eval_strategy"},
        {"load_best_model_at_end=true", "eval_strategy: steps or epoch"},
        {"save_strategy=best", "save_strategy: best: needs evaluations"},
        {"greater_is_better=maybe", "greater_is_better"},
        {"tokenizer=other", "that of the model's folder"},
        {"dataset_mixture=x", "dataset_mixture: expected"},
        {"dataset_mixture.datasets=[{ident: a}]", "'ident'"},
        {"dtype=int3", "dtype"},
        {"use_dora=true", "use_dora"},
        {"lora_r=0", "lora_r"},
        {"lora_target_modules=q_proj,v_proj", "a list such as [q_proj, v_proj]"},
        {"lora_task_type=QA", "'QA'"},
        {"lora_target_parameters=[x]", "lora_target_parameters"},
        {"max_memory=lots", "max_memory"},
        {"neftune_noise_alpha=-5", "neftune_noise_alpha"},
        {"no_such_switch=true", "no such key"},
        {"format=xx", "known are auto, trl, hh"},
        {"train_sampling_strategy=x", "train_sampling_strategy"},
        {"lr_scheduler_kwargs.foo=1", "'foo'"},
    };
    (void)state;

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct keys k;
        struct keys_plan plan;
        struct keys_length length;
        struct schedule_plan schedule;
        char arg[64];
        char *argv[] = {"model=m", "dataset=d", "output_dir=o", "use_peft=true", arg};
        enum err err;
        snprintf(arg, sizeof(arg), "%s", rows[i].arg);
        err = with(&k, 5, argv);
        if (!err)
            err = keys_check(&plan, &k);
        if (!err)
            err = keys_length(&length, &k, 100);
        if (!err)
            err = keys_schedule(&schedule, &k, &plan, &length);
        if (!err)
            fail_msg("%s was taken", rows[i].arg);
        if (!strstr(err_text(), rows[i].words))
            fail_msg("%s: '%s'", rows[i].arg, err_text());
        conf_free(tables, &k);
    }
}

/* Which evaluation is best: by transformers' rule for names, unless it is said. */
static void the_best_is_the_least_loss(void **state)
{
    static const struct {
        const char *metric, *greater;
        bool is;
    } rows[] = {
        {NULL, NULL, false},
        {"eval_loss", NULL, false},
        {"mean_token_accuracy", NULL, true},
        {"eval_rewards/accuracies", NULL, true},
        {"mean_token_accuracy", "false", false},
        {"loss", "true", true},
    };
    (void)state;

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct keys k;
        struct keys_plan plan;
        char metric[64], greater[64];
        char *argv[] = {
            "model=m", "dataset=d", "eval_strategy=steps", "load_best_model_at_end=true",
            metric,    greater};
        snprintf(metric, sizeof(metric), "metric_for_best_model=%s",
                 rows[i].metric ? rows[i].metric : "null");
        snprintf(greater, sizeof(greater), "greater_is_better=%s",
                 rows[i].greater ? rows[i].greater : "null");
        assert_ok(with(&k, 6, argv));
        assert_ok(keys_check(&plan, &k));
        assert_true(plan.best && plan.greater == rows[i].is);
        conf_free(tables, &k);
    }
}

static void arguments_of_an_optimiser(void **state)
{
    char *sgd[] = {"model=m", "dataset=d", "optim=sgd",
                   "optim_args=momentum=0.9, nesterov=True"};
    char *other[] = {"model=m", "dataset=d", "optim_args=betas=1"}; /* AdamW has none: said */
    char *older[] = {"model=m", "dataset=d", "adafactor=true"};
    struct keys k;
    struct keys_plan plan;
    (void)state;

    assert_ok(with(&k, 4, sgd));
    assert_ok(keys_check(&plan, &k));
    assert_true(keys_adamw(&k).args.momentum == .9 && keys_adamw(&k).args.nesterov);
    conf_free(tables, &k);
    assert_ok(with(&k, 3, other));
    assert_ok(keys_check(&plan, &k));
    conf_free(tables, &k);
    assert_ok(with(&k, 3, older));
    assert_ok(keys_check(&plan, &k));
    assert_int_equal(keys_adamw(&k).rule, OPTIM_ADAFACTOR);
    conf_free(tables, &k);
}

/* The tree that the keys' datasets are, as text. */
static void datasets_are(const struct keys *k, const char *wanted)
{
    char *text = json_dumps(k->datasets, JSON_COMPACT);

    assert_non_null(text);
    assert_string_equal(text, wanted);
    free(text);
}

static void older_keys_are_todays(void **state)
{
    struct keys k;
    struct keys_plan plan;
    char *argv[] = {"model=m",
                    "dataset=d",
                    "torch_dtype=bfloat16",
                    "max_seq_length=77",
                    "evaluation_strategy=epoch",
                    "group_by_length=True",
                    "tokenizer_name_or_path=m",
                    "--no_gradient_checkpointing",
                    "--no_remove_unused_columns",
                    "optim=paged_adamw_8bit",
                    "save_total_limit=null",
                    "per_device_train_batch_size=null",
                    "lr_scheduler_type=null"};
    char *both[] = {"model=m",      "dataset=d",        "max_seq_length=77",
                    "max_length=5", "torch_dtype=null", "optim=rmsprop"};
    (void)state;

    assert_ok(with(&k, 13, argv));
    assert_ok(keys_check(&plan, &k));
    assert_string_equal(plan.dtype, "bfloat16");
    assert_int_equal(k.max_length, 77);
    assert_int_equal(plan.eval, KEYS_EPOCH);
    assert_int_equal(plan.order, ORDER_BY_LENGTH);
    assert_false(k.gradient_checkpointing);
    assert_int_equal(k.per_device_train_batch_size, 8);
    assert_int_equal(keys_adamw(&k).rule, OPTIM_ADAMW);
    assert_string_equal(k.output_dir, "trainer_output");
    conf_free(tables, &k);
    assert_ok(with(&k, 6, both));
    assert_ok(keys_check(&plan, &k));
    assert_int_equal(k.max_length, 5);
    assert_int_equal(keys_adamw(&k).rule, OPTIM_RMSPROP);
    conf_free(tables, &k);
}

static void what_is_computed_in_follows_trls_switches(void **state)
{
    static const struct {
        const char *given[3];
        const char *compute, *dtype;
    } row[] = {
        {{"bf16=false", "fp16=False"}, "float32", "float32"},
        {{"bf16=true"}, "bfloat16", "bfloat16"},
        {{"compute=bfloat16"}, "bfloat16", "bfloat16"},
        {{"bf16=True", "dtype=float32"}, "bfloat16", "float32"},
        {{"bf16=true", "use_peft=true"}, "bfloat16", "float32"}, /* an adapter is f32 */
        {{"bf16=true", "compute=float32"},
         "float32",
         "float32"}, /* the one that knows its name */
    };
    char *refused[][3] = {{"model=m", "dataset=d", "fp16=true"},
                          {"model=m", "dataset=d", "compute=float16"},
                          {"model=m", "dataset=d", "compute=int5"}};
    struct keys_plan plan;
    struct keys k;

    (void)state;
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        char *argv[5] = {"model=m", "dataset=d"};
        int n = 2;

        for (int j = 0; j < 3 && row[i].given[j]; j++)
            argv[n++] = (char *)(uintptr_t)row[i].given[j];
        assert_ok(with(&k, n, argv));
        assert_ok(keys_check(&plan, &k));
        assert_string_equal(precision_name(plan.compute), row[i].compute);
        assert_string_equal(plan.dtype, row[i].dtype);
        conf_free(tables, &k);
    }
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        assert_err(ERR_RANGE, with(&k, 3, refused[i]));
        assert_non_null(strstr(err_text(), i < 2 ? "range" : "expected"));
        conf_free(tables, &k);
    }
}

static void the_handbooks_mixtures_are_datasets(void **state)
{
    struct keys k;
    char *mixture[] = {"model=m",
                       "dataset_mixture={datasets: [{id: a, config: default, split: "
                       "train_sft, columns: [messages], weight: 1.0}, {id: b, config: "
                       "Mid, weight: 0.5}], test_split_size: 0.05, seed: 0}"};
    char *one[] = {"model=m", "dataset_mixer={a/b: 1.0}",
                   "dataset_splits=[train_prefs, test_prefs]"};
    char *many[] = {"model=m", "dataset_mixer={a: 0.5, b: 1}", "dataset_splits=[train, test]"};
    char *configs[] = {"model=m", "dataset_mixer={a: 1, b: 1}", "dataset_splits=[train]",
                       "dataset_configs=[tiny, default]"};
    char *more[] = {"model=m", "dataset_mixer={a: 1}", "dataset_configs=[x, y]"};
    (void)state;

    assert_ok(with(&k, 2, mixture));
    datasets_are(&k,
                 "[{\"path\":\"a\",\"split\":\"train_sft\",\"columns\":[\"messages\"],"
                 "\"weight\":\"1.0\"},{\"path\":\"b\",\"name\":\"Mid\",\"weight\":\"0.5\"}]");
    assert_true(k.test_split_size == .05);
    conf_free(tables, &k);
    assert_ok(with(&k, 3, one));
    assert_string_equal(k.dataset_name, "a/b");
    assert_string_equal(k.dataset_train_split, "train_prefs");
    assert_string_equal(k.dataset_test_split, "test_prefs");
    conf_free(tables, &k);
    assert_ok(with(&k, 3, many));
    datasets_are(&k, "[{\"path\":\"a\",\"split\":\"train\",\"weight\":\"0.5\"},"
                     "{\"path\":\"b\",\"split\":\"train\",\"weight\":\"1\"}]");
    conf_free(tables, &k);
    assert_ok(with(&k, 4, configs));
    datasets_are(&k, "[{\"path\":\"a\",\"split\":\"train\",\"weight\":\"1\",\"name\":"
                     "\"tiny\"},{\"path\":\"b\",\"split\":\"train\",\"weight\":\"1\"}]");
    conf_free(tables, &k);
    assert_err(ERR_RANGE, with(&k, 3, more));
    conf_free(tables, &k);
}

static void sizes_have_units(void **state)
{
    size_t n;
    (void)state;

    assert_ok(keys_bytes(&n, "6GB"));
    assert_int_equal(n, 6000000000);
    assert_ok(keys_bytes(&n, "1.5 MiB"));
    assert_int_equal(n, 1572864);
    assert_err(ERR_PARSE, keys_bytes(&n, "6 parsecs"));
    assert_err(ERR_PARSE, keys_bytes(&n, "-1GB"));
}

static void runs_are_told_apart_by_what_they_learn(void **state)
{
    struct keys k;
    char *argv[] = {"model=m", "dataset=d", "output_dir=o"};
    json_t *a, *b;
    (void)state;

    assert_ok(with(&k, 3, argv));
    a = keys_resolved(tables, &k);
    k.logging_steps = 3;
    k.save_total_limit = 7;
    b = keys_resolved(tables, &k);
    assert_ok(resume_same(a, b));
    json_decref(b);
    k.learning_rate = .5;
    b = keys_resolved(tables, &k);
    assert_err(ERR_STATE, resume_same(a, b));
    assert_non_null(strstr(err_text(), "learning_rate was 0.0001"));
    json_decref(a);
    json_decref(b);
    conf_free(tables, &k);
}

static void means_survive_a_checkpoint_to_the_bit(void **state)
{
    struct metrics meter = {0}, again;
    json_t *saved;
    (void)state;

    for (int i = 1; i < 10; i++)
        metrics_add(&meter, "loss", 1.0 / i, i % 3 + .1);
    metrics_add(&meter, "none", NAN, 1);
    saved = metrics_save(&meter);
    assert_ok(metrics_load(&again, saved));
    assert_int_equal(again.n, 2);
    assert_true(again.row[0].sum == meter.row[0].sum);
    assert_true(metrics_mean(&again, "loss") == metrics_mean(&meter, "loss"));
    assert_true(isnan(metrics_mean(&again, "none")));
    json_decref(saved);
    saved = json_string("x");
    assert_err(ERR_PARSE, metrics_load(&again, saved));
    json_decref(saved);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults_are_trls),
        cmocka_unit_test(lengths_follow_transformers),
        cmocka_unit_test(wrong_words_are_named),
        cmocka_unit_test(the_best_is_the_least_loss),
        cmocka_unit_test(arguments_of_an_optimiser),
        cmocka_unit_test(older_keys_are_todays),
        cmocka_unit_test(what_is_computed_in_follows_trls_switches),
        cmocka_unit_test(the_handbooks_mixtures_are_datasets),
        cmocka_unit_test(sizes_have_units),
        cmocka_unit_test(runs_are_told_apart_by_what_they_learn),
        cmocka_unit_test(means_survive_a_checkpoint_to_the_bit),
    };

    return cmocka_run_group_tests_name("keys", tests, NULL, NULL);
}
