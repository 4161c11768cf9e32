#include "tests/lm/tiny.h"

#include "base/rng.h"
#include "lm/gen/sample.h"
#include "lm/gen/stop.h"
#include "lm/kernel/isa.h"
#include "lm/kernel/softmax.h"

#include <stdio.h>

enum { V = 50, DRAWS = 40000, WIDE = 3000 };

static const struct sampling plain = {.temperature = 1, .top_p = 1, .max_new = 1};

static void logits(float *l, int n, uint64_t seed)
{
    for (int i = 0; i < n; i++)
        l[i] = 2.5f * (float)rng_normal(seed, RNG_TEST, (uint64_t)i, 0, 0);
}

/* What the filters keep, by the book: sort, then cut. p [n] out, sums to 1. */
struct sample_entry {
    double p;
    int id;
};

static int before(const void *a, const void *b)
{
    const struct sample_entry *x = a, *y = b;

    return x->p > y->p ? -1 : x->p < y->p ? 1 : x->id - y->id;
}

static void expected(double *p, const float *l, int n, const struct sampling *s)
{
    struct sample_entry e[V];
    double sum = 0, top = 0, all = 0, held = 0;
    int keep = n;

    for (int i = 0; i < n; i++)
        top = fmax(top, exp((double)l[i] / (double)s->temperature));
    for (int i = 0; i < n; i++) {
        e[i] = (struct sample_entry){exp((double)l[i] / (double)s->temperature) / top, i};
        p[i] = 0;
    }
    qsort(e, (size_t)n, sizeof *e, before);
    if (s->top_k && s->top_k < n)
        keep = s->top_k;
    for (int i = 0; i < keep; i++)
        all += e[i].p;
    for (int i = 0; s->top_p < 1 && i < keep; i++) {
        held += e[i].p;
        if (held >= (double)s->top_p * all)
            keep = i + 1;
    }
    while (keep > 1 && e[keep - 1].p < (double)s->min_p)
        keep--;
    for (int i = 0; i < keep; i++)
        sum += e[i].p;
    for (int i = 0; i < keep; i++)
        p[e[i].id] = e[i].p / sum;
}

/* Chi-square of DRAWS draws against `expected`; what has no probability is never drawn. */
static void frequencies(const struct sampling *s, uint64_t seed)
{
    struct sample_scratch *scratch;
    int count[V] = {0}, kinds = 0;
    double p[V], chi = 0;
    float l[V], lp;

    logits(l, V, seed);
    expected(p, l, V, s);
    assert_ok(sample_scratch_new(&scratch, V));
    for (int i = 0; i < DRAWS; i++) {
        const double u = rng_uniform(seed, RNG_SAMPLE, (uint64_t)i, 3, 5);
        const int token = sample_draw(scratch, s, NULL, l, u, &lp);

        assert_in_range(token, 0, V - 1);
        count[token]++;
    }
    for (int i = 0; i < V; i++) {
        if (p[i] == 0)
            assert_int_equal(count[i], 0);
        if (p[i] * DRAWS < 5)
            continue;
        chi += (count[i] - p[i] * DRAWS) * (count[i] - p[i] * DRAWS) / (p[i] * DRAWS);
        kinds++;
    }
    if (chi > kinds + 5 * sqrt(2.0 * kinds)) /* five standard deviations */
        fail_msg("chi-square %.1f over %d kinds", chi, kinds);
    sample_scratch_free(scratch);
}

static void tokens_come_as_often_as_they_should(void **state)
{
    struct sampling s = plain;

    (void)state;
    for (uint64_t seed = 1; seed <= 3; seed++) {
        s = plain;
        frequencies(&s, seed);
        s.temperature = 0.6f;
        frequencies(&s, seed);
        s.top_k = 7;
        frequencies(&s, seed);
        s.top_p = 0.8f;
        frequencies(&s, seed);
        s.top_k = 0;
        frequencies(&s, seed);
        s.min_p = 0.2f;
        frequencies(&s, seed);
        s.top_p = 1;
        frequencies(&s, seed);
        s.top_p = 1e-30f; /* only the most probable */
        frequencies(&s, seed);
    }
}

/* Which tokens u = 0, 1/64, ... reach. */
static uint64_t reached(const struct sampling *s, const float *l, int n)
{
    struct sample_scratch *scratch;
    uint64_t set = 0;
    float lp;

    assert_ok(sample_scratch_new(&scratch, n));
    for (int i = 0; i < 256; i++)
        set |= (uint64_t)1 << sample_draw(scratch, s, NULL, l, i / 256.0, &lp);
    sample_scratch_free(scratch);
    return set;
}

/* By the book, in the whole numbers of sample.h: sort, cut, and walk to u in order of ids. */
static int sorted_draw(const float *l, int n, const struct sampling *s, double u)
{
    static struct sample_entry e[WIDE];
    static uint64_t w[WIDE];
    static float x[WIDE];
    struct softmax row;
    uint64_t all = 0, held = 0, sum = 0;
    int keep = s->top_k && s->top_k < n ? s->top_k : n;

    softmax_row(&row, l, n, softmax_rate(s->temperature));
    isa_current()->spread(x, l, n, row.rate, row.max);
    for (int i = 0; i < n; i++) {
        e[i] = (struct sample_entry){(double)x[i], i};
        w[i] = 0;
    }
    qsort(e, (size_t)n, sizeof *e, before);
    for (int i = 0; i < keep; i++)
        all += (uint64_t)(e[i].p * 0x1p44);
    for (int i = 0; s->top_p < 1 && i < keep; i++) {
        const uint64_t part = (uint64_t)((double)s->top_p * (double)all);

        held += (uint64_t)(e[i].p * 0x1p44);
        if (held >= (part ? part : 1))
            keep = i + 1;
    }
    while (keep > 1 && e[keep - 1].p < (double)s->min_p)
        keep--;
    for (int i = 0; i < keep; i++)
        sum += w[e[i].id] = (uint64_t)(e[i].p * 0x1p44);
    held = (uint64_t)(u * (double)sum);
    for (int i = 0; i < n; i++) {
        if (w[i] > held)
            return i;
        held -= w[i];
    }
    return -1;
}

/* Sharp and flat rows, with equals and without, longer than a piece of the running sums. */
static void filters_end_where_a_sort_would(void **state)
{
    static const float spread[] = {0.01f, 1, 4, 12};
    static const struct sampling ways[] = {
        {.temperature = 1, .top_p = 1, .top_k = 1},
        {.temperature = 1, .top_p = 1, .top_k = 50},
        {.temperature = 1, .top_p = 1, .top_k = 3000},
        {.temperature = 1, .top_p = 0.9f},
        {.temperature = 1, .top_p = 0.999f},
        {.temperature = 1, .top_p = 1e-6f},
        {.temperature = 0.7f, .top_p = 0.5f, .top_k = 40, .min_p = 0.05f},
        {.temperature = 1, .top_p = 0.95f, .top_k = 2000},
        {.temperature = 1, .top_p = 1, .min_p = 0.1f},
        {.temperature = 1, .top_p = 1}};
    static const int lengths[] = {1, 2, 511, 512, 513, WIDE};
    static float l[WIDE];
    struct sample_scratch *scratch;
    float logprob;

    (void)state;
    for (int k = 0; k < 6 * 4 * 2; k++) {
        const int n = lengths[k / 8];

        for (int i = 0; i < n; i++) {
            l[i] =
                spread[k / 2 % 4] * (float)rng_normal((uint64_t)k, RNG_TEST, (uint64_t)i, 0, 0);
            if (k % 2) /* many equals */
                l[i] = floorf(4 * l[i]) / 4;
        }
        assert_ok(sample_scratch_new(&scratch, n));
        for (size_t way = 0; way < sizeof ways / sizeof *ways; way++)
            for (int j = 0; j <= 20; j++) {
                const double u = j < 20 ? j / 20.0 : 1 - 0x1p-53;

                assert_int_equal(sample_draw(scratch, &ways[way], NULL, l, u, &logprob),
                                 sorted_draw(l, n, &ways[way], u));
            }
        sample_scratch_free(scratch);
    }
}

static void ties_go_to_the_lower_id(void **state)
{
    const float l[] = {0, 1, 3, 3, 3, 1, 3, 0}, flat[4] = {0};
    const float never[] = {-200, 0, 0};
    struct sampling s = plain;

    (void)state;
    s.top_k = 1;
    assert_int_equal(reached(&s, l, 8), 1 << 2);
    s.top_k = 3;
    assert_int_equal(reached(&s, l, 8), 1 << 2 | 1 << 3 | 1 << 4);
    s.top_k = 5; /* the first of the two 1s */
    assert_int_equal(reached(&s, l, 8), 1 << 2 | 1 << 3 | 1 << 4 | 1 << 6 | 1 << 1);
    s.top_k = 0;
    s.top_p = 0.5f; /* each 3 has 0.22: three of them hold 0.67 */
    assert_int_equal(reached(&s, l, 8), 1 << 2 | 1 << 3 | 1 << 4);
    s.top_p = 1;
    s.min_p = 1;
    assert_int_equal(reached(&s, l, 8), 1 << 2 | 1 << 3 | 1 << 4 | 1 << 6);
    s = plain;
    s.top_p = 0.5f; /* exactly held by two of four */
    assert_int_equal(reached(&s, flat, 4), 1 << 0 | 1 << 1);
    s = plain;
    s.temperature = 0;
    assert_int_equal(reached(&s, l, 8), 1 << 2);
    s = plain;
    s.top_k = 100;
    assert_int_equal(reached(&s, flat, 4), 15);
    assert_int_equal(reached(&plain, never, 3), 1 << 1 | 1 << 2); /* not even by u = 0 */
}

static void the_logprob_is_of_the_whole_distribution(void **state)
{
    struct sampling s = plain;
    struct sample_scratch *scratch;
    struct softmax row;
    float l[V], lp;
    int token;

    (void)state;
    logits(l, V, 9);
    assert_ok(sample_scratch_new(&scratch, V));
    s.temperature = 0.8f;
    s.top_k = 2;
    token = sample_draw(scratch, &s, NULL, l, 0.99, &lp);
    softmax_row(&row, l, V, softmax_rate(0.8f));
    assert_true(lp == softmax_logprob(&row, l[token]));
    s.temperature = 0;
    token = sample_draw(scratch, &s, NULL, l, 0.99, &lp);
    softmax_row(&row, l, V, 1);
    assert_true(lp == softmax_logprob(&row, l[token]));
    l[3] = NAN;
    s.temperature = 1;
    assert_int_equal(sample_draw(scratch, &s, NULL, l, 0.5, &lp), -1);
    l[3] = INFINITY;
    assert_int_equal(sample_draw(scratch, &s, NULL, l, 0.5, &lp), -1);
    sample_scratch_free(scratch);
}

static void sampling_out_of_range_is_refused(void **state)
{
    const struct sampling bad[] = {
        {.temperature = -1, .top_p = 1},
        {.temperature = NAN, .top_p = 1},
        {.temperature = 1e-9f, .top_p = 1},
        {.temperature = 1, .top_p = 0},
        {.temperature = 1, .top_p = 1.5f},
        {.temperature = 1, .top_p = NAN},
        {.temperature = 1, .top_p = 1, .min_p = -0.1f},
        {.temperature = 1, .top_p = 1, .min_p = 2},
        {.temperature = 1, .top_p = 1, .top_k = -1},
    };

    (void)state;
    assert_ok(sample_check(&plain));
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_err(ERR_RANGE, sample_check(&bad[i]));
}

static void stop_strings_are_found_across_tokens(void **state)
{
    const char *const text[] = {"\n\nHuman:", "END"};
    struct stop s = {.n = 0};
    char big[300];

    (void)state;
    assert_false(stop_feed(&s, "a\n", 2, text, 2));
    assert_false(stop_feed(&s, "\nHu", 3, text, 2));
    assert_false(stop_feed(&s, "man", 3, text, 2));
    assert_true(stop_feed(&s, ": hi", 4, text, 2));
    s.n = 0;
    assert_false(stop_feed(&s, "E", 1, text, 2));
    assert_false(stop_feed(&s, "", 0, text, 2));
    assert_false(stop_feed(&s, "N", 1, text, 2));
    assert_false(stop_feed(&s, "ED", 2, text, 2));
    memset(big, 'E', sizeof big);
    assert_false(stop_feed(&s, big, sizeof big, text, 2));
    assert_true(stop_feed(&s, "NDx", 3, text, 2));
}

/* By the definitions, in their order, on f32, whatever is left in the scratch. */
static void penalties_are_as_defined(void **state)
{
    static const int said[] = {3, 4, 3, 9, 5, 9, 9}; /* the first four are the prompt */
    static const struct penalty_bias bias[] = {{3, -1.5f}, {20, 2.25f}};
    const struct penalties p = {1.7f, .3f, .6f, bias, 2};
    uint32_t count[V];
    float l[V], got[V];

    (void)state;
    logits(l, V, 8);
    memset(count, 0x55, sizeof count);
    penalty_apply(&p, &(struct penalty_said){said, 4, 7}, l, V, count, got);
    for (int i = 0; i < V; i++) {
        float want = l[i] + (i == 3 ? -1.5f : i == 20 ? 2.25f : 0);
        int prompt = 0, answer = 0;

        for (int k = 0; k < 7; k++) {
            prompt += k < 4 && said[k] == i;
            answer += k >= 4 && said[k] == i;
        }
        if (prompt || answer)
            want = want < 0 ? want * 1.7f : want / 1.7f;
        if (answer) {
            want = want - .3f * (float)answer;
            want = want - .6f;
        }
        assert_true(got[i] == want);
    }
}

/* Nobody's bits change: off is off, and the log-probability is the model's own. */
static void without_penalties_nothing_is_another(void **state)
{
    static const int said[] = {1, 2, 3, 4};
    const struct penalty_said all = {said, 2, 4};
    struct sampling off = plain, on = plain;
    struct sample_scratch *scratch;
    float l[V], a, b;
    int other = 0;

    (void)state;
    off.penalties.repetition = 1;
    on.penalties = (struct penalties){.repetition = 3, .presence = 2};
    assert_ok(sample_scratch_new(&scratch, V));
    for (uint64_t i = 0; i < 200; i++) {
        const double u = rng_uniform(9, RNG_SAMPLE, i, 0, 0);
        struct softmax row;
        int token;

        logits(l, V, 100 + i);
        token = sample_draw(scratch, &plain, NULL, l, u, &a);
        assert_int_equal(token, sample_draw(scratch, &off, &all, l, u, &b));
        assert_true(a == b);
        softmax_row(&row, l, V, softmax_rate(1));
        token = sample_draw(scratch, &on, &all, l, u, &b);
        assert_true(b == softmax_logprob(&row, l[token]));
        other += a != b;
    }
    assert_true(other > 10);
    sample_scratch_free(scratch);
}

static void biases_are_read_whole_or_not(void **state)
{
    static const char *const bad[] = {
        "[1]",          "{\"x\": 1}",   "{\"\": 1}",
        "{\"-1\": 1}",  "{\"50\": 1}",  "{\"1\": \"2\"}",
        "{\"1\": 1e3}", "{\"1.5\": 1}", "{\"99999999999999999999\": 1}"};
    struct penalty_bias *bias;
    json_t *tree = json_loads("{\"7\": -2.5, \"49\": 100}", 0, NULL);
    int n;

    (void)state;
    assert_ok(penalty_biases(&bias, &n, tree, V));
    assert_int_equal(n, 2);
    assert_int_equal(bias[0].token, 7);
    assert_true(bias[0].by == -2.5f && bias[1].by == 100);
    free(bias);
    json_decref(tree);
    assert_ok(penalty_biases(&bias, &n, NULL, V));
    assert_int_equal(n, 0);
    free(bias);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        tree = json_loads(bad[i], 0, NULL);
        assert_int_not_equal(penalty_biases(&bias, &n, tree, V), OK);
        assert_null(bias);
        json_decref(tree);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(penalties_are_as_defined),
        cmocka_unit_test(without_penalties_nothing_is_another),
        cmocka_unit_test(biases_are_read_whole_or_not),
        cmocka_unit_test(tokens_come_as_often_as_they_should),
        cmocka_unit_test(filters_end_where_a_sort_would),
        cmocka_unit_test(ties_go_to_the_lower_id),
        cmocka_unit_test(the_logprob_is_of_the_whole_distribution),
        cmocka_unit_test(sampling_out_of_range_is_refused),
        cmocka_unit_test(stop_strings_are_found_across_tokens),
    };

    return cmocka_run_group_tests_name("sample", tests, NULL, NULL);
}
