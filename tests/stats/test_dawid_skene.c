#include "stats/dawid_skene.h"
#include "tests/stats/agreement_golden.h"

static size_t crowd(struct dawid_skene_row *row)
{
    size_t n = 0;

    for (uint32_t i = 0; i < 120; i++)
        for (uint32_t j = 0; j < 5; j++) {
            const uint32_t who = (i * 7 + j * 2) % 9, at = i * 5 + j;
            const double honest = .9 - .22 * who;
            const int value = (double)formula(at, 7) < honest ? formula_token(i, 6, 4)
                                                              : formula_token(at, 8, 4);
            row[n++] = (struct dawid_skene_row){i, who, (uint32_t)value};
        }
    return n;
}

static void it_is_crowd_kits(void **state)
{
    struct dawid_skene_row row[600];
    struct dawid_skene got;

    (void)state;
    assert_ok(dawid_skene_fit(&got, row, crowd(row), 120, 9, 4));
    assert_true(got.converged);
    for (size_t c = 0; c < 4; c++)
        assert_near(got.prior[c], dawid_prior[c], 1e-6);
    for (size_t i = 0; i < COUNT(dawid_posterior); i++)
        assert_near(got.posterior[i], dawid_posterior[i], 1e-6);
    for (size_t i = 0; i < COUNT(dawid_confusion); i++)
        assert_near(got.confusion[i], dawid_confusion[i], 1e-6);
    assert_true(got.reliability[0] > .8 && got.reliability[8] < .5);
    dawid_skene_fini(&got);
}

/* Five of whom one says the opposite: he is found, and his votes speak for the truth. */
static void an_adversary_is_turned_round(void **state)
{
    struct dawid_skene_row row[1000];
    struct dawid_skene got;
    size_t n = 0;
    int right = 0;

    (void)state;
    for (uint32_t i = 0; i < 200; i++)
        for (uint32_t j = 0; j < 5; j++) {
            const bool honest = formula(i * 5 + j, 21) < .5F;
            row[n++] = (struct dawid_skene_row){i, j, honest != (j == 4) ? i % 2 : 1 - i % 2};
        }
    assert_ok(dawid_skene_fit(&got, row, n, 200, 5, 2));
    for (uint32_t i = 0; i < 200; i++)
        right += got.posterior[2 * i + i % 2] > .5;
    assert_true(right > 170);
    for (int j = 0; j < 5; j++)
        assert_near(got.reliability[j], j == 4 ? .25 : .75, .08);
    dawid_skene_fini(&got);
}

/* Values under two names are what a second copy of each item would be. */
static void mirrors_are_second_copies(void **state)
{
    static const uint32_t mirror[4] = {1, 0, 2, 3};
    struct dawid_skene_row row[600], twice[1200];
    struct dawid_skene one, two;
    const size_t n = crowd(row);

    (void)state;
    for (size_t i = 0; i < n; i++) {
        twice[i] = twice[n + i] = row[i];
        twice[n + i].item += 120;
        twice[n + i].value = mirror[row[i].value];
    }
    assert_ok(dawid_skene_fit_mirrored(&one, row, n, 120, 9, 4, mirror));
    assert_ok(dawid_skene_fit(&two, twice, 2 * n, 240, 9, 4));
    assert_true(one.converged && two.converged);
    for (size_t i = 0; i < 480; i++)
        assert_near(one.posterior[i], two.posterior[i], 1e-8);
    for (size_t a = 0; a < 9; a++)
        assert_near(one.reliability[a], two.reliability[a], 1e-8);
    assert_near(one.prior[0], one.prior[1], 1e-12);
    dawid_skene_fini(&one);
    dawid_skene_fini(&two);
    assert_ok(dawid_skene_fit(&two, row, n, 120, 9, 5)); /* a value that nobody says */
    assert_ok(dawid_skene_fit(&one, row, n, 120, 9, 4));
    assert_near(two.prior[4], 0, 0);
    for (size_t i = 0; i < 480; i++)
        assert_near(one.posterior[i], two.posterior[i / 4 * 5 + i % 4], 1e-12);
    dawid_skene_fini(&one);
    dawid_skene_fini(&two);
}

static void too_little_is_refused(void **state)
{
    static const struct dawid_skene_row row[] = {{0, 0, 0}, {0, 1, 1}, {1, 0, 1}, {1, 1, 1}};
    struct dawid_skene got;

    (void)state;
    assert_int_equal(dawid_skene_fit(&got, row, 4, 2, 2, 2), ERR_RANGE);
    assert_int_equal(dawid_skene_fit(&got, row, 0, 0, 2, 2), ERR_RANGE);
    assert_int_equal(dawid_skene_fit(&got, row, 4, 1, 2, 2),
                     ERR_RANGE); /* an item that is none */
    assert_int_equal(dawid_skene_fit(&got, row, 4, 2, 2, 65), ERR_RANGE);
    dawid_skene_fini(&got);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_is_crowd_kits),
        cmocka_unit_test(an_adversary_is_turned_round),
        cmocka_unit_test(mirrors_are_second_copies),
        cmocka_unit_test(too_little_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
