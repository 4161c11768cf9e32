/* Bytes that another implementation wrote (tests/golden/proto/wire.py). */

#include "tests/support/test.h"

#include "base/fs.h"
#include "proto/arena.h"
#include "proto/codec.h"
#include "tests/proto/every.h"

#include <stdlib.h>
#include <string.h>

static uint8_t digit(char c)
{
    return (uint8_t)(c <= '9' ? c - '0' : c - 'a' + 10);
}

static void add(struct frames *frames, const char *hex, size_t n)
{
    uint8_t *to;

    if (*hex == '-')
        n = 0;
    assert_ok(frames_add(frames, n / 2, &to));
    for (size_t i = 0; i < n / 2; i++)
        to[i] = (uint8_t)(digit(hex[2 * i]) << 4 | digit(hex[2 * i + 1]));
}

static enum msg_type named(const char *line, size_t n)
{
    for (int type = MSG_HELLO; type < MSG_TYPES; type++)
        if (strlen(msg_name((enum msg_type)type)) == n &&
            !memcmp(line, msg_name((enum msg_type)type), n))
            return (enum msg_type)type;
    fail_msg("no message is named %.*s", (int)n, line);
    return MSG_TYPES;
}

static void check(const char *line, struct arena *arena)
{
    const size_t name = strcspn(line, " ");
    const struct msg msg = every_message(named(line, name));
    struct frames golden, ours;
    struct msg got;

    frames_init(&golden);
    frames_init(&ours);
    for (line += name; *line == ' ';) {
        const size_t n = strcspn(++line, " \n");
        add(&golden, line, n);
        line += n;
    }
    assert_ok(codec_encode(&ours, &msg));
    assert_int_equal(ours.n, golden.n);
    for (int i = 0; i < ours.n; i++) {
        assert_int_equal(frames_size(&ours, i), frames_size(&golden, i));
        if (frames_size(&ours, i))
            assert_memory_equal(frames_data(&ours, i), frames_data(&golden, i),
                                frames_size(&ours, i));
    }
    assert_ok(codec_decode(&got, &golden, arena));
    frames_fini(&golden);
    frames_fini(&ours);
}

static void bytes_are_those_of_another_implementation(void **state)
{
    char *text;
    size_t n;
    int lines = 0;
    struct arena *arena;

    (void)state;
    arena_new(&arena, CODEC_ARENA);
    assert_ok(fs_read(&text, &n, GOLDEN "/proto/wire.txt", 1 << 20));
    for (const char *line = text; *line; line = strchr(line, '\n') + 1, lines++)
        check(line, arena);
    assert_int_equal(lines, 9);
    free(text);
    arena_free(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes_are_those_of_another_implementation),
    };

    return cmocka_run_group_tests_name("proto/wire_golden", tests, NULL, NULL);
}
