#include "lm/kernel/product.h"

#include "lm/kernel/bf16.h"
#include "lm/kernel/isa.h"
#include "lm/kernel/pairs.h"
#include "lm/kernel/share.h"
#include "tests/support/formula.h"
#include "tests/support/test.h"

#include <math.h>
#include <omp.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* Beyond each row: what is written there, or read into a sum, shows. */
enum { GAP = 3 };

struct product_side {
    float *at;
    size_t ld;
};

/* Numbers of a model; with `small`, some that rounding to bfloat16 puts away, or just not. */
static float value(uint32_t i, uint32_t seed, bool small)
{
    const float x = formula(i, seed);

    return small && i % 5 == 0 ? x * 0x1p-55f : small && i % 7 == 0 ? x * 0x1p-130f : x;
}

/* [rows,columns], or turned. What lies between the rows is no number. */
static struct product_side side(int rows, int columns, bool turned, uint32_t seed, bool small)
{
    const int r = turned ? columns : rows, c = turned ? rows : columns;
    struct product_side x = {NULL, (size_t)(c + GAP)};

    x.at = malloc((size_t)r * x.ld * sizeof *x.at);
    for (size_t i = 0; i < (size_t)r * x.ld; i++)
        x.at[i] = NAN;
    for (int i = 0; i < rows; i++)
        for (int j = 0; j < columns; j++)
            x.at[turned ? (size_t)j * x.ld + (size_t)i : (size_t)i * x.ld + (size_t)j] =
                value((uint32_t)(i * columns + j), seed, small);
    return x;
}

static float a_of(const struct product *p, size_t i, size_t k)
{
    return p->a_turned ? p->a[k * p->lda + i] : p->a[i * p->lda + k];
}

static float b_of(const struct product *p, size_t j, size_t k)
{
    return p->b_turned ? p->b[j * p->ldb + k] : p->b[k * p->ldb + j];
}

/* R10: in each 32 of k a chain over the even steps and one over the odd ones. */
static float block_of_bf16(const struct product *p, size_t i, size_t j, size_t k)
{
    float chain[2] = {0.0f, 0.0f};

    for (size_t q = k; q < k + 32 && q < (size_t)p->k; q++)
        chain[q % 2] = fmaf(bf16_widen(bf16_round(a_of(p, i, q))),
                            bf16_widen(bf16_round(b_of(p, j, q))), chain[q % 2]);
    return chain[0] + chain[1];
}

/* The definition, element by element. */
static void defined(const struct product *p, float *want)
{
    for (size_t i = 0; i < (size_t)p->m; i++)
        for (size_t j = 0; j < (size_t)p->n; j++) {
            float *c = want + i * p->ldc + j;
            float sum = p->into == PRODUCT_ON ? *c : 0.0f;

            for (size_t k = 0; k < (size_t)p->k; k += p->bf16 ? 32 : 1)
                sum = p->bf16 ? sum + block_of_bf16(p, i, j, k)
                              : fmaf(a_of(p, i, k), b_of(p, j, k), sum);
            *c = p->into != PRODUCT_ADD ? sum : p->k ? *c + sum : *c;
        }
}

/* As it is, on every instruction set, for one to three threads, with the scratch of all its columns and
 * with that of one. */
static void everywhere(struct product *p, const float *before, const float *want, size_t floats)
{
    const size_t least = product_room(1, p->k); /* a panel at a time */

    for (int set = 0; set < ISA_TABLES; set++)
        for (int way = 0; isa_at(set) && way < 3; way++) {
            assert_ok(isa_force(isa_at(set)->name));
            omp_set_num_threads(1 + way);
            p->scratch.floats = way == 1 ? product_room(p->n, p->k) : least;
            p->scratch.at = malloc(p->scratch.floats * sizeof(float));
            memcpy(p->c, before, floats * sizeof *before);
            product_run(p);
            if (memcmp(p->c, want, floats * sizeof *want))
                fail_msg("%d x %d x %d, turned %d %d, bf16 %d %d, into %d: %s, way %d", p->m,
                         p->n, p->k, p->a_turned, p->b_turned, p->bf16, p->pairs != NULL,
                         (int)p->into, isa_at(set)->name, way);
            free(p->scratch.at);
        }
}

/* One product of operands by formula against its definition. */
static void compare(struct product p)
{
    const size_t ldc = (size_t)(p.n + GAP), floats = (size_t)p.m * ldc;
    const struct product_side a = side(p.m, p.k, p.a_turned, 15, p.bf16);
    const struct product_side b = side(p.k, p.n, p.b_turned, 16, p.bf16);
    float *before = malloc(floats * sizeof *before), *want = malloc(floats * sizeof *want);

    formula_fill(before, floats, 17, 1.0f, 0.0f);
    memcpy(want, before, floats * sizeof *want);
    p.a = a.at;
    p.b = b.at;
    p.lda = a.ld;
    p.ldb = b.ld;
    p.ldc = ldc;
    p.c = malloc(floats * sizeof *p.c);
    defined(&p, want);
    everywhere(&p, before, want, floats);
    free(a.at), free(b.at), free(before), free(want), free(p.c);
}

static void everything(int m, int n, int k)
{
    for (int turned = 0; turned < 4; turned++)
        for (enum product_into into = PRODUCT_SET; into <= PRODUCT_ADD; into++)
            compare((struct product){.m = m,
                                     .n = n,
                                     .k = k,
                                     .a_turned = turned & 1,
                                     .b_turned = turned & 2,
                                     .into = into});
}

/* The same B as rows of a matrix that an image holds, behind `from` others. */
static void out_of_an_image(struct product p)
{
    const struct product_side b = side(p.k, p.n, false, 16, true);
    const int rows = p.from + p.k;
    uint16_t *image = calloc(pairs_size(rows, p.n) + 1, sizeof *image);
    float *row = malloc((size_t)(p.n + 1) * sizeof *row);

    for (int i = 0; i < rows; i++) {
        for (int j = 0; j < p.n; j++)
            row[j] =
                i < p.from
                    ? 1.0f
                    : bf16_widen(bf16_round(b.at[(size_t)(i - p.from) * b.ld + (size_t)j]));
        pairs_pack(image, i, row, (size_t)p.n, 1, p.n);
    }
    p.pairs = image;
    compare(p);
    free(image), free(row), free(b.at);
}

static void everything_of_bf16(int m, int n, int k)
{
    for (int way = 0; way < 4; way++)
        for (enum product_into into = PRODUCT_SET; into <= PRODUCT_ADD; into++) {
            struct product p = {
                .m = m, .n = n, .k = k, .a_turned = way & 1, .bf16 = true, .into = into};

            if (way < 2) {
                compare(p);
                continue;
            }
            p.from = way == 2 ? 0 : 64;
            out_of_an_image(p);
        }
}

/* Sums of up to 97, as many rows and columns as meet every edge of a tile and of a panel. */
static void each_element_is_one_chain(void **state)
{
    const char *name = isa_current()->name;
    const int threads = omp_get_max_threads();

    (void)state;
    share_least(0);
    for (int k = 1; k <= 97; k += 2)
        everything(1 + k * 7 % 61, 1 + k * 11 % 97, k);
    for (int m = 1; m <= 50; m += 3)
        everything(m, 33, 5);
    everything(49, 31, 0);
    everything(49, 45, 1030); /* more than one slice */
    everything(5, 1100, 40);  /* more than one piece */
    everything(13, 40, 2100);
    share_least(1 << 19);
    omp_set_num_threads(threads);
    assert_ok(isa_force(name));
}

static void those_of_bfloat16_have_the_order_of_processors(void **state)
{
    const char *name = isa_current()->name;
    const int threads = omp_get_max_threads();

    (void)state;
    share_least(0);
    for (int k = 1; k <= 97; k++)
        everything_of_bf16(1 + k * 7 % 61, 1 + k * 11 % 97, k);
    for (int m = 1; m <= 50; m += 7)
        everything_of_bf16(m, 33, 5);
    everything_of_bf16(49, 31, 0);
    everything_of_bf16(13, 45, 231); /* deeper than what a table may take at a time */
    everything_of_bf16(49, 45, 1030);
    everything_of_bf16(5, 1100, 40);
    everything_of_bf16(13, 40, 2100);
    share_least(1 << 19);
    omp_set_num_threads(threads);
    assert_ok(isa_force(name));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_element_is_one_chain),
        cmocka_unit_test(those_of_bfloat16_have_the_order_of_processors),
    };

    return cmocka_run_group_tests_name("product", tests, NULL, NULL);
}
