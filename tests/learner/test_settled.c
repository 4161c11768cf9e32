#include "learner/journal/settled.h"

#include "base/rng.h"
#include "tests/support/test.h"

#include <string.h>

enum { TASKS = 40, SAMPLES = 3 };

static bool said(const struct settled *s, uint64_t task, uint32_t sample)
{
    if (task < s->watermark)
        return true;
    for (uint32_t i = 0; i < s->n_range; i++)
        if (s->range[i].task == task && sample >= s->range[i].first &&
            sample - s->range[i].first < s->range[i].count)
            return true;
    return false;
}

/* Against the plain set, in random orders: the noun says exactly what was added. */
static void the_noun_says_what_was_added(void **state)
{
    (void)state;

    for (uint64_t round = 0; round < 20; round++) {
        bool plain[TASKS][SAMPLES] = {{false}};
        uint32_t order[TASKS * SAMPLES];
        struct settled_set *set;
        settled_new(&set, SAMPLES, 0, TASKS);
        rng_shuffle(order, TASKS * SAMPLES, 5, RNG_TEST, round);
        for (int k = 0; k < TASKS * SAMPLES; k++) {
            const uint32_t task = order[k] / SAMPLES, sample = order[k] % SAMPLES;
            struct settled s;
            uint64_t watermark = 0;
            assert_true(settled_add(set, task, sample));
            assert_false(settled_add(set, task, sample));
            plain[task][sample] = true;
            s = settled_state(set, 9);
            assert_int_equal(s.epoch, 9);
            while (watermark < TASKS && plain[watermark][0] && plain[watermark][1] &&
                   plain[watermark][2])
                watermark++;
            assert_int_equal(s.watermark, watermark);
            assert_int_equal(settled_watermark(set), watermark);
            for (uint32_t t = 0; t < TASKS; t++)
                for (uint32_t i = 0; i < SAMPLES; i++) {
                    assert_int_equal(settled_has(set, t, i), plain[t][i]);
                    assert_int_equal(said(&s, t, i), plain[t][i]);
                }
            for (uint32_t r = 1; r < s.n_range; r++)
                assert_true(s.range[r - 1].task < s.range[r].task ||
                            s.range[r - 1].first + s.range[r - 1].count < s.range[r].first);
        }
        settled_free(set);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(the_noun_says_what_was_added)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
