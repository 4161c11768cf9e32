/* The numbers of TRL 1.16 itself, from its own YAML files: tests/golden/trl/direct.py. */
#include "learner/methods/methods.h"
#include "learner/offline/prepare.h"
#include "tests/learner/trl.h"
#include "tests/support/scratch.h"
#include "tests/support/test.h"

#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

/* Figures near 0 (rewards, drifts, mean logits) are differences of sums of some hundred nats in
 * float: their slack is absolute. */
static double slack_of(const char *key, double want)
{
    const bool small = strstr(key, "reward") || strstr(key, "logits/") || strstr(key, "kl");

    return fmax(small ? 2e-4 : 1e-6, (small ? 1e-3 : 2e-5) * fabs(want));
}

static void same_figures(const char *name, size_t at, const json_t *want, const json_t *got)
{
    const char *key;
    json_t *value;

    json_object_foreach((json_t *)(uintptr_t)want, key, value)
    {
        const double a = json_number_value(value);
        const json_t *ours = json_object_get(got, key);
        if (!ours)
            fail_msg("%s %zu: %s is missing", name, at, key);
        if (!(fabs(json_number_value(ours) - a) <= slack_of(key, a)))
            fail_msg("%s %zu %s: %.9g, TRL has %.9g", name, at, key, json_number_value(ours),
                     a);
    }
}

/* Every figure that TRL logs of five steps, and ours of the same steps with `more`. */
static void five_steps(const char *name, const char *more)
{
    const json_t *want = trl_of(name, "steps");
    char yaml[64], out[128], dir[96], extra[64];
    char *argv[] = {yaml, out, extra};
    json_t *got;

    snprintf(yaml, sizeof(yaml), "%s.yaml", name);
    snprintf(dir, sizeof(dir), "%s%s-%s", scratch_at(""), name, more ? more : "");
    snprintf(out, sizeof(out), "output_dir=%s", dir);
    snprintf(extra, sizeof(extra), "%s", more ? more : "");
    assert_ok(prepare_main(strncmp(name, "dpo", 3) ? methods_find("kto") : methods_find("dpo"),
                           more ? 3 : 2, argv));
    got = trl_lines(dir, "grad_norm");
    assert_int_equal(json_array_size(got), 5);
    assert_int_equal(json_array_size(want), 5);
    for (size_t i = 0; i < 5; i++)
        same_figures(name, i, json_array_get(want, i), json_array_get(got, i));
    json_decref(got);
}

/* The data once more as a held-out split, before the first step. */
static void evaluation(const char *name, const char *data)
{
    const json_t *want = trl_of(name, "eval");
    char yaml[64], out[128], dir[96], set[128], source[256];
    char *argv[] = {yaml,          out,           set, "datasets=null", "eval_on_start=true",
                    "max_steps=1", "do_eval=true"};
    json_t *got;

    snprintf(yaml, sizeof(yaml), "%s.yaml", name);
    snprintf(dir, sizeof(dir), "%s%s-eval", scratch_at(""), name);
    snprintf(out, sizeof(out), "output_dir=%s", dir);
    snprintf(set, sizeof(set), "dataset_name=%s%s-data", scratch_at(""), name);
    snprintf(source, sizeof(source), "%s/%s", GOLDEN, data);
    trl_splits(set + strlen("dataset_name="), source);
    assert_ok(prepare_main(strncmp(name, "dpo", 3) ? methods_find("kto") : methods_find("dpo"),
                           7, argv));
    got = trl_lines(dir, "eval_loss");
    same_figures(name, 0, want, json_array_get(got, 0));
    json_decref(got);
}

static void dpo_on_conversations(void **state)
{
    (void)state;
    five_steps("dpo_chat", NULL);
    five_steps("dpo_chat", "precompute_ref_log_probs=false");
    five_steps("dpo_chat", "share_prompt=false");
    evaluation("dpo_chat", "pairs.jsonl");
}

static void dpo_mixed_with_likelihood(void **state)
{
    (void)state;
    five_steps("dpo_plain", NULL);
    evaluation("dpo_plain", "plain.jsonl");
}

static void dpo_of_three_losses(void **state)
{
    (void)state;
    five_steps("dpo_wide", NULL);
}

static void dpo_weighted_by_the_policy(void **state)
{
    (void)state;
    five_steps("dpo_wpo", NULL);
}

static void dpo_with_a_reference_that_follows(void **state)
{
    (void)state;
    five_steps("dpo_sync", NULL);
}

/* Answers of several turns: all that follows the prompt is learnt, on both sides. */
static void dpo_on_turns(void **state)
{
    (void)state;
    five_steps("dpo_turns", NULL);
    five_steps("dpo_turns", "share_prompt=false");
}

/* The mismatched answer is the whole one of another record, cut behind this prompt. */
static void kto_with_answers_that_are_cut(void **state)
{
    (void)state;
    five_steps("kto_cut", NULL);
    five_steps("kto_cut", "precompute_ref_log_probs=false");
}

static void kto_on_labels(void **state)
{
    (void)state;
    five_steps("kto_labels", NULL);
    five_steps("kto_labels", "precompute_ref_log_probs=false");
}

static void kto_on_pairs(void **state)
{
    (void)state;
    five_steps("kto_pairs", NULL);
    evaluation("kto_pairs", "pairs.jsonl");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(dpo_on_conversations),
        cmocka_unit_test(dpo_mixed_with_likelihood),
        cmocka_unit_test(dpo_of_three_losses),
        cmocka_unit_test(dpo_weighted_by_the_policy),
        cmocka_unit_test(dpo_with_a_reference_that_follows),
        cmocka_unit_test(dpo_on_turns),
        cmocka_unit_test(kto_with_answers_that_are_cut),
        cmocka_unit_test(kto_on_labels),
        cmocka_unit_test(kto_on_pairs),
    };

    if (trl_golden(GOLDEN, "direct.json"))
        return 1;
    return cmocka_run_group_tests_name("parity_direct", tests, scratch_open, trl_close);
}
