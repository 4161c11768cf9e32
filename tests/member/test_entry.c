/* How a process comes in: what has to be seen to before a use of a ticket is spent. */

#include "tests/support/test.h"

#include "base/clock.h"
#include "member/entry.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A key that cannot be kept would cost a use at each start. Nobody is asked: nobody is there. */
static void no_use_is_spent_on_a_key_that_cannot_be_kept(void **state)
{
    struct invite invite = {.n_broker = 1};
    const struct entry_conf conf = {
        .key = "/nonexistent/x.key", .name = "a", .role = ROLE_ACTOR};
    const int64_t begin_ms = clock_mono_ms();
    struct entry entry;
    char *text;

    (void)state;
    snprintf(invite.broker[0], INVITE_ADDRESS, "tcp://127.0.0.1:1");
    assert_ok(curve_new(&invite.keys));
    invite.keys.role = ROLE_ACTOR;
    assert_ok(invite_write(&text, &invite));
    assert_int_equal(0, setenv(INVITE_VARIABLE, text, 1));
    assert_err(ERR_IO, entry_open(&entry, &conf));
    assert_non_null(strstr(err_text(), "/nonexistent/x.key"));
    assert_true(clock_mono_ms() - begin_ms < 3000);
    free(text);
}

static char *file_with(struct curve_keys *keys)
{
    static char path[64];

    snprintf(path, sizeof path, "/tmp/drover-entry-%ld.key", (long)getpid());
    keys->role = ROLE_ACTOR;
    unlink(path);
    assert_ok(curve_save(path, keys));
    return path;
}

/* True: something was said of the file beside the ticket. */
static bool warned(struct curve_keys *keys, const struct invite *invite)
{
    const struct entry_conf conf = {.key = file_with(keys), .name = "a", .role = ROLE_ACTOR};
    struct entry entry;
    char said[4096] = "", *text;
    int pipes[2], err = dup(2);

    assert_ok(invite_write(&text, invite));
    assert_int_equal(0, setenv(INVITE_VARIABLE, text, 1));
    free(text);
    assert_int_equal(0, pipe(pipes));
    assert_int_equal(2, dup2(pipes[1], 2));
    assert_ok(entry_open(&entry, &conf));
    assert_int_equal(2, dup2(err, 2));
    close(pipes[1]);
    close(err);
    assert_true(read(pipes[0], said, sizeof said - 1) >= 0);
    close(pipes[0]);
    unlink(conf.key);
    assert_string_equal(entry.keys.public_key,
                        keys->public_key); /* it comes first all the same */
    return strstr(said, "another broker's key than the ticket") != NULL;
}

static void an_older_fleets_key_is_named(void **state)
{
    struct invite invite = {.n_broker = 1};
    struct curve_keys keys, broker[3];

    (void)state;
    snprintf(invite.broker[0], INVITE_ADDRESS, "tcp://127.0.0.1:1");
    assert_ok(curve_new(&invite.keys));
    assert_ok(curve_new(&keys));
    for (int i = 0; i < 3; i++)
        assert_ok(curve_new(&broker[i]));
    invite.keys.role = ROLE_ACTOR;
    memcpy(invite.keys.server_key, broker[0].public_key, CURVE_TEXT);
    memcpy(keys.server_key, broker[0].public_key, CURVE_TEXT);
    assert_false(warned(&keys, &invite));
    memcpy(keys.server_key, broker[1].public_key, CURVE_TEXT);
    assert_true(warned(&keys, &invite));
    memcpy(invite.keys.next_key, broker[1].public_key,
           CURVE_TEXT); /* it was told of the next */
    assert_false(warned(&keys, &invite));
    memcpy(keys.server_key, broker[2].public_key, CURVE_TEXT);
    assert_true(warned(&keys, &invite));
    memcpy(keys.next_key, broker[0].public_key, CURVE_TEXT); /* the rotation came in between */
    assert_false(warned(&keys, &invite));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_use_is_spent_on_a_key_that_cannot_be_kept),
        cmocka_unit_test(an_older_fleets_key_is_named),
    };

    return cmocka_run_group_tests_name("member/entry", tests, NULL, NULL);
}
