/* A reward model that people teach: it learns which answer was the better one, reads what a rewarder reads,
 * and is the same whenever it is taught the same. */

#include "learner/train/refresh.h"

#include "lm/model/forward.h"
#include "tests/learner/feed.h"

enum { PAIRS = 6, LONG = 5, TAIL = 2 };

static int32_t text[2 * PAIRS][LONG], question[3] = {3, 1, 4}, tail[TAIL] = {2, 5};
static struct record_sample sample[2 * PAIRS];
static struct prompt prompt = {.token = question, .n_token = 3, .chat = true};
static struct trainer_judged judged[PAIRS];

static int fill(void **state)
{
    (void)state;
    for (uint32_t s = 0; s < 2 * PAIRS; s++) {
        for (uint32_t i = 0; i < LONG; i++)
            text[s][i] = formula_token(i, 40 + s, small_shape[3].vocab);
        sample[s] = (struct record_sample){
            .token = text[s],
            .n_token = LONG - s % 3,
            .end = s % 4 == 1 ? ROLLOUT_LENGTH : ROLLOUT_STOP}; /* cut off: no tail behind it */
    }
    for (uint32_t i = 0; i < PAIRS; i++)
        judged[i] = (struct trainer_judged){
            &sample[2 * i], &sample[2 * i + 1], &prompt, {{{0}}, {{0}}}};
    return 0;
}

static struct refresh_conf conf_of(double rate)
{
    return (struct refresh_conf){.tail = tail,
                                 .n_tail = TAIL,
                                 .pairs = 4,
                                 .learning_rate = rate,
                                 .max_grad_norm = 1,
                                 .adamw = {.beta1 = .9, .beta2 = .999, .epsilon = 1e-8},
                                 .seed = 7};
}

static struct trainable *begin(void)
{
    const struct train_options options = {.checkpointing = false};
    struct trainable *model;

    assert_ok(trainable_new(&model, weights(&small_shape[3]), &options, NULL, 7));
    return model;
}

/* As reward/kind_model.c reads it: prompt, answer, the tail where the answer ended. */
static double score(const struct trainable *model, const struct record_sample *s, bool tails)
{
    int token[16], n = 0, seq[2];
    float value[16];

    for (uint32_t i = 0; i < prompt.n_token; i++)
        token[n++] = question[i];
    for (uint32_t i = 0; i < s->n_token; i++)
        token[n++] = s->token[i];
    for (int i = 0; i < TAIL && tails && s->end == ROLLOUT_STOP; i++)
        token[n++] = tail[i];
    seq[0] = 0;
    seq[1] = n;
    assert_ok(forward_score(trainable_model(model), token, seq, 1, 1, NULL, NULL, value));
    return (double)value[n - 1];
}

static double gap(const struct trainable *model, int pair, bool tails)
{
    return score(model, judged[pair].better, tails) - score(model, judged[pair].other, tails);
}

static void it_learns_which_was_better(void **state)
{
    const struct refresh_conf conf = conf_of(1e-2);

    (void)state;
    for (int turned = 0; turned < 2; turned++) {
        struct trainable *const model = begin();
        double before = 0, after = 0;

        for (int i = 0; i < PAIRS; i++)
            before += gap(model, i, true);
        for (int pass = 0; pass < 12; pass++)
            assert_ok(refresh_train(model, &conf, judged, PAIRS, NULL));
        for (int i = 0; i < PAIRS; i++) {
            assert_true(gap(model, i, true) > 0);
            after += gap(model, i, true);
        }
        assert_true(after > before + 1);
        trainable_free(model);
        for (int i = 0; i < PAIRS; i++) { /* and the other way round, if they say so */
            const struct record_sample *const other = judged[i].other;
            judged[i].other = judged[i].better;
            judged[i].better = other;
        }
    }
}

/* One step of one pair: its loss falls most where the rewarder will read it. */
static void it_reads_what_a_rewarder_reads(void **state)
{
    const struct refresh_conf conf = conf_of(1e-5);
    double rise[2];

    (void)state;
    for (int tails = 0; tails < 2; tails++) {
        struct trainable *const model = begin();
        const double was = gap(model, 1, tails);

        assert_ok(refresh_train(model, &conf, judged + 1, 1, NULL));
        rise[tails] = gap(model, 1, tails) - was;
        trainable_free(model);
    }
    assert_true(rise[1] > 0);
    assert_true(rise[1] > rise[0]);
}

static void taught_the_same_it_is_the_same(void **state)
{
    const struct refresh_conf conf = conf_of(1e-3);
    struct trainable *const a = begin(), *const b = begin(), *const c = begin();
    atomic_bool stop = true;
    size_t bytes;

    (void)state;
    assert_ok(refresh_train(a, &conf, judged, PAIRS, NULL));
    assert_ok(refresh_train(b, &conf, judged, PAIRS, NULL));
    assert_ok(refresh_train(c, &conf, judged, PAIRS - 1, NULL));
    trainable_image(a, &bytes);
    assert_memory_equal(trainable_image(a, &bytes), trainable_image(b, &bytes), bytes);
    assert_memory_not_equal(trainable_image(a, &bytes), trainable_image(c, &bytes), bytes);
    assert_int_equal(trainable_count(a), 2); /* four pairs, and two */
    assert_err(ERR_STATE, refresh_train(c, &conf, judged, PAIRS, &stop));
    trainable_free(a);
    trainable_free(b);
    trainable_free(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(it_learns_which_was_better, fill),
        cmocka_unit_test_setup(it_reads_what_a_rewarder_reads, fill),
        cmocka_unit_test_setup(taught_the_same_it_is_the_same, fill),
    };

    return cmocka_run_group_tests_name("learner/refresh", tests, NULL, NULL);
}
