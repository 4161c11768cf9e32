/* An adapter on a base that lies packed, in halves or floats, learns what it learns on one in f32
 * with a merged image beside it, and all weights learn from an image of halves as from floats: every bit
 * of figures, weights and hashes. */

#include "learner/step/trainable.h"

#include "base/mem.h"
#include "tests/lm/small.h"

enum { N = 40, STEPS = 3 };

static const struct adamw adamw = {.9, .999, 1e-8, .01, OPTIM_ADAMW, {.nesterov = false}};
static const int seq[] = {0, 13, N};

/* The upper half of each float: what a file of bfloat16 holds. */
static void halve(struct params *params)
{
    for (size_t i = 0; i < params->count; i++) {
        uint32_t bits;

        memcpy(&bits, &params->data[i], sizeof bits);
        bits &= 0xFFFF0000u;
        memcpy(&params->data[i], &bits, sizeof bits);
    }
}

static struct params *weights(const struct shape *shape)
{
    struct small small;
    struct params *params;

    small_new(&small, shape);
    params = small.params;
    small.params = NULL;
    small_free(&small);
    halve(params);
    return params;
}

static struct trainable *packed(const struct shape *shape, enum packed_store store,
                                const struct train_options *options,
                                const struct lora_conf *conf)
{
    struct params *params = weights(shape);
    struct packed_layout *layout;
    struct trainable *step;
    float *image;

    assert_ok(packed_layout_as(&layout, shape, store));
    assert_ok(mem_big(&image, layout->size, sizeof *image, "image"));
    packed_fill(image, layout, params);
    params_free(params);
    assert_ok(trainable_new_packed(&step, shape, image, layout, options, conf, 7));
    return step;
}

/* One optimiser step of two micro-batches; the figures of the second in out. */
static double learn(struct trainable *step, int at, float out[N])
{
    const bool scalar = trainable_params(step)->shape.head != HEAD_LM;
    int token[N];
    const struct batch batch = {.n = N, .n_seq = 2, .token = token, .seq = seq};
    float slope[N];

    for (int half = 0; half < 2; half++) {
        for (uint32_t i = 0; i < N; i++) {
            token[i] = formula_token(i, (uint32_t)(10 * at + half),
                                     trainable_params(step)->shape.vocab);
            slope[i] = formula(i, (uint32_t)(50 + at + half)) / N;
        }
        assert_ok(trainable_forward(step, &batch, 1.0f, scalar ? NULL : out, NULL,
                                    scalar ? out : NULL, NULL));
        trainable_backward(step, scalar ? NULL : slope, NULL, scalar ? slope : NULL);
    }
    return trainable_apply(step, &adamw, 1e-2, 1);
}

static void same_hash(struct hash a, struct hash b)
{
    assert_memory_equal(&a, &b, sizeof a);
}

static void same_steps(struct trainable *a, struct trainable *b)
{
    const struct trainable_state was = trainable_state(a), is = trainable_state(b);
    float x[N], y[N];

    assert_int_equal(was.n, is.n);
    trainable_dropout(a, true);
    trainable_dropout(b, true);
    for (int i = 0; i < STEPS; i++) {
        const double norm = learn(a, i, x);

        assert_true(norm > 0 && norm == learn(b, i, y));
        assert_memory_equal(x, y, sizeof x);
        for (int k = 0; k < was.n; k++) {
            assert_int_equal(was.block[k].n, is.block[k].n);
            assert_memory_equal(was.block[k].bytes, is.block[k].bytes, was.block[k].n);
        }
    }
    trainable_restored(b, STEPS); /* as a resumed run puts them back */
    assert_true(learn(a, STEPS, x) == learn(b, STEPS, y));
    assert_memory_equal(x, y, sizeof x);
    same_hash(trainable_hash(a), trainable_hash(b));
    if (trainable_lora(a))
        same_hash(trainable_base(a), trainable_base(b));
}

static void compare_as(const struct shape *shape, enum packed_store store,
                       const struct lora_conf *conf, bool again)
{
    const struct train_options options = {.checkpointing = again};
    struct trainable *whole, *half;

    assert_ok(trainable_new(&whole, weights(shape), &options, conf, 7));
    half = packed(shape, store, &options, conf);
    same_steps(whole, half);
    trainable_free(whole);
    trainable_free(half);
}

static void compare(const struct shape *shape, const struct lora_conf *conf, bool again)
{
    for (int c = 0; c < PRECISIONS; c++) {
        struct shape as = *shape;

        as.compute = (enum precision)c;
        for (int store = (int)packed_store_of(&as); store <= PACKED_PAIRS; store++)
            compare_as(&as, (enum packed_store)store, conf, again);
    }
}

/* Every family's list, ends tied and not, heads of all kinds; pairs everywhere. */
static void all_shapes_learn_the_same(void **state)
{
    const struct lora_conf conf = {.r = 3, .alpha = 6, .target = {"all-linear"}, .targets = 1};

    (void)state;
    for (size_t c = 0; c < SMALL_SHAPES; c++)
        compare(&small_shape[c], &conf, c % 3 != 0);
}

/* Some matrices of a block with a pair and some without, dropout, a norm that is trained whole. */
static void some_modules_learn_the_same(void **state)
{
    const struct lora_conf conf = {.r = 4,
                                   .alpha = 8,
                                   .dropout = .25,
                                   .target = {"v_proj", "down_proj"},
                                   .targets = 2,
                                   .save = {"norm"},
                                   .saves = 1};

    (void)state;
    for (int again = 0; again < 2; again++)
        compare(&small_shape[0], &conf, again);
}

/* Masters of an image are those of floats that are halves. */
static void all_weights_learn_the_same(void **state)
{
    (void)state;
    for (size_t c = 0; c < SMALL_SHAPES; c++) {
        struct shape as = small_shape[c];

        as.compute = c % 4 ? PRECISION_BFLOAT16 : PRECISION_INT8;
        compare_as(&as, PACKED_PAIRS, NULL, c % 2);
    }
}

/* A score instead of a head, in the place of an image of either kind. */
static void another_head_is_the_one_of_f32(void **state)
{
    (void)state;
    for (int c = 0; c < 2; c++)
        for (int store = PACKED_F32; store <= PACKED_PAIRS; store++) {
            struct shape shape = small_shape[0], other;
            struct params *params, *want, *got;
            struct packed_layout *layout;
            float *image;

            shape.tied = c;
            params = weights(&shape);
            assert_ok(packed_layout_as(&layout, &shape, (enum packed_store)store));
            assert_ok(mem_big(&image, layout->size, sizeof *image, "image"));
            packed_fill(image, layout, params);
            assert_ok(params_reheaded(&want, params, HEAD_SCALAR, 5, false));
            assert_ok(packed_reheaded(&image, &layout, &shape, HEAD_SCALAR, 5, false));
            other = shape;
            other.head = HEAD_SCALAR;
            assert_ok(params_new(&got, &other));
            packed_unpack(got, layout, image);
            assert_memory_equal(got->data, want->data, got->count * sizeof(float));
            params_free(got);
            params_free(want);
            params_free(params);
            packed_layout_free(layout);
            free(image);
        }
}

static void a_plan_counts_the_base_once(void **state)
{
    const struct train_options options = {.checkpointing = true};
    const struct lora_conf conf = {.r = 3, .alpha = 6};
    const struct shape *shape = &small_shape[0];
    const size_t whole = trainable_size(shape, &options, &conf, N);
    const size_t f32 = trainable_size_packed(shape, PACKED_F32, &options, &conf, N);
    const size_t half = trainable_size_packed(shape, PACKED_PAIRS, &options, &conf, N);

    (void)state;
    assert_true(half < f32 && f32 < whole);
    assert_true(half > packed_size_as(shape, PACKED_PAIRS));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_shapes_learn_the_same),
        cmocka_unit_test(some_modules_learn_the_same),
        cmocka_unit_test(all_weights_learn_the_same),
        cmocka_unit_test(another_head_is_the_one_of_f32),
        cmocka_unit_test(a_plan_counts_the_base_once),
    };

    return cmocka_run_group_tests_name("packed_base", tests, NULL, NULL);
}
