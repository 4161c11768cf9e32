/* Large blocks are zeros wherever their memory comes from, and lie where vectors may start. */
#include "base/mem.h"

#include "tests/support/test.h"

#include <malloc.h>
#include <stdlib.h>
#include <string.h>

static void zeros(size_t bytes)
{
    uint8_t *block;

    assert_ok(mem_big(&block, bytes, 1, "block"));
    assert_int_equal((uintptr_t)block % 64, 0);
    for (size_t i = 0; i < bytes; i++)
        if (block[i])
            fail_msg("%zu bytes: byte %zu is %d", bytes, i, block[i]);
    memset(block, 0xA5, bytes);
    free(block);
}

/* Without mappings of its own malloc hands out what was freed. */
static void used_memory_is_zeroed(void **state)
{
    static const size_t size[] = {100, (2 << 20) + 5, (32 << 20) - 1, 32 << 20,
                                  (34 << 20) + 4097};
    (void)state;

    mallopt(M_MMAP_MAX, 0);
    mallopt(M_TRIM_THRESHOLD, 1 << 30);
    for (int round = 0; round < 2; round++)
        for (size_t i = 0; i < sizeof size / sizeof *size; i++)
            zeros(size[i]);
}

static void what_no_address_holds_is_an_error(void **state)
{
    uint8_t *block;
    (void)state;

    assert_int_equal(mem_big(&block, SIZE_MAX / 2, 3, "block"), ERR_NOMEM);
    assert_null(block);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(used_memory_is_zeroed),
        cmocka_unit_test(what_no_address_holds_is_an_error),
    };

    return cmocka_run_group_tests_name("mem", tests, NULL, NULL);
}
