/* How often somebody may try: a burst, then as time goes; and that strangers crowd nobody out who
 * has just tried. */
#include "tests/support/test.h"

#include "http/limiter.h"

#include <string.h>

static struct limiter limiter;

static void burst(void **state)
{
    int64_t wait;

    (void)state;
    memset(&limiter, 0, sizeof limiter);
    limiter_begin(&limiter, 5, 5);
    for (int i = 0; i < 5; i++)
        assert_int_equal(limiter_try(&limiter, 1000, 0), 0);
    wait = limiter_try(&limiter, 1000, 0);
    assert_in_range(wait, 11999, 12001); /* five a minute: the next in twelve seconds */
    assert_int_equal(limiter_try(&limiter, 2000, 0), 0);
    assert_true(limiter_try(&limiter, 1000, wait - 100) > 0);
    assert_int_equal(limiter_try(&limiter, 1000, wait + 1), 0);
    assert_true(limiter_try(&limiter, 1000, wait + 1) > 0);
    assert_true(limiter_try(&limiter, 1000, -1000000) > 0); /* a clock set back fills nothing */
}

/* Ten times as many names as buckets, each once: of one that used up its tries just before, with
 * a few around it, the memory stays. */
static void crowd(void **state)
{
    int let_in = 0;

    (void)state;
    memset(&limiter, 0, sizeof limiter);
    limiter_begin(&limiter, 5, 5);
    for (int i = 0; i < 5; i++)
        assert_int_equal(limiter_try(&limiter, 0x9e3779b97f4a7c15u, 100), 0);
    for (uint64_t name = 1; name < 10 * LIMITER_MOST; name++)
        let_in += limiter_try(&limiter, name * 0xd1342543de82ef95u, 100) == 0;
    assert_int_equal(let_in, 10 * LIMITER_MOST - 1);
    assert_true(limiter_try(&limiter, 0x9e3779b97f4a7c15u, 100) > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(burst), cmocka_unit_test(crowd)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
