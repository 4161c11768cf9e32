#include "learner/run/checkpoint.h"

#include "base/fs.h"
#include "tests/support/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char folder[] = "/tmp/drover-checkpoint-XXXXXX";

static void write_one(int64_t step, float first)
{
    float a[5] = {first, 2, 3, 4, 5};
    int64_t b = 77;
    const struct checkpoint_block block[] = {{"a", a, sizeof(a)}, {"b", &b, sizeof(b)}};
    json_t *meta = json_pack("{s:I}", "step", (json_int_t)step);
    char *path = checkpoint_path(folder, step);

    assert_ok(checkpoint_write(path, meta, block, 2));
    json_decref(meta);
    free(path);
}

static void what_was_written_is_read(void **state)
{
    float a[5] = {0};
    int64_t b = 0;
    const struct checkpoint_block block[] = {{"b", &b, sizeof(b)}, {"a", a, sizeof(a)}};
    const struct checkpoint_block other[] = {{"a", a, 8}};
    char *path = checkpoint_path(folder, 3);
    json_t *meta;
    (void)state;

    write_one(3, 1);
    assert_ok(checkpoint_peek(path, &meta));
    assert_int_equal(json_integer_value(json_object_get(meta, "step")), 3);
    json_decref(meta);
    assert_ok(checkpoint_read(path, block, 2));
    assert_true(a[0] == 1 && a[4] == 5 && b == 77);
    assert_err(ERR_RANGE, checkpoint_read(path, other, 1));
    free(path);
}

/* Every truncation and every flipped byte is seen, and nothing is filled. */
static void damage_is_refused_whole(void **state)
{
    char *path = checkpoint_path(folder, 9), *good, *bad;
    size_t n;
    (void)state;

    write_one(9, 1);
    assert_ok(fs_read(&good, &n, path, 1 << 20));
    bad = malloc(n);
    for (size_t i = 0; i < 2 * n; i++) {
        float a[5] = {-1, -1, -1, -1, -1};
        const struct checkpoint_block block[] = {{"a", a, sizeof(a)}};
        enum err err;
        memcpy(bad, good, n);
        if (i >= n)
            bad[i - n] = (char)(bad[i - n] ^ 0x10);
        assert_ok(fs_write(path, bad, i < n ? i : n));
        err = checkpoint_read(path, block, 1);
        assert_true(err == ERR_PARSE || err == ERR_RANGE || err == ERR_IO);
        assert_true(a[0] == -1 && a[4] == -1);
    }
    free(bad);
    free(good);
    assert_ok(fs_remove(path));
    free(path);
}

static void the_newest_are_kept(void **state)
{
    int64_t *steps;
    size_t n;
    (void)state;

    for (int i = 1; i <= 12; i++)
        write_one(i, 0);
    assert_ok(checkpoint_trim(folder, 2, -1));
    assert_ok(checkpoint_list(&steps, &n, folder));
    assert_int_equal(n, 2);
    assert_true(steps[0] == 12 && steps[1] == 11);
    free(steps);
    /* and the one that is spared, however old, is none of them */
    write_one(3, 0);
    write_one(13, 0);
    assert_ok(checkpoint_trim(folder, 1, 3));
    assert_ok(checkpoint_list(&steps, &n, folder));
    assert_int_equal(n, 2);
    assert_true(steps[0] == 13 && steps[1] == 3);
    free(steps);
    assert_ok(checkpoint_list(&steps, &n, "/nowhere/at/all"));
    assert_int_equal(n, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_written_is_read),
        cmocka_unit_test(damage_is_refused_whole),
        cmocka_unit_test(the_newest_are_kept),
    };
    int status;

    if (!mkdtemp(folder))
        return 1;
    status = cmocka_run_group_tests_name("checkpoint", tests, NULL, NULL);
    if (fs_remove(folder))
        return 1;
    return status;
}
