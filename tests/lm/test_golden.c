/* The golden number of an image: the same on every instruction set and with any threads, another one
 * when the weights are. */

#include "lm/kernel/isa.h"
#include "lm/model/golden.h"
#include "tests/lm/small.h"

#include <math.h>
#include <omp.h>

static void it_is_the_same_everywhere(void **state)
{
    static const char *const names[] = {"scalar", "avx2", "avx512"};
    const struct isa *const before = isa_current();

    (void)state;
    for (int k = 0; k < SMALL_SHAPES; k++) {
        struct small s;
        uint32_t first;

        if (small_shape[k].head != HEAD_LM)
            continue;
        small_new(&s, &small_shape[k]);
        assert_ok(isa_force("scalar"));
        first = golden_number(s.model);
        assert_true(first != 0);
        for (int i = 0; i < 3; i++) {
            if (isa_force(names[i])) /* this machine has it not */
                continue;
            for (int threads = 1; threads <= 3; threads += 2) {
                omp_set_num_threads(threads);
                assert_int_equal(golden_number(s.model), first);
            }
        }
        assert_ok(isa_force(before->name));
        small_free(&s);
    }
}

/* Sums swallow one last bit; a machine that computes otherwise does so everywhere. */
static void a_last_bit_of_all_weights_shows(void **state)
{
    (void)state;
    for (int k = 0; k < SMALL_SHAPES; k++) {
        struct small s;
        uint32_t first;
        size_t n;

        if (small_shape[k].head != HEAD_LM)
            continue;
        small_new(&s, &small_shape[k]);
        n = packed_size(&small_shape[k]) / sizeof *s.image;
        first = golden_number(s.model);
        for (size_t i = 0; i < n; i++)
            s.image[i] = nextafterf(s.image[i], 2 * s.image[i]);
        assert_int_not_equal(golden_number(s.model), first);
        small_free(&s);
    }
}

/* A weight here and there, by a thousandth; the rest are rows of tokens that are not in it. */
static void one_weight_shows(void **state)
{
    struct small s;
    uint32_t first;
    size_t n;
    int seen = 0, tried = 0;

    (void)state;
    small_new(&s, &small_shape[1]);
    n = packed_size(&small_shape[1]) / sizeof *s.image;
    first = golden_number(s.model);
    for (size_t i = 0; i < n; i += n / 97) {
        const float was = s.image[i];

        if (was == 0.0f) /* padding of a panel */
            continue;
        s.image[i] = was * 1.001f;
        tried++;
        seen += golden_number(s.model) != first;
        s.image[i] = was;
    }
    assert_int_equal(golden_number(s.model), first);
    assert_true(tried > 80);
    print_message("%d of %d weights\n", seen, tried);
    assert_true(seen * 100 >= tried * 80);
    small_free(&s);
}

static void what_is_no_number_has_none(void **state)
{
    struct small s;

    (void)state;
    small_new(&s, &small_shape[0]);
    s.image[0] = NAN;
    assert_int_equal(golden_number(s.model), 0);
    small_free(&s);
    small_new(&s, &small_shape[3]); /* a scalar head */
    assert_int_equal(golden_number(s.model), 0);
    small_free(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_is_the_same_everywhere),
        cmocka_unit_test(a_last_bit_of_all_weights_shows),
        cmocka_unit_test(one_weight_shows),
        cmocka_unit_test(what_is_no_number_has_none),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
