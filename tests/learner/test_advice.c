/* advice: only what helps is named. */

#include "tests/lm/small.h"

#include "learner/run/memory_plan.h"

#include "learner/run/advice.h"
#include "learner/step/trainable.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static const char *words(const struct advice_memory *m)
{
    assert_err(ERR_RANGE, advice_memory(m));
    return err_text();
}

static void what_no_batch_changes_is_no_matter_of_the_batch(void **state)
{
    struct advice_memory m = {.needs = 40000000000,
                              .has = 16000000000,
                              .floor = 12000000000,
                              .lora_floor = 8000000000,
                              .whose = "this machine",
                              .batch = 8,
                              .tokens = 8192,
                              .length_key = "max_length"};

    (void)state;
    assert_non_null(strstr(words(&m), "needs 40 GB, more than the 16 GB of this machine"));
    assert_non_null(strstr(words(&m), "lower per_device_train_batch_size (8)"));
    m.batch = 1;
    assert_null(strstr(words(&m), "batch_size"));
    assert_non_null(strstr(words(&m), "lower max_length"));
    m.floor = 30000000000;
    assert_null(strstr(words(&m), "batch_size"));
    assert_non_null(strstr(words(&m), "use_peft=true (LoRA, from 8 GB on)"));
    m.lora_floor = 17000000000; /* that would not help either */
    assert_null(strstr(words(&m), "peft"));
    assert_non_null(strstr(words(&m),
                           "only a smaller model, or another machine (from 17 GB on, "
                           "by LoRA), can help"));
    m.lora_floor = 0; /* it is one already */
    assert_null(strstr(words(&m), "peft"));
    assert_non_null(strstr(words(&m), "another machine (from 30 GB on), can help"));
    m.floor = 12000000000; /* checkpointing comes first where it is enough, and only there */
    m.recomputed = 16000000000;
    assert_non_null(strstr(words(&m),
                           "16 GB of this machine: gradient_checkpointing=true makes "
                           "it 16 GB"));
    assert_null(strstr(words(&m), "max_length"));
    m.recomputed++;
    assert_null(strstr(words(&m), "gradient_checkpointing"));
    m.has = 6;
    assert_non_null(strstr(words(&m), "more than the 6 bytes of this machine"));
    m.needs = m.has;
    assert_ok(advice_memory(&m));
}

/* The same sum whoever asks: models in training, copies of compute weights, the data. */
static void a_plan_is_the_sum_of_what_is_held(void **state)
{
    const struct shape *const policy = &small_shape[0], *const critic = &small_shape[3];
    const struct train_options options = {.checkpointing = true};
    struct memory_plan plan = {.policy = *policy, .options = options, .tokens = 99};
    const size_t alone = trainable_size(policy, &options, NULL, 99);
    size_t policy_shared, shared;
    struct keys keys = {.per_device_train_batch_size = 1, .lora_r = 4, .lora_alpha = 8};
    struct keys_plan allowed = {.memory_bytes = alone, .memory_whose = "max_memory"};
    (void)state;

    assert_int_equal(memory_plan_size(&plan), alone);
    assert_ok(memory_plan_check(&plan, &keys, &allowed, "max_length"));
    plan.critic = critic;
    /* they take turns in one room: gradient and activations of the smaller one's take none */
    policy_shared = trainable_size_shared(policy, &options, NULL, 99);
    shared = trainable_size_shared(critic, &options, NULL, 99);
    assert_true(policy_shared > shared && shared > 4 * packed_size(critic) / 5);
    assert_int_equal(memory_plan_size(&plan),
                     alone + trainable_size(critic, &options, NULL, 99) - shared);
    assert_err(ERR_RANGE, memory_plan_check(&plan, &keys, &allowed, "max_length"));
    plan.critic = NULL;
    plan.n_images = 2;
    plan.data = 7;
    assert_int_equal(memory_plan_size(&plan), alone + 2 * packed_size(policy) + 7);
    plan.n_images = 0;
    plan.data = 0;
    plan.options.checkpointing = false; /* which would be enough, and is what is said */
    assert_err(ERR_RANGE, memory_plan_check(&plan, &keys, &allowed, "max_length"));
    assert_non_null(strstr(err_text(), "gradient_checkpointing=true"));
}

/* As few layers are computed again as fit: of each bound the plan is the largest below it, and one layer more
 * would not be. */
static void what_fits_is_kept(void **state)
{
    enum { LAYERS = 5 };
    struct shape deep = small_shape[0];
    const struct shape *const policy = &deep, *const critic = &small_shape[3];
    struct keys_plan allowed = {.memory_whose = "max_memory"};
    size_t last = 0;
    (void)state;

    deep.layers = LAYERS;
    for (int kept = 0; kept < LAYERS; kept++) { /* four, and the room of one: all five */
        struct memory_plan plan = {.policy = *policy,
                                   .critic = critic,
                                   .options = {.checkpointing = true, .keep = 1},
                                   .tokens = 99};
        char words[MEMORY_PLAN_WORDS], want[80];

        if (kept)
            plan.options.keep = train_keep(policy, 99, kept);
        allowed.memory_bytes = allowed.memory_roomy = memory_plan_size(&plan);
        assert_true(allowed.memory_bytes > last);
        last = allowed.memory_bytes;
        memory_plan_keep(&plan, &allowed, words);
        assert_int_equal(memory_plan_size(&plan), allowed.memory_bytes);
        snprintf(want, sizeof want, "%d of %d layers are computed again", LAYERS - kept,
                 LAYERS);
        assert_true(kept < LAYERS - 1 ? strstr(words, want) && strstr(words, "into max_memory")
                                      : !*words);
        allowed.memory_bytes = --allowed.memory_roomy; /* a byte less: a layer less */
        memory_plan_keep(&plan, &allowed, words);
        assert_true(!kept || memory_plan_size(&plan) < allowed.memory_bytes);
    }
    struct memory_plan plan = {
        .policy = *policy, .options = {.checkpointing = true}, .tokens = 99};
    const size_t quarter = memory_plan_size(&plan); /* nobody planned */
    char words[MEMORY_PLAN_WORDS];

    /* Half of a machine is too little: what was always kept still is, if all of it holds that. */
    allowed = (struct keys_plan){
        .memory_bytes = quarter, .memory_roomy = 9, .memory_whose = "this machine"};
    memory_plan_keep(&plan, &allowed, words);
    assert_true(memory_plan_size(&plan) <= quarter);
    assert_non_null(strstr(words, "half of this machine"));
    allowed.memory_bytes = 9;
    memory_plan_keep(&plan, &allowed, words);
    assert_int_equal(plan.options.keep, 1);
    plan.options = (struct train_options){.checkpointing = false};
    memory_plan_keep(&plan, &allowed, words);
    assert_true(!*words && !plan.options.keep && !plan.options.checkpointing);
}

static void an_adapter_wants_a_rate_of_its_own(void **state)
{
    char out[ADVICE_WORDS];

    (void)state;
    advice_rate(out, 1e-6, true);
    assert_non_null(strstr(out, "LoRA wants 1e-5"));
    advice_rate(out, 1e-5, true);
    assert_string_equal(out, "");
    advice_rate(out, 1e-6, false);
    assert_string_equal(out, "");
}

static void a_loss_that_stands_still_is_said(void **state)
{
    char out[ADVICE_WORDS];

    (void)state;
    advice_still(out, 0.69314, 0.69312, 1e-6, true);
    assert_string_equal(out,
                        "the loss did not move (0.6931, then 0.6931): learning_rate is 1e-06, "
                        "LoRA wants 1e-5 or more");
    advice_still(out, 0.69315, 0.69312, 1e-4, true);
    assert_non_null(strstr(out, "is learning_rate 0.0001 too low"));
    advice_still(out, 0.69315, 0.69, 1e-6, true);
    assert_string_equal(out, "");
    advice_still(out, NAN, 0.69, 1e-6, true);
    assert_string_equal(out, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_no_batch_changes_is_no_matter_of_the_batch),
        cmocka_unit_test(a_plan_is_the_sum_of_what_is_held),
        cmocka_unit_test(what_fits_is_kept),
        cmocka_unit_test(an_adapter_wants_a_rate_of_its_own),
        cmocka_unit_test(a_loss_that_stands_still_is_said),
    };

    return cmocka_run_group_tests_name("learner/advice", tests, NULL, NULL);
}
