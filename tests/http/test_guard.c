/* Where a request may come from: names, origins, the proxy, kinds of bodies; and rows of routes. */
#include "tests/support/test.h"

#include "http/guard.h"
#include "http/route.h"

static bool host(const struct guard *guard, const char *name)
{
    return guard_host(guard, name) == OK;
}

static void hosts(void **state)
{
    const struct guard own = {.here = true}, open = {.hosts = "a.example,b.example:8443"};

    (void)state;
    assert_true(host(&own, "localhost") && host(&own, "127.0.0.1:80") && host(&own, "[::1]:9"));
    assert_true(host(&own, "LocalHost:1"));
    assert_false(host(&own, "evil.example") || host(&own, "localhost.evil.example"));
    assert_false(host(&own, "127.evil.example") || host(&own, "127.0.0.1.evil:80"));
    assert_false(host(&own, NULL) || host(&own, "") || host(&own, "[::2]") || host(&own, "["));
    assert_true(host(&open, "a.example") && host(&open, "A.Example:443"));
    assert_true(host(&open, "b.example:8443"));
    assert_false(host(&open, "b.example:1") || host(&open, "b.example"));
    assert_false(host(&open, "localhost") || host(&open, "example") || host(&open, ","));
    assert_false(host(&open, "xa.example") || host(&open, "a.example.evil"));
}

static void origins(void **state)
{
    const struct guard plain = {.here = true}, secure = {.secure = true};

    (void)state;
    assert_int_equal(guard_origin(&plain, "http://localhost:80", "localhost:80", true), OK);
    assert_int_equal(guard_origin(&plain, NULL, "localhost", false), OK);
    assert_int_equal(guard_origin(&plain, NULL, "localhost", true), ERR_RANGE);
    assert_int_equal(guard_origin(&plain, "null", "localhost", false), ERR_RANGE);
    assert_int_equal(guard_origin(&plain, "http://localhost:81", "localhost:80", true),
                     ERR_RANGE);
    assert_int_equal(guard_origin(&plain, "http://localhost", NULL, true), ERR_RANGE);
    assert_int_equal(guard_origin(&secure, "http://a.example", "a.example", true), ERR_RANGE);
    assert_int_equal(guard_origin(&secure, "https://a.example", "a.example", true), OK);
    assert_int_equal(guard_origin(&secure, "https://a.example.evil", "a.example", true),
                     ERR_RANGE);
}

static void proxies(void **state)
{
    static const unsigned char four[16] = {10, 0, 0, 1}, other[16] = {10, 0, 0, 2},
                               mapped[16] = {[10] = 255, 255, 10, 0, 0, 1},
                               six[16] = {[15] = 1};
    struct guard guard = {.here = true};

    (void)state;
    assert_false(guard_is_proxy(&guard, four, 4) || guard_is_proxy(&guard, four, 0));
    assert_int_equal(guard_proxy(&guard, "proxy.example"), ERR_PARSE);
    assert_int_equal(guard_proxy(&guard, "10.0.0.1"), OK);
    assert_true(guard_is_proxy(&guard, four, 4) && guard_is_proxy(&guard, mapped, 16));
    assert_false(guard_is_proxy(&guard, other, 4) || guard_is_proxy(&guard, six, 16));
    assert_int_equal(guard_proxy(&guard, "::1"), OK);
    assert_true(guard_is_proxy(&guard, six, 16));
    assert_false(guard_is_proxy(&guard, mapped, 16));
}

static void kinds(void **state)
{
    (void)state;
    assert_true(guard_json("application/json") && guard_json("Application/JSON; charset=x"));
    assert_false(guard_json(NULL) || guard_json("application/jsonp") ||
                 guard_json("text/plain"));
}

static void routes(void **state)
{
    static const struct route table[] = {
        {"GET", "/", 0, NULL}, {"POST", "/a", 1, NULL}, {"GET", "/a", 2, NULL}};
    unsigned status = 0;

    (void)state;
    assert_ptr_equal(route_find(table, 3, "GET", "/", &status), &table[0]);
    assert_ptr_equal(route_find(table, 3, "GET", "/a", &status), &table[2]);
    assert_null(route_find(table, 3, "PUT", "/a", &status));
    assert_int_equal(status, 405);
    assert_null(route_find(table, 3, "GET", "/a/", &status));
    assert_int_equal(status, 404);
    assert_null(route_find(table, 3, "GET", "//a", &status));
    assert_null(route_find(table, 3, "GET", "/../a", &status));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(hosts), cmocka_unit_test(origins),
                                       cmocka_unit_test(proxies), cmocka_unit_test(kinds),
                                       cmocka_unit_test(routes)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
