/* Adapters in training: against differences, and bit for bit. */

#include "lm/model/lora.h"

#include "lm/kernel/isa.h"
#include "lm/model/forward.h"
#include "lm/optim/optim.h"
#include "tests/lm/lora_fixture.h"
#include "tests/lm/optim_step.h"

#include <omp.h>

/* ---- derivatives */

static double loss_along(struct lora_fixture *fixture, const struct tensor *t,
                         const float *keep, const float *way, float step)
{
    float *w = fixture->lora->weights->data + t->at;

    for (int j = 0; j < t->rows * t->cols; j++)
        w[j] = keep[j] + step * way[j];
    return loss_of(fixture, 0);
}

static void tensor_is_the_derivative(struct lora_fixture *fixture, int i)
{
    const struct tensor *t = &fixture->lora->weights->tensor[i];
    const size_t n = (size_t)(t->rows * t->cols);
    float *keep = malloc(n * sizeof *keep), *way = malloc(n * sizeof *way);
    double got = 0.0, size = 0.0, want;
    const float h = 1e-2f;

    memcpy(keep, fixture->lora->weights->data + t->at, n * sizeof *keep);
    formula_fill(way, n, 900 + (uint32_t)i, 1.0f, 0.0f);
    for (size_t j = 0; j < n; j++) {
        got += (double)fixture->grad[t->at + j] * (double)way[j];
        size += (double)fixture->grad[t->at + j] * (double)fixture->grad[t->at + j];
    }
    want =
        (8.0 * (loss_along(fixture, t, keep, way, h) - loss_along(fixture, t, keep, way, -h)) -
         (loss_along(fixture, t, keep, way, 2 * h) -
          loss_along(fixture, t, keep, way, -2 * h))) /
        (12.0 * (double)h);
    (void)loss_along(fixture, t, keep, way, 0.0f);
    if (!(fabs(got - want) < 4e-3 * sqrt(size) + 2e-5))
        fail_msg("%s: %.7g, not %.7g (norm %g)", t->name, got, want, sqrt(size));
    free(keep);
    free(way);
}

static void every_tensor_is_the_derivative(void **state)
{
    (void)state;
    for (size_t c = 0; c < SMALL_SHAPES; c++)
        for (int drop = 0; drop < 2; drop++) {
            struct lora_conf conf = {
                .r = 3, .alpha = 4, .dropout = 0.3, .target = {"all-linear"}, .targets = 1};
            struct lora_fixture *fixture;

            if (c == 1) {
                conf.save[conf.saves++] = "input_layernorm";
                conf.save[conf.saves++] = "norm";
            }
            fixture = lora_fixture_new(c, &conf, 0.1f,
                                       (struct train_options){.checkpointing = c % 2});
            train_drop(fixture->train, &(struct train_drop){drop, 0, 5, 17, 3});
            (void)loss_of(fixture, 0);
            back(fixture);
            for (int i = (int)c; i < fixture->lora->weights->n;
                 i += 9) /* all in turn: A and B */
                tensor_is_the_derivative(fixture, i);
            lora_fixture_free(fixture);
        }
}

/* ---- bits */

static const struct lora_conf all = {
    .r = 5, .alpha = 7, .target = {"all-linear"}, .targets = 1};

/* An image with the adapter in it is the image of the merged weights, on every instruction set
 * and for any number of threads. */
static void merging_is_one_function(void **state)
{
    (void)state;
    const int threads = omp_get_max_threads();
    const char *name = isa_current()->name;

    for (size_t c = 0; c < SMALL_SHAPES; c++) {
        struct lora_fixture *fixture =
            lora_fixture_new(c, &all, 0.1f, (struct train_options){0});
        const size_t bytes = packed_size(&small_shape[c]);
        float *want = malloc(bytes);
        struct hash hash = lora_hash(fixture->lora), merged;

        lora_pack(fixture->lora, fixture->small.image, fixture->small.layout);
        memcpy(want, fixture->small.image, bytes);
        for (int isa = 0; isa < 3; isa++) {
            if (!isa_at(isa))
                continue;
            assert_ok(isa_force(isa_at(isa)->name));
            omp_set_num_threads(isa + 1);
            lora_pack(fixture->lora, fixture->small.image, fixture->small.layout);
            assert_memory_equal(want, fixture->small.image, bytes);
        }
        omp_set_num_threads(threads);
        assert_ok(isa_force(name));
        lora_merge(fixture->lora, fixture->small.params);
        small_pack(&fixture->small);
        assert_memory_equal(want, fixture->small.image, bytes);
        merged = params_hash(fixture->small.params);
        assert_true(hash_same(&hash, &merged));
        free(want);
        lora_fixture_free(fixture);
    }
}

static void a_fresh_adapter_is_its_base(void **state)
{
    (void)state;
    struct lora_fixture *fixture = lora_fixture_new(0, &all, 0.1f, (struct train_options){0});
    const size_t bytes = packed_size(&small_shape[0]);
    float *base = malloc(bytes);
    const struct tensor *q = params_part(fixture->small.params, PART_Q, 0);
    double square = 0.0, bound = 0.0;

    fixture->small.params->data[q->at] = -0.0f;
    small_pack(&fixture->small);
    memcpy(base, fixture->small.image, bytes);
    lora_pack(fixture->lora, fixture->small.image, fixture->small.layout);
    assert_memory_not_equal(base, fixture->small.image, bytes);
    lora_init(fixture->lora, 42);
    lora_pack(fixture->lora, fixture->small.image, fixture->small.layout);
    assert_memory_equal(base, fixture->small.image, bytes);
    q = &fixture->lora->weights->tensor[0];
    for (int i = 0; i < q->rows * q->cols; i++) {
        const double x = (double)fixture->lora->weights->data[q->at + (size_t)i];
        square += x * x;
        bound = fmax(bound, fabs(x));
    }
    /* uniform in +-1/8: a third of 1/64 in the mean square */
    assert_true(bound <= 0.125 && bound > 0.12);
    assert_true(fabs(square / (q->rows * q->cols) * 3 * 64 - 1) < 0.15);
    free(base);
    lora_fixture_free(fixture);
}

static void training_has_the_bits_of_scoring_and_decoding(void **state)
{
    (void)state;
    for (size_t c = 0; c < SMALL_SHAPES; c++) {
        struct lora_fixture *fixture =
            lora_fixture_new(c, &all, 0.1f, (struct train_options){.checkpointing = true});
        const struct shape *shape = &small_shape[c];
        const bool scalar = shape->head != HEAD_LM;
        float want[N], hidden[64], one;
        struct cache *cache;
        struct forward_work *work;

        (void)loss_of(fixture, 0);
        assert_ok(forward_score(fixture->small.model, fixture->token, seq, SEQS, 1.0f,
                                scalar ? NULL : want, NULL, scalar ? want : NULL));
        assert_memory_equal(want, fixture->out, sizeof want);
        assert_ok(forward_work_new(&work, shape, 1));
        assert_ok(cache_new(&cache, shape, 64, NULL));
        for (int i = 0; i + 1 < seq[1]; i++) {
            const struct forward_row row = {cache, fixture->token[i], i};

            forward_hidden(fixture->small.model, work, &row, 1, hidden);
            if (scalar)
                forward_scalar(fixture->small.model, hidden, 1, &one);
            else
                forward_logprob(fixture->small.model, work, hidden, 1, &fixture->token[i + 1],
                                1.0f, &one, NULL, NULL);
            assert_true(one == fixture->out[i + !scalar]);
        }
        cache_free(cache);
        forward_work_free(work);
        lora_fixture_free(fixture);
    }
}

/* ---- dropout */

static void dropped(struct lora_fixture *fixture, bool on, uint32_t step, uint32_t first)
{
    train_drop(fixture->train, &(struct train_drop){on, 0, 9, step, first});
    memset(fixture->grad, 0, fixture->lora->weights->count * sizeof *fixture->grad);
}

static void dropout_is_fixed_by_its_counters(void **state)
{
    (void)state;
    struct lora_conf conf = all;
    struct lora_fixture *keep, *again;
    float out[N];
    size_t bytes;

    conf.dropout = 0.25;
    keep = lora_fixture_new(0, &conf, 0.1f, (struct train_options){.checkpointing = false});
    again = lora_fixture_new(0, &conf, 0.1f, (struct train_options){.checkpointing = true});
    bytes = keep->lora->weights->count * sizeof *keep->grad;
    (void)loss_of(keep, 0);
    memcpy(out, keep->out, sizeof out);
    dropped(keep, true, 3, 10);
    dropped(again, true, 3, 10);
    (void)loss_of(keep, 0);
    (void)loss_of(again, 0);
    assert_memory_not_equal(out, keep->out, sizeof out);
    assert_memory_equal(keep->out, again->out, sizeof out);
    back(keep);
    back(again);
    assert_memory_equal(keep->grad, again->grad, bytes); /* recomputed with the same mask */
    dropped(again, true, 4, 10);
    (void)loss_of(again, 0);
    assert_memory_not_equal(keep->out, again->out, sizeof out);
    dropped(again, true, 3, 11); /* the second sequence as it was the first */
    again->batch = (struct batch){
        .n = 21, .n_seq = 1, .token = again->token + 37, .seq = (const int[]){0, 21}};
    make_batch(again, 0);
    assert_ok(
        train_forward(again->train, again->small.model, &again->batch, 1.0f, out, NULL, NULL));
    assert_memory_equal(out, keep->out + 37, 21 * sizeof *out);
    dropped(again, false, 0, 0);
    again->batch = (struct batch){.n = N, .n_seq = SEQS, .token = again->token, .seq = seq};
    dropped(keep, false, 3, 10);
    (void)loss_of(keep, 0);
    (void)loss_of(again, 0);
    assert_ok(forward_score(keep->small.model, keep->token, seq, SEQS, 1.0f, out, NULL, NULL));
    assert_memory_equal(keep->out, out, sizeof out);
    assert_memory_equal(keep->out, again->out, sizeof out);
    lora_fixture_free(keep);
    lora_fixture_free(again);
}

/* With everything kept but for the scale, x/(1-p), the mean over many masks is the pass without
 * dropout. One linear layer away from the output: a scalar head without non-linearities. */
static void dropout_keeps_the_mean(void **state)
{
    (void)state;
    enum { MASKS = 64 };
    struct lora_conf conf = {.r = 2,
                             .alpha = 2,
                             .dropout = 0.5,
                             .target = {"model.layers.1.mlp.down_proj"},
                             .targets = 1};
    struct lora_fixture *fixture = lora_fixture_new(3, &conf, 0.02f, (struct train_options){0});
    double sum[N] = {0}, square[N] = {0}, worst = 0, spread = 0;
    float plain[N];

    (void)loss_of(fixture, 0);
    memcpy(plain, fixture->out, sizeof plain);
    for (uint32_t m = 0; m < MASKS; m++) {
        dropped(fixture, true, m, 0);
        (void)loss_of(fixture, 0);
        for (int i = 0; i < N; i++) {
            const double d = (double)fixture->out[i] - (double)plain[i];
            sum[i] += d;
            square[i] += d * d;
        }
    }
    for (int i = 0; i < N; i++) {
        const double mean = sum[i] / MASKS, error = sqrt(square[i] / MASKS / MASKS);
        worst = fmax(worst, fabs(mean) / error);
        spread += square[i];
    }
    assert_true(spread > 0);
    assert_true(worst < 5); /* standard errors, the worst of 60 */
    lora_fixture_free(fixture);
}

/* ---- full rank */

/* A = 1, scale 1: the step of B is the step of the full matrix. */
static void full_rank_has_the_full_update(void **state)
{
    (void)state;
    const struct lora_conf conf = {
        .r = 64, .alpha = 64, .target = {"model.layers.0.self_attn.q_proj"}, .targets = 1};
    struct lora_fixture *fixture = lora_fixture_new(0, &conf, 0.0f, (struct train_options){0});
    const struct tensor *q = params_part(fixture->small.params, PART_Q, 0);
    const struct lora_site *site = lora_at(fixture->lora, q);
    float *a = fixture->lora->weights->data + site->a->at;
    float *b = fixture->lora->weights->data + site->b->at;
    float *full = calloc(fixture->small.params->count, sizeof *full);
    double far = 0, size = 0;

    memset(a, 0, 64 * 64 * sizeof *a);
    for (size_t i = 0; i < 64; i++)
        a[i * 65] = 1.0f;
    (void)loss_of(fixture, 0);
    back(fixture);
    train_adapt(fixture->train, NULL);
    (void)loss_of(fixture, 0);
    train_backward(fixture->train, fixture->small.model, fixture->small.params, fixture->slope,
                   NULL, NULL, full);
    for (size_t i = 0; i < (size_t)(q->rows * q->cols); i++) {
        b[i] -= 0.1f * fixture->grad[site->b->at + i];
        full[q->at + i] = fixture->small.params->data[q->at + i] - 0.1f * full[q->at + i];
    }
    lora_merge(fixture->lora, fixture->small.params);
    for (size_t i = 0; i < (size_t)(q->rows * q->cols); i++) {
        const double d =
            (double)fixture->small.params->data[q->at + i] - (double)full[q->at + i];
        far += d * d;
        size += (double)full[q->at + i] * (double)full[q->at + i];
    }
    assert_true(sqrt(far / size) < 1e-6);
    free(full);
    lora_fixture_free(fixture);
}

/* What a full matrix can learn, full rank learns too; rank 1 cannot. The last down_proj of a
 * scalar model is least squares: values at N tokens from N x 96 inputs through score. */
static double after_steps(size_t c, const struct lora_conf *conf, int steps)
{
    const struct adamw adamw = {0.9, 0.999, 1e-8, 0.0, OPTIM_ADAMW, {.nesterov = false}};
    struct lora_fixture *fixture = lora_fixture_new(c, conf, 0.0f, (struct train_options){0});
    const size_t count = fixture->lora->weights->count;
    float *moments = calloc(2 * count, sizeof *moments);
    double loss = 0;

    for (int step = 0; step < steps; step++) {
        memset(fixture->grad, 0, count * sizeof *fixture->grad);
        loss = loss_of(fixture, 0);
        back(fixture);
        optim_step(&adamw, fixture->lora->weights, fixture->grad, moments, moments + count,
                   step + 1, 3e-3);
    }
    free(moments);
    lora_fixture_free(fixture);
    return loss;
}

static void full_rank_learns_what_the_matrix_can(void **state)
{
    (void)state;
    struct lora_conf conf = {
        .r = 64, .alpha = 64, .target = {"model.layers.1.self_attn.o_proj"}, .targets = 1};
    double rank[2];

    for (int i = 0; i < 2; i++, conf.r = 1, conf.alpha = 1)
        rank[i] = after_steps(0, &conf, 25);
    assert_true(rank[0] < 0.8 * rank[1]);
}

/* ---- words and numbers */

static void what_is_refused(void **state)
{
    (void)state;
    static const struct {
        size_t shape;
        struct lora_conf conf;
        const char *word;
    } bad[] = {
        {0, {.r = 0, .alpha = 1}, "lora_r"},
        {0, {.r = 5000, .alpha = 1}, "lora_r"},
        {0, {.r = 1, .alpha = 0}, "lora_alpha"},
        {0, {.r = 1, .alpha = 1, .dropout = 1}, "lora_dropout"},
        {0, {.r = 1, .alpha = 1, .target = {"fc1"}, .targets = 1}, "fc1"},
        {0, {.r = 1, .alpha = 1, .target = {"proj"}, .targets = 1}, "'proj'"},
        {1, {.r = 1, .alpha = 1, .target = {"lm_head"}, .targets = 1}, "lm_head"},
        {0, {.r = 1, .alpha = 1, .save = {"embed_tokens"}, .saves = 1}, "tied"},
        {1, {.r = 1, .alpha = 1, .save = {"score"}, .saves = 1}, "score"},
        {1, {.r = 1, .alpha = 1, .save = {"q_proj"}, .saves = 1}, "q_proj"},
    };

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct small small;
        struct lora *lora;

        small_new(&small, &small_shape[bad[i].shape]);
        assert_err(ERR_RANGE, lora_new(&lora, small.params, &bad[i].conf, NULL));
        assert_null(lora);
        if (!strstr(err_text(), bad[i].word))
            fail_msg("'%s' does not name %s", err_text(), bad[i].word);
        small_free(&small);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_tensor_is_the_derivative),
        cmocka_unit_test(merging_is_one_function),
        cmocka_unit_test(a_fresh_adapter_is_its_base),
        cmocka_unit_test(training_has_the_bits_of_scoring_and_decoding),
        cmocka_unit_test(dropout_is_fixed_by_its_counters),
        cmocka_unit_test(dropout_keeps_the_mean),
        cmocka_unit_test(full_rank_has_the_full_update),
        cmocka_unit_test(full_rank_learns_what_the_matrix_can),
        cmocka_unit_test(what_is_refused),
    };
    return cmocka_run_group_tests_name("lora", tests, NULL, NULL);
}
