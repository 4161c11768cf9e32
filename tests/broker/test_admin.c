/* Orders: which supervisor hears them, and what the broker answers by itself. */

#include "tests/broker/fixture_setup.h"

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
        T(an_order_reaches_the_host_it_names),    T(hosts_are_told_by_the_broker_itself),
        T(the_heads_end_is_the_end_of_all_hosts), T(only_the_head_is_the_head),
        T(who_asks_to_be_let_in_asks_slowly),
    };

    return cmocka_run_group_tests_name("admin", tests, NULL, NULL);
}
