#include "data/order.h"

#include "tests/support/test.h"

#include <stdbool.h>

enum { N = 500 };

static void assert_permutation(const uint32_t *order, size_t n)
{
    bool seen[N] = {false};

    for (size_t i = 0; i < n; i++) {
        assert_true(order[i] < n && !seen[order[i]]);
        seen[order[i]] = true;
    }
}

static void each_epoch_has_its_own_order(void **state)
{
    uint32_t a[N], b[N];
    size_t same = 0;
    (void)state;

    order_epoch(a, N, ORDER_RANDOM, NULL, 8, 42, 0);
    order_epoch(b, N, ORDER_RANDOM, NULL, 8, 42, 1);
    assert_permutation(a, N);
    for (size_t i = 0; i < N; i++)
        same += a[i] == b[i];
    assert_true(same < N / 10);
    order_epoch(b, N, ORDER_RANDOM, NULL, 8, 42, 0);
    assert_memory_equal(a, b, sizeof(a));
    order_epoch(a, N, ORDER_SEQUENTIAL, NULL, 8, 42, 5);
    for (uint32_t i = 0; i < N; i++)
        assert_int_equal(a[i], i);
}

static void like_lengths_stand_together(void **state)
{
    uint32_t order[N], length[N];
    size_t rises = 0;
    (void)state;

    for (uint32_t i = 0; i < N; i++)
        length[i] = 1 + (i * 7919) % 997;
    order_epoch(order, N, ORDER_BY_LENGTH, length, 4, 1, 0);
    assert_permutation(order, N);
    for (size_t i = 1; i < N; i++) {
        assert_true(length[order[0]] >= length[order[i]]);
        rises += length[order[i]] > length[order[i - 1]];
    }
    assert_true(rises <= 5); /* 500 rows in blocks of 4 * 31 */
}

static void a_name_is_known_or_refused(void **state)
{
    enum order order;
    (void)state;

    assert_ok(order_named(&order, "group_by_length"));
    assert_int_equal(order, ORDER_BY_LENGTH);
    assert_err(ERR_RANGE, order_named(&order, "shuffled"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_epoch_has_its_own_order),
        cmocka_unit_test(like_lengths_stand_together),
        cmocka_unit_test(a_name_is_known_or_refused),
    };

    return cmocka_run_group_tests_name("order", tests, NULL, NULL);
}
