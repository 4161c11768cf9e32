#include "data/slice.h"

#include "tests/support/test.h"

/* What `datasets` gives for these (ReadInstruction, rounding "closest"). */
static void as_datasets_has_them(void **state)
{
    static const struct {
        const char *text;
        size_t n, from, to;
    } all[] = {{"train", 7, 0, 7},           {"train[:]", 7, 0, 7},
               {"train[:3]", 7, 0, 3},       {"train[2:5]", 7, 2, 5},
               {"train[-2:]", 7, 5, 7},      {"train[:-2]", 7, 0, 5},
               {"train[:100]", 7, 0, 7},     {"train[-100:]", 7, 0, 7},
               {"train[:50%]", 7, 0, 4},     {"train[50%:]", 7, 4, 7},
               {"train[:50%]", 5, 0, 2},     {"train[10%:20%]", 1000, 100, 200},
               {"train[-10%:]", 20, 18, 20}, {"train[:1%]", 12, 0, 0},
               {"train[5:2]", 7, 5, 5}};
    struct slice slice;
    size_t from, to;

    (void)state;
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        assert_ok(slice_read(&slice, all[i].text));
        assert_string_equal(slice.split, "train");
        slice_of(&slice, all[i].n, &from, &to);
        if (from != all[i].from || to != all[i].to)
            fail_msg("%s of %zu: %zu to %zu", all[i].text, all[i].n, from, to);
    }
}

static void what_is_no_slice(void **state)
{
    static const char *const bad[] = {
        "",           "[:3]",        "train[",       "train[3]",
        "train[a:]",  "train[:3]x",  "train[:3",     "train[1%:5]",
        "a+b",        "train[:3]+b", "train[:101%]", "train[:99999999999]",
        "train[1.5:]"};
    struct slice slice;

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_err(ERR_RANGE, slice_read(&slice, bad[i]));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(as_datasets_has_them),
                                       cmocka_unit_test(what_is_no_slice)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
