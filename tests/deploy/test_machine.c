/* hours, figures of the kernel's files, pieces of a log, names of a host's processes, its file. */

#include "tests/support/scratch.h"
#include "tests/support/test.h"

#include "base/config_tree.h"
#include "base/fs.h"
#include "deploy/hours.h"
#include "deploy/log_piece.h"
#include "deploy/machine.h"
#include "deploy/plan.h"
#include "proto/limit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool at(const char *hours, int hour, int minute)
{
    struct hours h;

    assert_ok(hours_read(&h, hours));
    return hours_open(&h, hour * 60 + minute);
}

static void hours_go_round_midnight(void **state)
{
    static const char *const none[] = {"18:00",  "18-8",         "25:00-08:00", "18:00-08:60",
                                       "nights", "18:00-08:00x", "-1:00-08:00"};
    struct hours h;

    (void)state;
    assert_true(at("18:00-08:00", 18, 0) && at("18:00-08:00", 23, 59) &&
                at("18:00-08:00", 0, 0));
    assert_true(at("18:00-08:00", 7, 59));
    assert_false(at("18:00-08:00", 8, 0) || at("18:00-08:00", 17, 59));
    assert_true(at("08:00-12:30", 12, 29) && !at("08:00-12:30", 12, 30));
    assert_true(!at("08:00-12:30", 7, 59) && at("00:00-24:00", 13, 0) && at("", 13, 0));
    for (size_t i = 0; i < sizeof none / sizeof *none; i++)
        assert_err(ERR_PARSE, hours_read(&h, none[i]));
}

static void links_add_up_but_the_loopback(void **state)
{
    uint64_t rx, tx;

    (void)state;
    machine_links("Inter-| Receive\n face |bytes packets\n"
                  "    lo: 99 1 0 0 0 0 0 0 99 1 0 0 0 0 0 0\n"
                  "  eth0: 10 1 0 0 0 0 0 0 20 1 0 0 0 0 0 0\n"
                  "wlan0:5 1 0 0 0 0 0 0 6 1 0 0 0 0 0 0\n",
                  &rx, &tx);
    assert_int_equal(rx, 15);
    assert_int_equal(tx, 26);
}

static void this_machine_is_one(void **state)
{
    struct machine machine;
    char words[MACHINE_WORDS];

    (void)state;
    machine_look(&machine, scratch_at(""));
    assert_true(machine.cores >= 1 && machine.memory > 0 && machine.memory_free > 0);
    assert_true(machine.memory_free <= machine.memory);
    machine.disk_free = 1 << 20;
    machine_trouble(words, &machine);
    assert_string_equal(words, "the disk is full: 1 MB free; logs stop there");
    machine.disk_free = UINT64_MAX;
    machine.memory_free = machine.memory / 33;
    machine_trouble(words, &machine);
    assert_non_null(strstr(words, "memory is short"));
}

/* What `follow` gave last is where it goes on; nothing is given twice or left out. */
static void a_log_is_followed_without_gaps(void **state)
{
    char path[512], *out, all[40000] = "", line[32];
    json_t *piece;
    int64_t from = 0;
    FILE *file;

    (void)state;
    snprintf(path, sizeof path, "%s", scratch_at("a.log"));
    file = fopen(path, "w");
    for (int i = 0; i < 2000; i++)
        fprintf(file, "line %d\n", i);
    fclose(file);
    assert_ok(log_piece(&out, path, false, 0, 2));
    piece = json_loads(out, 0, NULL);
    assert_string_equal(json_string_value(json_object_get(piece, "text")),
                        "line 1998\nline 1999\n");
    json_decref(piece);
    free(out);
    for (json_int_t left = 1; left;) {
        assert_ok(log_piece(&out, path, true, from, 0));
        piece = json_loads(out, 0, NULL);
        from = json_integer_value(json_object_get(piece, "to"));
        left = json_integer_value(json_object_get(piece, "left"));
        strncat(all, json_string_value(json_object_get(piece, "text")),
                sizeof all - strlen(all) - 1);
        json_decref(piece);
        free(out);
    }
    for (int i = 0, at_byte = 0; i < 2000; i++) {
        const int n = snprintf(line, sizeof line, "line %d\n", i);
        assert_memory_equal(all + at_byte, line, (size_t)n);
        at_byte += n;
    }
    assert_err(ERR_IO, log_piece(&out, "/nowhere/a.log", false, 0, 1));
}

/* The worst a log can have costs six characters a byte. */
static void a_log_that_is_no_text_is_an_answer(void **state)
{
    char bytes[20000], path[512], *out;

    (void)state;
    memset(bytes, 1, sizeof bytes);
    snprintf(path, sizeof path, "%s", scratch_at("bytes.log"));
    assert_ok(fs_write(path, bytes, sizeof bytes));
    assert_ok(log_piece(&out, path, true, 0, 0));
    assert_true(strlen(out) < MAX_JSON / 2);
    free(out);
    memset(bytes, 0, sizeof bytes);
    assert_ok(fs_write(path, bytes, sizeof bytes));
    assert_ok(log_piece(&out, path, true, 0, 0));
    assert_true(strlen(out) > LOG_PIECE);
    free(out);
}

static enum err read_host(struct plan *plan, json_t **tree, const char *text)
{
    assert_ok(config_tree_yaml(tree, text, strlen(text), "host"));
    return plan_read_host(plan, *tree, "f");
}

static void a_hosts_entry_is_read(void **state)
{
    char name[PLAN_NAME];
    struct plan plan;
    json_t *tree;

    (void)state;
    assert_ok(
        read_host(&plan, &tree,
                  "{actors: 3, nice: 19, threads: 4, hours: '18:00-08:00', "
                  "workers: {mine: {command: python3 r.py, count: 2}, b: {command: x}}}"));
    assert_true(plan.actors == 3 && plan.rewarders == 0 && plan.nice == 19);
    assert_true(plan.actor_threads == 4 && plan.n_workers == 2 && !plan.broker && !plan.method);
    assert_string_equal(plan.worker[0].run, "python3 r.py");
    assert_true(plan.worker[0].count == 2 && plan.worker[1].count == 1);
    plan_name(name, &plan, PLAN_WORKER, 1 + PLAN_WORKERS);
    assert_string_equal(name, "mine-2");
    plan_name(name, &plan, PLAN_WORKER, 2);
    assert_string_equal(name, "b-1");
    plan_name(name, &plan, PLAN_ACTOR, 3);
    assert_string_equal(name, "actor-3");
    plan_free(&plan);
    json_decref(tree);
}

static void what_a_host_cannot_be_is_refused(void **state)
{
    static const char *const bad[] = {"{port: 5}",
                                      "{hosts: [a]}",
                                      "{hours: nights}",
                                      "{actors: 300}",
                                      "{workers: {m: {}}}",
                                      "{workers: {../m: {command: x}}}",
                                      "{name: 'a b'}",
                                      "{workers: {actor: {command: x}}}",
                                      "{nice: 20}",
                                      "{workers: {m: {command: x, count: 17}}}",
                                      "{workers: {m: {command: x, user: root}}}"};

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct plan plan;
        json_t *tree;

        assert_true(read_host(&plan, &tree, bad[i]) != OK);
        plan_free(&plan);
        json_decref(tree);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hours_go_round_midnight),
        cmocka_unit_test(links_add_up_but_the_loopback),
        cmocka_unit_test(this_machine_is_one),
        cmocka_unit_test(a_log_is_followed_without_gaps),
        cmocka_unit_test(a_log_that_is_no_text_is_an_answer),
        cmocka_unit_test(a_hosts_entry_is_read),
        cmocka_unit_test(what_a_host_cannot_be_is_refused),
    };

    return cmocka_run_group_tests_name("machine", tests, scratch_open, scratch_close);
}
