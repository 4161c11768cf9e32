#include "lm/model/train.h"

#include "lm/kernel/isa.h"
#include "lm/model/forward.h"
#include "tests/lm/small.h"

#include <math.h>
#include <omp.h>

enum { N = 44, SEQS = 4 };
static const int seq[SEQS + 1] = {0, 1, 3, 40, N};

struct train_fixture {
    struct small small;
    struct batch batch;
    int token[N];
    float slope[4][N]; /* d loss / d logprob, entropy, value, mean_logprob */
    bool mean;         /* the last of them counts */
    float temperature;
    struct train *train;
};

static struct train_fixture *fixture_new(const struct shape *shape,
                                         struct train_options options)
{
    struct train_fixture *fixture = calloc(1, sizeof *fixture);

    assert_non_null(fixture);
    small_new(&fixture->small, shape);
    for (uint32_t i = 0; i < N; i++)
        fixture->token[i] = formula_token(i, 7, shape->vocab);
    for (uint32_t i = 0; i < 4; i++)
        formula_fill(fixture->slope[i], N, 20 + i, 1.0f, 0.0f);
    fixture->batch = (struct batch){.n = N, .n_seq = SEQS, .token = fixture->token, .seq = seq};
    fixture->temperature = 0.8f;
    assert_ok(train_new(&fixture->train, shape, &options));
    return fixture;
}

static void fixture_free(struct train_fixture *fixture)
{
    train_free(fixture->train);
    small_free(&fixture->small);
    free(fixture);
}

static double forward(struct train_fixture *fixture)
{
    const bool scalar = fixture->small.params->shape.head != HEAD_LM;
    float out[3][N] = {{0}};
    double loss = 0.0;

    assert_ok(train_forward(fixture->train, fixture->small.model, &fixture->batch,
                            fixture->temperature, scalar ? NULL : out[0],
                            scalar ? NULL : out[1], scalar ? out[2] : NULL));
    for (int k = 0; k < 3; k++)
        for (int i = 0; i < fixture->batch.n; i++)
            loss += (double)fixture->slope[k][i] * (double)out[k][i];
    for (int i = 0; i < fixture->batch.n && fixture->mean && !scalar; i++)
        loss += (double)fixture->slope[3][i] * (double)train_mean_logprob(fixture->train)[i];
    return loss;
}

static float *gradient(struct train_fixture *fixture)
{
    float *grad = calloc(fixture->small.params->count, sizeof *grad);

    assert_non_null(grad);
    (void)forward(fixture);
    train_mean_slope(fixture->train, fixture->mean ? fixture->slope[3] : NULL);
    train_backward(fixture->train, fixture->small.model, fixture->small.params,
                   fixture->slope[0], fixture->slope[1], fixture->slope[2], grad);
    return grad;
}

static double loss_along(struct train_fixture *fixture, const struct tensor *t,
                         const float *keep, const float *way, float step)
{
    float *w = fixture->small.params->data + t->at;

    for (int j = 0; j < t->rows * t->cols; j++)
        w[j] = keep[j] + step * way[j];
    small_pack(&fixture->small);
    return forward(fixture);
}

/* The slope of the loss along random directions of each tensor, by differences of fourth order.
 */
static void every_tensor_is_the_derivative(void **state)
{
    (void)state;
    for (int shape = 0; shape < SMALL_SHAPES; shape++) {
        struct train_fixture *fixture =
            fixture_new(&small_shape[shape], (struct train_options){0});
        fixture->mean = true;
        float *grad = gradient(fixture);

        for (int i = 0; i < fixture->small.params->n; i++) {
            const struct tensor *t = &fixture->small.params->tensor[i];
            const size_t n = (size_t)t->rows * (size_t)t->cols;
            float *keep = malloc(n * sizeof *keep), *way = malloc(n * sizeof *way);
            double got = 0.0, size = 0.0, want;
            const float h = 4e-3f;

            memcpy(keep, fixture->small.params->data + t->at, n * sizeof *keep);
            formula_fill(way, n, 900 + (uint32_t)i, 1.0f, 0.0f);
            for (size_t j = 0; j < n; j++) {
                got += (double)grad[t->at + j] * (double)way[j];
                size += (double)grad[t->at + j] * (double)grad[t->at + j];
            }
            want = (8.0 * (loss_along(fixture, t, keep, way, h) -
                           loss_along(fixture, t, keep, way, -h)) -
                    (loss_along(fixture, t, keep, way, 2 * h) -
                     loss_along(fixture, t, keep, way, -2 * h))) /
                   (12.0 * (double)h);
            (void)loss_along(fixture, t, keep, way, 0.0f);
            if (!(fabs(got - want) < 4e-3 * sqrt(size) + 1e-5))
                fail_msg("shape %d, %s: %.7g, not %.7g (norm %g)", shape, t->name, got, want,
                         sqrt(size));
            free(keep);
            free(way);
        }
        free(grad);
        fixture_free(fixture);
    }
}

static void outputs_have_the_bits_of_scoring(void **state)
{
    (void)state;
    for (int i = 0; i < PRECISIONS * SMALL_SHAPES; i++) {
        struct shape shape = small_shape[i % SMALL_SHAPES];
        struct train_fixture *fixture;
        const bool scalar = shape.head != HEAD_LM;
        float want[2][N], got[2][N];
        float *a = scalar ? NULL : want[0], *b = scalar ? NULL : got[0];
        float *c = scalar ? NULL : want[1], *d = scalar ? NULL : got[1];

        shape.compute = (enum precision)(i / SMALL_SHAPES);
        fixture = fixture_new(&shape, (struct train_options){.checkpointing = true});
        assert_ok(forward_score(fixture->small.model, fixture->token, seq, SEQS, 0.8f, a, c,
                                scalar ? want[0] : NULL));
        assert_ok(train_forward(fixture->train, fixture->small.model, &fixture->batch, 0.8f, b,
                                d, scalar ? got[0] : NULL));
        assert_memory_equal(want[0], got[0], sizeof want[0]);
        if (!scalar)
            assert_memory_equal(want[1], got[1], sizeof want[1]);
        fixture_free(fixture);
    }
}

/* One token after another through a cache, as an actor does. */
static void outputs_have_the_bits_of_decoding(void **state)
{
    (void)state;
    struct train_fixture *fixture = fixture_new(&small_shape[2], (struct train_options){0});
    struct forward_work *work;
    float got[N], hidden[64], want;

    assert_ok(train_forward(fixture->train, fixture->small.model, &fixture->batch, 0.8f, got,
                            NULL, NULL));
    assert_ok(forward_work_new(&work, &small_shape[2], 1));
    for (int s = 0; s < SEQS; s++) {
        struct cache *cache;
        assert_ok(cache_new(&cache, &small_shape[2], 64, NULL));
        assert_true(got[seq[s]] == 0.0f);
        for (int i = seq[s]; i + 1 < seq[s + 1]; i++) {
            const struct forward_row row = {cache, fixture->token[i], i - seq[s]};
            forward_hidden(fixture->small.model, work, &row, 1, hidden);
            forward_logprob(fixture->small.model, work, hidden, 1, &fixture->token[i + 1], 0.8f,
                            &want, NULL, NULL);
            assert_true(want == got[i + 1]);
        }
        cache_free(cache);
    }
    forward_work_free(work);
    fixture_free(fixture);
}

static void hits_are_the_most_likely(void **state)
{
    (void)state;
    struct train_fixture *fixture = fixture_new(&small_shape[0], (struct train_options){0});
    const int vocab = small_shape[0].vocab;
    int best = 0, pair[] = {5, 0}, two[] = {0, 2}, hits = 0;
    float top = -INFINITY, logprob[2];

    fixture->batch = (struct batch){.n = 2, .n_seq = 1, .token = pair, .seq = two};
    for (int v = 0; v < vocab; v++) {
        pair[1] = v;
        assert_ok(train_forward(fixture->train, fixture->small.model, &fixture->batch, 0.3f,
                                logprob, NULL, NULL));
        assert_int_equal(train_hit(fixture->train)[0], 0);
        if (train_hit(fixture->train)[1]) {
            hits++;
            best = v;
        }
        top = logprob[1] > top ? logprob[1] : top;
    }
    assert_int_equal(hits, 1);
    pair[1] = best;
    assert_ok(train_forward(fixture->train, fixture->small.model, &fixture->batch, 0.3f,
                            logprob, NULL, NULL));
    assert_true(logprob[1] == top);
    fixture_free(fixture);
}

static double gap(const float *a, const float *b, size_t n)
{
    double far = 0.0, size = 0.0;

    for (size_t i = 0; i < n; i++) {
        far += ((double)a[i] - (double)b[i]) * ((double)a[i] - (double)b[i]);
        size += (double)a[i] * (double)a[i];
    }
    return sqrt(far / size);
}

static void checkpointing_changes_no_bit(void **state)
{
    (void)state;
    for (int shape = 0; shape < SMALL_SHAPES; shape++) {
        struct train_fixture *keep =
            fixture_new(&small_shape[shape], (struct train_options){0});
        const size_t bytes = train_size(&small_shape[shape], &(struct train_options){0}, N);
        float *a = gradient(keep);

        for (size_t kept = 0; kept <= bytes; kept += bytes / 8) { /* none to all layers */
            struct train_fixture *again =
                fixture_new(&small_shape[shape],
                            (struct train_options){.checkpointing = true, .keep = kept});
            float *b = gradient(again);
            assert_memory_equal(a, b, keep->small.params->count * sizeof *a);
            free(b);
            fixture_free(again);
        }
        free(a);
        fixture_free(keep);
    }
}

static void what_is_kept_takes_no_more_than_it_may(void **state)
{
    const struct shape *shape = &small_shape[0];
    const size_t least = train_size(shape, &(struct train_options){.checkpointing = true}, 999);
    const size_t most = train_size(shape, &(struct train_options){0}, 999);
    size_t last = least;

    (void)state;
    assert_true(least < most);
    for (size_t kept = 0; kept <= 2 * most; kept += most / 16) {
        const struct train_options options = {.checkpointing = true, .keep = kept};
        const size_t size = train_size(shape, &options, 999);
        assert_true(size >= last && size <= least + kept && size <= most);
        last = size;
    }
    assert_int_equal(last, most);
}

static void gradients_are_the_same_everywhere(void **state)
{
    (void)state;
    struct train_fixture *ours =
        fixture_new(&small_shape[2], (struct train_options){.checkpointing = true});
    const size_t count = ours->small.params->count;
    float *b = gradient(ours);
    const int threads = omp_get_max_threads();
    const char *name = isa_current()->name;

    for (int isa = 0; isa < 3; isa++) {
        if (!isa_at(isa)) {
            print_message("not shown: instruction set %d is not here\n", isa);
            continue;
        }
        assert_ok(isa_force(isa_at(isa)->name));
        for (int n = 1; n < 4; n++) {
            omp_set_num_threads(n);
            float *c = gradient(ours);
            assert_memory_equal(b, c, count * sizeof *b);
            free(c);
        }
    }
    omp_set_num_threads(threads);
    assert_ok(isa_force(name));
    free(b);
    fixture_free(ours);
}

/* A packed batch is its sequences, one at a time, added up; and what was there stays. */
static void packing_is_accumulation(void **state)
{
    (void)state;
    for (int shape = 0; shape < SMALL_SHAPES; shape++) {
        struct train_fixture *fixture =
            fixture_new(&small_shape[shape], (struct train_options){0});
        const size_t count = fixture->small.params->count;
        float *whole = gradient(fixture), *sum = calloc(count, sizeof *sum);
        const bool scalar = small_shape[shape].head != HEAD_LM;
        float out[N];

        for (int s = 0; s < SEQS; s++) {
            const int from = seq[s], ends[] = {0, seq[s + 1] - from};
            const struct batch one = {
                .n = ends[1], .n_seq = 1, .token = fixture->token + from, .seq = ends};

            assert_ok(train_forward(fixture->train, fixture->small.model, &one, 0.8f,
                                    scalar ? NULL : out, NULL, scalar ? out : NULL));
            train_backward(fixture->train, fixture->small.model, fixture->small.params,
                           fixture->slope[0] + from, fixture->slope[1] + from,
                           fixture->slope[2] + from, sum);
        }
        assert_true(gap(whole, sum, count) < 1e-5);
        for (size_t i = 0; i < count; i++)
            assert_true(fabsf(sum[i]) < 1e-7f || whole[i] != 0.0f);
        free(whole);
        free(sum);
        fixture_free(fixture);
    }
}

/* What a batch adds is its own sum, whatever other batches came before it: bit for bit. A tied matrix
 * gets two sums, one after the other. */
static void what_a_batch_adds_knows_no_other(void **state)
{
    (void)state;
    for (int shape = 0; shape < SMALL_SHAPES; shape++) {
        struct train_fixture *fixture =
            fixture_new(&small_shape[shape], (struct train_options){0});
        const struct params *params = fixture->small.params;
        const struct tensor *embed = params_part(params, PART_EMBED, -1);
        const size_t twice = (size_t)embed->rows * (size_t)embed->cols;
        float *alone = gradient(fixture), *sum = calloc(params->count, sizeof *sum);
        float *before = calloc(params->count, sizeof *before);

        formula_fill(before, params->count, 31, 1.0f, 0.0f);
        memcpy(sum, before, params->count * sizeof *sum);
        train_backward(fixture->train, fixture->small.model, params, fixture->slope[0],
                       fixture->slope[1], fixture->slope[2], sum);
        for (size_t i = 0; i < params->count; i++) {
            const float want = before[i] + alone[i];
            const bool tied = params->shape.tied && params->shape.head == HEAD_LM &&
                              i >= embed->at && i < embed->at + twice;

            if (tied ? fabsf(sum[i] - want) > 1e-6f : sum[i] != want)
                fail_msg("shape %d, weight %zu: %.9g + %.9g is not %.9g", shape, i,
                         (double)before[i], (double)alone[i], (double)sum[i]);
        }
        free(alone);
        free(sum);
        free(before);
        fixture_free(fixture);
    }
}

static void null_is_zero_and_starts_do_not_count(void **state)
{
    (void)state;
    struct train_fixture *fixture = fixture_new(&small_shape[1], (struct train_options){0});
    const size_t count = fixture->small.params->count;
    float *want, *got = calloc(count, sizeof *got);

    memset(fixture->slope[1], 0, sizeof fixture->slope[1]);
    want = gradient(fixture);
    for (int s = 0; s < SEQS; s++)
        fixture->slope[0][seq[s]] = NAN; /* of no output */
    train_backward(fixture->train, fixture->small.model, fixture->small.params,
                   fixture->slope[0], NULL, NULL, got);
    assert_memory_equal(want, got, count * sizeof *got);
    memset(got, 0, count * sizeof *got);
    train_backward(fixture->train, fixture->small.model, fixture->small.params, NULL, NULL,
                   NULL, got);
    for (size_t i = 0; i < count; i++)
        assert_true(got[i] == 0.0f);
    free(want);
    free(got);
    fixture_free(fixture);
}

/* More rows than logits are held for, more than a tile, and a batch after a larger one. */
static void a_long_batch_is_its_parts(void **state)
{
    (void)state;
    enum { LONG = 700 };
    static int token[LONG];
    static float slope[LONG], out[LONG], want[LONG];
    static const int ends[] = {0, 650, LONG};
    struct shape shape = small_shape[0];
    struct small small;
    const struct train_options options = {0};
    struct train *train, *fresh;
    float *grad[2];

    shape.layers = 1;
    shape.vocab = 4000; /* backward takes it in pieces */
    small_new(&small, &shape);
    for (uint32_t i = 0; i < LONG; i++)
        token[i] = formula_token(i, 77, shape.vocab);
    formula_fill(slope, LONG, 78, 1.0f, 0.0f);
    assert_ok(train_new(&train, &shape, &options));
    assert_ok(train_new(&fresh, &shape, &options));
    for (int i = 0; i < 2; i++)
        grad[i] = calloc(small.params->count, sizeof *grad[i]);
    const struct batch whole = {.n = LONG, .n_seq = 2, .token = token, .seq = ends};
    const int few[] = {0, 20};
    const struct batch little = {.n = 20, .n_seq = 1, .token = token, .seq = few};
    assert_ok(
        train_forward(train, small.model, &little, 1.0f, out, NULL, NULL)); /* then grows */
    assert_ok(train_forward(train, small.model, &whole, 1.0f, out, NULL, NULL));
    train_backward(train, small.model, small.params, slope, NULL, NULL, grad[0]);
    assert_ok(forward_score(small.model, token, ends, 2, 1.0f, want, NULL, NULL));
    assert_memory_equal(want, out, sizeof want);
    for (int s = 0; s < 2; s++) {
        const int part[] = {0, ends[s + 1] - ends[s]};
        const struct batch one = {
            .n = part[1], .n_seq = 1, .token = token + ends[s], .seq = part};
        assert_ok(train_forward(train, small.model, &one, 1.0f, out, NULL, NULL));
        assert_memory_equal(want + ends[s], out, (size_t)part[1] * sizeof *out);
        train_backward(train, small.model, small.params, slope + ends[s], NULL, NULL, grad[1]);
    }
    assert_true(gap(grad[0], grad[1], small.params->count) < 1e-5);
    /* memory that a larger batch left behind changes nothing */
    const int part[] = {0, 50};
    const struct batch tail = {.n = 50, .n_seq = 1, .token = token + 650, .seq = part};
    for (int i = 0; i < 2; i++) {
        memset(grad[i], 0, small.params->count * sizeof **grad);
        assert_ok(train_forward(i ? fresh : train, small.model, &tail, 1.0f, out, NULL, NULL));
        train_backward(i ? fresh : train, small.model, small.params, slope, NULL, NULL,
                       grad[i]);
    }
    assert_memory_equal(grad[0], grad[1], small.params->count * sizeof **grad);
    train_free(train);
    train_free(fresh);
    small_free(&small);
    free(grad[0]);
    free(grad[1]);
}

static void bad_batches_are_refused(void **state)
{
    (void)state;
    struct train_fixture *fixture = fixture_new(&small_shape[0], (struct train_options){0});
    int wrong[SEQS + 1];
    float out[N];

#define REFUSED(batch_) \
    assert_err(ERR_RANGE, train_forward(fixture->train, fixture->small.model, &(batch_), 1.0f, \
                                        out, NULL, NULL))
    fixture->token[9] = small_shape[0].vocab;
    REFUSED(fixture->batch);
    fixture->token[9] = -1;
    REFUSED(fixture->batch);
    fixture->token[9] = 0;
    memcpy(wrong, seq, sizeof seq);
    const struct batch bad = {.n = N, .n_seq = SEQS, .token = fixture->token, .seq = wrong};
    wrong[2] = wrong[1];
    REFUSED(bad);
    memcpy(wrong, seq, sizeof seq);
    wrong[0] = 1;
    REFUSED(bad);
    wrong[0] = 0;
    wrong[SEQS] = N - 1;
    REFUSED(bad);
    assert_err(ERR_RANGE, train_forward(fixture->train, fixture->small.model, &fixture->batch,
                                        0.0f, out, NULL, NULL));
    assert_err(ERR_RANGE, train_forward(fixture->train, fixture->small.model, &fixture->batch,
                                        1.0f, NULL, NULL, out));
#undef REFUSED
    fixture_free(fixture);
}

static void memory_is_foretold(void **state)
{
    (void)state;
    const struct train_options keep = {0}, again = {.checkpointing = true};
    const size_t a = train_size(&small_shape[0], &keep, 1000);
    const size_t b = train_size(&small_shape[0], &again, 1000);

    assert_true(b < a);
    assert_true(a - b == 1008u * 4u * (128 + 64 + 64 + 192 + 2)); /* a layer's, rows by 16 */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_tensor_is_the_derivative),
        cmocka_unit_test(outputs_have_the_bits_of_scoring),
        cmocka_unit_test(outputs_have_the_bits_of_decoding),
        cmocka_unit_test(hits_are_the_most_likely),
        cmocka_unit_test(checkpointing_changes_no_bit),
        cmocka_unit_test(what_is_kept_takes_no_more_than_it_may),
        cmocka_unit_test(gradients_are_the_same_everywhere),
        cmocka_unit_test(what_a_batch_adds_knows_no_other),
        cmocka_unit_test(packing_is_accumulation),
        cmocka_unit_test(null_is_zero_and_starts_do_not_count),
        cmocka_unit_test(a_long_batch_is_its_parts),
        cmocka_unit_test(bad_batches_are_refused),
        cmocka_unit_test(memory_is_foretold),
    };
    return cmocka_run_group_tests_name("train", tests, NULL, NULL);
}
