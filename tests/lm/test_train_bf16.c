/* Training that computes in bfloat16, and in int8, whose backward is the same at the same weights: a
 * product's backward against its definition, a weight at a time, and the gradient of whole models
 * against that of f32. */
#include "base/mem.h"
#include "lm/kernel/bf16.h"
#include "lm/kernel/isa.h"
#include "lm/model/backward.h"
#include "tests/lm/small.h"

#include <math.h>
#include <omp.h>

static float rounded(float x)
{
    return bf16_widen(bf16_round(x));
}

/* R10 of a[k], b[k], from `from`: both are on the grid. */
static float sum(const float *a, size_t lda, const float *b, size_t ldb, int k, float from)
{
    for (int at = 0; at < k; at += 32) {
        float part[2] = {0.0f, 0.0f};

        for (int i = at; i < at + 32 && i < k; i++)
            part[i % 2] =
                fmaf(rounded(a[(size_t)i * lda]), rounded(b[(size_t)i * ldb]), part[i % 2]);
        from += part[0] + part[1];
    }
    return from;
}

static bool same(float a, float b)
{
    return memcmp(&a, &b, sizeof a) == 0;
}

static struct product_scratch scratch_for(int columns, int k)
{
    const size_t floats = product_room(columns, k);

    return (struct product_scratch){mem_new(floats, sizeof(float)), floats};
}

/* Of each group of matrices, tokens that fill blocks of 32 and that do not. */
static void check(const struct small *s, const struct tensor *w, int count, int n)
{
    struct activations acts = {.shape = s->params->shape, .product = scratch_for(w->cols, n)};
    const struct backward pass = {&acts, s->model, s->params, NULL};
    const int cols = w->cols;
    int rows = 0;
    float *dy, *x, *dx, *dw, *weight;

    for (int i = 0; i < count; i++)
        rows += w[i].rows;
    dy = mem_new((size_t)n * (size_t)rows, sizeof *dy);
    x = mem_new((size_t)n * (size_t)cols, sizeof *x);
    dx = mem_new((size_t)n * (size_t)cols, sizeof *dx);
    dw = mem_new((size_t)rows * (size_t)cols, sizeof *dw);
    weight = mem_new((size_t)rows * (size_t)cols, sizeof *weight);
    formula_fill(dy, (size_t)n * (size_t)rows, 5, 1e-3f, 0);
    formula_fill(x, (size_t)n * (size_t)cols, 6, 2, 0);
    formula_fill(dx, (size_t)n * (size_t)cols, 7, 1, 0); /* what is there when dX joins */
    formula_fill(dw, (size_t)rows * (size_t)cols, 8, 1, 0);
    for (int i = 0, at = 0; i < count; at += w[i].rows * cols, i++)
        packed_take(weight + at, s->layout, &w[i], 0, w[i].rows, s->image);
    for (int joins = 0; joins < 2; joins++) {
        const struct backward_linear job = {w, count, n, dy, x, dx, joins, 0, 0};
        float *want = mem_new((size_t)n * (size_t)cols, sizeof *want);

        for (int i = 0; i < n; i++)
            for (int c = 0; c < cols; c++) {
                const size_t at = (size_t)i * (size_t)cols + (size_t)c;

                want[at] = sum(dy + (size_t)i * (size_t)rows, 1, weight + c, (size_t)cols, rows,
                               joins ? dx[at] : 0.0f);
            }
        backward_bf16_input(&pass, &job);
        assert_memory_equal(dx, want, (size_t)n * (size_t)cols * sizeof *dx);
        free(want);
    }
    {
        const struct backward_linear job = {w, count, n, dy, x, NULL, false, 0, 0};
        float *was = mem_new((size_t)rows * (size_t)cols, sizeof *was);

        memcpy(was, dw, (size_t)rows * (size_t)cols * sizeof *was);
        backward_bf16_weight(&pass, &job, dw);
        for (int r = 0; r < rows; r++)
            for (int c = 0; c < cols; c++) {
                const size_t at = (size_t)r * (size_t)cols + (size_t)c;
                const float own = sum(dy + r, (size_t)rows, x + c, (size_t)cols, n, 0.0f);

                if (!same(dw[at], was[at] + own))
                    fail_msg("%s, %d tokens: dW[%d,%d] is %.9g, not %.9g", w->name, n, r, c,
                             (double)dw[at], (double)(was[at] + own));
            }
        free(was);
    }
    free(dy);
    free(x);
    free(dx);
    free(dw);
    free(weight);
    free(acts.product.at);
}

static void a_product_backward_is_its_definition(void **state)
{
    static const int tokens[] = {1, 2, 31, 32, 33, 97};
    const struct isa *const before = isa_current();

    (void)state;
    for (int k = 0; k < SMALL_SHAPES;
         k += 4) { /* sizes that are no multiples of 32 among them */
        struct shape shape = small_shape[k];
        struct small s;

        shape.compute = k % 8 ? PRECISION_INT8 : PRECISION_BFLOAT16;
        small_new(&s, &shape);
        for (int isa = 0; isa < ISA_TABLES && isa_at(isa); isa++) {
            assert_ok(isa_force(isa_at(isa)->name));
            omp_set_num_threads(1 + isa);
            for (size_t i = 0; i < sizeof tokens / sizeof *tokens; i++) {
                const struct tensor *q = params_part(s.params, PART_Q, 0);
                const struct tensor *one = params_part(s.params, PART_DOWN, 0);

                if (q)
                    check(&s, q, 3, tokens[i]);
                check(&s, one, 1, tokens[i]);
            }
        }
        check(&s, params_part(s.params, PART_EMBED, -1), 1, 40);
        small_free(&s);
    }
    assert_ok(isa_force(before->name));
    omp_set_num_threads(2);
}

/* ---- whole models */

enum { N = 150, SEQS = 3 };
static const int seq[SEQS + 1] = {0, 60, 61, N};

/* One token after another through a cache, as an actor decodes. */
static void outputs_have_the_bits_of_decoding(void **state)
{
    (void)state;
    for (int k = 0; k < SMALL_SHAPES; k++) {
        struct shape shape = small_shape[k];
        struct batch batch = {.n = N, .n_seq = SEQS, .seq = seq};
        struct forward_work *work;
        float got[N], hidden[64], want;
        struct train *train;
        struct small s;
        int token[N];

        if (shape.head != HEAD_LM)
            continue;
        shape.compute = k % 2 ? PRECISION_INT8 : PRECISION_BFLOAT16;
        small_new(&s, &shape);
        for (uint32_t i = 0; i < N; i++)
            token[i] = formula_token(i, 7, shape.vocab);
        batch.token = token;
        assert_ok(train_new(&train, &shape, &(struct train_options){.checkpointing = true}));
        assert_ok(train_forward(train, s.model, &batch, 0.8f, got, NULL, NULL));
        assert_ok(forward_work_new(&work, &shape, 1));
        for (int q = 0; q < SEQS; q++) {
            struct cache *cache;

            assert_ok(cache_new(&cache, &shape, N, NULL));
            for (int i = seq[q]; i + 1 < seq[q + 1]; i++) {
                const struct forward_row row = {cache, token[i], i - seq[q]};

                forward_hidden(s.model, work, &row, 1, hidden);
                forward_logprob(s.model, work, hidden, 1, &token[i + 1], 0.8f, &want, NULL,
                                NULL);
                assert_true(same(want, got[i + 1]));
            }
            cache_free(cache);
        }
        forward_work_free(work);
        train_free(train);
        small_free(&s);
    }
}

static float *gradient(const struct shape *shape, bool checkpointing, size_t keep)
{
    struct batch batch = {.n = N, .n_seq = SEQS, .seq = seq};
    const struct train_options options = {.checkpointing = checkpointing, .keep = keep};
    int token[N];
    float slope[N], out[N], *grad;
    struct train *train;
    struct small s;

    small_new(&s, shape);
    for (uint32_t i = 0; i < N; i++)
        token[i] = formula_token(i, 7, shape->vocab);
    formula_fill(slope, N, 20, 1, 0);
    batch.token = token;
    assert_ok(train_new(&train, shape, &options));
    grad = mem_new(s.params->count, sizeof *grad);
    assert_ok(train_forward(train, s.model, &batch, 1, shape->head == HEAD_LM ? out : NULL,
                            NULL, shape->head == HEAD_LM ? NULL : out));
    train_backward(train, s.model, s.params, shape->head == HEAD_LM ? slope : NULL, NULL,
                   shape->head == HEAD_LM ? NULL : slope, grad);
    train_free(train);
    small_free(&s);
    return grad;
}

/* Of a tensor that has any slope: 2 if it has none. */
static double cosine(const float *a, const float *b, size_t n)
{
    double aa = 0, bb = 0, ab = 0;

    for (size_t i = 0; i < n; i++) {
        aa += (double)a[i] * (double)a[i];
        bb += (double)b[i] * (double)b[i];
        ab += (double)a[i] * (double)b[i];
    }
    return aa == 0 && bb == 0 ? 2 : ab / sqrt(aa * bb);
}

/* The f32 gradient at the same weights is another model's: these are far from any grid. */
static void gradients_point_where_those_of_float32_do(void **state)
{
    static const double least_of[PRECISIONS] = {
        [PRECISION_BFLOAT16] = .99, [PRECISION_INT8] = .95};

    (void)state;
    for (int c = 1; c < PRECISIONS; c++) {
        double least = 1;

        for (int k = 0; k < SMALL_SHAPES; k++) {
            struct shape shape = small_shape[k];
            struct params *outline;
            float *a = gradient(&shape, false, 0), *b;

            shape.compute = (enum precision)c;
            b = gradient(&shape, false, 0);
            assert_ok(params_outline(&outline, &shape));
            for (int i = 0; i < outline->n; i++) {
                const struct tensor *t = &outline->tensor[i];
                const double with =
                    cosine(a + t->at, b + t->at, (size_t)t->rows * (size_t)t->cols);

                if (!(with > least_of[c]))
                    fail_msg("shape %d, %s: cosine %.6g", k, t->name, with);
                least = fmin(least, with);
            }
            params_free(outline);
            free(a);
            free(b);
        }
        print_message("%s: least cosine of a tensor: %.5f\n", precision_name((enum precision)c),
                      least);
    }
}

static void neither_memory_nor_threads_nor_instruction_set_change_a_bit(void **state)
{
    const struct isa *const before = isa_current();

    (void)state;
    for (int k = 0; k < SMALL_SHAPES; k += 3) {
        struct shape shape = small_shape[k];
        struct params *outline;
        float *want;

        shape.compute = k % 2 ? PRECISION_INT8 : PRECISION_BFLOAT16;
        assert_ok(params_outline(&outline, &shape));
        omp_set_num_threads(1);
        want = gradient(&shape, false, 0);
        for (int isa = 0; isa < ISA_TABLES && isa_at(isa); isa++) {
            float *got;

            assert_ok(isa_force(isa_at(isa)->name));
            omp_set_num_threads(1 + isa);
            got = gradient(&shape, isa > 0, 0);
            assert_memory_equal(got, want, outline->count * sizeof *got);
            free(got);
        }
        assert_ok(isa_force(before->name));
        free(want);
        params_free(outline);
    }
    omp_set_num_threads(2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_product_backward_is_its_definition),
        cmocka_unit_test(outputs_have_the_bits_of_decoding),
        cmocka_unit_test(gradients_point_where_those_of_float32_do),
        cmocka_unit_test(neither_memory_nor_threads_nor_instruction_set_change_a_bit),
    };

    return cmocka_run_group_tests_name("lm/train_bf16", tests, NULL, NULL);
}
