/* False answers of an iteration: all are found before anything is kept, wherever they stand
 * among the mini-batches, and what is trained after them has the bits of a run that never saw
 * them. */
#include "learner/iteration/iteration_compare.h"
#include "learner/iteration/iteration_state.h"
#include "tests/learner/feed.h"

#include <math.h>

static void same_weights(const struct params *a, const struct params *b)
{
    assert_int_equal(a->count, b->count);
    assert_memory_equal(a->data, b->data, a->count * sizeof(float));
}

static struct iteration_conf strict(int mini_batches, int each)
{
    struct iteration_conf conf = golden_conf(0);

    conf.strict = true;
    conf.epochs = 2;
    conf.target_kl = 6;
    conf.mini_batches = mini_batches;
    conf.per_device_train_batch_size = each;
    return conf;
}

/* One unit in the last place of one token of an answer. */
static void lie(struct feed *feed, int answer, int token)
{
    int at = token;

    for (int s = 0; s < answer; s++)
        at += golden_answer[s];
    feed->behaviour[at] = nextafterf(feed->behaviour[at], 0);
}

static void all_are_found_and_none_leaves_a_trace(void **state)
{
    (void)state;
    for (int parts = 1; parts <= 3; parts += 2)
        for (int each = 1; each <= 2; each++)
            for (int who = 0; who < ROWS; who += 2) {
                const struct iteration_conf conf = strict(parts, each);
                const int other = (who + 3) % ROWS, at = golden_answer[who] > 1;
                struct iteration_state *a = fresh(&conf), *b = fresh(&conf);
                const struct iteration_false *found;
                struct iteration_metrics x, y;
                struct feed feed, bad;
                size_t n;

                feed_on_policy(&feed, a, conf.temperature, 0);
                feed_on_policy(&bad, a, conf.temperature, 0);
                lie(&bad, who, at);
                lie(&bad, who, golden_answer[who] - 1);
                lie(&bad, other, 0);
                assert_err(ERR_STATE, iteration_run(a, bad.rollout, ROWS, 0, &x));
                found = iteration_compare_falses(a, &n);
                assert_int_equal(n, 2);
                const int first = who < other ? who : other;
                assert_true(found[0].task == feed.rollout[first].task &&
                            found[0].sample == feed.rollout[first].sample);
                assert_int_equal(found[first == who ? 0 : 1].token, at);
                assert_true(found[0].said != found[0].found);
                assert_int_equal(iteration_count(a), 0);
                assert_ok(iteration_run(a, feed.rollout, ROWS, 0, &x));
                assert_ok(iteration_run(b, feed.rollout, ROWS, 0, &y));
                iteration_compare_falses(a, &n);
                assert_int_equal(n, 0);
                same_weights(iteration_policy(a), iteration_policy(b));
                same_weights(iteration_critic(a), iteration_critic(b));
                assert_true(iteration_beta(a) == iteration_beta(b) && x.n == y.n);
                for (int m = 0; m < x.n; m++)
                    assert_true(x.metric[m].value == y.metric[m].value);
                iteration_free(a);
                iteration_free(b);
            }
}

/* What is not learnt is compared all the same: it had a say in its group's mean. */
static void what_is_muted_is_compared(void **state)
{
    struct iteration_conf round = planned(
        "grpo", 4, "learning_rate=3e-6;num_generations=2;mask_truncated_completions=true");
    struct iteration_metrics got;
    struct feed feed;
    struct iteration_state *r;
    size_t n;
    (void)state;

    round.strict = true;
    assert_ok(iteration_new(&r, &round, weights(&small_shape[0]), NULL));
    feed_on_policy(&feed, r, round.temperature, 0);
    assert_false(feed.rollout[2].ended);
    lie(&feed, 2, 0);
    assert_err(ERR_STATE, iteration_run(r, feed.rollout, ROWS, 0, &got));
    assert_int_equal(iteration_compare_falses(r, &n)->task, feed.rollout[2].task);
    assert_int_equal(n, 1);
    iteration_free(r);
}

static void answers_that_are_not_trained_can_be_compared(void **state)
{
    const struct iteration_conf conf = strict(1, 2);
    struct iteration_state *r = fresh(&conf);
    struct feed feed;
    size_t n;
    (void)state;

    feed_on_policy(&feed, r, conf.temperature, 0);
    assert_ok(iteration_compare(r, feed.rollout, 2));
    iteration_compare_falses(r, &n);
    assert_int_equal(n, 0);
    lie(&feed, 0, 4);
    assert_ok(iteration_compare(r, feed.rollout, 2));
    assert_int_equal(iteration_compare_falses(r, &n)->token, 4);
    assert_int_equal(n, 1);
    iteration_free(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_are_found_and_none_leaves_a_trace),
        cmocka_unit_test(what_is_muted_is_compared),
        cmocka_unit_test(answers_that_are_not_trained_can_be_compared),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
