/* Connections that ended without a word: all are found by turns, and nobody else is taken for one. */

#include "tests/support/test.h"

#include "proto/hub_member.h"

#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { MANY = 200, MOST = 64 };

static struct hub_conns conns;
static struct hub_members members;
static int far[MANY], near[MANY];

static void come(uint32_t i)
{
    const struct msg_hello hello = {.peer = {{(uint8_t)i, (uint8_t)(i >> 8), 1}}, .name = ""};
    struct wire_route route = {.n = sizeof i};
    struct conn *conn;
    int pair[2];

    memcpy(route.byte, &i, sizeof i);
    assert_false(socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
    near[i] = pair[0];
    far[i] = pair[1];
    conn = hub_conn_add(&conns, &route);
    assert_null(hub_conn_heard(&conns, conn, near[i]));
    hub_member_attach(hub_member_add(&members, &hello, ROLE_ACTOR), conn);
}

static int connected(void)
{
    int n = 0;

    for (const struct hub_member *m = members.first; m; m = m->next)
        n += m->conn != NULL;
    return n;
}

static void all_that_have_ended_are_found_by_turns(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < MANY; i++)
        come(i);
    for (int k = 0; k < 10; k++)
        hub_member_sweep_some(&conns, MOST, 1000);
    assert_int_equal(connected(), MANY);
    for (int i = 0; i < MANY / 2; i++)
        close(near[i]);
    hub_member_sweep_some(&conns, MOST, 2000);
    assert_in_range(connected(), MANY - MOST, MANY - 1); /* not all are asked at once */
    for (int k = 0; k < MANY / MOST; k++)
        hub_member_sweep_some(&conns, MOST, 2000);
    assert_int_equal(connected(), MANY / 2);
    assert_int_equal(conns.n, MANY / 2);
    for (const struct hub_member *m = members.first; m; m = m->next)
        assert_true(m->conn || m->ended_ms == 2000);
    for (int i = MANY / 2; i < MANY; i++)
        close(near[i]);
    hub_member_sweep(&conns, 3000);
    assert_int_equal(connected(), 0);
    hub_member_clear(&members);
    hub_conn_clear(&conns);
    for (int i = 0; i < MANY; i++)
        close(far[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_that_have_ended_are_found_by_turns)};

    return cmocka_run_group_tests_name("hub_sweep", tests, NULL, NULL);
}
