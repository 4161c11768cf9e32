/* What a trainer says of its speed, and of what has changed in what it publishes. */

#include "base/mem.h"
#include "learner/run/throughput.h"
#include "learner/train/snapshot.h"
#include "lm/model/params.h"
#include "tests/support/test.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static double figure(const json_t *line, const char *name)
{
    const json_t *const value = json_object_get(line, name);

    assert_non_null(value);
    return json_number_value(value);
}

static void a_share_is_of_the_peak(void **state)
{
    struct params params = {.count = 1000};

    (void)state;
    for (int adapter = 0; adapter < 2; adapter++) {
        struct throughput t;
        json_t *const line = json_object();

        throughput_new(&t, &params, adapter);
        throughput_put(&t, line, 5, 0); /* no time: no figure, and nothing is measured */
        assert_int_equal(json_object_size(line), 0);
        assert_false(t.measured);
        throughput_put(&t, line, 300, 1.5);
        assert_true(figure(line, "train_tokens_per_second") == 200);
        assert_true(t.peak > 1e6); /* any processor */
        assert_true(fabs(figure(line, "drover_train_peak") * t.peak -
                         (adapter ? 4 : 6) * 1000. * 200) < 1e-3);
        assert_true(fabs(throughput_writes(&t) * 2 * 1000 - t.peak) < 1e-6 * t.peak);
        json_decref(line);
    }
}

/* Words are counted in each width, in the last, short chunk, too. */
static void what_changed_is_counted(void **state)
{
    enum { N = (1 << 20) + 4096 }; /* bytes: a chunk and some */
    uint8_t *const bytes = mem_new(N, 1);
    struct snapshot *was, *is;

    (void)state;
    for (int i = 0; i < N; i++)
        bytes[i] = (uint8_t)(i * 31 >> 3);
    assert_ok(snapshot_new(&was, bytes, N, 1));
    assert_true(snapshot_changed(was, was->image, true) == 0);
    bytes[0] ^= 1; /* both bytes of one half, both halves of one word: */
    bytes[1] ^= 1;
    bytes[2] ^= 0x80;
    bytes[N - 1] ^= 4; /* and the last byte */
    bytes[4096] ^= 2;
    assert_ok(snapshot_new(&is, bytes, N, 2));
    assert_true(fabs(snapshot_changed(is, was->image, true) - 4. * 2 / N) < 1e-12);
    assert_true(fabs(snapshot_changed(is, was->image, false) - 3. * 4 / N) < 1e-12);
    snapshot_free(was);
    snapshot_free(is);
    free(bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_share_is_of_the_peak),
        cmocka_unit_test(what_changed_is_counted),
    };

    return cmocka_run_group_tests_name("throughput", tests, NULL, NULL);
}
