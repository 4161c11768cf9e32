/* One optimiser step of a model: a gradient that is no number leaves everything as it was; the blocks of a
 * state are all that there is to keep of it. */

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

static void toy_init(struct trainable_bed *toy, const struct lora_conf *conf,
                     enum precision compute)
{
    const struct train_options options = {.checkpointing = true};
    struct shape shape = small_shape[0];
    struct small small;

    shape.compute = compute;
    small_new(&small, &shape);
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
    float *all = malloc(bytes);

    assert_non_null(all);
    memcpy(all, image, bytes);
    *n = bytes / sizeof *all;
    for (int i = 0; i < s.n; i++) {
        const size_t more = s.block[i].n / sizeof *all;

        all = realloc(all, (*n + more) * sizeof *all);
        assert_non_null(all);
        memcpy(all + *n, s.block[i].bytes, more * sizeof *all);
        *n += more;
    }
    return all;
}

static void a_norm_that_is_no_number_leaves_the_weights(void **state)
{
    static const float odd[] = {NAN, INFINITY, -INFINITY};
    (void)state;

    for (int c = 0; c < 9; c++) {
        struct trainable_bed toy;
        size_t n, bytes;
        float *was, *is;
        double norm;

        toy_init(&toy, c % 3 == 1 ? &lora : NULL,
                 c % 3 == 2 ? PRECISION_BFLOAT16 : PRECISION_FLOAT32);
        assert_true(learn(&toy, 0) > 0); /* moments that are not zero */
        was = copy(&toy, &n);
        norm = learn(&toy, odd[c / 3]);
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
        for (size_t i = 0; i < n && c % 3 != 2; i++) /* halves are no floats */
            assert_true(isfinite(is[i]));
        free(is);
        free(was);
        trainable_free(toy.step);
    }
}

/* What a checkpoint keeps of two precisions, with an adapter and without. */
static void a_state_is_all_of_it(void **state)
{
    (void)state;

    for (int c = 0; c < 4; c++) {
        struct trainable_bed toy;
        struct trainable_state inner;
        void *kept[TRAINABLE_BLOCKS];
        struct hash was, is;
        size_t n, again;
        float *all, *back;

        toy_init(&toy, c % 2 ? &lora : NULL, c / 2 ? PRECISION_BFLOAT16 : PRECISION_FLOAT32);
        assert_true(learn(&toy, 0) > 0);
        inner = trainable_state(toy.step);
        assert_true((inner.weights == 2) == (c == 2)); /* masters are two blocks */
        for (int i = 0; i < inner.n; i++) {
            kept[i] = malloc(inner.block[i].n);
            assert_non_null(kept[i]);
            memcpy(kept[i], inner.block[i].bytes, inner.block[i].n);
        }
        assert_true(learn(&toy, 0) > 0 && learn(&toy, 0) > 0);
        all = copy(&toy, &n);
        was = trainable_hash(toy.step);
        for (int i = 0; i < inner.n; i++) {
            memcpy(inner.block[i].bytes, kept[i], inner.block[i].n);
            free(kept[i]);
        }
        trainable_restored(toy.step, inner.t);
        assert_true(learn(&toy, 0) > 0 && learn(&toy, 0) > 0);
        back = copy(&toy, &again);
        is = trainable_hash(toy.step);
        assert_int_equal(n, again);
        assert_memory_equal(all, back, n * sizeof *all);
        assert_memory_equal(&was, &is, sizeof was);
        free(all);
        free(back);
        trainable_free(toy.step);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_norm_that_is_no_number_leaves_the_weights),
        cmocka_unit_test(a_state_is_all_of_it),
    };

    return cmocka_run_group_tests_name("step", tests, NULL, NULL);
}
