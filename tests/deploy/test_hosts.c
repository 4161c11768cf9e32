/* hosts: the entries of a fleet's file; place: how many actors each gets; reach: is a port there? */

#include "tests/support/test.h"

#include "base/config_tree.h"
#include "deploy/hosts.h"
#include "deploy/place.h"
#include "deploy/ports.h"
#include "deploy/reach.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

static enum err read_hosts(struct host_list *out, json_t **tree, const char *list)
{
    char text[2048];

    snprintf(text, sizeof text, "{hosts: %s}", list);
    assert_ok(config_tree_yaml(tree, text, strlen(text), "f"));
    return hosts_read(out, json_object_get(*tree, "hosts"));
}

static void entries_are_named_and_divided(void **state)
{
    char words[HOSTS_WORDS];
    struct host_list hosts;
    json_t *tree;

    (void)state;
    assert_ok(
        read_hosts(&hosts, &tree,
                   "[{ssh: me@far.example, actors: 2, rewarders: 1}, {ssh: 'me@10.0.0.7', "
                   "name: b, workers: {mine: {command: x, count: 3}}}]"));
    assert_int_equal(hosts.n, 2);
    assert_string_equal(hosts.entry[0].name, "far.example");
    assert_string_equal(hosts.entry[0].ssh, "me@far.example");
    assert_null(json_object_get(hosts.entry[0].entry, "ssh")); /* is nobody's business there */
    assert_non_null(hosts_find(&hosts, "b"));
    assert_null(hosts_find(&hosts, "10.0.0.7"));
    hosts_words(words, &hosts.entry[1]);
    assert_string_equal(words, "1 actors, 0 rewarders, 3 mine");
    hosts_free(&hosts);
    json_decref(tree);
}

/* Another machine may have more cores than this one: that is said there. */
static void cores_of_others_are_not_counted_here(void **state)
{
    char list[100], words[HOSTS_WORDS];
    const int many = 8 * (int)sysconf(_SC_NPROCESSORS_ONLN) + 17;
    struct host_list hosts;
    json_t *tree;

    (void)state;
    if (many > PLAN_MAX)
        return;
    snprintf(list, sizeof list, "[{ssh: big, actors: %d}]", many);
    assert_ok(read_hosts(&hosts, &tree, list));
    assert_null(json_object_get(hosts.entry[0].entry, "force")); /* it is its own to ask */
    hosts_words(words, &hosts.entry[0]);
    snprintf(list, sizeof list, "%d actors, 0 rewarders", many);
    assert_string_equal(words, list);
    hosts_free(&hosts);
    json_decref(tree);
}

/* What ssh would take for an option, or a shell for more than a word, is no machine. */
static void what_is_no_entry_is_refused(void **state)
{
    static const char *const bad[] = {
        "{a: b}",
        "[a]",
        "[{actors: 2}]",
        "[{ssh: '-oProxyCommand=x'}]",
        "[{ssh: 'a b'}]",
        "[{ssh: 'a;b'}]",
        "[{ssh: \"a'b\"}]",
        "[{ssh: a}, {ssh: b@a}]",
        "[{ssh: a, actors: many}]",
        "[{ssh: a, port: 5}]",
        "[{ssh: a, name: ../b}]",
    };

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct host_list hosts;
        json_t *tree;

        if (!read_hosts(&hosts, &tree, bad[i]))
            fail_msg("taken: %s", bad[i]);
        hosts_free(&hosts);
        json_decref(tree);
    }
}

static struct placing place_of(const char *hosts)
{
    struct placing place;

    assert_ok(place_read(&place, hosts));
    return place;
}

static void actors_go_where_they_are_fast(void **state)
{
    struct placing p = place_of(
        "[{\"host\":\"a\",\"supervised\":true,\"cores\":16,\"actors\":2,\"tokens_s\":300.0},"
        "{\"host\":\"b\",\"supervised\":true,\"cores\":16,\"actors\":2,\"tokens_s\":100.0},"
        "{\"host\":\"c\",\"supervised\":false,\"cores\":64,\"actors\":9,\"tokens_s\":900.0}]");

    (void)state;
    assert_int_equal(p.n, 2); /* whoever has no supervisor cannot be told */
    assert_ok(place_spread(&p, 8, false));
    assert_true(p.host[0].wanted == 6 && p.host[1].wanted == 2);
    assert_ok(place_spread(&p, 0, false));
    assert_true(p.host[0].wanted == 0 && p.host[1].wanted == 0);
}

/* One that has done nothing yet counts by its cores, at the others' rate of a core. */
static void who_was_not_measured_counts_by_its_cores(void **state)
{
    struct placing p = place_of(
        "[{\"host\":\"a\",\"supervised\":true,\"cores\":4,\"actors\":4,\"tokens_s\":40.0},"
        "{\"host\":\"b\",\"supervised\":true,\"cores\":12,\"actors\":0,\"tokens_s\":0.0}]");
    struct placing idle =
        place_of("[{\"host\":\"a\",\"supervised\":true,\"cores\":2,\"actors\":0},"
                 "{\"host\":\"b\",\"supervised\":true,\"cores\":6,\"actors\":0}]");

    (void)state;
    assert_ok(place_spread(&p, 8, false));
    assert_true(p.host[0].wanted == 2 && p.host[1].wanted == 6);
    assert_ok(place_spread(&idle, 4, false));
    assert_true(idle.host[0].wanted == 1 && idle.host[1].wanted == 3);
}

static void never_more_than_cores_unless_meant(void **state)
{
    struct placing p = place_of(
        "[{\"host\":\"a\",\"supervised\":true,\"cores\":2,\"actors\":1,\"tokens_s\":900.0},"
        "{\"host\":\"b\",\"supervised\":true,\"cores\":2,\"actors\":1,\"tokens_s\":1.0}]");
    struct placing none = place_of("[]");

    (void)state;
    assert_ok(place_spread(&p, 4, false));
    assert_true(p.host[0].wanted == 2 && p.host[1].wanted == 2);
    assert_err(ERR_RANGE, place_spread(&p, 5, false));
    assert_non_null(strstr(err_text(), "force=true"));
    assert_ok(place_spread(&p, 5, true));
    assert_int_equal(p.host[0].wanted + p.host[1].wanted, 5);
    assert_err(ERR_STATE, place_spread(&none, 1, false));
}

/* A broker's words are a peer's. */
static void a_list_that_is_none_is_refused(void **state)
{
    struct placing place;

    (void)state;
    assert_err(ERR_PARSE, place_read(&place, ""));
    assert_err(ERR_PARSE, place_read(&place, "{\"host\":1}"));
    assert_ok(place_read(&place, "[1,{\"host\":2},{\"host\":\"a\",\"supervised\":true,"
                                 "\"cores\":-3,\"actors\":99999999,\"tokens_s\":\"x\"}]"));
    assert_true(place.n == 1 && place.host[0].cores == 0 && place.host[0].actors == 0);
}

/* A port that was just given back: nobody listens there. And one that somebody does. */
static void a_port_is_reached_or_not(void **state)
{
    struct ports ports;
    char there[PORTS_TEXT];

    (void)state;
    assert_ok(ports_open(&ports, "127.0.0.1", 0));
    snprintf(there, sizeof there, "%s", ports.control);
    assert_ok(reach_tcp(there, 1000));
    ports_close(&ports);
    assert_err(ERR_IO, reach_tcp(there, 1000));
    assert_non_null(strstr(err_text(), "nobody listens there"));
    assert_err(ERR_RANGE, reach_tcp("127.0.0.1:5", 1000));
    assert_err(ERR_RANGE, reach_tcp("tcp://:5", 1000));
    assert_err(ERR_IO, reach_tcp("tcp://no.such.host.invalid:5", 1000));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(entries_are_named_and_divided),
        cmocka_unit_test(what_is_no_entry_is_refused),
        cmocka_unit_test(cores_of_others_are_not_counted_here),
        cmocka_unit_test(actors_go_where_they_are_fast),
        cmocka_unit_test(who_was_not_measured_counts_by_its_cores),
        cmocka_unit_test(never_more_than_cores_unless_meant),
        cmocka_unit_test(a_list_that_is_none_is_refused),
        cmocka_unit_test(a_port_is_reached_or_not),
    };

    return cmocka_run_group_tests_name("hosts", tests, NULL, NULL);
}
