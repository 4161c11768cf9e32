/* machine_plan: which caches and nodes are a process's, and what follows for actors and threads. */

#include "tests/support/scratch.h"
#include "tests/support/test.h"

#include "base/mem.h"
#include "cli/machine_plan.h"

#include <stdlib.h>
#include <string.h>

static struct machine_plan look(void)
{
    char *proc = mem_text(scratch_at("proc")), *sys = mem_text(scratch_at("sys"));
    char *groups = mem_text(scratch_at("groups"));
    struct machine_plan out;

    machine_plan_look(&out, proc, sys, groups);
    free(proc);
    free(sys);
    free(groups);
    return out;
}

/* 16 processors, a node each 8, a cache each 4. */
static void machine(const char *mask, const char *list, const char *quota)
{
    char *path, *text = mem_print(
                    "Name:\tx\nCpus_allowed:\t%s\nCpus_allowed_list:\t%s\nx:\t1\n", mask, list);

    scratch_put("proc/self/status", text);
    scratch_put("proc/self/cgroup", "0::/\n");
    scratch_put("groups/cpu.max", quota);
    for (int n = 0; n < 16; n++) {
        free(text);
        text = mem_print("%d-%d\n", n / 4 * 4, n / 4 * 4 + 3);
        path = mem_print("sys/devices/system/cpu/cpu%d/cache/index3/shared_cpu_list", n);
        scratch_put(path, text);
        free(path);
        path = mem_print("sys/devices/system/cpu/cpu%d/cache/index3/size", n);
        scratch_put(path, "16384K\n");
        free(path);
    }
    free(text);
    scratch_put("sys/devices/system/node/node0/cpulist", "0-7\n");
    scratch_put("sys/devices/system/node/node1/cpulist", "8-15\n");
    scratch_put("sys/kernel/mm/transparent_hugepage/enabled", "always [madvise] never\n");
    scratch_put("sys/kernel/mm/transparent_hugepage/shmem_enabled", "always advise [never]\n");
}

static void an_actor_for_each_cache(void **state)
{
    struct machine_plan p;

    (void)state;
    machine("ffff", "0-15", "max 100000\n");
    p = look();
    assert_int_equal(p.cpu.cores, 16);
    assert_int_equal(p.caches, 4);
    assert_int_equal(p.nodes, 2);
    assert_true(p.cache_bytes == (16384 << 10));
    assert_int_equal(p.actors, 4);
    assert_int_equal(p.actor_threads, 4);
    assert_int_equal(p.learner_threads, 16);
    assert_string_equal(p.pages, "madvise");
    assert_string_equal(p.shared_pages, "never");
}

/* 2, 3 of one cache, 6 of the next, 12 of the last of the other node. */
static void what_is_not_ours_does_not_count(void **state)
{
    struct machine_plan p;

    (void)state;
    machine("104c", "2-3,6,12", "max 100000\n");
    p = look();
    assert_int_equal(p.cpu.cores, 4);
    assert_int_equal(p.caches, 3);
    assert_int_equal(p.nodes, 2);
    assert_int_equal(p.actors, 3);
    assert_int_equal(p.actor_threads, 1);
    machine("0c", "2-3", "max 100000\n");
    p = look();
    assert_int_equal(p.caches, 1);
    assert_int_equal(p.nodes, 1);
    assert_int_equal(p.actors, 1);
    assert_int_equal(p.actor_threads, 2);
}

static void a_quota_bounds_the_plan(void **state)
{
    struct machine_plan p;

    (void)state;
    machine("ffff", "0-15", "250000 100000\n");
    p = look();
    assert_int_equal(p.cpu.cores, 3);
    assert_int_equal(p.actors, 3);
    assert_int_equal(p.actor_threads, 1);
    assert_int_equal(p.learner_threads, 3);
}

static void what_is_unknown_is_one_actor(void **state)
{
    char *nowhere = mem_text(scratch_at("nowhere"));
    struct machine_plan p;

    (void)state;
    machine_plan_look(&p, nowhere, nowhere, nowhere);
    assert_int_equal(p.caches, 0);
    assert_int_equal(p.nodes, 0);
    assert_int_equal(p.actors, 1);
    assert_int_equal(p.actor_threads, p.cpu.machine);
    assert_string_equal(p.pages, "");
    free(nowhere);
}

static void it_says_what_it_knows(void **state)
{
    char *text = NULL;
    size_t n = 0;
    FILE *to = open_memstream(&text, &n);
    struct machine_plan p;

    (void)state;
    machine("0c", "2-3", "150000 100000\n");
    p = look();
    machine_plan_print(&p, .04, to);
    assert_int_equal(fclose(to), 0);
    assert_non_null(strstr(text, "this machine: 2 of "));
    assert_non_null(strstr(text, "by a control group for the time of 1.50"));
    assert_non_null(strstr(text, "last-level caches 1, 16 MB each"));
    assert_non_null(strstr(text, "fleet.actors=1 fleet.threads=2; learner threads=2\n"));
    assert_non_null(strstr(text, "shmem_enabled` as root allows them"));
    assert_non_null(strstr(text, "memory "));
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_actor_for_each_cache),
        cmocka_unit_test(what_is_not_ours_does_not_count),
        cmocka_unit_test(a_quota_bounds_the_plan),
        cmocka_unit_test(what_is_unknown_is_one_actor),
        cmocka_unit_test(it_says_what_it_knows),
    };

    return cmocka_run_group_tests_name("machine_plan", tests, scratch_open, scratch_close);
}
