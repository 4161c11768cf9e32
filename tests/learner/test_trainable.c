/* One optimiser step of a model: a gradient that is no number leaves everything as it was; the blocks of a
 * state are all that there is to keep of it; models that share their room know nothing of one another. */

#include "learner/step/trainable.h"
#include "lm/model/train_room.h"

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

static void toy_init_in(struct trainable_bed *toy, const struct lora_conf *conf,
                        struct train_options options, const struct shape *shape)
{
    struct small small;

    options.checkpointing = true;
    small_new(&small, shape);
    assert_ok(trainable_new(&toy->step, small.params, &options, conf, 7));
    small.params = NULL;
    small_free(&small);
    for (uint32_t i = 0; i < N; i++)
        toy->token[i] = formula_token(i, 3, shape->vocab);
    toy->batch = (struct batch){.n = N, .n_seq = 2, .token = toy->token, .seq = seq};
}

static void toy_init(struct trainable_bed *toy, const struct lora_conf *conf,
                     enum precision compute, bool eight)
{
    struct shape shape = small_shape[0];

    shape.compute = compute;
    toy_init_in(toy, conf, (struct train_options){.eight = eight}, &shape);
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
                 c % 3 == 2 ? PRECISION_BFLOAT16 : PRECISION_FLOAT32, false);
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

/* A model in int8 computes with whole numbers made of the image as it is after the last step, or after what
 * a checkpoint had: with an adapter and without. */
static void whole_numbers_follow_the_weights(void **state)
{
    (void)state;
    for (int c = 0; c < 2; c++) {
        struct trainable_bed toy;
        struct trainable_state inner;
        float now[N], fresh[N], was[N];

        toy_init(&toy, c ? &lora : NULL, PRECISION_INT8, c);
        memset(was, 0, sizeof was);
        for (int k = 0; k < 3; k++) {
            const struct shape *const shape = &trainable_params(toy.step)->shape;
            size_t bytes;
            const float *const image = trainable_image(toy.step, &bytes);
            struct model *model;

            if (k == 2) { /* as a resumed run puts other weights there */
                inner = trainable_state(toy.step);
                memset(inner.block[0].bytes, 0, inner.block[0].n);
                trainable_restored(toy.step, 1);
            } else {
                assert_true(learn(&toy, 0) > 0);
            }
            assert_ok(trainable_forward(toy.step, &toy.batch, 1.0f, now, NULL, NULL, NULL));
            assert_ok(model_new(&model, shape, image, bytes));
            assert_ok(forward_score(model, toy.token, seq, 2, 1, fresh, NULL, NULL));
            model_free(model);
            assert_memory_equal(now, fresh, sizeof now);
            assert_memory_not_equal(now, was, sizeof now);
            memcpy(was, now, sizeof was);
        }
        trainable_free(toy.step);
    }
}

/* What a checkpoint keeps of two precisions, with an adapter and without, of moments in floats and in 8 bits. */
static void a_state_is_all_of_it(void **state)
{
    (void)state;

    for (int c = 0; c < 8; c++) {
        struct trainable_bed toy;
        struct trainable_state inner;
        void *kept[TRAINABLE_BLOCKS];
        struct hash was, is;
        size_t n, again;
        float *all, *back;

        toy_init(&toy, c % 2 ? &lora : NULL, c / 2 % 2 ? PRECISION_BFLOAT16 : PRECISION_FLOAT32,
                 c / 4);
        assert_true(learn(&toy, 0) > 0);
        inner = trainable_state(toy.step);
        assert_true((inner.weights == 2) == (c % 4 == 2)); /* masters are two blocks */
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

/* A step of two micro-batches, the larger one `most` tokens. */
static void two(struct trainable_bed *toy, int most)
{
    float slope[N], out[N];
    const bool head = trainable_params(toy->step)->shape.head == HEAD_LM;

    for (int i = 0; i < N; i++)
        slope[i] = (float)(i % 7 - 2) / N;
    for (int n = 13; n <= most; n += most - 13) {
        const struct batch batch = {.n = n,
                                    .n_seq = n > 13 ? 2 : 1,
                                    .token = toy->token,
                                    .seq = (const int[]){0, 13, n}};

        assert_ok(trainable_forward(toy->step, &batch, 1.0f, head ? out : NULL, NULL,
                                    head ? NULL : out, NULL));
        trainable_backward(toy->step, head ? slope : NULL, NULL, head ? NULL : slope);
    }
    trainable_apply(toy->step, &adamw, 1e-2, 1);
}

static void assert_same_state(struct trainable_bed *a, struct trainable_bed *b)
{
    size_t n[2];
    float *const was = copy(a, &n[0]), *const is = copy(b, &n[1]);

    assert_int_equal(n[0], n[1]);
    assert_memory_equal(was, is, n[0] * sizeof *was);
    free(was);
    free(is);
}

/* A step of one micro-batch of n tokens. */
static void one(struct trainable_bed *toy, int n)
{
    float slope[N], out[N];
    const bool head = trainable_params(toy->step)->shape.head == HEAD_LM;
    const struct batch batch = {
        .n = n, .n_seq = 2, .token = toy->token, .seq = (const int[]){0, 13, n}};

    for (int i = 0; i < n; i++)
        slope[i] = (float)(i % 7 - 2) / N;
    assert_ok(trainable_forward(toy->step, &batch, 1.0f, head ? out : NULL, NULL,
                                head ? NULL : out, NULL));
    trainable_backward(toy->step, head ? slope : NULL, NULL, head ? NULL : slope);
    if (n == 30)
        trainable_discard(toy->step);
    else
        trainable_apply(toy->step, &adamw, 1e-2, 1);
    if (head) /* as an evaluation does between steps */
        assert_ok(trainable_score(toy->step, trainable_model(toy->step), &toy->batch, 1, out));
}

/* Of few layers and of many, none, some and all of them computed again, batches that grow: where a step is of
 * one backward pass activations lie in the gradient, and no bit differs. */
static void activations_within_the_gradient_change_nothing(void **state)
{
    (void)state;
    for (int c = 0; c < 3 * SMALL_SHAPES; c++) {
        struct shape shape = small_shape[c % SMALL_SHAPES];
        struct train_options options = {.checkpointing = true};
        struct trainable_bed apart, within;

        shape.layers += (c + c / SMALL_SHAPES) % 2 ? 4 : 0;
        shape.compute = c / SMALL_SHAPES % 2 ? PRECISION_BFLOAT16 : PRECISION_FLOAT32;
        options.keep = (size_t[]){1, train_keep(&shape, N, 2), SIZE_MAX}[c % 3];
        toy_init_in(&apart, NULL, options, &shape);
        options.alone = true;
        toy_init_in(&within, NULL, options, &shape);
        for (int step = 0; step < 5; step++) {
            const int n = (int[]){15, 30, 33, 20, N}[step];

            one(&apart, n);
            one(&within, n);
            assert_same_state(&apart, &within);
        }
        trainable_free(apart.step);
        trainable_free(within.step);
    }
}

/* What fits into the gradients of the layers below is counted once: of short batches all layers but the first, of
 * longer ones some; an adapter's gradient has no room. */
static void a_plan_counts_activations_within_the_gradient_once(void **state)
{
    const struct train_options apart = {.keep = 1}, within = {.keep = 1, .alone = true};
    struct shape shape = small_shape[0];
    (void)state;

    shape.layers = 9;
    for (int i = 0, n = 8; i < 3; i++, n *= 10) {
        const size_t layer =
            (train_size(&shape, &apart, n) - train_size(&small_shape[0], &apart, n)) / 7;
        const size_t saved =
            trainable_size(&shape, &apart, NULL, n) - trainable_size(&shape, &within, NULL, n);

        assert_int_equal(saved % layer, 0);
        assert_int_equal(saved / layer, ((size_t[]){8, 6, 0})[i]);
    }
    assert_int_equal(trainable_size(&shape, &apart, &lora, 8),
                     trainable_size(&shape, &within, &lora, 8));
}

/* In each order of sizes: the second's gradient is the larger one, and the smaller one; rows grow in
 * the one's turn, then in the other's; a pass that is forgotten lies between. */
static void models_that_take_turns_have_the_bits_of_their_own(void **state)
{
    static const struct {
        int shape[2];
        bool lora[2];
    } pair[] = {
        {{0, 3}, {false}}, {{3, 0}, {false}}, {{0, 5}, {true, false}}, {{1, 4}, {true, true}}};
    (void)state;

    for (size_t c = 0; c < sizeof pair / sizeof *pair; c++) {
        struct train_room room = {.user = NULL};
        struct trainable_bed apart[2], turn[2];

        for (int i = 0; i < 2; i++) {
            struct shape shape = small_shape[pair[c].shape[i]];

            shape.compute = c % 2 ? PRECISION_BFLOAT16 : PRECISION_FLOAT32;
            toy_init_in(&apart[i], pair[c].lora[i] ? &lora : NULL,
                        (struct train_options){.room = NULL}, &shape);
            toy_init_in(&turn[i], pair[c].lora[i] ? &lora : NULL,
                        (struct train_options){.room = &room}, &shape);
        }
        for (int step = 0; step < 3; step++)
            for (int i = 0; i < 2; i++) {
                const int most = (int[]){20, 33, N}[(step + i) % 3];

                two(&apart[i], most);
                two(&turn[i], most);
                assert_same_state(&apart[i], &turn[i]);
            }
        for (int i = 0; i < 2; i++) {
            trainable_free(apart[i].step);
            trainable_free(turn[i].step);
        }
        train_room_fini(&room);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_norm_that_is_no_number_leaves_the_weights),
        cmocka_unit_test(a_state_is_all_of_it),
        cmocka_unit_test(activations_within_the_gradient_change_nothing),
        cmocka_unit_test(a_plan_counts_activations_within_the_gradient_once),
        cmocka_unit_test(models_that_take_turns_have_the_bits_of_their_own),
        cmocka_unit_test(whole_numbers_follow_the_weights),
    };

    return cmocka_run_group_tests_name("step", tests, NULL, NULL);
}
