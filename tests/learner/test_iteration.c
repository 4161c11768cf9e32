/* Iterations of the methods without a critic on a small model: what moves from step to step
 * beside the weights, and its way through a checkpoint. */
#include "base/mem.h"
#include "learner/iteration/iteration_state.h"
#include "learner/objective/objective_ppo.h"
#include "tests/learner/feed.h"

#include <math.h>
#include <unistd.h>

/* A state through a folder: what `from` is, into `to`. */
static void carry(struct iteration_state *from, struct iteration_state *to)
{
    char folder[] = "/tmp/drover-iteration-XXXXXX", path[64];

    assert_non_null(mkdtemp(folder));
    assert_ok(iteration_state_write(from, folder, NULL));
    assert_ok(iteration_state_read(to, folder, iteration_count(from), NULL));
    snprintf(path, sizeof path, "%s/step-%010d.ckpt", folder, (int)iteration_count(from));
    unlink(path);
    rmdir(folder);
}

static void same_weights(const struct iteration_state *a, const struct iteration_state *b)
{
    assert_memory_equal(iteration_policy(a)->data, iteration_policy(b)->data,
                        iteration_policy(a)->count * sizeof(float));
}

static struct iteration_conf moving(const char *words)
{
    struct iteration_conf round =
        planned("grpo", 4, "num_generations=2;temperature=1.3;learning_rate=1e-2;%s", words);

    round.mini_batches = 2;
    return round;
}

/* A reference that follows each four steps, which are two iterations, against rollouts that
 * bring the log-probabilities of one that is moved by hand; the price in the loss, and in the
 * reward. After a resume it is where it was. */
static void a_reference_may_follow_the_policy(void **state)
{
    (void)state;
    for (int k = 0; k < 2; k++) {
        struct feed feed, bare;
        struct iteration_metrics x, y;
        struct iteration_state *a, *b, *again;
        float *image;
        size_t bytes;

        struct iteration_conf round = moving(k ? "beta=.3;kl_in=reward" : "beta=.3");
        assert_ok(iteration_new(&b, &round, weights(&small_shape[0]), NULL));
        round.follow = (struct ref_model_conf){.7, 4};
        assert_ok(iteration_new(&a, &round, weights(&small_shape[0]), NULL));
        const float *const first = iteration_image(b, &bytes);
        assert_ok(mem_big(&image, bytes, 1, "a reference"));
        memcpy(image, first, bytes);
        for (int it = 0; it < 4; it++) {
            feed_golden(&feed, 0, it % 2);
            bare = feed;
            for (int s = 0, at = 0; s < ROWS; at += golden_answer[s], s++) {
                bare.rollout[s].reference = NULL;
                feed.rollout[s].reference = feed.reference + at;
            }
            feed_score(&feed, b, image, 1.3, feed.reference);
            assert_ok(iteration_run(a, bare.rollout, ROWS, 0, &x));
            assert_ok(iteration_run(b, feed.rollout, ROWS, 0, &y));
            assert_true(metric(&x, "kl") == metric(&y, "kl"));
            same_weights(a, b);
            const float *const now = iteration_image(b, &bytes);
            for (size_t i = 0; it % 2 && i < bytes / sizeof *image; i++)
                image[i] = image[i] * .3f + now[i] * .7f;
            if (it != 2)
                continue;
            assert_ok(iteration_new(&again, &round, weights(&small_shape[0]), NULL));
            carry(a, again);
            iteration_free(a);
            a = again;
        }
        free(image);
        iteration_free(a);
        iteration_free(b);
    }
}

/* Two steps an iteration, all of them below the target. */
static void the_weight_of_a_bonus_comes_back(void **state)
{
    struct iteration_metrics got;
    struct iteration_state *a, *b;
    struct feed feed;
    (void)state;

    struct iteration_conf round = moving("beta=0");
    round.entropy =
        (struct entropy_control){.adaptive = true, .most = 1, .delta = .05, .target = 100};
    assert_ok(iteration_new(&a, &round, weights(&small_shape[0]), NULL));
    assert_ok(iteration_new(&b, &round, weights(&small_shape[0]), NULL));
    feed_golden(&feed, 0, 0);
    assert_ok(iteration_run(a, feed.rollout, ROWS, 0, &got));
    assert_true(fabs(metric(&got, "entropy_coef") - .075) < 1e-12);
    carry(a, b);
    feed_golden(&feed, 0, 1);
    assert_ok(iteration_run(a, feed.rollout, ROWS, 0, &got));
    assert_true(fabs(metric(&got, "entropy_coef") - .175) < 1e-12);
    assert_true(metric(&got, "policy_loss") > metric(&got, "loss"));
    assert_ok(iteration_run(b, feed.rollout, ROWS, 0, &got));
    assert_true(fabs(metric(&got, "entropy_coef") - .175) < 1e-12);
    same_weights(a, b);
    iteration_free(a);
    iteration_free(b);
}

static struct iteration_state *online(const char *beta, struct iteration_conf *round)
{
    struct iteration_state *out;

    *round =
        planned("online-dpo", 4,
                "temperature=1;learning_rate=1e-2;per_device_train_batch_size=2;beta=%s", beta);
    round->per_device_train_batch_size = 8;
    assert_ok(iteration_new(&out, round, weights(&small_shape[0]), NULL));
    return out;
}

/* Iterations of .4 epochs: 0, .4, .8 in the first, then 1.2. The same steps as with a number at
 * a time; and a resume goes by the iteration, not by what was in memory. */
static void a_list_of_betas_is_one_an_epoch(void **state)
{
    static const double want[] = {.1, .1, .1, .4, .4};
    struct iteration_conf round;
    struct iteration_metrics got;
    struct iteration_state *a = online("[.1, .4]", &round), *b, *next;
    struct feed feed;
    (void)state;

    b = online(".1", &round);
    for (int it = 0; it < 5; it++) {
        feed_golden(&feed, 0, it % 2);
        assert_ok(iteration_run(a, feed.rollout, ROWS, 0, &got));
        assert_true(metric(&got, "beta") == want[it]);
        next = online(want[it] < .2 ? ".1" : ".4", &round);
        if (it)
            carry(b, next);
        iteration_free(b);
        b = next;
        assert_ok(iteration_run(b, feed.rollout, ROWS, 0, &got));
        same_weights(a, b);
        if (it != 3)
            continue;
        next = online("[.1, .4]", &round);
        carry(a, next);
        iteration_free(a);
        a = next;
    }
    iteration_free(a);
    iteration_free(b);
}

/* ---- orders */

enum { EPOCHS = 4 };
static int heard[EPOCHS * ROWS], hears;

/* PPO's objective, which notes how long the answer is that it is given. */
static void listen(const void *conf, const struct objective_in *in, struct objective_out *out)
{
    assert_true(hears < EPOCHS * ROWS);
    for (int i = heard[hears] = 0; i < in->n; i++)
        heard[hears] += in->learn[i] != 0;
    hears++;
    objective_ppo.run(conf, in, out);
}

/* Mini-batches of one answer each, told by its length: in each epoch of an iteration every
 * answer once, and no order twice. */
static void every_epoch_has_its_own_order(void **state)
{
    struct iteration_conf round = golden_conf(0);
    struct objective listening = objective_ppo;
    struct iteration_metrics got;
    struct feed feed;
    struct iteration_state *ppo;
    (void)state;

    listening.run = listen;
    round.policy = &listening;
    round.mini_batches = ROWS;
    assert_int_equal(round.epochs, EPOCHS); /* the default */
    assert_ok(iteration_new(&ppo, &round, weights(&small_shape[0]), weights(&small_shape[3])));
    feed_golden(&feed, 0, 0);
    hears = 0;
    assert_ok(iteration_run(ppo, feed.rollout, ROWS, 0, &got));
    assert_int_equal(hears, EPOCHS * ROWS);
    for (int a = 0; a < EPOCHS; a++) {
        for (int s = 0; s < ROWS; s++) {
            int times = 0;
            for (int k = 0; k < ROWS; k++)
                times += heard[a * ROWS + k] == golden_answer[s];
            assert_int_equal(times, 1);
        }
        for (int b = 0; b < a; b++)
            assert_memory_not_equal(heard + a * ROWS, heard + b * ROWS, ROWS * sizeof(int));
    }
    iteration_free(ppo);
}

/* ---- answers of older weights */

/* An iteration of `parts` mini-batches twice over, over answers whose writer was `gap` nats away
 * from the policy at every token; gap 0: answers of the policy itself. Returns the loss. */
static double stale(const char *words, int parts, enum importance mode, float gap,
                    struct iteration_state **out)
{
    struct iteration_conf round = planned("grpo", 2, "num_generations=2;%s", words);
    struct iteration_metrics got;
    struct feed feed;

    round.epochs = 2;
    round.mini_batches = parts;
    round.stale = (struct importance_conf){mode, .high = 2};
    assert_ok(iteration_new(out, &round, weights(&small_shape[0]), NULL));
    feed_on_policy(&feed, *out, round.temperature, 0);
    for (int t = 0; t < TOKENS; t++)
        feed.behaviour[t] -= gap;
    assert_ok(iteration_run(*out, feed.rollout, ROWS, 0, &got));
    return metric(&got, "loss");
}

/* The proximal policy's figures are those of a pass of its own, for every answer and in every
 * step: a ratio to it is the ratio to a writer that was the policy itself. Where nothing moves, a
 * weight of two makes every loss twice what it was. */
static void the_proximal_policy_is_the_one_before_the_first_step(void **state)
{
    (void)state;
    for (int parts = 1; parts <= 3; parts++) {
        struct iteration_state *a, *b;
        const char *const fast = "learning_rate=1e-2;epsilon=.05";
        const char *const still = "learning_rate=0;epsilon=.05";

        const double own = stale(fast, parts, IMPORTANCE_NONE, 0, &a);
        assert_true(stale(fast, parts, IMPORTANCE_PLAIN, .7f, &b) == own);
        same_weights(a, b);
        iteration_free(a);
        iteration_free(b);
        const double plain = stale(still, parts, IMPORTANCE_PLAIN, 1, &a);
        const double twice = stale(still, parts, IMPORTANCE_TOKEN_TRUNCATE, 1, &b);
        assert_true(plain != 0 && twice == 2 * plain);
        iteration_free(a);
        iteration_free(b);
    }
}

/* A pair that somebody judged is learnt as if the scores had said so, bit for bit; that an older
 * version wrote it makes nobody a liar, and no figure of the iteration's answers is about it. */
static void a_pair_that_was_judged_is_learnt_as_a_pair(void **state)
{
    struct iteration_conf conf =
        planned("online-dpo", 4,
                "num_generations=2;temperature=1.3;learning_rate=1e-2;beta=.3;"
                "per_device_train_batch_size=4");
    struct feed feed, other;
    struct iteration_state *a, *b;
    struct iteration_metrics x, y;

    (void)state;
    conf.strict = true;
    for (int first = 0; first < 2; first++) { /* which of the last two is the better */
        assert_ok(iteration_new(&a, &conf, weights(&small_shape[0]), NULL));
        assert_ok(iteration_new(&b, &conf, weights(&small_shape[0]), NULL));
        feed_on_policy(&feed, a, 1.3, 0);
        feed.rollout[ROWS - 2].score = first ? -1 : 1;
        feed.rollout[ROWS - 1].score = -feed.rollout[ROWS - 2].score;
        assert_ok(iteration_run(a, feed.rollout, ROWS, 0, &x));
        feed_on_policy(&other, b, 1.3, 0);
        for (int t = TOKENS - golden_answer[ROWS - 1]; t < TOKENS; t++)
            other.behaviour[t] -= .5f; /* of other weights */
        if (first) {
            const struct iteration_rollout better = other.rollout[ROWS - 1];
            other.rollout[ROWS - 1] = other.rollout[ROWS - 2];
            other.rollout[ROWS - 2] = better;
        }
        other.rollout[ROWS - 2].score = other.rollout[ROWS - 1].score = 1e6;
        assert_ok(iteration_run(b, other.rollout, ROWS - 2, 1, &y));
        same_weights(a, b);
        assert_true(metric(&x, "drover_pairs") == ROWS / 2);
        assert_true(metric(&y, "drover_pairs") == ROWS / 2 - 1);
        assert_true(metric(&x, "rewards/margins") == metric(&y, "rewards/margins"));
        assert_true(metric(&y, "objective/scores") < 10);
        assert_true(metric(&y, "objective/scores_margin") < 10);
        assert_true(y.first.ratio_gap == 0);
        iteration_free(a);
        iteration_free(b);
    }
}

/* A micro-batch is of whole pairs, however few it may have: torn ones would have no loss. */
static void a_pair_is_in_one_micro_batch(void **state)
{
    double margins[3];
    struct iteration_state *of[3];

    (void)state;
    for (int each = 1; each <= 3; each++) { /* of ROWS / 2 pairs */
        struct iteration_conf conf = planned(
            "online-dpo", 1, "num_generations=2;temperature=1.3;learning_rate=1e-2;beta=.3");
        struct iteration_metrics got;
        struct feed feed;

        conf.per_device_train_batch_size = each == 3 ? ROWS : each;
        assert_ok(iteration_new(&of[each - 1], &conf, weights(&small_shape[0]), NULL));
        feed_on_policy(&feed, of[each - 1], 1.3, 0);
        assert_ok(iteration_run(of[each - 1], feed.rollout, ROWS, 0, &got));
        margins[each - 1] = metric(&got, "rewards/margins");
    }
    for (int k = 0; k < 2; k++) {
        const struct params *a = iteration_policy(of[k]), *b = iteration_policy(of[2]);

        assert_true(fabs(margins[k] - margins[2]) < 1e-5);
        for (size_t i = 0; i < a->count; i++)
            if (fabs((double)a->data[i] - (double)b->data[i]) >
                1e-4) /* a step of Adam's is 1e-2 */
                fail_msg("micro-batches of %d: weight %zu", k + 1, i);
    }
    for (int k = 0; k < 3; k++)
        iteration_free(of[k]);
}

/* So is one among answers of older versions, whatever weights stale answers have. */
static void judged_pairs_may_stand_beside_stale_answers(void **state)
{
    const struct iteration_conf conf =
        planned("online-dpo", 4,
                "num_generations=2;temperature=1.3;learning_rate=1e-2;beta=.3;"
                "per_device_train_batch_size=4;overlap.lag=2;importance=token_truncate");
    struct feed feed;
    struct iteration_state *a;
    struct iteration_metrics x;

    (void)state;
    assert_true(conf.stale.mode != IMPORTANCE_NONE);
    assert_ok(iteration_new(&a, &conf, weights(&small_shape[0]), NULL));
    feed_on_policy(&feed, a, 1.3, 0);
    assert_ok(iteration_run(a, feed.rollout, 2, (ROWS - 2) / 2, &x));
    assert_true(metric(&x, "drover_pairs") <= 1);
    iteration_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_pair_that_was_judged_is_learnt_as_a_pair),
        cmocka_unit_test(a_pair_is_in_one_micro_batch),
        cmocka_unit_test(judged_pairs_may_stand_beside_stale_answers),
        cmocka_unit_test(a_reference_may_follow_the_policy),
        cmocka_unit_test(the_weight_of_a_bonus_comes_back),
        cmocka_unit_test(a_list_of_betas_is_one_an_epoch),
        cmocka_unit_test(every_epoch_has_its_own_order),
        cmocka_unit_test(the_proximal_policy_is_the_one_before_the_first_step),
    };

    return cmocka_run_group_tests_name("round", tests, NULL, NULL);
}
