/* What a training pass has beside log-probabilities and values: the mean of all log-probabilities
 * with its slope (differences of it: lm/train), and noise on the embeddings. */
#include "lm/model/train.h"

#include "base/rng.h"
#include "tests/lm/small.h"

#include <math.h>

enum { N = 24, FROM = 9 };
static const int seq[] = {0, FROM, N};

struct train_more {
    struct small small;
    struct train *train;
    int token[N]; /* all different */
    struct batch batch;
};

static void more_new(struct train_more *bed)
{
    const struct train_options options = {.checkpointing = true};

    small_new(&bed->small, &small_shape[1]);
    assert_false(small_shape[1].tied); /* a head would have the noise, too */
    assert_ok(train_new(&bed->train, &small_shape[1], &options));
    for (int i = 0; i < N; i++)
        bed->token[i] = i;
    bed->batch = (struct batch){.n = N, .n_seq = 2, .token = bed->token, .seq = seq};
}

static void more_free(struct train_more *bed)
{
    train_free(bed->train);
    small_free(&bed->small);
}

static void forward(struct train_more *bed, const struct model *model, float out[N])
{
    assert_ok(train_forward(bed->train, model, &bed->batch, 0.8f, out, NULL, NULL));
}

/* The gradient of sum slope . logprob + mean . mean_logprob; mean may be NULL. The caller's. */
static float *gradient(struct train_more *bed, const float *slope, const float *mean)
{
    float *grad = calloc(bed->small.params->count, sizeof *grad), out[N];

    assert_non_null(grad);
    forward(bed, bed->small.model, out);
    train_mean_slope(bed->train, mean);
    train_backward(bed->train, bed->small.model, bed->small.params, slope, NULL, NULL, grad);
    return grad;
}

/* Its value by definition: over every token that might have stood there. */
static void the_mean_logprob_is_that_of_all_tokens(void **state)
{
    (void)state;
    const int vocab = small_shape[1].vocab, at = 13;
    struct train_more bed;
    float out[N];
    double sum = 0;

    more_new(&bed);
    forward(&bed, bed.small.model, out);
    const double said = (double)train_mean_logprob(bed.train)[at];
    for (int s = 0; s < 2; s++)
        assert_true(train_mean_logprob(bed.train)[seq[s]] == 0.0f);
    for (bed.token[at] = 0; bed.token[at] < vocab; bed.token[at]++) {
        forward(&bed, bed.small.model, out);
        sum += (double)out[at];
    }
    assert_true(fabs(said - sum / vocab) < 1e-5);
    more_free(&bed);
}

/* Rows of which nothing else has a slope learn by it, and a later pass knows nothing of it. */
static void its_slope_is_of_one_backward_pass(void **state)
{
    (void)state;
    struct train_more bed;
    float slope[N], mean[N], *plain, *both, *alone, *again;
    size_t count;
    double gap = 0, size = 0;

    more_new(&bed);
    count = bed.small.params->count;
    formula_fill(slope, N, 20, 1.0f, 0.0f);
    formula_fill(mean, N, 21, 1.0f, 0.0f);
    plain = gradient(&bed, slope, NULL);
    both = gradient(&bed, slope, mean);
    alone = gradient(&bed, NULL, mean);
    again = gradient(&bed, slope, NULL);
    assert_memory_equal(plain, again, count * sizeof *plain);
    for (size_t i = 0; i < count; i++) {
        gap = fmax(gap, fabs((double)both[i] - (double)plain[i] - (double)alone[i]));
        size = fmax(size, fabs((double)alone[i]));
    }
    assert_true(size > 1e-3 && gap < 1e-4 * size); /* they add up */
    free(plain);
    free(both);
    free(alone);
    free(again);
    more_free(&bed);
}

/* Noise on the embeddings is another embedding: the bits of a model that has it in its rows. In the
 * pass behind it there is none. */
static void noise_is_added_to_the_embeddings(void **state)
{
    (void)state;
    const struct train_drop noisy = {.noise = 3, .seed = 11, .step = 5, .first = 2};
    const int width = small_shape[1].width;
    struct train_more bed;
    struct small other;
    float was[N], got[N], want[N], *row;
    double largest = 0;

    more_new(&bed);
    forward(&bed, bed.small.model, was);
    train_drop(bed.train, &noisy);
    forward(&bed, bed.small.model, got);
    small_new(&other, &small_shape[1]);
    row = other.params->data + params_part(other.params, PART_EMBED, -1)->at;
    for (int i = 0; i < N; i++)
        for (int c = 0; c < width; c++) {
            const int s = i >= FROM, pos = i - seq[s], n = seq[s + 1] - seq[s];
            const float size = (float)(3 / sqrt((double)n * width));
            uint32_t word[4];
            rng_words(word, 11, RNG_NOISE, (uint64_t)5 << 32 | (uint64_t)(2 + s), (uint32_t)pos,
                      (uint32_t)c / 4);
            const float unit = (float)(word[c % 4] >> 8) * 0x1p-23f - 1.0f;
            row[i * width + c] += size * unit;
            largest = fmax(largest, fabs((double)unit));
        }
    assert_true(largest > .99 && largest <= 1);
    small_pack(&other);
    train_drop(bed.train, &(struct train_drop){0});
    forward(&bed, other.model, want);
    assert_memory_equal(got, want, sizeof got);
    assert_true(memcmp(got, was, sizeof got) != 0);
    forward(&bed, bed.small.model, want);
    assert_memory_equal(was, want, sizeof was);
    small_free(&other);
    more_free(&bed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_mean_logprob_is_that_of_all_tokens),
        cmocka_unit_test(its_slope_is_of_one_backward_pass),
        cmocka_unit_test(noise_is_added_to_the_embeddings),
    };

    return cmocka_run_group_tests_name("train_more", tests, NULL, NULL);
}
