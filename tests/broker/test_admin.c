/* Orders: which supervisor hears them, and what the broker answers by itself. */

#include "tests/broker/fixture_setup.h"

#include "proto/limit.h"

#include <string.h>

enum { X = 6, HEAD = 5, FAR = 7, Y = 4 };

/* Each machine's supervisor is one peer; two more of them, of which one started the broker. */
static void host_says(uint32_t at, enum role role, const char *host, bool head)
{
    struct msg hello = fixture_hello(at, role);

    hello.hello.host = host;
    hello.hello.head = head;
    fixture_say_hello(&fixture, at, &hello);
}

static const struct msg *ordered(const char *order, const char *host, uint32_t of)
{
    struct msg msg = {.head.type = MSG_ADMIN,
                      .admin = {.request = 9, .order = order, .arguments = "", .host = host}};

    fixture_forget(&fixture);
    assert_ok(fixture_say(&fixture, X, &msg));
    return fixture_said(&fixture, of, of == X ? MSG_ADMIN_OK : MSG_ADMIN);
}

static void an_order_reaches_the_host_it_names(void **state)
{
    (void)state;
    fixture_other(&fixture, X, ROLE_OPERATOR);
    host_says(HEAD, ROLE_SUPERVISOR, "head", true);
    host_says(FAR, ROLE_SUPERVISOR, "far", false);
    assert_non_null(ordered("status", "", HEAD));
    assert_null(fixture_said(&fixture, FAR, MSG_ADMIN));
    assert_non_null(ordered("status", "far", FAR));
    assert_null(fixture_said(&fixture, HEAD, MSG_ADMIN));
    assert_false(ordered("status", "nobody", X)->admin_ok.ok);
}

/* Whoever asks while a fleet starts asks again; a host's name that nobody has is a mistake. */
static void an_order_that_comes_too_early_is_asked_for_again(void **state)
{
    const struct msg *no;

    (void)state;
    fixture_other(&fixture, X, ROLE_OPERATOR);
    no = ordered("down", "", X);
    assert_true(!no->admin_ok.ok && no->admin_ok.away);
    no = ordered("down", "nobody", X);
    assert_false(no->admin_ok.ok || no->admin_ok.away);
    host_says(HEAD, ROLE_SUPERVISOR, "head", true);
    assert_non_null(ordered("down", "", HEAD));
}

static bool is_refused(uint32_t at)
{
    return !fixture.member[at] && fixture.refused[at] == REFUSE_BUSY;
}

/* Whoever has some supervisor's key could call itself as another machine does, and hear the orders
 * that are meant for that. */
static void a_hosts_name_is_the_first_ones(void **state)
{
    (void)state;
    fixture.key[FAR].byte[0] = 1;
    fixture.key[Y].byte[0] = 2;
    fixture_other(&fixture, X, ROLE_OPERATOR);
    host_says(FAR, ROLE_SUPERVISOR, "far", false);
    host_says(Y, ROLE_SUPERVISOR, "far", false);
    assert_true(is_refused(Y));
    assert_non_null(ordered("status", "far", FAR));
    host_says(Y, ROLE_SUPERVISOR, "near", false); /* under a name of its own it is welcome, */
    assert_non_null(fixture.member[Y]);
    host_says(Y, ROLE_SUPERVISOR, "far", false); /* and has no way from there to the other */
    assert_true(is_refused(Y));
    host_says(FAR, ROLE_SUPERVISOR, "far", false); /* on a new connection */
    assert_non_null(fixture.member[FAR]);
    fixture_gone(&fixture, FAR, true);
    host_says(Y, ROLE_SUPERVISOR, "far", false); /* a key made anew for a host that is gone */
    assert_non_null(fixture.member[Y]);
}

/* Its process was started again, and the old one is not known to be dead yet. */
static void a_host_comes_back_by_its_key(void **state)
{
    (void)state;
    fixture.key[FAR].byte[0] = fixture.key[Y].byte[0] = 1;
    fixture_other(&fixture, X, ROLE_OPERATOR);
    host_says(FAR, ROLE_SUPERVISOR, "far", false);
    host_says(Y, ROLE_SUPERVISOR, "far", false);
    assert_non_null(ordered("status", "far", Y));
}

/* A broker that was started again may hear an impostor first. */
static void nobody_keeps_the_head_out_by_its_name(void **state)
{
    (void)state;
    fixture.key[HEAD].byte[0] = 1;
    fixture.key[FAR].byte[0] = 2;
    fixture_other(&fixture, X, ROLE_OPERATOR);
    host_says(FAR, ROLE_SUPERVISOR, "head", false);
    host_says(HEAD, ROLE_SUPERVISOR, "head", true);
    assert_true(is_refused(FAR));
    assert_non_null(ordered("status", "head", HEAD));
    assert_non_null(ordered("status", "", HEAD));
    host_says(FAR, ROLE_SUPERVISOR, "head", false);
    assert_true(is_refused(FAR));
}

/* What is cut is compared as it is kept. */
static void a_long_name_is_no_other_name(void **state)
{
    char name[2][3 * MAX_NAME / 4];

    (void)state;
    for (int i = 0; i < 2; i++) {
        memset(name[i], 'a', sizeof name[i]);
        name[i][sizeof name[i] - 2] = (char)('0' + i);
        name[i][sizeof name[i] - 1] = 0;
    }
    fixture.key[FAR].byte[0] = 1;
    host_says(FAR, ROLE_SUPERVISOR, name[0], false);
    host_says(Y, ROLE_SUPERVISOR, name[1], false);
    assert_true(is_refused(Y));
}

static void hosts_are_told_by_the_broker_itself(void **state)
{
    (void)state;
    fixture_other(&fixture, X, ROLE_OPERATOR);
    host_says(HEAD, ROLE_SUPERVISOR, "head", true);
    host_says(A, ROLE_ACTOR, "far", false);
    host_says(R, ROLE_REWARDER, "far", false);
    assert_string_equal(
        ordered("hosts", "", X)->admin_ok.result,
        "[{\"host\":\"head\",\"supervised\":true,\"head\":true,\"actors\":0,"
        "\"rewarders\":0,\"tokens_s\":0.0},{\"host\":\"far\",\"supervised\":false,"
        "\"head\":false,\"actors\":1,\"rewarders\":1,\"tokens_s\":0.0}]");
}

static void the_heads_end_is_the_end_of_all_hosts(void **state)
{
    struct msg bye = {.head.type = MSG_BYE, .bye.reason = "down"};

    (void)state;
    host_says(HEAD, ROLE_SUPERVISOR, "head", true);
    host_says(FAR, ROLE_SUPERVISOR, "far", false);
    host_says(X, ROLE_SUPERVISOR, "third", false);
    fixture_forget(&fixture);
    assert_ok(fixture_say(&fixture, X, &bye)); /* one that leaves takes nobody with it */
    assert_null(fixture_said(&fixture, HEAD, MSG_ADMIN));
    assert_ok(fixture_say(&fixture, HEAD, &bye));
    assert_string_equal(fixture_said(&fixture, FAR, MSG_ADMIN)->admin.order, "down");
}

/* A host may be back before the head is: it is told no `down` that was meant for all, and who wants
 * to be let in waits for the head. */
static void only_the_head_is_the_head(void **state)
{
    struct msg down = {.head.type = MSG_ADMIN,
                       .admin = {.request = 8, .order = "down", .arguments = "", .host = ""}};
    struct msg admit = {
        .head.type = MSG_ADMIN,
        .admin = {.request = 9, .order = ADMIN_ADMIT, .arguments = "{}", .host = ""}};

    (void)state;
    fixture_other(&fixture, X, ROLE_GUEST);
    fixture_other(&fixture, Y, ROLE_OPERATOR);
    host_says(FAR, ROLE_SUPERVISOR, "far", false);
    fixture_forget(&fixture);
    assert_ok(fixture_say(&fixture, Y, &down));
    assert_null(fixture_said(&fixture, FAR, MSG_ADMIN));
    assert_false(fixture_said(&fixture, Y, MSG_ADMIN_OK)->admin_ok.ok);
    assert_ok(fixture_say(&fixture, X, &admit));
    assert_null(fixture_said(&fixture, FAR, MSG_ADMIN));
    assert_null(fixture_said(&fixture, X, MSG_ADMIN_OK));
    host_says(HEAD, ROLE_SUPERVISOR, "head", true);
    fixture_forget(&fixture);
    assert_ok(fixture_say(&fixture, X, &admit));
    assert_non_null(fixture_said(&fixture, HEAD, MSG_ADMIN));
    assert_null(fixture_said(&fixture, FAR, MSG_ADMIN));
}

static bool comes_to_the_head(struct msg *admit)
{
    fixture_forget(&fixture);
    assert_ok(fixture_say(&fixture, X, admit));
    return fixture_count(&fixture, HEAD, MSG_ADMIN) == 1;
}

/* A ticket that is used up lies in many environments: who has it does not keep the head busy. */
static void who_asks_to_be_let_in_asks_slowly(void **state)
{
    struct msg admit = {
        .head.type = MSG_ADMIN,
        .admin = {.request = 9, .order = ADMIN_ADMIT, .arguments = "{}", .host = ""}};
    struct msg no = {.head.type = MSG_ADMIN_OK,
                     .admin_ok = {.request = 9, .words = "used up", .result = ""}};
    int n = 0;

    (void)state;
    fixture_other(&fixture, X, ROLE_GUEST);
    host_says(HEAD, ROLE_SUPERVISOR, "head", true);
    assert_true(comes_to_the_head(&admit));
    no.admin_ok.asker = fixture_said(&fixture, HEAD, MSG_ADMIN)->admin.asker;
    assert_ok(fixture_say(&fixture, HEAD, &no));
    assert_false(fixture_said(&fixture, X, MSG_ADMIN_OK)->admin_ok.ok);
    assert_false(comes_to_the_head(&admit));
    fixture_pass(&fixture, 1000);
    assert_true(comes_to_the_head(&admit));
    for (int i = 0; i < 1000; i++) /* and no head is buried while it does not answer */
        n += comes_to_the_head(&admit);
    assert_int_equal(n, 63);
    fixture_pass(&fixture, 5000);
    assert_true(comes_to_the_head(&admit)); /* what was lost is not waited for */
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(an_order_reaches_the_host_it_names),
        T(hosts_are_told_by_the_broker_itself),
        T(the_heads_end_is_the_end_of_all_hosts),
        T(only_the_head_is_the_head),
        T(who_asks_to_be_let_in_asks_slowly),
        T(a_hosts_name_is_the_first_ones),
        T(a_host_comes_back_by_its_key),
        T(nobody_keeps_the_head_out_by_its_name),
        T(a_long_name_is_no_other_name),
        T(an_order_that_comes_too_early_is_asked_for_again),
    };

    return cmocka_run_group_tests_name("admin", tests, NULL, NULL);
}
