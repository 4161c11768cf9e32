/* One optimiser step of a model: a gradient that is no number leaves everything as it was. */

#include "learner/step/trainable.h"

#include "tests/lm/small.h"

#include <math.h>

enum { N = 40 };

static const struct lora_conf lora = {
    .r = 3, .alpha = 6, .target = {"all-linear"}, .targets = 1};
static const struct adamw adamw = {.9, .999, 1e-8, .01, OPTIM_ADAMW, {.nesterov = false}};
static const int seq[] = {0, 13, N};

struct trainable_bed {
    struct trainable *step;
    int token[N];
    struct batch batch;
};

static void toy_init(struct trainable_bed *toy, const struct lora_conf *conf)
{
    const struct train_options options = {.checkpointing = true};
    struct small small;

    small_new(&small, &small_shape[0]);
    assert_ok(trainable_new(&toy->step, small.params, &options, conf, 7));
    small.params = NULL;
    small_free(&small);
    for (uint32_t i = 0; i < N; i++)
        toy->token[i] = formula_token(i, 3, small_shape[0].vocab);
    toy->batch = (struct batch){.n = N, .n_seq = 2, .token = toy->token, .seq = seq};
}

/* An optimiser step whose slopes are all the same but for that of token 20. */
static double learn(struct trainable_bed *toy, float odd)
{
    float slope[N], logprob[N];

    for (int i = 0; i < N; i++)
        slope[i] = i == 20 ? odd : -1.0f / N;
    assert_ok(trainable_forward(toy->step, &toy->batch, 1.0f, logprob, NULL, NULL, NULL));
    trainable_backward(toy->step, slope, NULL, NULL);
    return trainable_apply(toy->step, &adamw, 1e-2, 1);
}

/* Weights, moments and image: all that a step may change, as one block. */
static float *copy(struct trainable_bed *toy, size_t *n)
{
    const struct trainable_state s = trainable_state(toy->step);
    size_t bytes;
    const float *image = trainable_image(toy->step, &bytes);
    const float *const part[] = {s.params, s.m, s.v, image};
    const size_t size[] = {s.count, s.count, s.count, bytes / sizeof(float)};
    float *all = malloc((3 * s.count + size[3]) * sizeof *all);

    assert_non_null(all);
    *n = 0;
    for (int i = 0; i < 4; *n += size[i++])
        memcpy(all + *n, part[i], size[i] * sizeof *all);
    return all;
}

static void a_norm_that_is_no_number_leaves_the_weights(void **state)
{
    static const float odd[] = {NAN, INFINITY, -INFINITY};
    (void)state;

    for (int c = 0; c < 6; c++) {
        struct trainable_bed toy;
        size_t n, bytes;
        float *was, *is;
        double norm;

        toy_init(&toy, c % 2 ? &lora : NULL);
        assert_true(learn(&toy, 0) > 0); /* moments that are not zero */
        was = copy(&toy, &n);
        norm = learn(&toy, odd[c / 2]);
        assert_true(!isfinite(norm));
        assert_int_equal(trainable_count(toy.step), 2); /* it counts as a step */
        is = copy(&toy, &bytes);
        assert_int_equal(n, bytes);
        assert_memory_equal(was, is, n * sizeof *was);
        free(is);
        /* and nothing of it is left in the gradient */
        norm = learn(&toy, 0);
        assert_true(isfinite(norm) && norm > 0);
        is = copy(&toy, &bytes);
        assert_memory_not_equal(was, is, n * sizeof *was);
        for (size_t i = 0; i < n; i++)
            assert_true(isfinite(is[i]));
        free(is);
        free(was);
        trainable_free(toy.step);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_norm_that_is_no_number_leaves_the_weights),
    };

    return cmocka_run_group_tests_name("step", tests, NULL, NULL);
}
