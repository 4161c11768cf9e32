/* What the methods over the fleet make of scores: groups, pairs, the weights of stale answers;
 * and rounds without a critic on a small model. */
#include "learner/iteration/iteration_batch.h"
#include "learner/iteration/iteration_state.h"
#include "tests/learner/feed.h"

#include <math.h>
#include <unistd.h>

enum { N = 6, EACH = 3, LONG = 4 };

/* Six answers to two prompts, of one to four tokens. */
struct credit_world {
    int token[LONG + 1];
    float behaviour[LONG], reference[LONG];
    struct iteration_rollout answer[N];
    struct iteration_conf round;
    struct iteration_batch batch;
};
static const double scores[N] = {1, 3, 3, .5, -1, 0};
static const int lengths[N] = {2, 4, 1, 3, 4, 2};

#define GROUPS "num_generations=3;per_device_train_batch_size=3;max_completion_length=8;"
#define PLAIN GROUPS "kl_in=reward;scale_rewards=none;"

static void prepare(struct credit_world *w, const char *method, const char *words)
{
    memset(w, 0, sizeof *w);
    for (int t = 0; t < LONG; t++) {
        w->behaviour[t] = (float)(-1 - t);
        w->reference[t] = (float)(-1.5 - t);
    }
    for (int i = 0; i < N; i++)
        w->answer[i] = (struct iteration_rollout){.task = (uint64_t)(i / EACH),
                                                  .sample = (uint32_t)(i % EACH),
                                                  .prompt = w->token,
                                                  .n_prompt = 1,
                                                  .token = w->token,
                                                  .n_token = lengths[i],
                                                  .behaviour = w->behaviour,
                                                  .reference = w->reference,
                                                  .score = scores[i],
                                                  .ended = i != 1};
    w->round = planned(method, 1, "%s", words);
}

static void assign(struct credit_world *w)
{
    assert_ok(iteration_batch_init(&w->batch, &w->round, w->answer, N, 0));
    w->round.assign(w->round.method, &w->batch, w->round.kl_coef);
}

static void near(double want, float is)
{
    if (!(fabs(want - (double)is) < 1e-5))
        fail_msg("%.7f, not %.7f", (double)is, want);
}

/* Half a nat of k1 a token. */
static void grpo_takes_the_price_from_the_score(void **state)
{
    struct credit_world w;
    double s[N];
    (void)state;

    prepare(&w, "grpo", PLAIN "beta=.2");
    assign(&w);
    for (int i = 0; i < N; i++)
        s[i] = scores[i] - .2 * .5 * lengths[i];
    for (int i = 0; i < N; i++) {
        const double mean =
            (s[i / EACH * EACH] + s[i / EACH * EACH + 1] + s[i / EACH * EACH + 2]) / 3;
        for (int t = 0; t < lengths[i]; t++)
            near(s[i] - mean, w.batch.advantage[w.batch.at[i] + (size_t)t]);
    }
    assert_true(fabs(w.batch.kl - .5 * 16) < 1e-6);
    assert_true(w.batch.flat == 0 && w.batch.n_unit == N);
    iteration_batch_fini(&w.batch);
}

static void an_answer_that_was_cut_may_be_left_out(void **state)
{
    struct credit_world w;
    (void)state;

    prepare(&w, "grpo", PLAIN "mask_truncated_completions=true");
    assign(&w);
    for (int i = 0; i < N; i++)
        for (int t = 0; t < lengths[i]; t++)
            assert_int_equal(w.batch.learn[w.batch.at[i] + (size_t)t], i != 1);
    /* its score still counts for the others */
    near(1 - 7. / 3, w.batch.advantage[0]);
    iteration_batch_fini(&w.batch);
}

static void rloo_clips_and_compares_with_the_others(void **state)
{
    struct credit_world w;
    (void)state;

    prepare(&w, "rloo", GROUPS "beta=.2;reward_clip_range=[-9, 2]");
    assign(&w);
    const double a = 1 - .2, b = 2 - .4, c = 2 - .1;
    near(a - (b + c) / 2, w.batch.advantage[0]);
    near(b - (a + c) / 2, w.batch.advantage[w.batch.at[1]]);
    iteration_batch_fini(&w.batch);
}

/* What is still to come: the score, and the prices of the tokens from here on; then whitened.
 */
static void reinforce_discounts_and_whitens(void **state)
{
    struct credit_world w;
    double raw[16], mean = 0, square = 0;
    int n = 0;
    (void)state;

    prepare(&w, "reinforce++", GROUPS "beta=.2;gamma=.9;baseline=true");
    assign(&w);
    for (int i = 0; i < N; i++) {
        const int g = i / EACH * EACH;
        double to_come = scores[i] - (scores[g] + scores[g + 1] + scores[g + 2]) / 3;
        for (int t = lengths[i] - 1; t >= 0; t--, to_come *= .9)
            raw[n + t] = to_come -= .1;
        n += lengths[i];
    }
    for (int t = 0; t < n; t++)
        mean += raw[t] / n;
    for (int t = 0; t < n; t++)
        square += (raw[t] - mean) * (raw[t] - mean) / (n - 1);
    for (int t = 0; t < n; t++)
        near((raw[t] - mean) / sqrt(square), w.batch.advantage[t]);
    assert_true(fabs(w.batch.kl - 8) < 1e-6);
    iteration_batch_fini(&w.batch);
}

static void raft_takes_the_best_and_the_earlier_of_equals(void **state)
{
    struct credit_world w;
    (void)state;

    prepare(&w, "raft", GROUPS "num_best=1");
    assign(&w);
    assert_true(w.batch.n_unit == 2 && w.batch.unit[0] == 1 && w.batch.unit[1] == 3);
    iteration_batch_fini(&w.batch);
    prepare(&w, "raft", GROUPS "num_best=2;min_score=.25;mask_truncated_completions=true");
    assign(&w);
    assert_true(w.batch.n_unit == 2 && w.batch.unit[0] == 2 && w.batch.unit[1] == 3);
    iteration_batch_fini(&w.batch);
}

/* ---- pairs */

static void online_pairs_the_best_with_the_worst(void **state)
{
    struct credit_world w;
    (void)state;

    for (int ties = 0; ties < 2; ties++) {
        prepare(&w, "online-dpo", ties ? "num_generations=3;ties=first" : "num_generations=3");
        for (int i = EACH; i < N; i++)
            w.answer[i].score = 2;
        assign(&w);
        assert_int_equal(w.batch.n_unit, 1 + ties);
        assert_true(w.batch.unit[0] == 1 && w.batch.unit[1] == 0);
        assert_true(!ties || (w.batch.unit[2] == 3 && w.batch.unit[3] == 4));
        assert_true(w.batch.flat == 1 && w.batch.margin == 2);
        iteration_batch_fini(&w.batch);
    }
}

/* ---- stale answers */

/* The numbers are torch's. */
static void importance_is_truncated_or_masked(void **state)
{
    const float proximal[] = {-1, -2, -.5f, -3}, behaviour[] = {-1.2f, -1, -2, -3.1f};
    const uint8_t learn[] = {1, 1, 1, 1}, some[] = {1, 0, 1, 1};
    const double token[] = {1.22140276, .36787944, 4.48168907, 1.10517092};
    struct importance_conf conf = {IMPORTANCE_TOKEN_TRUNCATE, .5, 3, false};
    float w[4];
    (void)state;

    importance_weigh(w, behaviour, proximal, learn, 4, &conf);
    for (int t = 0; t < 4; t++)
        near(fmin(fmax(token[t], .5), 3), w[t]);
    conf.mode = IMPORTANCE_TOKEN_MASK;
    importance_weigh(w, behaviour, proximal, some, 4, &conf);
    near(token[0], w[0]);
    assert_true(w[1] == 1 && w[2] == 0);
    conf.mode = IMPORTANCE_SEQUENCE_TRUNCATE;
    importance_weigh(w, behaviour, proximal, learn, 4, &conf);
    for (int t = 0; t < 4; t++)
        near(2.22554093, w[t]);
    conf.mode = IMPORTANCE_SEQUENCE_MASK;
    conf.high = 2;
    importance_weigh(w, behaviour, proximal, learn, 4, &conf);
    assert_true(w[0] == 0 && w[3] == 0);
    conf.mode = IMPORTANCE_PLAIN;
    importance_weigh(w, behaviour, proximal, learn, 4, &conf);
    assert_true(w[0] == 1 && w[2] == 1);
}

/* ---- rounds */

static double one_round(const struct iteration_conf *conf, struct feed *feed,
                        struct iteration_state **out)
{
    struct iteration_metrics got;

    assert_ok(iteration_new(out, conf, weights(&small_shape[0]), NULL));
    assert_ok(iteration_run(*out, feed->rollout, ROWS, 0, &got));
    return metric(&got, "loss");
}

static void a_method_without_a_critic_holds_none(void **state)
{
    char folder[] = "/tmp/drover-iteration-XXXXXX";
    const struct iteration_conf round =
        planned("rloo", 2, "learning_rate=3e-6;num_generations=2;beta=.1");
    struct iteration_state *a, *b;
    struct iteration_metrics got;
    struct feed feed;
    char path[64];
    (void)state;

    assert_err(ERR_RANGE,
               iteration_new(&a, &round, weights(&small_shape[0]), weights(&small_shape[3])));
    feed_golden(&feed, 0, 0);
    one_round(&round, &feed, &a);
    assert_null(iteration_critic(a));
    /* state and back */
    assert_non_null(mkdtemp(folder));
    assert_ok(iteration_state_write(a, folder, NULL));
    assert_ok(iteration_new(&b, &round, weights(&small_shape[0]), NULL));
    assert_ok(iteration_state_read(b, folder, 1, NULL));
    feed_golden(&feed, 0, 1);
    assert_ok(iteration_run(a, feed.rollout, ROWS, 0, &got));
    assert_ok(iteration_run(b, feed.rollout, ROWS, 0, &got));
    assert_memory_equal(iteration_policy(a)->data, iteration_policy(b)->data,
                        iteration_policy(a)->count * sizeof(float));
    assert_true(metric(&got, "num_tokens") > 2 * TOKENS);
    iteration_free(a);
    iteration_free(b);
    snprintf(path, sizeof path, "%s/step-0000000001.ckpt", folder);
    unlink(path);
    rmdir(folder);
}

/* Answers of the present weights are not stale however they are treated; of older ones the
 * interpolated policy lies between. */
static void interpolation_goes_by_the_age(void **state)
{
    double norm[4];
    (void)state;

    for (int k = 0; k < 4; k++) { /* none; interpolated at ages 0, 1, and 3 */
        struct iteration_conf conf = golden_conf(0);
        struct span span = {.start = 0};
        struct iteration_metrics got;
        struct feed feed;
        struct iteration_state *round;

        conf.stale = (struct importance_conf){k ? IMPORTANCE_TOKEN_TRUNCATE : IMPORTANCE_NONE,
                                              0, 1e9, true};
        conf.epochs = 1;
        round = fresh(&conf);
        feed_golden(&feed, 0, 0);
        for (int it = 0; it < 3; it++) /* to version 3 */
            assert_ok(iteration_run(round, feed.rollout, ROWS, 0, &got));
        feed_golden(&feed, 0, 1);
        span.version.number = (uint64_t)(k < 2 ? 3 : k == 2 ? 2 : 0);
        for (int s = 0; s < ROWS; s++) {
            feed.rollout[s].span = &span;
            feed.rollout[s].n_span = 1;
        }
        assert_ok(iteration_run(round, feed.rollout, ROWS, 0, &got));
        norm[k] = metric(&got, "policy/approxkl_avg");
        iteration_free(round);
    }
    /* log ratio to the proximal is (1 - a) of that to the writer: a = 0, 1/2, 3/4 */
    assert_true(norm[1] == norm[0]);
    assert_true(fabs(norm[2] - norm[0] / 4) < 1e-5 * norm[0]);
    assert_true(fabs(norm[3] - norm[0] / 16) < 1e-5 * norm[0]);
}

/* Adam's sign of a slope near zero is not the question. */
#define TWOS "num_generations=2;learning_rate=1e-2;adam_epsilon=1e-2;"

/* Per-sequence and per-token normalisers belong to the step, not to the micro-batch. */
static void micro_batches_add_up(void **state)
{
    static const char *const losses[] = {"grpo", "dapo", "dr_grpo", "luspo"};
    (void)state;
    for (size_t k = 0; k < 4; k++) {
        struct iteration_conf round =
            planned("grpo", 1, TWOS "entropy_coef=.01;loss_type=%s", losses[k]);
        struct iteration_state *a, *b;
        struct feed feed;
        double worst = 0;

        feed_golden(&feed, 0, 0);
        round.per_device_train_batch_size = ROWS;
        const double whole = one_round(&round, &feed, &a);
        round.per_device_train_batch_size = 1;
        const double parts = one_round(&round, &feed, &b);
        assert_true(fabs(whole - parts) < 1e-5 * fmax(1, fabs(whole)));
        for (size_t i = 0; i < iteration_policy(a)->count; i++)
            worst = fmax(worst, fabs((double)iteration_policy(a)->data[i] -
                                     (double)iteration_policy(b)->data[i]));
        if (worst > 1e-6)
            fail_msg("loss %zu: weights differ by %.3g", k, worst);
        iteration_free(a);
        iteration_free(b);
    }
}

/* The policy after a round whose micro-batches have `each` answers. */
static struct iteration_state *after(const char *loss, int each, double *told)
{
    struct iteration_conf round = planned("grpo", 1, TWOS "loss_type=%s", loss);
    struct iteration_state *out;
    struct feed feed;

    round.per_device_train_batch_size = each;
    feed_golden(&feed, 0, 0);
    *told = one_round(&round, &feed, &out);
    return out;
}

/* bnpo, as TRL has it, divides each micro-batch by its own tokens: with one answer each it is
 * the mean of answers' means (grpo), with one micro-batch the mean over tokens (dapo). */
static void bnpo_is_the_mean_of_micro_batches(void **state)
{
    static const struct {
        int each;
        const char *other;
    } same[] = {{1, "grpo"}, {ROWS, "dapo"}};
    double apart[2], loss, worst;
    (void)state;

    for (int k = 0; k < 2; k++) {
        struct iteration_state *a = after("bnpo", same[k].each, &apart[k]);
        struct iteration_state *b = after(same[k].other, same[k].each, &loss);
        assert_true(fabs(apart[k] - loss) < 1e-6);
        worst = 0;
        for (size_t i = 0; i < iteration_policy(a)->count; i++)
            worst = fmax(worst, fabs((double)iteration_policy(a)->data[i] -
                                     (double)iteration_policy(b)->data[i]));
        assert_true(worst < 1e-6);
        iteration_free(a);
        iteration_free(b);
    }
    assert_true(fabs(apart[0] - apart[1]) > 1e-4);
}

/* Answers to one prompt go on behind its one copy: each alone, with a prompt of its own, gives
 * the same step. */
static void a_shared_prompt_changes_nothing(void **state)
{
    struct iteration_conf round = planned("grpo", 1, TWOS "loss_type=dapo");
    struct iteration_state *a, *b;
    struct feed feed;
    double worst = 0;
    (void)state;

    feed_golden(&feed, 0, 0);
    for (int s = 1; s < ROWS; s += 2) {
        feed.rollout[s].prompt = feed.rollout[s - 1].prompt;
        feed.rollout[s].n_prompt = feed.rollout[s - 1].n_prompt;
    }
    round.per_device_train_batch_size = ROWS;
    const double together = one_round(&round, &feed, &a);
    round.per_device_train_batch_size = 1;
    const double apart = one_round(&round, &feed, &b);
    assert_true(fabs(together - apart) < 1e-6 * fmax(1, fabs(together)));
    for (size_t i = 0; i < iteration_policy(a)->count; i++)
        worst = fmax(worst, fabs((double)iteration_policy(a)->data[i] -
                                 (double)iteration_policy(b)->data[i]));
    if (worst > 1e-6)
        fail_msg("weights differ by %.3g", worst);
    iteration_free(a);
    iteration_free(b);
}

/* An opponent is the policy as it was found: the first loss of SPIN is ln 2, whatever the
 * record's answers are, and what happens is told. */
static void spin_begins_at_ln_two(void **state)
{
    struct iteration_conf round =
        planned("spin", 1, "beta=1;learning_rate=1e-3;num_train_epochs=1");
    struct iteration_metrics got;
    struct feed feed;
    struct iteration_state *a;
    const struct iteration_conf ppo = golden_conf(0);
    struct iteration_state *writer = fresh(&ppo);
    (void)state;

    feed_on_policy(&feed, writer, 1, 0);
    for (int s = 0; s < ROWS; s++)
        if (s % 2)
            feed.rollout[s].behaviour = feed.rollout[s].reference = NULL;
        else
            feed.rollout[s].reference = NULL;
    round.strict = true;
    round.mini_batches = 1;
    assert_ok(iteration_new(&a, &round, weights(&small_shape[0]), NULL));
    assert_ok(iteration_run(a, feed.rollout, ROWS, 0, &got));
    assert_true(fabs(metric(&got, "loss") - log(2)) < 1e-6);
    assert_true(metric(&got, "rewards/margins") == 0);
    assert_true(metric(&got, "spin/gain") > 0);
    assert_true(got.first.ratio_gap == 0 && got.first.tokens > 0);
    iteration_free(a);
    iteration_free(writer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(grpo_takes_the_price_from_the_score),
        cmocka_unit_test(an_answer_that_was_cut_may_be_left_out),
        cmocka_unit_test(rloo_clips_and_compares_with_the_others),
        cmocka_unit_test(reinforce_discounts_and_whitens),
        cmocka_unit_test(raft_takes_the_best_and_the_earlier_of_equals),
        cmocka_unit_test(online_pairs_the_best_with_the_worst),
        cmocka_unit_test(importance_is_truncated_or_masked),
        cmocka_unit_test(a_method_without_a_critic_holds_none),
        cmocka_unit_test(interpolation_goes_by_the_age),
        cmocka_unit_test(micro_batches_add_up),
        cmocka_unit_test(bnpo_is_the_mean_of_micro_batches),
        cmocka_unit_test(a_shared_prompt_changes_nothing),
        cmocka_unit_test(spin_begins_at_ln_two),
    };

    return cmocka_run_group_tests_name("credit", tests, NULL, NULL);
}
