/* One optimiser step: what it divides by, how it is cut, who takes part and who learns. */

#include "learner/step/optimizer_step.h"

#include "learner/objective/objective_sft.h"
#include "tests/lm/small.h"

#include <math.h>
#include <omp.h>

enum { N_SEQ = 6, LENGTH = 9, MOST = N_SEQ * (LENGTH + N_SEQ) };

static const struct adamw adamw = {.9, .999, 1e-8, 0, OPTIM_ADAMW, {.nesterov = false}};

/* Sequences of rising length, each behind `prefix` tokens of the first of its micro-batch. */
struct step_source {
    size_t each;
    int prefix;
    bool stop;
    int filled[N_SEQ]; /* how often each micro-batch was filled */
    int looked;
};

static int length_of(size_t s)
{
    return LENGTH + (int)s;
}

static int token_of(const struct step_source *source, size_t s, int i)
{
    return formula_token((uint32_t)i, i < source->prefix ? 50 : 60 + (uint32_t)s,
                         small_shape[0].vocab);
}

static enum err fill(void *self, size_t i, struct micro_batch *out)
{
    struct step_source *const source = self;
    const size_t first = i * source->each, left = N_SEQ - first;
    const size_t n = left < source->each ? left : source->each;
    const unsigned columns =
        1u << MICRO_BATCH_SEEN | 1u << MICRO_BATCH_ADVANTAGE | 1u << MICRO_BATCH_WEIGHT;

    source->filled[i]++;
    assert_ok(micro_batch_begin(out, columns, MOST, n));
    for (size_t k = 0; k < n; k++) {
        const int shared = k && source->prefix ? source->prefix : 0;
        const int s = micro_batch_sequence(out, shared);
        int token[MOST];
        uint8_t learn[MOST];
        for (int t = 0; t < length_of(first + k); t++) {
            token[t] = token_of(source, first + k, t);
            learn[t] =
                t >= (source->prefix ? source->prefix : 1) && (t + (int)(first + k)) % 3 > 0;
        }
        micro_batch_tokens(out, token + shared, learn + shared,
                           (size_t)(length_of(first + k) - shared));
        out->column[MICRO_BATCH_WEIGHT][s] = 1;
    }
    micro_batch_end(out);
    return OK;
}

static enum err complete(void *self, size_t i, struct micro_batch *batch)
{
    (void)i, (void)batch;
    return ((struct step_source *)self)->stop ? err_set(ERR_STATE, "stopped") : OK;
}

static void refuse(void *self, size_t i, struct micro_batch *batch, int model, bool *go)
{
    (void)i, (void)batch, (void)model;
    ((struct step_source *)self)->looked++;
    *go = false;
}

static struct trainable *model_of(int shape)
{
    const struct train_options options = {.checkpointing = true};
    struct trainable *model;
    struct small small;

    small_new(&small, &small_shape[shape]);
    assert_ok(trainable_new(&model, small.params, &options, NULL, 0));
    small.params = NULL;
    small_free(&small);
    return model;
}

static const struct objective_sft_conf plain = {0};

static struct optimizer_step step_of(struct step_source *source, struct trainable *model,
                                     struct micro_batch *batch)
{
    return (struct optimizer_step){
        .model[0] = {.model = model,
                     .pass = {.objective = &objective_sft, .conf = &plain, .temperature = 1},
                     .learns = true},
        .n = (N_SEQ + source->each - 1) / source->each,
        .self = source,
        .fill = fill,
        .complete = complete,
        .batch = batch};
}

/* The hash of the weights after one step in micro-batches of `each`. */
static struct hash stepped(size_t each, int prefix, struct optimizer_step_sums *sums)
{
    struct step_source source = {.each = each, .prefix = prefix};
    struct micro_batch batch = {.room = 0};
    struct trainable *model = model_of(0);
    struct optimizer_step step = step_of(&source, model, &batch);
    struct hash hash;

    assert_ok(optimizer_step_measure(&step));
    assert_ok(optimizer_step_accumulate(&step, sums));
    optimizer_step_apply(&step.model[0], &adamw, 1e-2, 1);
    for (size_t i = 0; i < step.n; i++)
        assert_int_equal(source.filled[i], 2);
    hash = trainable_hash(model);
    trainable_free(model);
    micro_batch_free(&batch);
    return hash;
}

static void a_step_is_the_sum_of_its_micro_batches(void **state)
{
    struct optimizer_step_sums whole;
    const struct hash want = stepped(N_SEQ, 0, &whole);
    const int threads = omp_get_max_threads();
    (void)state;

    assert_true(whole.loss[0] > 0 && metrics_mean(&whole.metrics, "entropy") > 0);
    for (size_t each = 1; each < N_SEQ; each++) {
        struct optimizer_step_sums parts;
        const struct hash got = stepped(each, 0, &parts);
        struct hash again;

        /* each micro-batch is a sum of its own, so other sizes round differently; threads do not */
        assert_false(hash_same(&got, &want));
        omp_set_num_threads(threads % 2 + 1);
        again = stepped(each, 0, &parts);
        omp_set_num_threads(threads);
        assert_true(hash_same(&got, &again));
        assert_true(fabs(parts.loss[0] - whole.loss[0]) < 1e-12);
        assert_true(fabs(metrics_mean(&parts.metrics, "mean_token_accuracy") -
                         metrics_mean(&whole.metrics, "mean_token_accuracy")) < 1e-12);
        assert_int_equal(parts.tokens, whole.tokens);
    }
}

/* What is shared is packed once and counted for each sequence; the loss has the same bits. */
static void a_prefix_is_packed_once(void **state)
{
    struct step_source source = {.each = N_SEQ, .prefix = 4};
    struct micro_batch batch = {.room = 0};
    struct optimizer_step_sums shared, apart;
    int n = 0;
    (void)state;

    assert_ok(fill(&source, 0, &batch));
    for (size_t s = 0; s < N_SEQ; s++)
        n += length_of(s);
    assert_int_equal(batch.tokens, n);
    assert_int_equal(batch.in.n, n - 4 * (N_SEQ - 1));
    assert_int_equal(batch.in.seq[N_SEQ], batch.in.n);
    micro_batch_free(&batch);
    stepped(N_SEQ, 4, &shared);
    stepped(1, 4, &apart);
    assert_true(fabs(shared.loss[0] - apart.loss[0]) < 1e-12);
}

/* What was not asked for is NULL to the objective, what was not filled is 0. */
static void a_column_is_there_when_it_was_asked_for(void **state)
{
    struct step_source source = {.each = 2};
    struct micro_batch batch = {.room = 0};
    (void)state;

    assert_ok(fill(&source, 0, &batch));
    memset(batch.column[MICRO_BATCH_ADVANTAGE], 1, (size_t)batch.in.n * sizeof(float));
    assert_ok(fill(&source, 1, &batch));
    assert_non_null(batch.in.advantage);
    for (int i = 0; i < batch.in.n; i++)
        assert_true(batch.in.advantage[i] == 0);
    assert_true(batch.in.seq_weight[0] == 1 && batch.in.seq_weight[1] == 1);
    assert_null(batch.in.behaviour);
    assert_null(batch.in.seq_margin);
    assert_null(batch.in.seq_role);
    assert_null(batch.batch.n_prefix);
    assert_err(ERR_RANGE, micro_batch_begin(&batch, 0, (size_t)1 << 31, 1));
    micro_batch_free(&batch);
}

static float slope_of(int i)
{
    return formula((uint32_t)i, 77);
}

/* An objective of values alone: the sum of slope_of(i) value[i]. */
static void run_probe(const void *conf, const struct objective_in *in,
                      struct objective_out *out)
{
    (void)conf;
    objective_begin(in, out);
    for (int i = 1; i < in->n; i++) {
        out->dvalue[i] = slope_of(i);
        out->loss += (double)slope_of(i) * (double)in->value[i];
    }
}

static const struct objective probe = {
    .name = "probe", .value = true, .count = objective_tokens, .run = run_probe};

/* A value that is about token i is said at token i - 1: forward and backward agree on that. */
static void a_critic_speaks_of_the_token_behind(void **state)
{
    struct step_source source = {.each = N_SEQ};
    struct micro_batch batch = {.room = 0};
    struct trainable *by_step = model_of(3), *by_hand = model_of(3);
    struct optimizer_step step = step_of(&source, by_step, &batch);
    struct optimizer_step_sums sums;
    float value[MOST], slope[MOST];
    struct hash a, b;
    double loss = 0;
    int n;
    (void)state;

    step.model[0].pass =
        (struct micro_batch_pass){.objective = &probe, .temperature = 1, .ahead = true};
    assert_ok(optimizer_step_measure(&step));
    assert_ok(optimizer_step_accumulate(&step, &sums));
    n = batch.in.n;
    assert_ok(trainable_forward(by_hand, &batch.batch, 1, NULL, NULL, value, NULL));
    for (int i = 0; i < n; i++)
        slope[i] = i + 1 < n ? slope_of(i + 1) : 0;
    for (int i = 1; i < n; i++)
        loss += (double)slope_of(i) * (double)value[i - 1];
    trainable_backward(by_hand, NULL, NULL, slope);
    assert_true(loss == sums.loss[0]);
    optimizer_step_apply(&step.model[0], &adamw, 1e-2, 1);
    trainable_apply(by_hand, &adamw, 1e-2, 1);
    a = trainable_hash(by_step);
    b = trainable_hash(by_hand);
    assert_true(hash_same(&a, &b));
    trainable_free(by_step);
    trainable_free(by_hand);
    micro_batch_free(&batch);
}

/* Of an objective that is `apart`, a step is the mean of its micro-batches. */
static void a_step_may_be_the_mean_of_its_parts(void **state)
{
    struct objective apart = objective_sft;
    double loss = 0;
    (void)state;

    apart.apart = true;
    for (size_t part = 0; part < 4; part++) { /* the last: all three of them */
        struct step_source source = {.each = 2};
        struct micro_batch batch = {.room = 0};
        struct trainable *model = model_of(0);
        struct optimizer_step step = step_of(&source, model, &batch);
        struct optimizer_step_sums sums;
        step.model[0].pass.objective = &apart;
        assert_ok(optimizer_step_measure(&step));
        if (part < 3) { /* that micro-batch alone, as a step of one */
            struct objective_out out;
            assert_ok(fill(&source, part, &batch));
            assert_ok(micro_batch_forward(&batch, &step.model[0].pass, model));
            batch.in.normaliser = apart.count(&batch.in);
            micro_batch_objective(&batch, &step.model[0].pass, &out);
            loss += out.loss / 3;
        } else {
            assert_ok(optimizer_step_accumulate(&step, &sums));
            assert_true(fabs(sums.loss[0] - loss) < 1e-12);
        }
        trainable_free(model);
        micro_batch_free(&batch);
    }
}

/* An evaluation, a refused micro-batch, a stop: no gradient, so that a step would move nothing. */
static void who_does_not_learn_has_no_gradient(void **state)
{
    (void)state;

    for (int c = 0; c < 3; c++) {
        struct step_source source = {.each = 2, .stop = c == 2};
        struct micro_batch batch = {.room = 0};
        struct trainable *model = model_of(0);
        struct optimizer_step step = step_of(&source, model, &batch);
        struct optimizer_step_sums sums, total = {.tokens = 0};
        const struct hash before = trainable_hash(model);
        struct hash after;
        step.model[0].learns = c != 0;
        step.look = c == 1 ? refuse : NULL;
        step.total = &total;
        assert_ok(optimizer_step_measure(&step));
        assert_err(c == 2 ? ERR_STATE : OK, optimizer_step_accumulate(&step, &sums));
        assert_true((sums.loss[0] > 0) == (c == 0) && total.loss[0] == sums.loss[0]);
        assert_int_equal(source.looked, c == 1 ? 3 : 0);
        assert_true(optimizer_step_apply(&step.model[0], &adamw, 1e-2, 1) == 0);
        after = trainable_hash(model);
        assert_true(hash_same(&before, &after));
        trainable_free(model);
        micro_batch_free(&batch);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_step_is_the_sum_of_its_micro_batches),
        cmocka_unit_test(a_prefix_is_packed_once),
        cmocka_unit_test(a_column_is_there_when_it_was_asked_for),
        cmocka_unit_test(a_critic_speaks_of_the_token_behind),
        cmocka_unit_test(a_step_may_be_the_mean_of_its_parts),
        cmocka_unit_test(who_does_not_learn_has_no_gradient),
    };
    return cmocka_run_group_tests_name("optimizer_step", tests, NULL, NULL);
}
