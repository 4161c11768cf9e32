#include "base/fs.h"
#include "base/mem.h"
#include "base/spool.h"
#include "tests/support/scratch.h"
#include "tests/support/test.h"

#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static uint32_t word(size_t i)
{
    return (uint32_t)i * 2654435761u + 7;
}

/* What was there stays wherever the block goes, and new bytes are zero. */
static void a_block_keeps_its_bytes(void **state)
{
    static const size_t memory[] = {0, 100, 1 << 16, 1 << 30};

    (void)state;
    for (size_t m = 0; m < sizeof memory / sizeof *memory; m++) {
        struct spool *s = spool_new(scratch_at("deep/er"), memory[m], "words");
        uint32_t *data;

        for (size_t n = 1; n < 40000; n += n / 3 + 1) {
            assert_ok(spool_room(s, n * sizeof *data, &data));
            for (size_t i = 0; i < n - 1 - n / 4; i++)
                assert_true(data[i] == word(i) || data[i] == 0);
            assert_int_equal(data[n - 1], 0);
            for (size_t i = 0; i < n - 1; i++)
                data[i] = word(i);
            spool_seen(s, SPOOL_WINDOW); /* pages leave, bytes stay */
            for (size_t i = 0; i < n - 1; i++)
                assert_int_equal(data[i], word(i));
        }
        assert_int_equal(spool_on_disk(s), memory[m] < 1 << 17);
        spool_free(s);
    }
}

/* Nobody sees the file, whatever becomes of the process. */
static void the_file_has_no_name(void **state)
{
    struct spool *s = spool_new(scratch_at("empty"), 10, "bytes");
    DIR *folder;
    char *data;
    int n = 0;

    (void)state;
    assert_ok(spool_room(s, 11, &data));
    folder = opendir(scratch_at("empty"));
    assert_non_null(folder);
    while (readdir(folder))
        n++;
    closedir(folder);
    assert_int_equal(n, 2); /* . and .. */
    spool_free(s);
}

/* The peak is that of the window, not of what went through. */
static void memory_is_bounded(void **state)
{
    enum { BYTES = 200 << 20, PIECE = 1 << 20 };
    struct spool *s = spool_new(scratch_at("large"), 1 << 20, "bytes");
    const size_t before = mem_peak();
    char *data;

    (void)state;
    for (size_t at = 0; at < BYTES; at += PIECE) {
        assert_ok(spool_room(s, at + PIECE, &data));
        memset(data + at, (int)(at >> 20), PIECE);
        spool_seen(s, PIECE);
    }
    for (size_t at = 0; at < BYTES; at += PIECE) {
        assert_int_equal(data[at + 12345], (char)(at >> 20));
        spool_seen(s, PIECE);
    }
    if (mem_peak() - before > 3 * (size_t)SPOOL_WINDOW)
        fail_msg("%zu bytes more at the peak", mem_peak() - before);
    spool_free(s);
}

static void a_folder_that_cannot_be_is_an_error(void **state)
{
    struct spool *s;
    char *data;

    (void)state;
    assert_ok(fs_write(scratch_at("file"), "x", 1));
    s = spool_new(scratch_at("file"), 10, "bytes");
    assert_ok(spool_room(s, 10, &data));
    memcpy(data, "0123456789", 10);
    assert_err(ERR_IO, spool_room(s, 11, &data));
    assert_memory_equal(data, "0123456789", 10); /* the block stands */
    assert_err(ERR_NOMEM, spool_room(s, SIZE_MAX - 5, &data));
    spool_free(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_block_keeps_its_bytes),
        cmocka_unit_test(the_file_has_no_name),
        cmocka_unit_test(memory_is_bounded),
        cmocka_unit_test(a_folder_that_cannot_be_is_an_error),
    };

    return cmocka_run_group_tests_name("base/spool", tests, scratch_open, scratch_close);
}
