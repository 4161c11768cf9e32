/* TRL 0.22.2's PRMTrainer on a tiny model: tests/golden/prm/make.py. Then what TRL has not. */
#include "base/fs.h"
#include "learner/corpus/corpus_steps.h"
#include "learner/methods/methods.h"
#include "learner/objective/objective_prm.h"
#include "learner/offline/prepare.h"
#include "lm/file/model_files.h"
#include "lm/model/forward.h"
#include "tests/learner/trl.h"
#include "tests/support/test.h"

#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char folder[] = "/tmp/drover-prm-XXXXXX";
static json_t *golden;

static const json_t *at(const json_t *tree, const char *a, const char *b)
{
    return json_object_get(json_object_get(tree, a), b);
}

static double real(const json_t *object, const char *key)
{
    return json_number_value(json_object_get(object, key));
}

/* Runs five steps over the golden rows, and evaluates before them. */
static void train(const char *name, int more, char **extra)
{
    char out[128];
    char *argv[32] = {"model=model",
                      out,
                      "per_device_train_batch_size=4",
                      "per_device_eval_batch_size=8",
                      "max_steps=5",
                      "learning_rate=1e-3",
                      "lr_scheduler_type=cosine",
                      "warmup_steps=0.2",
                      "weight_decay=0.01",
                      "max_grad_norm=0.5",
                      "logging_steps=1",
                      "train_sampling_strategy=sequential",
                      "eval_on_start=true",
                      "eval_strategy=no",
                      "save_strategy=no"};
    int argc = 15;

    snprintf(out, sizeof(out), "output_dir=%s/%s", folder, name);
    for (int i = 0; i < more; i++)
        argv[argc++] = extra[i];
    assert_ok(prepare_main(methods_find("prm"), argc, argv));
}

static void follows(const char *name, int more, char **extra)
{
    char dir[128], set[160], *args[8];
    const json_t *want = at(golden, name, "steps");
    json_t *got, *first;

    snprintf(set, sizeof(set), "dataset_name=%s/%s-data", folder, name);
    trl_splits(set + strlen("dataset_name="), GOLDEN "/steps.jsonl");
    for (int i = 0; i < more; i++)
        args[i] = extra[i];
    args[more] = set;
    train(name, more + 1, args);
    snprintf(dir, sizeof(dir), "%s/%s", folder, name);
    got = trl_lines(dir, "grad_norm");
    assert_int_equal(json_array_size(got), 5);
    for (size_t i = 0; i < 5; i++) {
        const json_t *a = json_array_get(want, i), *b = json_array_get(got, i);
        trl_near("loss", real(b, "loss"), real(a, "loss"), 0, 1e-5);
        trl_near("grad_norm", real(b, "grad_norm"), real(a, "grad_norm"), 1e-3, 0);
        trl_near("rate", real(b, "learning_rate"), real(a, "learning_rate"), 1e-9, 1e-12);
    }
    json_decref(got);
    first = trl_lines(dir, "eval_loss");
    trl_near("eval_loss", real(json_array_get(first, 0), "eval_loss"),
             real(at(golden, name, "eval"), "eval_loss"), 2e-6, 0);
    trl_near("eval_accuracy", real(json_array_get(first, 0), "eval_accuracy"),
             real(at(golden, name, "eval"), "eval_accuracy"), 1e-9, 0);
    json_decref(first);
}

static void training_follows_trl(void **state)
{
    char *last[] = {"train_on_last_step_only=true"};
    char *cut[] = {"max_length=40", "max_prompt_length=6", "max_completion_length=30",
                   "step_separator=\" ;\\n\""};

    (void)state;
    follows("all", 0, NULL);
    follows("last", 1, last);
    follows("cut", 4, cut);
}

/* Token ids and where the labels stand, as TRL's tokenize_row has them. */
static void tokens_and_labels_are_trls(void **state)
{
    static const struct {
        const char *name;
        struct steps_rule rule;
    } runs[] = {{"all", {.separator = "\n", .max_prompt = 512, .max_length = 1024, .bos = 1}},
                {"last",
                 {.separator = "\n",
                  .max_prompt = 512,
                  .max_length = 1024,
                  .bos = 1,
                  .last_only = true}},
                {"cut",
                 {.separator = " ;\n",
                  .max_prompt = 6,
                  .max_completion = 30,
                  .max_length = 40,
                  .bos = 1}}};
    struct model_files *files;

    (void)state;
    assert_ok(model_files_open(&files, "model", MODEL_FILES_META));
    for (size_t r = 0; r < 3; r++) {
        const struct encode encode = {files->tokenizer, files->chat, NULL, NULL};
        const json_t *rows = at(golden, runs[r].name, "tokens");
        FILE *file = fopen("steps.jsonl", "r");
        char line[4096];
        for (size_t i = 0; i < json_array_size(rows); i++) {
            const json_t *want = json_array_get(rows, i);
            const json_t *ids = json_object_get(want, "ids");
            struct steps steps;
            json_t *row;
            assert_non_null(fgets(line, sizeof(line), file));
            row = json_loads(line, 0, NULL);
            assert_ok(steps_encode(&steps, row, &encode, &runs[r].rule));
            assert_int_equal(steps.n, json_array_size(ids));
            for (int t = 0; t < steps.n; t++) {
                const json_int_t label = json_integer_value(
                    json_array_get(json_object_get(want, "labels"), (size_t)t));
                const bool learnt = steps.target[t] >= 0 && steps.target[t] <= 1;
                assert_int_equal(steps.ids[t],
                                 json_integer_value(json_array_get(ids, (size_t)t)));
                assert_int_equal(learnt ? (json_int_t)steps.target[t] : -100, label);
            }
            steps_free(&steps);
            json_decref(row);
        }
        fclose(file);
    }
    model_files_free(files);
}

/* The head reads transformers' weights: its value is the difference of the two logits. */
static void values_are_differences_of_logits(void **state)
{
    const json_t *ids = json_object_get(json_array_get(at(golden, "all", "tokens"), 0), "ids");
    const json_t *logits = json_object_get(golden, "logits");
    const int n = (int)json_array_size(ids), seq[] = {0, n};
    int *token = calloc((size_t)n, sizeof(*token));
    float *value = calloc((size_t)n, sizeof(*value)), *image;
    struct packed_layout *layout;
    struct model_files *files;
    struct model *model;

    (void)state;
    assert_ok(model_files_open(&files, "model", MODEL_FILES_ALL));
    assert_int_equal(files->shape.head, HEAD_STEP);
    assert_ok(packed_layout_new(&layout, &files->shape));
    image = aligned_alloc(64, packed_size(&files->shape));
    packed_fill(image, layout, files->params);
    assert_ok(model_new(&model, &files->shape, image, packed_size(&files->shape)));
    for (int i = 0; i < n; i++)
        token[i] = (int)json_integer_value(json_array_get(ids, (size_t)i));
    assert_ok(forward_score(model, token, seq, 1, 1.0f, NULL, NULL, value));
    for (int i = 0; i < n; i++) {
        const json_t *two = json_array_get(logits, (size_t)i);
        trl_near("value", (double)value[i],
                 json_number_value(json_array_get(two, 1)) -
                     json_number_value(json_array_get(two, 0)),
                 0, 1e-5);
    }
    model_free(model);
    packed_layout_free(layout);
    model_files_free(files);
    free(image);
    free(token);
    free(value);
}

/* The loss and its slopes, by hand: z = ln 3 at t = 1 is -ln .75, at t = .25 (soft) the
 * entropy-like mix; a step that nobody labelled counts nowhere. */
static void the_loss_is_the_cross_entropy(void **state)
{
    const float value[] = {9, (float)1.0986122886681098, -5, (float)1.0986122886681098, 700, 2};
    const float target[] = {-1, 1, 2, .25f, 1, -1};
    const uint8_t learn[] = {0, 1, 0, 1, 1, 0};
    const int seq[] = {0, 3, 6};
    struct objective_in in = {
        .n = 6, .n_seq = 2, .seq = seq, .learn = learn, .value = value, .target = target};
    float slope[6];
    struct objective_out out = {.dvalue = slope};

    (void)state;
    in.normaliser = objective_prm.count(&in);
    assert_true(in.normaliser == 3.0);
    objective_prm.run(NULL, &in, &out);
    trl_near("loss", out.loss, (-log(.75) - .25 * log(.75) - .75 * log(.25)) / 3, 1e-7, 0);
    trl_near("slope", (double)slope[1], -.25 / 3, 1e-6, 0);
    trl_near("slope", (double)slope[3], .5 / 3, 1e-6, 0);
    assert_true(slope[0] == 0.0f && slope[2] == 0.0f && slope[5] == 0.0f);
    trl_near("slope", (double)slope[4], 0, 0, 1e-12);
    assert_int_equal(out.metrics, 1);
    trl_near("accuracy", out.metric[0].sum, 2, 0, 0); /* the soft one says wrong */
    trl_near("weight", out.metric[0].weight, 3, 0, 0);
}

static void encode(struct steps *out, const char *row, const struct model_files *files,
                   struct steps_rule rule, enum err want, const char *words)
{
    const struct encode how = {files->tokenizer, files->chat, NULL, NULL};
    json_t *object = json_loads(row, 0, NULL);

    rule.separator = "\n";
    rule.bos = -1;
    assert_int_equal(steps_encode(out, object, &how, &rule), want);
    if (want && !strstr(err_text(), words))
        fail_msg("'%s' does not say '%s'", err_text(), words);
    json_decref(object);
}

static void labels_may_end_at_the_first_error(void **state)
{
    static const char row[] = "{\"prompt\":\"p\",\"completions\":[\"a\",\"b\",\"c\",\"d\"],"
                              "\"labels\":[1,0.25,true,null]}";
    struct model_files *files;
    struct steps s;

    (void)state;
    assert_ok(model_files_open(&files, "model", MODEL_FILES_META));
    encode(&s, row, files, (struct steps_rule){0}, OK, NULL);
    assert_int_equal(s.n, 9); /* p, then four times a letter and the separator */
    assert_true(s.target[2] == 1.0f && s.target[4] == .25f && s.target[6] == 1.0f &&
                s.target[8] == 2.0f && s.target[1] == -1.0f);
    steps_free(&s);
    encode(&s, row, files, (struct steps_rule){.first_error = true}, OK, NULL);
    assert_true(s.target[4] == .25f && s.target[6] == 2.0f && s.target[8] == 2.0f);
    steps_free(&s);
    encode(&s, "{\"prompt\":\"p\",\"completions\":[\"a\",\"b\"],\"labels\":[true]}", files,
           (struct steps_rule){0}, ERR_PARSE, "'labels': 1 of them for 2 steps");
    encode(&s, "{\"prompt\":\"p\",\"completions\":[\"a\",\"\"],\"labels\":[true,true]}", files,
           (struct steps_rule){0}, ERR_PARSE, "'completions'[1] is empty");
    encode(&s, "{\"prompt\":\"p\",\"completions\":[\"a\"],\"labels\":[2]}", files,
           (struct steps_rule){0}, ERR_PARSE, "'labels'[0]: expected");
    encode(&s, "{\"prompt\":\"p\",\"completions\":[],\"labels\":[]}", files,
           (struct steps_rule){0}, ERR_PARSE, "'completions' is missing");
    model_files_free(files);
}

/* What one folder writes another reads: the same values to the last bit. */
static void a_trained_folder_opens_again(void **state)
{
    char path[128];
    struct model_files *files;

    (void)state;
    snprintf(path, sizeof(path), "%s/all/model", folder);
    assert_ok(model_files_open(&files, path, MODEL_FILES_ALL));
    assert_int_equal(files->shape.head, HEAD_STEP);
    assert_non_null(params_name(files->params, "score.bias"));
    model_files_free(files);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(training_follows_trl),
        cmocka_unit_test(tokens_and_labels_are_trls),
        cmocka_unit_test(values_are_differences_of_logits),
        cmocka_unit_test(the_loss_is_the_cross_entropy),
        cmocka_unit_test(labels_may_end_at_the_first_error),
        cmocka_unit_test(a_trained_folder_opens_again),
    };
    int status;

    if (!mkdtemp(folder) || chdir(GOLDEN))
        return 1;
    golden = json_load_file("golden.json", 0, NULL);
    status = golden ? cmocka_run_group_tests_name("prm", tests, NULL, NULL) : 1;
    json_decref(golden);
    return fs_remove(folder) ? 1 : status;
}
