/* Attention over blocks of keys, in either form, by rows of one sequence and of several that begin
 * alike: the bits of its definition, a chain after the other, each row alone. */

#include "tests/support/test.h"

#include "base/rng.h"
#include "lm/kernel/attention.h"
#include "lm/kernel/bf16.h"
#include "lm/kernel/isa.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { STRANDS = 9, LONGEST = 320, DIM = 96, GROUP = 9, TOKENS = KV_BLOCK_TOKENS };

/* Which rows look at what: strands of `rows` rows at `pos`; the first `common` keys are the same. */
struct company {
    int dim, group, window;
    float cap;
    int common, strands;
    struct {
        int rows, pos;
    } strand[STRANDS];
};

static const struct company worlds[] = {
    {16, 1, 0, 0, 0, 1, {{1, 0}}},
    {48, 3, 0, 0, 0, 1, {{8, 0}}},
    {64, 3, 0, 0, 0, 1, {{8, 45}}},
    {32, 7, 0, 0, 0, 1, {{3, 31}}},
    {80, 2, 0, 0, 0, 1, {{12, 63}}},
    {64, 3, 0, 2, 0, 1, {{8, 45}}},
    {64, 3, 5, 0, 0, 1, {{8, 0}}},     /* the first rows see all */
    {32, 2, 1, 0, 0, 1, {{12, 90}}},   /* itself alone */
    {16, 1, 33, 0, 0, 1, {{24, 200}}}, /* over several blocks */
    {64, 3, 0, 0, 0, 1, {{1, 300}}},
    {64, 3, 0, 0, 0, 1, {{1, 288}}},
    {64, 3, 0, 0, 0, 1, {{1, 287}}},
    {64, 3, 0, 0, 32, 2, {{1, 40}, {1, 32}}},
    {64,
     3,
     0,
     0,
     64,
     8,
     {{1, 64}, {1, 65}, {1, 95}, {1, 96}, {1, 97}, {1, 127}, {1, 70}, {1, 200}}},
    {64,
     3,
     0,
     1.5f,
     32,
     3,
     {{2, 40}, {3, 31}, {3, 63}}}, /* some rows each, as in speculation */
    {96, 9, 0, 0, 128, 2, {{1, 128}, {1, 140}}},
    {18, 2, 0, 0, 64, 3, {{1, 80}, {4, 63}, {1, 99}}},
    {64,
     3,
     40,
     0,
     64,
     3,
     {{1, 64}, {1, 130}, {2, 200}}}, /* windows that begin in other blocks */
    {64, 3, 40, 0, 32, 3, {{2, 200}, {1, 64}, {1, 130}}},
    {64, 3, 1000, 0, 64, 3, {{1, 64}, {1, 130}, {2, 200}}},
};

static void noise(float *x, size_t n, uint64_t seed, bool halves)
{
    for (size_t i = 0; i < n; i++) {
        uint32_t w[4];

        rng_words(w, seed, RNG_TEST, i, 0, 0);
        x[i] = (float)((double)w[0] * 0x1p-31 - 1.0);
        if (halves)
            x[i] = bf16_widen(bf16_round(x[i]));
    }
}

/* Keys and values [token][dim] of each strand; what they have in common is the same. */
struct text {
    float key[STRANDS][LONGEST * DIM], value[STRANDS][LONGEST * DIM];
};

static void write_text(struct text *text, const struct company *w, bool halves)
{
    for (int s = 0; s < w->strands; s++) {
        const size_t alike = s ? (size_t)(w->common * w->dim) * sizeof(float) : 0;

        noise(text->key[s], (size_t)(LONGEST * w->dim), (uint64_t)(10 + s), halves);
        noise(text->value[s], (size_t)(LONGEST * w->dim), (uint64_t)(90 + s), halves);
        memcpy(text->key[s], text->key[0], alike);
        memcpy(text->value[s], text->value[0], alike);
    }
}

/* R6, as docs/MATH.md has it; exponentials and their sum are those of the scalar kernels. */
static void definition(float *out, const struct company *w, const float *q, const float *key,
                       const float *value, int pos)
{
    const struct isa *isa = isa_at(0);
    const int first = w->window && pos >= w->window ? pos - w->window + 1 : 0;
    float p[LONGEST + TOKENS], max, sum;

    for (int t = 0; t <= pos; t++) {
        float chain = 0.0f;

        for (int d = 0; d < w->dim; d++)
            chain = fmaf(q[d], key[t * w->dim + d], chain);
        p[t] = chain;
    }
    if (w->cap > 0)
        isa->cap(p, w->cap, pos + 1);
    for (int t = 0; t < first; t++)
        p[t] = -INFINITY;
    sum = isa->softmax(p, pos + 1, &max);
    for (int d = 0; d < w->dim; d++) {
        float chain = 0.0f;

        for (int t = first; t <= pos; t++)
            chain = fmaf(p[t], value[t * w->dim + d], chain);
        out[d] = chain * (1.0f / sum);
    }
}

/* The world's blocks, of two kv heads of which the second is looked at, and attention over them. */
struct scene {
    const struct company *w;
    struct kv_block_form form;
    struct text *text;
    char *block[STRANDS][LONGEST / TOKENS];
    struct attention_strand strand[STRANDS];
    int rows;
    float *q, *values, *out; /* of exactly the rows' size */
};

static void open_scene(struct scene *s, const struct company *w, bool pairs)
{
    int row = 0;

    memset(s, 0, sizeof *s);
    s->w = w;
    s->form = (struct kv_block_form){.pairs = pairs, .head_dim = w->dim};
    s->text = malloc(sizeof *s->text);
    write_text(s->text, w, pairs);
    for (int k = 0; k < w->strands; k++) {
        const int length = w->strand[k].pos + w->strand[k].rows;

        s->rows += w->strand[k].rows;
        s->strand[k] = (struct attention_strand){w->strand[k].rows, w->strand[k].pos,
                                                 (const char *const *)s->block[k]};
        for (int b = 0; b < (int)kv_block_count(length); b++)
            if (k && b < w->common / TOKENS) {
                s->block[k][b] = s->block[0][b];
            } else {
                assert_int_equal(
                    posix_memalign((void **)&s->block[k][b], 64, 2 * kv_block_size(&s->form)),
                    0);
                memset(s->block[k][b], 0xFF, 2 * kv_block_size(&s->form)); /* not numbers */
            }
        for (int t = k ? w->common : 0; t < length; t++)
            kv_block_put(&s->form, s->block[k][t / TOKENS] + kv_block_size(&s->form),
                         t % TOKENS, s->text->key[k] + t * w->dim,
                         s->text->value[k] + t * w->dim);
    }
    s->q = malloc((size_t)(s->rows * w->group * w->dim) * sizeof(float));
    s->out = malloc((size_t)(s->rows * w->group * w->dim) * sizeof(float));
    s->values = malloc((size_t)(s->rows * w->dim) * sizeof(float));
    noise(s->q, (size_t)(s->rows * w->group * w->dim), 7, false);
    for (int k = 0; k < w->strands; k++)
        for (int i = 0; i < w->strand[k].rows; i++, row++)
            memcpy(s->values + row * w->dim,
                   s->text->value[k] + (w->strand[k].pos + i) * w->dim,
                   (size_t)w->dim * sizeof(float));
}

static void close_scene(struct scene *s)
{
    for (int k = 0; k < s->w->strands; k++)
        for (int b = k ? s->w->common / TOKENS : 0; b < LONGEST / TOKENS; b++)
            free(s->block[k][b]);
    free(s->text);
    free(s->q);
    free(s->out);
    free(s->values);
}

static void look(struct scene *s)
{
    const struct company *w = s->w;
    const size_t wide = (size_t)(w->group * w->dim);
    float *scratch = malloc(attention_scratch(s->rows, w->group, w->dim, LONGEST) * 4);
    const struct attention a = {.q = s->q,
                                .values = s->values,
                                .out = s->out,
                                .ldq = wide,
                                .ldv = (size_t)w->dim,
                                .ldo = wide,
                                .strand = s->strand,
                                .strands = w->strands,
                                .common = w->common,
                                .form = s->form,
                                .at = kv_block_size(&s->form),
                                .group = w->group,
                                .window = w->window,
                                .cap = w->cap,
                                .scratch = scratch};

    memset(s->out, 0xFF, (size_t)s->rows * wide * sizeof(float));
    attention_run(&a);
    free(scratch);
}

static void every_row_has_the_bits_of_the_definition(void **state)
{
    float want[DIM];

    (void)state;
    for (int k = 0; k < 2 * (int)(sizeof worlds / sizeof *worlds); k++) {
        const struct company *w = &worlds[k / 2];
        struct scene scene;

        open_scene(&scene, w, k % 2);
        for (int isa = 0; isa < ISA_TABLES; isa++) {
            int row = 0;

            if (!isa_at(isa))
                continue;
            assert_ok(isa_force(isa_at(isa)->name));
            look(&scene);
            for (int s = 0; s < w->strands; s++)
                for (int i = 0; i < w->strand[s].rows; i++, row++)
                    for (int g = 0; g < w->group; g++) {
                        const int at = (row * w->group + g) * w->dim;

                        definition(want, w, scene.q + at, scene.text->key[s],
                                   scene.text->value[s], w->strand[s].pos + i);
                        if (memcmp(want, scene.out + at, (size_t)w->dim * sizeof *want) != 0)
                            fail_msg("world %d, %s, %s: other bits in row %d, head %d", k / 2,
                                     k % 2 ? "pairs" : "floats", isa_current()->name, row, g);
                    }
        }
        close_scene(&scene);
    }
}

/* And the definition is attention: against double. */
static void attention_is_what_it_says(void **state)
{
    (void)state;
    assert_ok(isa_force("scalar"));
    for (int k = 0; k < (int)(sizeof worlds / sizeof *worlds); k++) {
        const struct company *w = &worlds[k];
        const int pos = w->strand[0].pos;
        struct scene scene;

        open_scene(&scene, w, true);
        look(&scene);
        for (int d = 0; d < w->dim; d++) {
            double top = 0, bottom = 0;

            for (int t = 0; t <= pos; t++) {
                double s = 0;

                if (w->window && pos - t >= w->window)
                    continue;
                for (int e = 0; e < w->dim; e++)
                    s += (double)scene.q[e] * (double)scene.text->key[0][t * w->dim + e];
                if (w->cap > 0)
                    s = (double)w->cap * tanh(s / (double)w->cap);
                top += exp(s) * (double)scene.text->value[0][t * w->dim + d];
                bottom += exp(s);
            }
            assert_true(fabs((double)scene.out[d] - top / bottom) < 1e-5);
        }
        close_scene(&scene);
    }
    assert_true(attention_rows(3) == 8 && attention_rows(100) == 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_row_has_the_bits_of_the_definition),
        cmocka_unit_test(attention_is_what_it_says),
    };

    return cmocka_run_group_tests_name("attention", tests, NULL, NULL);
}
