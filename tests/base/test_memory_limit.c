/* memory_limit: the smallest bound between our group and the tree's root, in both versions. */

#include "tests/support/scratch.h"
#include "tests/support/test.h"

#include "base/mem.h"
#include "base/memory_limit.h"

#include <stdlib.h>
#include <string.h>

enum { MB = 1 << 20 };

static struct memory_limit look(const char *groups)
{
    char *proc = mem_text(scratch_at("proc")), *tree = mem_text(scratch_at(groups));
    struct memory_limit out;

    memory_limit_look_in(&out, proc, tree);
    free(proc);
    free(tree);
    return out;
}

static void machine(const char *cgroup)
{
    scratch_put("proc/meminfo",
                "MemTotal:    1048576 kB\nMemFree: 1 kB\nMemAvailable:  524288 kB\n");
    scratch_put("proc/vmstat", "oom_kill_x 9\noom_kill 3\n");
    scratch_put("proc/self/cgroup", cgroup);
}

static void figures_are_whole_words(void **state)
{
    (void)state;
    assert_int_equal(memory_limit_figure("oom 1\noom_kill 7\noom_kill_x 9\n", "oom_kill"), 7);
    assert_int_equal(memory_limit_figure("MemTotal:       2048 kB\n", "MemTotal"), 2048);
    assert_int_equal(memory_limit_figure("oom_kill_x 9\n", "oom_kill"), 0);
    assert_int_equal(memory_limit_figure("", "x"), 0);
}

static void without_a_bound_it_is_the_machine(void **state)
{
    struct memory_limit m;

    (void)state;
    machine("0::/a/b\n");
    scratch_put("none/a/b/memory.max", "max\n");
    scratch_put("none/memory.max", "9223372036854771712\n");
    m = look("none");
    assert_int_equal(m.bytes, 1024 * MB);
    assert_int_equal(m.available, 512 * MB);
    assert_int_equal(m.oom_kills, 3);
    assert_false(m.grouped);
    assert_int_equal(look("nowhere").bytes, 1024 * MB);
}

/* What the kernel would drop of its cache is no use; kills are our own group's. */
static void a_group_counts_where_it_is_smaller(void **state)
{
    struct memory_limit m;

    (void)state;
    machine("1:name=x:/z\n0::/a/b\n");
    scratch_put("two/a/b/memory.max", "268435456\n");
    scratch_put("two/a/b/memory.current", "134217728\n");
    scratch_put("two/a/b/memory.stat", "anon 1\ninactive_file 67108864\n");
    scratch_put("two/a/b/memory.events", "oom 5\noom_kill 4\n");
    scratch_put("two/a/memory.max", "max\n");
    m = look("two");
    assert_int_equal(m.bytes, 256 * MB);
    assert_int_equal(m.available, 192 * MB);
    assert_int_equal(m.oom_kills, 7);
    assert_true(m.grouped);
}

/* A unit without a bound in a slice with one; what is above counts, what is beside does not. */
static void the_groups_above_bound_too(void **state)
{
    struct memory_limit m;

    (void)state;
    machine("0::/slice/unit\n");
    scratch_put("slices/slice/unit/memory.max", "max\n");
    scratch_put("slices/slice/memory.max", "134217728\n");
    scratch_put("slices/slice/memory.current", "999999999999\n");
    scratch_put("slices/other/memory.max", "1048576\n");
    m = look("slices");
    assert_int_equal(m.bytes, 128 * MB);
    assert_int_equal(m.available, 0);
    scratch_put("slices/memory.max", "67108864\n");
    assert_int_equal(look("slices").bytes, 64 * MB);
    scratch_put("slices/slice/unit/memory.max", "33554432\n");
    assert_int_equal(look("slices").bytes, 32 * MB);
}

/* A container that sees the host's names of groups, while its tree begins at its own. */
static void a_container_of_version_1_is_the_root(void **state)
{
    struct memory_limit m;

    (void)state;
    machine("4:memory:/docker/0123\n3:cpu,cpuacct:/docker/0123\n");
    scratch_put("one/memory/memory.limit_in_bytes", "201326592\n");
    scratch_put("one/memory/memory.usage_in_bytes", "100663296\n");
    scratch_put("one/memory/memory.stat", "inactive_file 1\ntotal_inactive_file 33554432\n");
    m = look("one");
    assert_int_equal(m.bytes, 192 * MB);
    assert_int_equal(m.available, 128 * MB);
    assert_true(m.grouped);
}

static void this_machine_has_some(void **state)
{
    struct memory_limit m;

    (void)state;
    memory_limit_look(&m);
    assert_true(m.bytes > 0 && m.available <= m.bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(figures_are_whole_words),
        cmocka_unit_test(without_a_bound_it_is_the_machine),
        cmocka_unit_test(a_group_counts_where_it_is_smaller),
        cmocka_unit_test(the_groups_above_bound_too),
        cmocka_unit_test(a_container_of_version_1_is_the_root),
        cmocka_unit_test(this_machine_has_some),
    };

    return cmocka_run_group_tests_name("memory_limit", tests, scratch_open, scratch_close);
}
