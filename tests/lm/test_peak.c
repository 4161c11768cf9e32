/* peak: what is measured is plausible on any machine, and never nothing, however short the time. */

#include "lm/kernel/isa.h"
#include "lm/kernel/peak.h"
#include "tests/support/test.h"

#include <stdlib.h>
#include <string.h>

static void products_of_each_table(void **state)
{
    (void)state;
    assert_true(peak_products(PEAK_FLOAT, "nosuch", .01) == 0);
    for (int i = 1; i < ISA_TABLES; i++)
        for (int kind = 0; kind < PEAK_KINDS && isa_at(i); kind++) {
            const double rate = peak_products((enum peak_kind)kind, isa_at(i)->name, 0);

            assert_true(rate > 1e6 && rate < 1e15);
        }
}

static void bytes_of_a_block(void **state)
{
    enum { N = 1 << 20 };
    char *const block = calloc(N, 1);
    double rate;

    (void)state;
    assert_non_null(block);
    memset(block, 1, N);
    rate = peak_bytes(block, N, N / 4, 0);
    assert_true(rate > 1e4 && rate < 1e15);
    free(block);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(products_of_each_table),
        cmocka_unit_test(bytes_of_a_block),
    };

    return cmocka_run_group_tests_name("peak", tests, NULL, NULL);
}
