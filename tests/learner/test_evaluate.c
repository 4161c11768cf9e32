/* What an evaluation says does not depend on how many records it looks at at once. */
#include "base/fs.h"
#include "base/mem.h"
#include "learner/methods/methods.h"
#include "learner/offline/prepare.h"
#include "tests/learner/trl.h"
#include "tests/support/test.h"

#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char folder[] = "/tmp/drover-evaluate-XXXXXX";

/* The figures of an evaluation after a step, `batch` records at a time; the caller's. */
static json_t *figures(const char *method, const char *data, const char *extra, int batch)
{
    static int runs;
    char *argv[12], *words = mem_text(extra);
    char *dir = mem_print("%s/%d", folder, runs++), *set = mem_print("%s-data", dir);
    int n = 0;
    json_t *lines, *line;

    trl_splits(set, data);
    argv[n++] = mem_print("output_dir=%s", dir);
    argv[n++] = mem_print("dataset=%s", set);
    argv[n++] = mem_print("per_device_eval_batch_size=%d", batch);
    argv[n++] = mem_text("learning_rate=1e-2");
    argv[n++] = mem_text("max_steps=1");
    argv[n++] = mem_text("per_device_train_batch_size=4");
    for (char *word = words, *next; word; word = next) {
        next = strchr(word, ' ');
        if (next)
            *next++ = 0;
        argv[n++] = mem_text(word);
    }
    assert_ok(prepare_main(methods_find(method), n, argv));
    lines = trl_lines(dir, "eval_loss");
    line = json_incref(json_array_get(lines, json_array_size(lines) - 1));
    json_decref(lines);
    while (n)
        free(argv[--n]);
    free(words);
    free(dir);
    free(set);
    return line;
}

static bool is_time(const char *key)
{
    return strstr(key, "runtime") || strstr(key, "per_second");
}

/* The bits of sums depend on their order; nothing else may. */
static int differing(const char *what, const json_t *one, const json_t *other, int batch)
{
    const char *key;
    json_t *value;
    int bad = 0;

    json_object_foreach((json_t *)(uintptr_t)one, key, value)
    {
        const double a = json_number_value(value);
        const double b = json_number_value(json_object_get(other, key));
        if (is_time(key) || fabs(a - b) <= 1e-9 * fmax(1, fabs(a)))
            continue;
        fprintf(stderr, "%s: %s is %.9g one by one, %.9g with batches of %d\n", what, key, a, b,
                batch);
        bad++;
    }
    return bad;
}

static void no_figure_depends_on_the_batch(void **state)
{
    static const struct {
        const char *method;
        const char *data, *extra;
    } run[] = {
        {"sft", "trl/text.jsonl", "model=model/llama5 max_length=48"},
        {"sft", "trl/completion.jsonl", "model=model/llama5 loss_type=dft"},
        {"sft", "trl/text.jsonl", "model=model/llama5 max_length=64 packing=true"},
        {"reward", "trl/plain.jsonl", "model=model/reward4"},
        {"reward", "trl/pairs.jsonl", "model=model/reward4 center_rewards_coefficient=1"},
        {"dpo", "trl/plain.jsonl", "model=model/llama5 loss_type=[sigmoid,sft]"},
        {"dpo", "trl/pairs.jsonl", "model=model/llama5 use_weighting=true"},
        {"dpo", "trl/plain.jsonl", "model=model/llama5 loss_type=aot"},
        {"kto", "trl/labels.jsonl", "model=model/llama5 desirable_weight=2"},
        {"kto", "trl/pairs.jsonl", "model=model/llama5 loss_type=apo_zero_unpaired"},
        {"orpo", "trl/plain.jsonl", "model=model/llama5"},
        {"cpo", "trl/plain.jsonl", "model=model/llama5"},
        {"simpo", "trl/plain.jsonl", "model=model/llama5 sft_weight=0.5"},
        {"prm", "prm/steps.jsonl", "model=prm/model"},
    };
    int bad = 0;

    (void)state;
    for (size_t i = 0; i < sizeof run / sizeof *run; i++) {
        char *data = mem_print("%s/%s", GOLDEN, run[i].data);
        json_t *one = figures(run[i].method, data, run[i].extra, 1);
        const int batch = i % 2 ? 8 : 3;
        json_t *other = figures(run[i].method, data, run[i].extra, batch);
        bad += differing(run[i].extra, one, other, batch);
        json_decref(other);
        json_decref(one);
        free(data);
    }
    assert_int_equal(bad, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_figure_depends_on_the_batch),
    };
    int status;

    if (!mkdtemp(folder) || chdir(GOLDEN))
        return 1;
    status = cmocka_run_group_tests_name("learner/evaluate", tests, NULL, NULL);
    return fs_remove(folder) ? 1 : status;
}
