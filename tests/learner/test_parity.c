/* The numbers of TRL 1.16 itself, from its own YAML files: tests/golden/trl/make.py. */
#include "learner/methods/methods.h"
#include "learner/offline/prepare.h"
#include "tests/learner/trl.h"
#include "tests/support/scratch.h"
#include "tests/support/test.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

static enum err run(const char *method, int argc, char **argv)
{
    return prepare_main(strcmp(method, "sft") ? methods_find("reward") : methods_find("sft"),
                        argc, argv);
}

static void five_steps(const char *name, const char *method, double loss_slack)
{
    const json_t *want = trl_of(name, "steps");
    char yaml[64], out[128], dir[96];
    char *argv[] = {yaml, out};
    json_t *got;

    snprintf(yaml, sizeof(yaml), "%s.yaml", name);
    snprintf(dir, sizeof(dir), "%s", scratch_at(name));
    snprintf(out, sizeof(out), "output_dir=%s", dir);
    assert_ok(run(method, 2, argv));
    got = trl_lines(dir, "grad_norm");
    assert_int_equal(json_array_size(got), 5);
    for (size_t i = 0; i < 5; i++) {
        const json_t *a = json_array_get(want, i), *b = json_array_get(got, i);
        trl_figures(name, a, b);
        trl_near("loss", json_number_value(json_object_get(b, "loss")),
                 json_number_value(json_object_get(a, "loss")), 0, loss_slack);
    }
    json_decref(got);
}

static void evaluation(const char *name, const char *method, const char *data)
{
    const json_t *want = trl_of(name, "eval");
    char yaml[64], out[128], dir[96], set[128], source[256];
    char *argv[] = {yaml,
                    out,
                    set,
                    "datasets=null",
                    "max_steps=1",
                    "eval_on_start=true",
                    "per_device_eval_batch_size=8"};
    json_t *got;

    snprintf(yaml, sizeof(yaml), "%s.yaml", name);
    snprintf(dir, sizeof(dir), "%s%s-eval", scratch_at(""), name);
    snprintf(out, sizeof(out), "output_dir=%s", dir);
    snprintf(set, sizeof(set), "dataset_name=%s%s-data", scratch_at(""), name);
    snprintf(source, sizeof(source), "%s/%s", GOLDEN, data);
    trl_splits(set + strlen("dataset_name="), source);
    assert_ok(run(method, 7, argv));
    got = trl_lines(dir, "eval_loss");
    assert_int_equal(json_array_size(got), 2);
    trl_figures(name, want, json_array_get(got, 0));
    json_decref(got);
}

static void sft_on_conversations(void **state)
{
    (void)state;
    five_steps("sft_chat", "sft", 1e-4);
    evaluation("sft_chat", "sft", "chat.jsonl");
}

static void sft_on_text(void **state)
{
    (void)state;
    five_steps("sft_text", "sft", 1e-4);
    evaluation("sft_text", "sft", "text.jsonl");
}

static void sft_on_completions(void **state)
{
    (void)state;
    five_steps("sft_completion", "sft", 1e-4);
    evaluation("sft_completion", "sft", "completion.jsonl");
}

/* What an assistant says, by the marks of TRL's training template of Qwen2.5. */
static void sft_on_what_the_assistant_says(void **state)
{
    (void)state;
    five_steps("sft_said", "sft", 1e-4);
    evaluation("sft_said", "sft", "messages.jsonl");
}

/* A batch counts rows that hold several records; wrapped ones go on where a row ends. */
static void sft_in_packed_rows(void **state)
{
    (void)state;
    five_steps("sft_packed", "sft", 1e-4);
    evaluation("sft_packed", "sft", "text.jsonl");
    five_steps("sft_split", "sft", 1e-4);
    evaluation("sft_split", "sft", "completion.jsonl");
    five_steps("sft_wrapped", "sft", 1e-4);
    evaluation("sft_wrapped", "sft", "completion.jsonl");
}

static void sft_with_dft(void **state)
{
    (void)state;
    five_steps("sft_dft", "sft", 1e-5);
}

static void reward_on_conversations(void **state)
{
    (void)state;
    five_steps("reward_pairs", "reward", 1e-5);
    evaluation("reward_pairs", "reward", "pairs.jsonl");
}

static void reward_on_text(void **state)
{
    (void)state;
    five_steps("reward_plain", "reward", 1e-5);
    evaluation("reward_plain", "reward", "plain.jsonl");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sft_on_conversations),
        cmocka_unit_test(sft_on_text),
        cmocka_unit_test(sft_on_completions),
        cmocka_unit_test(sft_on_what_the_assistant_says),
        cmocka_unit_test(sft_in_packed_rows),
        cmocka_unit_test(sft_with_dft),
        cmocka_unit_test(reward_on_conversations),
        cmocka_unit_test(reward_on_text),
    };

    if (trl_golden(GOLDEN, "golden.json"))
        return 1;
    return cmocka_run_group_tests_name("parity", tests, scratch_open, trl_close);
}
