#include "lm/kernel/product.h"

#include "lm/kernel/isa.h"
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

/* [rows,columns], or turned. What lies between the rows is no number. */
static struct product_side give(int rows, int columns, bool turned, uint32_t seed)
{
    const int r = turned ? columns : rows, c = turned ? rows : columns;
    struct product_side x = {NULL, (size_t)(c + GAP)};

    x.at = malloc((size_t)r * x.ld * sizeof *x.at);
    for (size_t i = 0; i < (size_t)r * x.ld; i++)
        x.at[i] = NAN;
    for (int i = 0; i < rows; i++)
        for (int j = 0; j < columns; j++)
            x.at[turned ? (size_t)j * x.ld + (size_t)i : (size_t)i * x.ld + (size_t)j] =
                formula((uint32_t)(i * columns + j), seed);
    return x;
}

/* The definition, element by element. */
static void defined(const struct product *p, float *want)
{
    for (int i = 0; i < p->m; i++)
        for (int j = 0; j < p->n; j++) {
            float *c = want + (size_t)i * p->ldc + (size_t)j;
            float chain = p->into == PRODUCT_ON ? *c : 0.0f;

            for (size_t k = 0; k < (size_t)p->k; k++)
                chain = fmaf(
                    p->a_turned ? p->a[k * p->lda + (size_t)i] : p->a[(size_t)i * p->lda + k],
                    p->b_turned ? p->b[(size_t)j * p->ldb + k] : p->b[k * p->ldb + (size_t)j],
                    chain);
            *c = p->into != PRODUCT_ADD ? chain : p->k ? *c + chain : *c;
        }
}

/* As it is, on every instruction set, for one to three threads, with the scratch asked for and with the
 * least that its sums allow. */
static void everywhere(struct product *p, const float *before, const float *want, size_t floats)
{
    const size_t room = product_room(p->n, p->k);

    for (int set = 0; set < ISA_TABLES; set++)
        for (int way = 0; isa_at(set) && way < 6; way++) {
            assert_ok(isa_force(isa_at(set)->name));
            omp_set_num_threads(1 + way / 2);
            p->scratch.floats =
                way % 2
                    ? 32 * (size_t)(p->k < 1024 && p->into != PRODUCT_ADD ? 1024 : p->k) + 32
                    : room;
            p->scratch.at = malloc(p->scratch.floats * sizeof(float));
            memcpy(p->c, before, floats * sizeof *before);
            product_run(p);
            if (memcmp(p->c, want, floats * sizeof *want))
                fail_msg("%d x %d x %d, turned %d %d, into %d: %s, way %d", p->m, p->n, p->k,
                         p->a_turned, p->b_turned, (int)p->into, isa_at(set)->name, way);
            free(p->scratch.at);
        }
}

static void chains(int m, int n, int k, bool a_turned, bool b_turned, enum product_into into)
{
    const size_t ldc = (size_t)(n + GAP), floats = (size_t)m * ldc;
    const struct product_side a = give(m, k, a_turned, 15), b = give(k, n, b_turned, 16);
    float *before = malloc(floats * sizeof *before), *want = malloc(floats * sizeof *want);
    struct product p = {.c = malloc(floats * sizeof *p.c),
                        .a = a.at,
                        .b = b.at,
                        .ldc = ldc,
                        .lda = a.ld,
                        .ldb = b.ld,
                        .m = m,
                        .n = n,
                        .k = k,
                        .a_turned = a_turned,
                        .b_turned = b_turned,
                        .into = into};

    formula_fill(before, floats, 17, 1.0f, 0.0f);
    memcpy(want, before, floats * sizeof *want);
    p.c = memcpy(p.c, before, floats * sizeof *before);
    {
        struct product by_definition = p;

        defined(&by_definition, want);
    }
    everywhere(&p, before, want, floats);
    free(a.at), free(b.at), free(before), free(want), free(p.c);
}

static void everything(int m, int n, int k)
{
    for (int turned = 0; turned < 4; turned++)
        for (enum product_into into = PRODUCT_SET; into <= PRODUCT_ADD; into++)
            chains(m, n, k, turned & 1, turned & 2, into);
}

/* Sums of 1 to 97, as many rows and columns as meet every edge of a tile and of a panel. */
static void each_element_is_one_chain(void **state)
{
    const char *name = isa_current()->name;
    const int threads = omp_get_max_threads();

    (void)state;
    share_least(0);
    for (int k = 1; k <= 97; k++)
        everything(1 + k * 7 % 61, 1 + k * 11 % 97, k);
    for (int m = 1; m <= 50; m++)
        everything(m, 33, 5);
    everything(49, 31, 0);
    everything(49, 45, 1030); /* more than one slice */
    everything(5, 1100, 40);  /* more than one piece */
    everything(13, 40, 2100);
    share_least(1 << 19);
    omp_set_num_threads(threads);
    assert_ok(isa_force(name));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(each_element_is_one_chain)};

    return cmocka_run_group_tests_name("product", tests, NULL, NULL);
}
