/* Sequences that go on from another one's tokens, and tokens that are not asked for: the same
 * bits as everything written out, and the same gradient. */
#include "lm/model/train.h"

#include "lm/kernel/isa.h"
#include "tests/lm/small.h"

#include <math.h>

/* A plain sequence; a trunk of 45 with branches behind 39, 1 and 45 tokens; a trunk of 5 with
 * one behind 3. */
enum { SEQS = 7, MOST = 400 };
static const int own[SEQS] = {7, 45, 30, 9, 1, 5, 12};
static const int prefix[SEQS] = {0, 0, 39, 1, 45, 0, 3};

struct prefix_batch {
    int n, seq[SEQS + 1], token[MOST];
    int same[MOST]; /* of the grafted form: which token of the plain one */
};

/* The shared form, and the one with every prefix written out. */
static void pack(struct prefix_batch *shared, struct prefix_batch *plain, int vocab)
{
    int trunk = 0;

    memset(shared, 0, sizeof *shared);
    memset(plain, 0, sizeof *plain);
    for (int s = 0; s < SEQS; s++) {
        trunk = prefix[s] ? trunk : s;
        shared->seq[s] = shared->n;
        plain->seq[s] = plain->n;
        for (int j = 0; j < prefix[s]; j++)
            plain->token[plain->n++] = shared->token[shared->seq[trunk] + j];
        for (int j = 0; j < own[s]; j++) {
            const int token = formula_token((uint32_t)shared->n, 31, vocab);

            shared->same[shared->n] = plain->n;
            shared->token[shared->n++] = plain->token[plain->n++] = token;
        }
        shared->seq[s + 1] = shared->n;
        plain->seq[s + 1] = plain->n;
    }
    assert_true(plain->n <= MOST);
}

static struct batch batch_of(const struct prefix_batch *p, bool prefixes)
{
    return (struct batch){.n = p->n,
                          .n_seq = SEQS,
                          .token = p->token,
                          .seq = p->seq,
                          .n_prefix = prefixes ? prefix : NULL};
}

struct result {
    float logprob[MOST], entropy[MOST], value[MOST], *grad;
};

static void run(struct result *out, const struct small *small, struct train *train,
                const struct batch *batch, const float *slope)
{
    const bool scalar = small->params->shape.head != HEAD_LM;

    memset(out, 0, sizeof *out);
    out->grad = calloc(small->params->count, sizeof *out->grad);
    assert_non_null(out->grad);
    assert_ok(train_forward(train, small->model, batch, 0.8f, scalar ? NULL : out->logprob,
                            scalar ? NULL : out->entropy, scalar ? out->value : NULL));
    train_backward(train, small->model, small->params, scalar ? NULL : slope,
                   scalar ? NULL : slope + MOST, scalar ? slope : NULL, out->grad);
}

/* Slopes of the plain form are those of the shared one where a token is its own, else 0. */
static void spread(float *plain, const float *shared, const struct prefix_batch *p)
{
    memset(plain, 0, 2 * MOST * sizeof *plain);
    for (int i = 0; i < p->n; i++) {
        plain[p->same[i]] = shared[i];
        plain[MOST + p->same[i]] = shared[MOST + i];
    }
}

static double gap(const float *a, const float *b, size_t n)
{
    double square = 0, size = 0;

    for (size_t i = 0; i < n; i++) {
        const double d = (double)a[i] - (double)b[i];

        square += d * d;
        size += (double)b[i] * (double)b[i];
    }
    return sqrt(square / size);
}

static void prefixes_are_as_written_out(void **state)
{
    (void)state;
    for (int shape = 0; shape < SMALL_SHAPES; shape++)
        for (int kind = 0; kind < 2; kind++) {
            const struct train_options options = {.checkpointing = kind};
            struct prefix_batch shared, plain;
            struct result a, b;
            struct small small;
            struct train *train;
            float slope[2 * MOST], written[2 * MOST];

            small_new(&small, &small_shape[shape]);
            assert_ok(train_new(&train, &small_shape[shape], &options));
            pack(&shared, &plain, small_shape[shape].vocab);
            formula_fill(slope, 2 * MOST, 77, 1.0f, 0.0f);
            spread(written, slope, &shared);
            const struct batch short_ = batch_of(&shared, true),
                               long_ = batch_of(&plain, false);
            run(&a, &small, train, &short_, slope);
            run(&b, &small, train, &long_, written);
            for (int i = 0; i < shared.n; i++) {
                const int j = shared.same[i];

                assert_memory_equal(&a.logprob[i], &b.logprob[j], sizeof(float));
                assert_memory_equal(&a.entropy[i], &b.entropy[j], sizeof(float));
                assert_memory_equal(&a.value[i], &b.value[j], sizeof(float));
            }
            if (!(gap(a.grad, b.grad, small.params->count) < 2e-6))
                fail_msg("shape %d, kind %d: gradients differ by %g", shape, kind,
                         gap(a.grad, b.grad, small.params->count));
            free(a.grad);
            free(b.grad);
            train_free(train);
            small_free(&small);
        }
}

/* A branch's first token has a log-probability; a plain sequence's has none. */
static void a_branch_begins_with_a_prediction(void **state)
{
    struct prefix_batch shared, plain;
    struct result a;
    struct small small;
    struct train *train;
    const struct train_options options = {0};
    float slope[2 * MOST] = {0};
    (void)state;

    small_new(&small, &small_shape[0]);
    assert_ok(train_new(&train, &small_shape[0], &options));
    pack(&shared, &plain, small_shape[0].vocab);
    const struct batch batch = batch_of(&shared, true);
    run(&a, &small, train, &batch, slope);
    for (int s = 0; s < SEQS; s++)
        assert_true((a.logprob[shared.seq[s]] < 0) == (prefix[s] > 0));
    free(a.grad);
    train_free(train);
    small_free(&small);
}

/* What is not asked for is 0 and has no gradient; the rest keeps its bits. */
static void only_what_is_wanted(void **state)
{
    struct prefix_batch shared, plain;
    struct result a, b;
    struct small small;
    struct train *train;
    const struct train_options options = {.checkpointing = true};
    float slope[2 * MOST], some[2 * MOST];
    uint8_t wanted[MOST];
    (void)state;

    small_new(&small, &small_shape[0]);
    assert_ok(train_new(&train, &small_shape[0], &options));
    pack(&shared, &plain, small_shape[0].vocab);
    formula_fill(slope, 2 * MOST, 5, 1.0f, 0.0f);
    memcpy(some, slope, sizeof some);
    for (int i = 0; i < MOST; i++) {
        wanted[i] = formula((uint32_t)i, 6) > 0;
        if (!wanted[i])
            some[i] = some[MOST + i] = 0;
    }
    struct batch batch = batch_of(&shared, true);
    run(&b, &small, train, &batch, some);
    batch.wanted = wanted;
    run(&a, &small, train, &batch, slope);
    for (int i = 0; i < shared.n; i++) {
        const float nothing = 0;

        assert_memory_equal(&a.logprob[i], wanted[i] ? &b.logprob[i] : &nothing, sizeof(float));
        assert_memory_equal(&a.entropy[i], wanted[i] ? &b.entropy[i] : &nothing, sizeof(float));
        assert_true((train_square(train)[i] > 0) == (a.logprob[i] < 0));
    }
    assert_memory_equal(a.grad, b.grad, small.params->count * sizeof *a.grad);
    free(a.grad);
    free(b.grad);
    train_free(train);
    small_free(&small);
}

static void prefixes_that_cannot_be_are_refused(void **state)
{
    const int bad[][3] = {{1, 0, 0}, {0, 8, 0}, {0, -1, 0}, {0, 3, 8}};
    const int seq[] = {0, 7, 9, 12};
    const int token[12] = {0};
    struct small small;
    struct train *train;
    const struct train_options options = {0};
    float out[12];
    (void)state;

    small_new(&small, &small_shape[0]);
    assert_ok(train_new(&train, &small_shape[0], &options));
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        const struct batch batch = {
            .n = 12, .n_seq = 3, .token = token, .seq = seq, .n_prefix = bad[i]};

        assert_err(ERR_RANGE, train_forward(train, small.model, &batch, 1.0f, out, NULL, NULL));
    }
    train_free(train);
    small_free(&small);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(prefixes_are_as_written_out),
        cmocka_unit_test(a_branch_begins_with_a_prediction),
        cmocka_unit_test(only_what_is_wanted),
        cmocka_unit_test(prefixes_that_cannot_be_are_refused),
    };

    return cmocka_run_group_tests_name("prefix", tests, NULL, NULL);
}
