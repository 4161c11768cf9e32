/* The configurations of the methods over the fleet: TRL's names, the batch that they mean, and
 * what is refused by name. */
#include "learner/methods/fleet_keys.h"
#include "learner/methods/methods.h"
#include "learner/methods/pairs.h"
#include "learner/objective/objective_grpo.h"
#include "reward/credit.h"
#include "tests/support/test.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { WORDS = 16 };

struct keys_of {
    struct fleet_keys *keys;
    struct fleet_plan plan;
    enum err err;
};

/* Words of the command line behind those that every run needs. */
static struct keys_of read_keys(const struct method *method, const char *const *words)
{
    struct keys_of k = {.keys = calloc(1, method->size)};
    char *argv[WORDS + 4] = {(char *)(uintptr_t) "model=m", (char *)(uintptr_t) "dataset=d",
                             (char *)(uintptr_t) "output_dir=o"};
    int argc = 3;

    if (!method->demonstrations)
        argv[argc++] = (char *)(uintptr_t) "reward_model_path=r";
    while (*words)
        argv[argc++] = (char *)(uintptr_t)*words++;
    k.err = keys_read(method->tables, k.keys, argc, argv, NULL);
    if (!k.err)
        k.err = fleet_keys_check(&k.plan, method, k.keys);
    if (!k.err)
        k.err = fleet_keys_length(&k.plan, k.keys, 100);
    return k;
}

static void done(const struct method *method, struct keys_of *k)
{
    fleet_keys_fini(&k->plan);
    conf_free(method->tables, k->keys);
    free(k->keys);
}

static void refused(const struct method *method, const char *const *words, const char *said)
{
    struct keys_of k = read_keys(method, words);

    if (!k.err || !strstr(err_text(), said))
        fail_msg("%s: '%s' does not say '%s'", method->name, k.err ? err_text() : "accepted",
                 said);
    done(method, &k);
}

#define WITH(...) ((const char *const[]){__VA_ARGS__, NULL})
#define NOTHING ((const char *const[]){NULL})

static void grpo_has_trls_defaults(void **state)
{
    struct keys_of k = read_keys(methods_find("grpo"), NOTHING);
    const struct objective_grpo_conf *const loss = k.plan.iteration.loss;
    (void)state;

    assert_ok(k.err);
    assert_true(k.plan.samples == 8 && k.plan.batch == 1 && k.plan.iteration.samples == 8);
    assert_true(k.plan.iteration.epochs == 1 && k.plan.iteration.mini_batches == 1);
    assert_int_equal(k.plan.iterations, 300);
    assert_true(loss->loss == OBJECTIVE_DAPO && loss->epsilon_high == .2);
    assert_true(isnan(loss->delta) && loss->use_bias_correction_kl);
    assert_true(!k.plan.iteration.reference && !k.plan.rewards.reference &&
                !k.plan.iteration.critic);
    assert_true(k.plan.iteration.strict && k.plan.iteration.stale.mode == IMPORTANCE_NONE);
    assert_true(k.plan.iteration.rates.peak == 1e-6 && k.plan.iteration.rates.total == 300);
    done(methods_find("grpo"), &k);
}

static void a_batch_is_answers(void **state)
{
    struct keys_of k =
        read_keys(methods_find("grpo"),
                  WITH("per_device_train_batch_size=4", "gradient_accumulation_steps=2",
                       "steps_per_generation=8", "num_iterations=3", "num_generations=4",
                       "max_steps=50", "beta=0.1", "overlap.lag=2"));
    (void)state;

    assert_ok(k.err);
    assert_true(k.plan.batch == 8 && k.plan.samples == 4);
    assert_true(k.plan.iteration.mini_batches == 4 && k.plan.iteration.epochs == 3);
    assert_int_equal(k.plan.iterations, 5); /* of 12 optimiser steps */
    assert_int_equal(k.plan.iteration.rates.total, 60);
    assert_true(k.plan.iteration.reference && k.plan.rewards.reference);
    assert_true(!k.plan.iteration.strict &&
                k.plan.iteration.stale.mode == IMPORTANCE_SEQUENCE_MASK);
    assert_true(k.plan.iteration.stale.high == 3);
    done(methods_find("grpo"), &k);
    refused(methods_find("grpo"), WITH("num_generations=3"), "num_generations");
    refused(methods_find("grpo"),
            WITH("steps_per_generation=3", "gradient_accumulation_steps=2"),
            "steps_per_generation");
    refused(methods_find("grpo"), WITH("generation_batch_size=12"), "generation_batch_size");
    refused(methods_find("grpo"), WITH("generation_batch_size=16", "steps_per_generation=2"),
            "give one");
}

static void words_that_mean_nothing_are_named(void **state)
{
    (void)state;
    refused(methods_find("grpo"), WITH("loss_type=ppo"), "loss_type: 'ppo'");
    refused(methods_find("grpo"), WITH("scale_rewards=all"), "scale_rewards: 'all'");
    refused(methods_find("grpo"), WITH("importance_sampling_level=word"), "expected token");
    refused(methods_find("grpo"), WITH("sync_ref_model=true"), "beta 0");
    refused(methods_find("grpo"), WITH("sync_ref_model=true", "beta=.1", "reference=rewarder"),
            "the learner has it");
    refused(methods_find("grpo"), WITH("use_adaptive_entropy=true", "entropy_coef_min=2"),
            "entropy_coef_min");
    refused(methods_find("grpo"), WITH("repetition_penalty=1.1"), "repetition_penalty");
    refused(methods_find("grpo"), WITH("dynamic_sampling=true", "overlap.lag=1"),
            "dynamic_sampling");
    refused(methods_find("grpo"), WITH("reward_funcs=mine.score"), "'mine.score' is Python");
    refused(methods_find("grpo"), WITH("overlap.free=99"), "overlap");
    refused(methods_find("grpo"), WITH("importance=some"), "importance: 'some'");
    refused(methods_find("rloo"), WITH("kl_in=loss"), "kl_in");
    refused(methods_find("raft"), WITH("num_best=9"), "num_best");
    refused(methods_find("reinforce++"), WITH("baseline=true"), "baseline");
    refused(methods_find("online-dpo"), WITH("loss_type=hinge"), "loss_type: 'hinge'");
    refused(methods_find("online-dpo"), WITH("ties=both"), "ties");
    refused(methods_find("online-dpo"), WITH("beta=[0.1, 0]"), "beta: 0 is not between");
    refused(methods_find("online-dpo"), WITH("beta=[0.1, high]"),
            "beta: 'high' is not a number");
    refused(methods_find("online-dpo"), WITH("beta=[]"), "beta: expected");
    refused(methods_find("online-dpo"), WITH("judge=pair_rm"), "under rewards");
    refused(methods_find("spin"), WITH("overlap.lag=1"), "only none");
    refused(methods_find("ppo"), WITH("lam=1.5"), "lam: 1.5 is not in [0, 1]");
    refused(methods_find("ppo"), WITH("temperature=nan"), "temperature");
    refused(methods_find("ppo"), WITH("advantage=td"), "advantage: 'td'");
    refused(methods_find("ppo"),
            WITH("advantage=vtrace", "overlap.free=2", "importance=token_mask"),
            "vtrace weighs");
}

static void what_is_free_is_corrected(void **state)
{
    struct keys_of k = read_keys(methods_find("ppo"), WITH("overlap.free=4"));
    (void)state;

    assert_ok(k.err);
    assert_true(k.plan.free && k.plan.lag == 4 && !k.plan.iteration.strict);
    assert_int_equal(k.plan.iteration.stale.mode, IMPORTANCE_TOKEN_TRUNCATE);
    assert_true(k.plan.iteration.critic && k.plan.samples == 1);
    done(methods_find("ppo"), &k);
    k = read_keys(methods_find("ppo"), WITH("overlap.lag=4"));
    assert_ok(k.err);
    assert_true(!k.plan.free && k.plan.iteration.stale.mode == IMPORTANCE_NONE);
    done(methods_find("ppo"), &k);
    k = read_keys(methods_find("ppo"), WITH("overlap.free=2", "advantage=vtrace"));
    assert_ok(k.err);
    assert_int_equal(k.plan.iteration.stale.mode, IMPORTANCE_PLAIN);
    done(methods_find("ppo"), &k);
}

static void spin_plays_on_all_records(void **state)
{
    struct keys_of k = read_keys(methods_find("spin"), NOTHING);
    (void)state;

    assert_ok(k.err);
    assert_true(k.plan.batch == 100 && k.plan.iterations == 3 && k.plan.samples == 1);
    assert_true(k.plan.iteration.mini_batches == 13 && k.plan.iteration.epochs == 3);
    assert_true(k.plan.iteration.samples == 2 && k.plan.iteration.self_reference &&
                !k.plan.rewards.n);
    assert_true(k.plan.conditions == 1 && k.plan.stop_if[0].below);
    assert_string_equal(k.plan.stop_if[0].metric, "spin/gain");
    done(methods_find("spin"), &k);
    k = read_keys(methods_find("spin"), WITH("prompts_per_iteration=30", "spin_iterations=7"));
    assert_ok(k.err);
    assert_true(k.plan.batch == 30 && k.plan.iterations == 7);
    done(methods_find("spin"), &k);
}

static void dynamic_sampling_has_room(void **state)
{
    struct keys_of k =
        read_keys(methods_find("grpo"), WITH("dynamic_sampling=true", "dynamic_sampling_max=3",
                                             "gradient_accumulation_steps=4"));
    (void)state;

    assert_ok(k.err);
    assert_true(k.plan.batch == 4 && k.plan.most == 8);
    done(methods_find("grpo"), &k);
}

#define COMPARES "name: ai, judge: j, template_text: \"{a} {b}\\n[verdicts]\\na b\\n\""

/* A judge that compares says one half of an answer alone, and of all together. */
static void a_judge_that_compares_needs_two(void **state)
{
    const char *const ai = "rewards=[{" COMPARES "}]";
    const char *const scaled = "rewards=[{" COMPARES ", normalize: true}]";
    struct keys_of k = read_keys(methods_find("online-dpo"), WITH("reward_model_path=", ai));
    (void)state;

    assert_ok(k.err);
    assert_true(k.plan.rewards.n == 1 && k.plan.rewards.reward[0].group);
    assert_true(k.plan.samples == 2 && k.plan.eval == 0);
    done(methods_find("online-dpo"), &k);
    k = read_keys(methods_find("grpo"), WITH(ai)); /* beside a reward model that says more */
    assert_ok(k.err);
    assert_true(k.plan.rewards.n == 2 && k.plan.eval == 32);
    done(methods_find("grpo"), &k);
    refused(methods_find("ppo"), WITH(ai), "'ai' compares the answers to a prompt");
    refused(methods_find("spin"), WITH(ai), "'ai' compares the answers to a prompt");
    refused(methods_find("reinforce++"), WITH(ai), "of which there is one");
    refused(methods_find("grpo"), WITH(scaled), "no scale");
}

/* Values at step ends need a method that knows tokens; one number of the steps does not. */
static void steps_are_credited_or_refused(void **state)
{
    const char *const by_step = "rewards=[{name: prm, model: p, steps: dense, weight: .5}]";
    const char *const as_one = "rewards=[{name: prm, model: p, steps: min}]";
    const char *const each = "multi_objective_aggregation=normalize_then_sum";
    struct keys_of k = read_keys(methods_find("grpo"), WITH(by_step));
    (void)state;

    assert_ok(k.err);
    assert_true(credit_share(&k.plan.rewards) == .5);
    done(methods_find("grpo"), &k);
    k = read_keys(methods_find("grpo"), WITH(by_step, "reward_weights=[2, 3]"));
    assert_ok(k.err);
    assert_true(credit_share(&k.plan.rewards) == 1.5);
    done(methods_find("grpo"), &k);
    k = read_keys(methods_find("rloo"), WITH(as_one));
    assert_ok(k.err);
    done(methods_find("rloo"), &k);
    refused(methods_find("rloo"), WITH(by_step), "'prm' is credited step by step: rloo");
    refused(methods_find("grpo"), WITH(by_step, each), "normalize_then_sum takes one number");
}

static void online_beta_may_change_by_epoch(void **state)
{
    struct keys_of k =
        read_keys(methods_find("online-dpo"), WITH("beta=[0.1, 0.3]", "num_train_epochs=2",
                                                   "per_device_train_batch_size=5"));
    const struct pairs_keys *pairs = k.plan.self;
    (void)state;

    assert_ok(k.err);
    assert_true(pairs->beta.n == 2 && pairs->beta.value[0] == .1 && pairs->beta.value[1] == .3);
    assert_true(pairs->epochs_each == .05 && k.plan.iterations == 40);
    done(methods_find("online-dpo"), &k);
    k = read_keys(methods_find("online-dpo"), WITH("beta=0.7"));
    assert_ok(k.err);
    pairs = k.plan.self;
    assert_true(pairs->beta.n == 1 && pairs->loss.beta == .7);
    done(methods_find("online-dpo"), &k);
    k = read_keys(methods_find("online-dpo"), NOTHING);
    assert_ok(k.err);
    pairs = k.plan.self;
    assert_true(pairs->beta.n == 1 && pairs->loss.beta == .1);
    done(methods_find("online-dpo"), &k);
}

/* Who is asked, how often, and what learns it. */
static void people_are_asked_where_something_learns(void **state)
{
    const struct method *const online = methods_find("online-dpo"), *const grpo =
                                                                        methods_find("grpo");
    struct keys_of k = read_keys(online, WITH("people=true", "per_device_train_batch_size=6"));

    (void)state;
    assert_ok(k.err);
    assert_int_equal(k.plan.people.per_iteration, 6); /* eight unset: no more than prompts */
    assert_int_equal(k.plan.people.min, 64);
    assert_int_equal(k.plan.people.max_age, 4);
    assert_false(k.plan.people.refreshes);
    done(online, &k);
    k = read_keys(online, WITH("people=false"));
    assert_true(!k.err && !k.plan.people.per_iteration);
    done(online, &k);
    k = read_keys(grpo,
                  WITH("people={min: 5}", "rewards=[{name: rm2, model: x, people: true}]"));
    assert_ok(k.err);
    assert_true(k.plan.people.refreshes && k.plan.people.min == 5);
    done(grpo, &k);
    refused(online, WITH("people.per_iteration=0"), "people.per_iteration: 0 is not");
    refused(online, WITH("people.max_age=1.5"), "whole number");
    refused(online, WITH("people.often=1"), "alone");
    refused(online, WITH("people=8"), "expected true");
    refused(online, WITH("people.per_iteration=9", "per_device_train_batch_size=8"),
            "one a prompt at most");
    refused(grpo, WITH("people=true"), "no reward model says people: true");
    refused(methods_find("ppo"),
            WITH("people=true", "rewards=[{name: rm2, model: x, people: true}]"),
            "one answer to a prompt");
    refused(grpo, WITH("rewards=[{name: rm2, model: x, people: true}]"), "the key people");
    refused(
        grpo,
        WITH("people=true", "overlap.lag=1", "rewards=[{name: rm2, model: x, people: true}]"),
        "overlap: none");
    refused(
        grpo,
        WITH("people=true",
             "rewards=[{name: a, model: x, people: true},{name: b, model: y, people: true}]"),
        "one reward model");
    refused(grpo,
            WITH("people=true", "rewards=[{name: a, model: x, people: true, normalize: true}]"),
            "no normalize");
    refused(grpo,
            WITH("people=true", "rewards=[{name: a, model: x, people: true, steps: min}]"),
            "does not go with steps");
}

/* Written in int8 and learnt in bfloat16: nothing compares bits, and answers are weighed as stale ones. */
static void coarser_answers_are_of_another_policy(void **state)
{
    static const struct {
        const char *method, *more;
        enum importance mode;
    } row[] = {{"ppo", "seed=1", IMPORTANCE_TOKEN_TRUNCATE},
               {"ppo", "advantage=vtrace", IMPORTANCE_PLAIN},
               {"ppo", "importance=plain", IMPORTANCE_PLAIN},
               {"grpo", "num_generations=4", IMPORTANCE_SEQUENCE_MASK},
               {"nash-md", "seed=1", IMPORTANCE_SEQUENCE_TRUNCATE}};

    (void)state;
    for (size_t i = 0; i < sizeof row / sizeof *row; i++)
        for (int coarse = 0; coarse < 2; coarse++) {
            const struct method *const method = methods_find(row[i].method);
            struct keys_of k =
                read_keys(method, WITH("compute=bfloat16", row[i].more,
                                       coarse ? "generation=int8" : "generation=bfloat16"));

            assert_ok(k.err);
            assert_true(k.plan.answers_int8 == coarse);
            assert_true(k.plan.iteration.strict == !coarse);
            assert_int_equal(k.plan.iteration.stale.mode,
                             coarse ? row[i].mode : IMPORTANCE_NONE);
            done(method, &k);
        }
    {
        struct keys_of k =
            read_keys(methods_find("ppo"), WITH("compute=int8", "generation=int8"));

        assert_ok(k.err); /* it is the same */
        assert_true(k.plan.iteration.strict && !k.plan.answers_int8);
        done(methods_find("ppo"), &k);
    }
    refused(methods_find("ppo"), WITH("generation=int8"), "made of bfloat16");
    refused(methods_find("ppo"), WITH("compute=int8", "generation=bfloat16"), "generation: ");
    refused(methods_find("ppo"), WITH("generation=fp16"), "generation: ");
    refused(methods_find("ppo"),
            WITH("compute=bfloat16", "generation=int8", "proximal=interpolated"), "proximal");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(grpo_has_trls_defaults),
        cmocka_unit_test(a_batch_is_answers),
        cmocka_unit_test(words_that_mean_nothing_are_named),
        cmocka_unit_test(a_judge_that_compares_needs_two),
        cmocka_unit_test(steps_are_credited_or_refused),
        cmocka_unit_test(online_beta_may_change_by_epoch),
        cmocka_unit_test(people_are_asked_where_something_learns),
        cmocka_unit_test(what_is_free_is_corrected),
        cmocka_unit_test(spin_plays_on_all_records),
        cmocka_unit_test(dynamic_sampling_has_room),
        cmocka_unit_test(coarser_answers_are_of_another_policy),
    };

    return cmocka_run_group_tests_name("fleet_keys", tests, NULL, NULL);
}
