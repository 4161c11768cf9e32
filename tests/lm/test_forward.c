#include "tests/lm/small.h"
#include "tests/lm/tiny.h"

#include "lm/kernel/isa.h"
#include "lm/kernel/share.h"
#include "lm/model/cache.h"

#include <omp.h>
#include <stdio.h>

/* Golden numbers: transformers on the same weights (tests/golden/tiny_models.py). */

static const int lengths[] = {1, 17, 150};
enum { GREEDY = 24 };

static double worst;

static void read_values(FILE *file, float *value, int n)
{
    for (int i = 0; i < n; i++)
        assert_int_equal(fscanf(file, "%f", &value[i]), 1);
}

static void close_to(const char *what, const float *got, const float *want, int n)
{
    for (int i = 0; i < n; i++) {
        const double apart = fabs((double)got[i] - (double)want[i]);

        if (!(apart < 1e-4 * fmax(1, fabs((double)want[i]))))
            fail_msg("%s[%d]: %.9g, transformers has %.9g", what, i, (double)got[i],
                     (double)want[i]);
        worst = fmax(worst, apart);
    }
}

/* What this engine says after tokens [n]: logits of the last one. */
static void last_logits(const struct tiny_model *m, const int *token, int n, float *logits)
{
    const struct shape *s = model_shape(m->model);
    struct forward_row rows[256];
    struct cache *cache;
    struct forward_work *work;
    float *hidden;

    assert_ok(cache_new(&cache, s, n, NULL));
    assert_ok(forward_work_new(&work, s, n));
    assert_ok(mem_big(&hidden, (size_t)(n * s->width), sizeof *hidden, "hidden"));
    for (int i = 0; i < n; i++)
        rows[i] = (struct forward_row){cache, token[i], i};
    forward_hidden(m->model, work, rows, n, hidden);
    forward_logits(m->model, work, hidden + (size_t)((n - 1) * s->width), 1, logits);
    free(hidden);
    forward_work_free(work);
    cache_free(cache);
}

static int largest(const float *logits, int n)
{
    int best = 0;

    for (int i = 1; i < n; i++)
        if (logits[i] > logits[best])
            best = i;
    return best;
}

static void compare(const struct tiny_model *m, const char *kind, int s, const float *want,
                    int count)
{
    const struct shape *shape = model_shape(m->model);
    const int n = lengths[s], seq[2] = {0, n};
    float got[256], logits[256], last;
    int token[256];

    for (int t = 0; t < n; t++)
        token[t] = tiny_token(shape->vocab, s, t);
    if (strcmp(kind, "logprob") == 0) {
        assert_ok(forward_score(m->model, token, seq, 1, 1, got, NULL, NULL));
        close_to(kind, got + 1, want, count);
    } else if (strcmp(kind, "entropy") == 0) {
        assert_ok(forward_score(m->model, token, seq, 1, 0.7f, NULL, got, NULL));
        close_to(kind, got + 1, want, count);
    } else if (strcmp(kind, "value") == 0) {
        assert_ok(forward_score(m->model, token, seq, 1, 1, NULL, NULL, got));
        close_to(kind, got, want, count);
        /* What the head reads at the end is what it is said to read there. */
        assert_ok(forward_score_last(m->model, token, seq, 1, logits));
        forward_scalar(m->model, logits, 1, &last);
        assert_memory_equal(&last, got + n - 1, sizeof last);
    } else if (strcmp(kind, "logits") == 0) {
        last_logits(m, token, n, logits);
        close_to(kind, logits, want, count);
    } else {
        for (int i = 0; i < count; i++) {
            last_logits(m, token, n + i, logits);
            token[n + i] = largest(logits, shape->vocab);
            assert_int_equal(token[n + i], (int)want[i]);
        }
    }
}

static void transformers_gives_the_same_numbers(void **state)
{
    FILE *file = fopen(GOLDEN "/tiny_models.txt", "r");
    struct tiny_model model = {0};
    char name[32], kind[32], now[32] = "";
    int seq, count, lines = 0, of = -1;
    float want[256];

    (void)state;
    assert_non_null(file);
    while (fscanf(file, "%31s %31s %d %d", name, kind, &seq, &count) == 4) {
        assert_true(seq >= 0 && seq < 3 && count >= 0 && count <= 256);
        read_values(file, want, count);
        if (strcmp(name, now) != 0 || seq != of) {
            tiny_drop(&model);
            for (int i = 0; i < TINIES; i++)
                if (strcmp(tiny[i].name, name) == 0)
                    model = tiny_reach(&tiny[i].shape, lengths[seq] + GREEDY);
            snprintf(now, sizeof now, "%s", name);
            of = seq;
        }
        compare(&model, kind, seq, want, count);
        lines++;
    }
    tiny_drop(&model);
    fclose(file);
    assert_int_equal(lines, 135);
    print_message("largest difference from transformers: %.2g\n", worst);
}

/* Same bits (docs/MATH.md §1). Three sequences, their log-probabilities by every road. */

enum { LEAST = 1 << 19 }; /* share.c's own */
enum { SEQS = 3, LONGEST = 90 };
static const int len[SEQS] = {37, 64, LONGEST};

struct forward_road {
    struct tiny_model *m;
    struct cache *cache[SEQS];
    struct forward_work *work;
    float *hidden;
    float out[SEQS][LONGEST]; /* log-probability of token t + 1, or the value at t */
};

static void open_road(struct forward_road *r, struct tiny_model *m)
{
    const struct shape *s = model_shape(m->model);

    memset(r, 0, sizeof *r);
    r->m = m;
    assert_ok(forward_work_new(&r->work, s, SEQS * LONGEST));
    assert_ok(mem_big(&r->hidden, (size_t)(SEQS * LONGEST * s->width), sizeof(float), "h"));
    for (int q = 0; q < SEQS; q++) {
        assert_ok(cache_new(&r->cache[q], s, LONGEST + 7 * q, NULL));
        /* Not a number wherever nothing was written: whoever reads beyond pos shows it. */
        memset(r->cache[q]->pool->data, 0xFF, cache_size(s, LONGEST + 7 * q));
    }
}

static void close_road(struct forward_road *r)
{
    for (int q = 0; q < SEQS; q++)
        cache_free(r->cache[q]);
    forward_work_free(r->work);
    free(r->hidden);
}

/* Runs rows whose (sequence, position) are given, and files the results. */
static void travel(struct forward_road *r, const int (*at)[2], int n)
{
    const struct shape *s = model_shape(r->m->model);
    struct forward_row rows[SEQS * LONGEST];
    int target[SEQS * LONGEST];
    float out[SEQS * LONGEST];

    for (int i = 0; i < n; i++) {
        rows[i] = (struct forward_row){r->cache[at[i][0]],
                                       tiny_token(s->vocab, at[i][0], at[i][1]), at[i][1]};
        target[i] = tiny_token(s->vocab, at[i][0], at[i][1] + 1);
    }
    forward_hidden(r->m->model, r->work, rows, n, r->hidden);
    if (s->head != HEAD_LM)
        forward_scalar(r->m->model, r->hidden, n, out);
    else
        forward_logprob(r->m->model, r->work, r->hidden, n, target, 0.7f, out, NULL, NULL);
    for (int i = 0; i < n; i++)
        r->out[at[i][0]][at[i][1]] = out[i];
}

/* mode 0: all in one pass, last sequence first; -1: decoded together, a token each; -2: so,
 * each sequence a token ahead of the one before it; k > 0: each sequence alone, in chunks of k.
 */
static void walk(struct forward_road *r, int mode)
{
    int at[SEQS * LONGEST][2], n = 0;

    for (int q = SEQS - 1; mode == 0 && q >= 0; q--)
        for (int t = 0; t < len[q]; t++, n++)
            at[n][0] = q, at[n][1] = t;
    if (mode == 0)
        travel(r, at, n);
    for (int t = 2 - 2 * -mode; mode < 0 && t < LONGEST; t++) {
        n = 0;
        for (int q = 0; q < SEQS; q++) {
            const int own = t + q * (-mode - 1);

            if (own >= 0 && own < len[q])
                at[n][0] = q, at[n++][1] = own;
        }
        travel(r, at, n);
    }
    for (int q = 0; mode > 0 && q < SEQS; q++)
        for (int t = 0; t < len[q]; t += n) {
            for (n = 0; n < mode && t + n < len[q]; n++)
                at[n][0] = q, at[n][1] = t + n;
            travel(r, at, n);
        }
}

static void every_road(struct tiny_model *m, float want[SEQS][LONGEST], const char *name)
{
    static const int modes[] = {0, -1, -2, 1, 2, 7, 16, 33, 64};
    struct forward_road r;

    const bool other = model_shape(m->model)->compute != PRECISION_FLOAT32;

    /* Which rows go together is the same code whatever is computed in: every second of them. */
    for (size_t k = 0; k < sizeof modes / sizeof modes[0]; k += other ? 2 : 1) {
        open_road(&r, m);
        walk(&r, modes[k]);
        if (memcmp(r.out, want, sizeof r.out) != 0)
            fail_msg("%s, %s, mode %d: other bits", name, isa_current()->name, modes[k]);
        close_road(&r);
    }
}

static void the_bits_do_not_depend_on_the_road(void **state)
{
    static const char *const names[ISA_TABLES] = {"scalar", "avx2", "avx512", "avx512vnni",
                                                  "avx512bf16"};
    const int threads = omp_get_max_threads(), shapes = TINIES + SMALL_SHAPES - SMALL_FAMILIES;
    const struct isa *before = isa_current();

    (void)state;
    for (int each = 0; each < PRECISIONS * shapes; each++) {
        const int k = each % shapes, family = k - TINIES + SMALL_FAMILIES;
        struct shape shape = k < TINIES ? tiny[k].shape : small_shape[family];
        const char *name = k < TINIES ? tiny[k].name : "a further family";
        struct tiny_model m;
        struct forward_road want;

        shape.compute = (enum precision)(each / shapes);
        m = k < TINIES ? tiny_reach(&shape, LONGEST) : tiny_make(&shape);
        assert_ok(isa_force("scalar"));
        open_road(&want, &m);
        walk(&want, 0);
        for (int q = 0; q < SEQS; q++)
            for (int t = 0; t < len[q]; t++)
                assert_true(isfinite(want.out[q][t]));
        for (int i = 0; i < (shape.compute ? ISA_TABLES : ISA_VECTORS); i++) {
            if (!isa_at(i)) {
                print_message("%s: not shown, this CPU lacks it\n", names[i]);
                continue;
            }
            assert_ok(isa_force(names[i]));
            for (int n = 1; n <= (i ? 3 : 1); n += shape.compute ? 2 : 1) {
                share_least(n > 1 ? 0 : SIZE_MAX);
                omp_set_num_threads(n);
                every_road(&m, want.out, name);
            }
        }
        close_road(&want);
        tiny_drop(&m);
    }
    omp_set_num_threads(threads);
    share_least(LEAST);
    assert_ok(isa_force(before->name));
}

static void every_split_of_a_prefill_is_the_same(void **state)
{
    struct tiny_model m = tiny_make(&tiny[TINY_LLAMA].shape);
    struct forward_road want, r;
    int at[LONGEST][2];

    (void)state;
    open_road(&want, &m);
    walk(&want, 0);
    for (int t = 0; t < LONGEST; t++)
        at[t][0] = 2, at[t][1] = t;
    for (int split = 1; split < LONGEST; split++) {
        open_road(&r, &m);
        travel(&r, at, split);
        travel(&r, at + split, LONGEST - split);
        assert_memory_equal(r.out[2], want.out[2], sizeof r.out[2]);
        close_road(&r);
    }
    close_road(&want);
    tiny_drop(&m);
}

/* Batches of 1..64 sequences that share one prompt. */
static void a_batch_of_any_size_is_the_same(void **state)
{
    enum { PROMPT = 33, MOST = 64 };
    struct tiny_model m = tiny_make(&tiny[TINY_QWEN2].shape);
    const struct shape *s = model_shape(m.model);
    struct cache_pool *pool;
    struct cache *cache[MOST];
    struct forward_row rows[MOST];
    struct forward_work *work;
    float *hidden, first[256], out[MOST];
    int target[MOST];

    (void)state;
    assert_ok(forward_work_new(&work, s, MOST));
    assert_ok(mem_big(&hidden, (size_t)(MOST * s->width), sizeof *hidden, "hidden"));
    assert_ok(cache_pool_new(&pool, s, (size_t)MOST * 64));
    for (int i = 0; i < MOST; i++) {
        assert_ok(cache_new(&cache[i], s, 64, pool));
        target[i] = tiny_token(s->vocab, 9, i % 4);
    }
    for (int t = 0; t < PROMPT; t++)
        rows[t] = (struct forward_row){cache[0], tiny_token(s->vocab, 2, t), t};
    forward_hidden(m.model, work, rows, PROMPT, hidden);
    for (int i = 1; i < MOST; i++)
        cache_share(cache[i], cache[0], PROMPT);
    for (int n = 1; n <= MOST; n++) {
        for (int i = 0; i < n; i++)
            rows[i] = (struct forward_row){cache[i], tiny_token(s->vocab, 8, i % 4), PROMPT};
        forward_hidden(m.model, work, rows, n, hidden);
        forward_logprob(m.model, work, hidden, n, target, 1, out, NULL, NULL);
        if (n == 1)
            memcpy(first, out, sizeof(float));
        else if (n > 2)
            assert_memory_equal(first, out, (size_t)(n - 1) * sizeof *out);
        for (int i = 4; i < n; i++) /* what is shared is as good as one's own */
            assert_true(out[i] == out[i - 4]);
        memcpy(first, out, (size_t)n * sizeof *out);
    }
    for (int i = 0; i < MOST; i++)
        cache_free(cache[i]);
    cache_pool_free(pool);
    free(hidden);
    forward_work_free(work);
    tiny_drop(&m);
}

/* Of more rows than one chunk takes. */
static void the_last_states_are_those_of_each_alone(const struct tiny_model *m,
                                                    const int *token, const int *seq)
{
    const size_t width = (size_t)model_shape(m->model)->width;
    float *all, *alone;

    assert_ok(mem_big(&all, 4 * SEQS * width, sizeof *all, "states"));
    assert_ok(mem_big(&alone, width, sizeof *alone, "states"));
    assert_ok(forward_score_last(m->model, token, seq, 4 * SEQS, all));
    for (int q = 0; q < 4 * SEQS; q++) {
        const int single[2] = {0, seq[q + 1] - seq[q]};
        assert_ok(forward_score_last(m->model, token + seq[q], single, 1, alone));
        assert_memory_equal(alone, all + (size_t)q * width, width * sizeof *all);
    }
    free(all);
    free(alone);
}

/* forward_score is one more road; entropy and square are what their names say. */
static void scoring_agrees_with_the_logits(void **state)
{
    struct tiny_model m = tiny_make(&tiny[TINY_LLAMA3].shape);
    const struct shape *s = model_shape(m.model);
    int token[SEQS * LONGEST * 4], seq[4 * SEQS + 1] = {0}, n = 0;
    float lp[SEQS * LONGEST * 4], ent[SEQS * LONGEST * 4], logits[256], one, e, sq;
    struct forward_road r;

    (void)state;
    for (int q = 0; q < 4 * SEQS; q++) { /* more rows than one chunk takes */
        for (int t = 0; t < len[q % SEQS]; t++)
            token[n++] = tiny_token(s->vocab, q % SEQS, t);
        seq[q + 1] = n;
    }
    assert_ok(forward_score(m.model, token, seq, 4 * SEQS, 0.7f, lp, ent, NULL));
    the_last_states_are_those_of_each_alone(&m, token, seq);
    open_road(&r, &m);
    walk(&r, 0);
    for (int q = 0; q < 4 * SEQS; q++) {
        assert_true(lp[seq[q]] == 0 && ent[seq[q]] == 0);
        assert_memory_equal(lp + seq[q] + 1, r.out[q % SEQS],
                            (size_t)(len[q % SEQS] - 1) * sizeof *lp);
    }
    close_road(&r);
    for (int t = 0; t < 20; t++) {
        double z = 0, h = 0, p2 = 0;
        int at[1] = {token[t + 1]};

        last_logits(&m, token, t + 1, logits);
        for (int i = 0; i < s->vocab; i++)
            z += exp((double)logits[i] / 0.7);
        for (int i = 0; i < s->vocab; i++) {
            const double p = exp((double)logits[i] / 0.7) / z;

            h -= p * log(p);
            p2 += p * p;
        }
        assert_true(fabs(h - (double)ent[t + 1]) < 1e-4);
        assert_true(fabs(log(exp((double)logits[at[0]] / 0.7) / z) - (double)lp[t + 1]) < 1e-4);
        {
            struct forward_row rows[32];
            struct cache *cache;
            struct forward_work *work;
            float hidden[32 * 96];

            assert_ok(cache_new(&cache, s, t + 1, NULL));
            assert_ok(forward_work_new(&work, s, t + 1));
            for (int i = 0; i <= t; i++)
                rows[i] = (struct forward_row){cache, token[i], i};
            forward_hidden(m.model, work, rows, t + 1, hidden);
            forward_logprob(m.model, work, hidden + t * s->width, 1, at, 0.7f, &one, &e, &sq);
            assert_true(one == lp[t + 1] && e == ent[t + 1]);
            assert_true(fabs(p2 - (double)sq) < 1e-4);
            forward_work_free(work);
            cache_free(cache);
        }
    }
    tiny_drop(&m);
}

static void what_does_not_fit_is_refused(void **state)
{
    struct tiny_model m = tiny_make(&tiny[TINY_LINEAR].shape);
    struct tiny_model rm = tiny_make(&tiny[TINY_REWARD].shape);
    struct shape shape = tiny[TINY_LINEAR].shape;
    const int good[] = {1, 2, 3}, bad[] = {1, 64, 3}, seq[] = {0, 3}, none[] = {0, 0};
    struct model *model;
    float out[3];

    (void)state;
    assert_ok(forward_score(m.model, good, seq, 1, 1, out, NULL, NULL));
    assert_err(ERR_RANGE, forward_score(m.model, bad, seq, 1, 1, out, NULL, NULL));
    assert_err(ERR_RANGE, forward_score(m.model, good, none, 1, 1, out, NULL, NULL));
    assert_err(ERR_RANGE, forward_score(m.model, good, seq, 1, 0, out, NULL, NULL));
    assert_err(ERR_RANGE, forward_score(m.model, good, seq, 1, 1, NULL, NULL, out));
    assert_err(ERR_RANGE, forward_score(rm.model, good, seq, 1, 1, out, NULL, NULL));
    assert_err(ERR_RANGE, model_new(&model, &shape, m.image, packed_size(&shape) - 4));
    assert_null(model);
    shape.width = 41;
    assert_err(ERR_RANGE, model_new(&model, &shape, m.image, packed_size(&shape)));
    tiny_drop(&m);
    tiny_drop(&rm);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(transformers_gives_the_same_numbers),
        cmocka_unit_test(the_bits_do_not_depend_on_the_road),
        cmocka_unit_test(every_split_of_a_prefill_is_the_same),
        cmocka_unit_test(a_batch_of_any_size_is_the_same),
        cmocka_unit_test(scoring_agrees_with_the_logits),
        cmocka_unit_test(what_does_not_fit_is_refused),
    };

    return cmocka_run_group_tests_name("forward", tests, NULL, NULL);
}
