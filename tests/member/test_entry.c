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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_use_is_spent_on_a_key_that_cannot_be_kept),
    };

    return cmocka_run_group_tests_name("member/entry", tests, NULL, NULL);
}
