/* PPO's iteration: TRL's own lines in torch as golden numbers (tests/golden/ppo_steps.py), and
 * what must hold for any numbers. */
#include "learner/iteration/iteration_state.h"
#include "learner/methods/token_rewards.h"
#include "learner/run/checkpoint.h"
#include "tests/learner/feed.h"

#include <math.h>
#include <unistd.h>

/* Losses and norms of later optimiser steps inherit what Adam makes of rounding near zero. */
static void iterations_follow_trl(void **state)
{
    (void)state;
    for (int c = 0; c < GOLDEN_CASES; c++) {
        const struct iteration_conf conf = golden_conf(c);
        struct iteration_state *ppo = fresh(&conf);
        for (int it = 0; it < 2; it++) {
            struct feed feed;
            struct iteration_metrics got;
            feed_golden(&feed, c, it);
            assert_ok(iteration_run(ppo, feed.rollout, ROWS, 0, &got));
            for (int k = 0; k < GOLDEN_METRICS; k++) {
                const double want = golden[c].iteration[it].metric[k];
                const double is = metric(&got, golden_name[k]);
                const double room = 1e-4 * fmax(fabs(want), .05);
                if (!(fabs(is - want) <= room))
                    fail_msg("case %d iteration %d %s: %.9g, not %.9g", c, it, golden_name[k],
                             is, want);
            }
        }
        assert_true(fabs(iteration_beta(ppo) - golden[c].beta) < 1e-9);
        iteration_free(ppo);
    }
}

static void same_weights(const struct params *a, const struct params *b)
{
    assert_int_equal(a->count, b->count);
    assert_memory_equal(a->data, b->data, a->count * sizeof(float));
}

static void same_state(const struct iteration_state *a, const struct iteration_state *b)
{
    size_t bytes, other;
    const float *image = iteration_image(a, &bytes), *image_b = iteration_image(b, &other);

    same_weights(iteration_policy(a), iteration_policy(b));
    same_weights(iteration_critic(a), iteration_critic(b));
    assert_int_equal(bytes, other);
    assert_memory_equal(image, image_b, bytes);
    assert_true(iteration_beta(a) == iteration_beta(b) &&
                iteration_count(a) == iteration_count(b));
}

static void run(struct iteration_state *ppo, int c, int iteration,
                struct iteration_metrics *out)
{
    struct feed feed;

    feed_golden(&feed, c, iteration);
    assert_ok(iteration_run(ppo, feed.rollout, ROWS, 0, out));
}

/* The bits that generation gives are the bits that training gets, with and without keeping
 * activations, in any micro-batch and at any temperature. */
static void on_policy_the_first_ratio_is_exactly_one(void **state)
{
    (void)state;
    for (int c = 0; c < 4; c++) {
        struct iteration_conf conf = golden_conf(c % 2);
        struct iteration_metrics got;
        struct feed feed;
        struct iteration_state *ppo;

        conf.strict = true;
        conf.training.checkpointing = c < 2;
        conf.mini_batches = 1 + c % 3;
        conf.per_device_train_batch_size = 1 + c;
        ppo = fresh(&conf);
        for (int it = 0; it < 2; it++) {
            feed_on_policy(&feed, ppo, conf.temperature, it);
            assert_ok(iteration_run(ppo, feed.rollout, ROWS, 0, &got));
            assert_true(got.first.ratio_gap == 0.0 && got.first.approxkl == 0.0);
            assert_true(got.first.clipfrac == 0.0 && got.first.tokens > 0);
            assert_true(got.tokens == TOKENS && got.learnt == TOKENS);
            assert_true(metric(&got, "policy/approxkl_avg") > 0);
        }
        iteration_free(ppo);
    }
}

/* One unit in the last place is enough, and the words say where. */
static void a_token_of_other_weights_is_named(void **state)
{
    struct iteration_conf conf = golden_conf(0);
    struct iteration_metrics got;
    struct feed feed;
    struct iteration_state *ppo;
    (void)state;

    ppo = fresh(&conf);
    feed_on_policy(&feed, ppo, conf.temperature, 0);
    feed.behaviour[6 + 1 + 4] = nextafterf(feed.behaviour[6 + 1 + 4], 0);
    assert_ok(iteration_run(ppo, feed.rollout, ROWS, 0, &got));
    assert_true(got.first.ratio_gap > 0 && got.first.ratio_gap < 1e-5);
    iteration_free(ppo);
    conf.strict = true;
    ppo = fresh(&conf);
    assert_err(ERR_STATE, iteration_run(ppo, feed.rollout, ROWS, 0, &got));
    assert_non_null(strstr(err_text(), "task 11 sample 0 token 4"));
    iteration_free(ppo);
}

/* The optimiser's steps are of the mini-batch, not of the micro-batch: token means, not means
 * of means. */
static void micro_batches_add_up(void **state)
{
    struct iteration_metrics whole, parts;
    (void)state;

    for (int c = 0; c < 2; c++) {
        struct iteration_conf conf = golden_conf(c);
        struct iteration_state *a, *b;

        conf.mini_batches = 2;
        conf.per_device_train_batch_size = ROWS;
        a = fresh(&conf);
        conf.per_device_train_batch_size = 1;
        b = fresh(&conf);
        run(a, c, 0, &whole);
        run(b, c, 0, &parts);
        assert_int_equal(whole.n, parts.n);
        for (int i = 0; i < whole.n; i++)
            if (fabs(whole.metric[i].value - parts.metric[i].value) >
                1e-4 * fmax(fabs(whole.metric[i].value), .05))
                fail_msg("%s: %.9g whole, %.9g in parts", whole.metric[i].name,
                         whole.metric[i].value, parts.metric[i].value);
        iteration_free(a);
        iteration_free(b);
    }
}

static void the_same_rollouts_give_the_same_bits(void **state)
{
    struct iteration_conf conf = golden_conf(1);
    struct iteration_metrics got;
    struct iteration_state *a, *b, *c;
    (void)state;

    conf.mini_batches = 3;
    a = fresh(&conf);
    b = fresh(&conf);
    conf.seed++;
    c = fresh(&conf);
    for (int it = 0; it < 2; it++) {
        run(a, 1, it, &got);
        run(b, 1, it, &got);
        run(c, 1, it, &got);
    }
    same_state(a, b);
    /* another seed, another order of the mini-batches */
    assert_true(memcmp(iteration_policy(a)->data, iteration_policy(c)->data,
                       iteration_policy(a)->count * sizeof(float)) != 0);
    iteration_free(a);
    iteration_free(b);
    iteration_free(c);
}

/* A run that was stopped and resumed ends in the bits of one that was not. */
static void a_state_comes_back_bit_for_bit(void **state)
{
    char folder[] = "/tmp/drover-ppo-XXXXXX", *path;
    struct iteration_conf conf = golden_conf(1);
    struct iteration_metrics got, again;
    json_t *meta = json_pack("{s:s}", "run", "x"), *back = NULL;
    struct iteration_state *a, *b;
    int64_t *steps;
    size_t n;
    (void)state;

    assert_non_null(mkdtemp(folder));
    conf.mini_batches = 2;
    a = fresh(&conf);
    run(a, 1, 0, &got);
    assert_ok(iteration_state_write(a, folder, meta));
    run(a, 1, 1, &got);
    assert_ok(checkpoint_list(&steps, &n, folder));
    assert_true(n == 1 && steps[0] == 1);
    assert_ok(iteration_new(&b, &conf, weights(&small_shape[0]), NULL));
    iteration_free(b);
    b = fresh(&conf);
    assert_ok(iteration_state_read(b, folder, 1, &back));
    assert_true(json_equal(meta, back));
    assert_int_equal(iteration_count(b), 1);
    run(b, 1, 1, &again);
    same_state(a, b);
    for (int i = 0; i < got.n; i++)
        assert_true(got.metric[i].value == again.metric[i].value);
    iteration_free(b);
    /* other shapes are refused, and nothing has changed */
    assert_ok(iteration_new(&b, &conf, weights(&small_shape[1]), NULL));
    assert_err(ERR_RANGE, iteration_state_read(b, folder, 1, NULL));
    assert_int_equal(iteration_count(b), 0);
    assert_err(ERR_IO, iteration_state_read(b, folder, 2, NULL));
    iteration_free(b);
    iteration_free(a);
    json_decref(meta);
    json_decref(back);
    free(steps);
    path = checkpoint_path(folder, 1);
    assert_int_equal(unlink(path), 0);
    free(path);
    assert_int_equal(rmdir(folder), 0);
}

/* A tool's tokens within an answer: whatever stands in their columns, nothing changes. */
static void what_the_policy_did_not_write_changes_nothing(void **state)
{
    const struct iteration_conf conf = golden_conf(1);
    const uint8_t mask[] = {1, 1, 0, 0, 0, 1, 1, 1, 0};
    struct iteration_state *ppo[2];
    struct iteration_metrics got[2];
    (void)state;

    for (int k = 0; k < 2; k++) {
        struct feed feed;
        feed_golden(&feed, 1, 0);
        feed.rollout[2].mask = mask;
        for (int t = 0; t < 9; t++)
            if (!mask[t] && k)
                feed.behaviour[7 + t] = feed.reference[7 + t] = -99;
        ppo[k] = fresh(&conf);
        assert_ok(iteration_run(ppo[k], feed.rollout, ROWS, 0, &got[k]));
        assert_int_equal(got[k].learnt, TOKENS - 4);
    }
    same_state(ppo[0], ppo[1]);
    for (int i = 0; i < got[0].n; i++)
        assert_true(got[0].metric[i].value == got[1].metric[i].value);
    iteration_free(ppo[0]);
    iteration_free(ppo[1]);
}

/* By hand: three tokens, one masked; the score stands at the last token that was learnt. */
static void rewards_are_as_computed_by_hand(void **state)
{
    const int token[] = {1, 2, 3, 4};
    const float behaviour[] = {-1, -2, -3, -4}, reference[] = {-1.5f, -1, -9, -9};
    const uint8_t mask[] = {1, 1, 1, 0};
    struct iteration_rollout rollout = {
        .prompt = token, .n_prompt = 1, .token = token, .n_token = 4};
    const struct iteration_conf round =
        planned("ppo", 1, "missing_eos_penalty=.5;lam=1;kl_coef=.1;critic_warmup=0");
    struct iteration_batch batch;
    (void)state;

    rollout.mask = mask;
    rollout.behaviour = behaviour;
    rollout.reference = reference;
    rollout.score = 2;
    assert_ok(iteration_batch_init(&batch, &round, &rollout, 1, 0));
    token_rewards(&batch, NULL, .1);
    assert_true(fabs((double)batch.reward[0] + .05) < 1e-7); /* -beta (-1 + 1.5) */
    assert_true(fabs((double)batch.reward[1] - .1) < 1e-7);
    assert_true(fabs((double)batch.reward[2] - (1.5 - .6)) < 1e-7);
    assert_true(batch.reward[3] == 0);
    assert_true(fabs(batch.kl - 5.5) < 1e-12 && fabs(batch.non_score + .55) < 1e-12);
    assert_true(batch.entropy == 6 && batch.total == 1.5 && batch.ended == 0);
    /* Advantages with a critic that knows nothing, lambda 1: what is still to come, whitened;
     * returns from before. */
    iteration_batch_fini(&batch);
    assert_ok(iteration_batch_init(&batch, &round, &rollout, 1, 0));
    memset(batch.value, 0, 4 * sizeof(float));
    round.assign(round.method, &batch, .1);
    const double to_come[] = {.95, 1, .9}, mean = .95, sd = .05;
    for (int t = 0; t < 3; t++) {
        assert_true(fabs((double)batch.returns[t] - to_come[t]) < 1e-6);
        assert_true(fabs((double)batch.advantage[t] - (to_come[t] - mean) / sd) < 1e-4);
    }
    assert_true(batch.advantage[3] == 0);
    iteration_batch_fini(&batch);
}

/* What belongs to a step stands at its end, the rest of the score at the last learnt token;
 * nothing is lost and nothing is counted twice. */
static void step_rewards_stand_where_steps_end(void **state)
{
    const int token[] = {1, 2, 3, 4};
    const float zero[] = {0, 0, 0, 0}, dense[] = {NAN, .5f, NAN, -.25f};
    const uint8_t mask[] = {1, 1, 1, 0};
    struct iteration_rollout rollout = {
        .prompt = token, .n_prompt = 1, .token = token, .n_token = 4};
    const struct iteration_conf round = planned("ppo", 1, "critic_warmup=0");
    struct iteration_batch batch;
    (void)state;

    rollout.mask = mask;
    rollout.behaviour = rollout.reference = zero;
    rollout.score = 2;
    rollout.ended = true;
    rollout.dense = dense;
    assert_ok(iteration_batch_init(&batch, &round, &rollout, 1, 0));
    double *const step = iteration_batch_steps(&batch);
    token_rewards(&batch, step, .1);
    free(step);
    assert_true(batch.reward[0] == 0 && batch.reward[1] == .5f);
    assert_true(batch.reward[2] == 1.5f); /* another's token at the end earns nothing */
    assert_true(batch.reward[3] == 0 && batch.total == 2);
    iteration_batch_fini(&batch);
}

/* One step of gamma lambda leads from the token before a tool's to the one after. */
static void values_reach_across_a_tool(void **state)
{
    const int token[] = {1, 2, 3};
    const float zero[] = {0, 0, 0};
    const uint8_t mask[] = {1, 0, 1};
    struct iteration_rollout rollout = {
        .prompt = token, .n_prompt = 1, .token = token, .n_token = 3};
    const struct iteration_conf round = planned("ppo", 1, "gamma=.5;critic_warmup=0");
    struct iteration_batch batch;
    (void)state;

    rollout.mask = mask;
    rollout.behaviour = rollout.reference = zero;
    rollout.score = 1;
    assert_ok(iteration_batch_init(&batch, &round, &rollout, 1, 0));
    batch.value[0] = .25f;
    batch.value[1] = 9; /* of no one */
    batch.value[2] = .5f;
    round.assign(round.method, &batch, .1);
    const double last = 1 - .5, first = .5 * .5 - .25 + .5 * .95 * last;
    assert_true(fabs((double)batch.returns[2] - (last + .5)) < 1e-6);
    assert_true(fabs((double)batch.returns[0] - (first + .25)) < 1e-6);
    assert_true(batch.returns[1] == 0 && batch.advantage[1] == 0);
    iteration_batch_fini(&batch);
}

/* Mini-batches of one answer each: which one comes first changes, and is told by its length. */
static void every_iteration_has_its_own_order(void **state)
{
    struct iteration_conf conf = golden_conf(0);
    struct iteration_metrics got;
    int64_t seen[8];
    bool moved = false;
    struct iteration_state *ppo;
    (void)state;

    conf.mini_batches = ROWS;
    conf.epochs = 1;
    ppo = fresh(&conf);
    for (int it = 0; it < 8; it++) {
        run(ppo, 0, it % 2, &got);
        seen[it] = got.first.tokens;
        moved |= seen[it] != seen[0];
    }
    assert_true(moved);
    iteration_free(ppo);
}

static void refused(size_t n, const struct iteration_rollout *rollout, const char *words)
{
    const struct iteration_conf conf = golden_conf(0);
    struct iteration_state *ppo = fresh(&conf);
    struct iteration_metrics got;

    assert_err(ERR_RANGE, iteration_run(ppo, rollout, n, 0, &got));
    if (!strstr(err_text(), words))
        fail_msg("'%s' does not say '%s'", err_text(), words);
    iteration_free(ppo);
}

static void bad_rollouts_are_refused_by_name(void **state)
{
    const uint8_t none[16] = {0};
    struct feed feed;
    (void)state;

    feed_golden(&feed, 0, 0);
    refused(0, feed.rollout, "num_mini_batches");
    feed.rollout[3].sample = 0;
    refused(ROWS, feed.rollout, "task 11 sample 0: not in ascending order");
    feed_golden(&feed, 0, 0);
    feed.rollout[4].mask = none;
    refused(ROWS, feed.rollout, "task 12 sample 0: the policy wrote none");
    feed.rollout[4].mask = NULL;
    feed.rollout[5].score = NAN;
    refused(ROWS, feed.rollout, "task 12 sample 1: its score");
    feed.rollout[1].n_token = 0;
    refused(ROWS, feed.rollout, "task 10 sample 1: prompt or answer is empty");
    feed_golden(&feed, 0, 0);
    feed.reference[8] = -INFINITY;
    refused(ROWS, feed.rollout, "task 11 sample 0 token 1:");
    feed_golden(&feed, 0, 0);
    feed.token[2][3] = small_shape[0].vocab;
    refused(ROWS, feed.rollout, "");
}

static void models_that_do_not_fit_are_refused(void **state)
{
    const struct iteration_conf conf = planned("ppo", 1, "critic_warmup=0");
    struct shape less = small_shape[3];
    struct iteration_state *ppo;
    (void)state;

    assert_err(ERR_RANGE, iteration_new(&ppo, &conf, weights(&small_shape[3]), NULL));
    assert_err(ERR_RANGE,
               iteration_new(&ppo, &conf, weights(&small_shape[0]), weights(&small_shape[1])));
    less.vocab = 64;
    assert_err(ERR_RANGE, iteration_new(&ppo, &conf, weights(&small_shape[0]), weights(&less)));
    assert_null(ppo);
}

/* A critic with a zero head expects nothing: the first error is that of the returns alone. */
static void a_zero_critic_expects_nothing(void **state)
{
    struct iteration_conf conf = golden_with(0, "lam=1");
    struct iteration_metrics got;
    struct feed feed;
    struct iteration_state *ppo;
    double want = 0;
    (void)state;

    conf.epochs = 1;
    conf.kl_coef = 0;
    assert_ok(iteration_new(&ppo, &conf, weights(&small_shape[0]), NULL));
    feed_golden(&feed, 0, 0);
    assert_ok(iteration_run(ppo, feed.rollout, ROWS, 0, &got));
    for (int s = 0; s < ROWS; s++)
        want += .5 * golden_answer[s] * feed.rollout[s].score * feed.rollout[s].score;
    assert_true(fabs(metric(&got, "loss/value_avg") - want / TOKENS) < 1e-5);
    iteration_free(ppo);
}

static void a_stop_ends_between_micro_batches(void **state)
{
    const atomic_bool now = true;
    struct iteration_conf conf = golden_conf(0);
    struct iteration_metrics got;
    struct feed feed;
    struct iteration_state *ppo;
    (void)state;

    conf.stop = &now;
    ppo = fresh(&conf);
    feed_golden(&feed, 0, 0);
    assert_err(ERR_STATE, iteration_run(ppo, feed.rollout, ROWS, 0, &got));
    assert_int_equal(iteration_count(ppo), 0);
    iteration_free(ppo);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(iterations_follow_trl),
        cmocka_unit_test(on_policy_the_first_ratio_is_exactly_one),
        cmocka_unit_test(a_token_of_other_weights_is_named),
        cmocka_unit_test(micro_batches_add_up),
        cmocka_unit_test(the_same_rollouts_give_the_same_bits),
        cmocka_unit_test(a_state_comes_back_bit_for_bit),
        cmocka_unit_test(what_the_policy_did_not_write_changes_nothing),
        cmocka_unit_test(rewards_are_as_computed_by_hand),
        cmocka_unit_test(step_rewards_stand_where_steps_end),
        cmocka_unit_test(values_reach_across_a_tool),
        cmocka_unit_test(every_iteration_has_its_own_order),
        cmocka_unit_test(bad_rollouts_are_refused_by_name),
        cmocka_unit_test(models_that_do_not_fit_are_refused),
        cmocka_unit_test(a_zero_critic_expects_nothing),
        cmocka_unit_test(a_stop_ends_between_micro_batches),
    };

    return cmocka_run_group_tests_name("ppo", tests, NULL, NULL);
}
