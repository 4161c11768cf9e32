/* cpu_limit: what binds a process to processors, and what bounds its time on them, in both versions of
 * the kernel's groups; and what a real mask says. */

#define _GNU_SOURCE
#include "tests/support/scratch.h"
#include "tests/support/test.h"

#include "base/cpu_limit.h"
#include "base/fs.h"
#include "base/mem.h"

#include <sched.h>
#include <stdlib.h>
#include <string.h>

static struct cpu_limit look(const char *groups)
{
    char *proc = mem_text(scratch_at("proc")), *tree = mem_text(scratch_at(groups));
    struct cpu_limit out;

    cpu_limit_look_in(&out, proc, tree);
    free(proc);
    free(tree);
    return out;
}

/* 40 processors, of which a mask leaves 36. */
static void process(const char *cgroup)
{
    scratch_put("proc/self/status",
                "Name:\tx\nCpus_allowed:\tff,fffffff0,00000000\nCpus_allowed_list:\t0\n");
    scratch_put("proc/self/cgroup", cgroup);
}

static void a_mask_alone(void **state)
{
    struct cpu_limit c;

    (void)state;
    process("0::/a/b\n");
    scratch_put("none/a/b/cpu.max", "max 100000\n");
    c = look("none");
    assert_int_equal(c.affinity, 36);
    assert_int_equal(c.cores, 36);
    assert_true(c.quota == 0);
    assert_int_equal(look("nowhere").cores, 36);
}

static void a_quota_is_rounded_up_and_the_smallest_counts(void **state)
{
    struct cpu_limit c;

    (void)state;
    process("1:name=x:/z\n0::/slice/unit\n");
    scratch_put("two/slice/unit/cpu.max", "350000 100000\n");
    c = look("two");
    assert_true(c.quota == 3.5);
    assert_int_equal(c.cores, 4);
    scratch_put("two/slice/cpu.max", "50000 200000\n");
    scratch_put("two/other/cpu.max", "1000 100000\n"); /* beside us: not ours */
    c = look("two");
    assert_true(c.quota == .25);
    assert_int_equal(c.cores, 1);
    scratch_put("two/slice/cpu.max", "9900000 100000\n"); /* more than the mask */
    scratch_put("two/slice/unit/cpu.max", "max\n");
    assert_int_equal(look("two").cores, 36);
}

static void version_1_shares_its_tree(void **state)
{
    (void)state;
    process("4:memory:/docker/0123\n3:cpuacct,cpu:/docker/0123\n");
    scratch_put("one/cpu/cpu.cfs_quota_us", "-1\n");
    scratch_put("one/cpu/cpu.cfs_period_us", "100000\n");
    assert_int_equal(look("one").cores, 36);
    scratch_put("one/cpu/cpu.cfs_quota_us", "200000\n");
    assert_int_equal(look("one").cores, 2);
    process("4:cpuset:/x\n"); /* "cpu" is the name of another */
    assert_int_equal(look("one").cores, 36);
}

static void damage_is_no_bound(void **state)
{
    static const char *const text[] = {"",           "\n",      "x", "1e999 0\n", "-5 100000\n",
                                       "0 100000\n", "100000\n"};

    (void)state;
    process("0::/\n");
    for (size_t i = 0; i < sizeof text / sizeof *text; i++) {
        scratch_put("odd/cpu.max", text[i]);
        assert_int_equal(look("odd").cores, 36);
    }
}

/* The process's own, as the kernel has it. */
static void it_follows_the_mask(void **state)
{
    struct cpu_limit before, one;
    cpu_set_t all, first;
    size_t cpu = 0;

    (void)state;
    assert_int_equal(sched_getaffinity(0, sizeof all, &all), 0);
    cpu_limit_look(&before);
    assert_int_equal(before.affinity, CPU_COUNT(&all));
    while (!CPU_ISSET(cpu, &all))
        cpu++;
    CPU_ZERO(&first);
    CPU_SET(cpu, &first);
    assert_int_equal(sched_setaffinity(0, sizeof first, &first), 0);
    cpu_limit_look(&one);
    assert_int_equal(sched_setaffinity(0, sizeof all, &all), 0);
    assert_int_equal(one.affinity, 1);
    assert_int_equal(one.cores, 1);
    assert_int_equal(one.machine, before.machine);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_mask_alone),
        cmocka_unit_test(a_quota_is_rounded_up_and_the_smallest_counts),
        cmocka_unit_test(version_1_shares_its_tree),
        cmocka_unit_test(damage_is_no_bound),
        cmocka_unit_test(it_follows_the_mask),
    };

    return cmocka_run_group_tests_name("cpu_limit", tests, scratch_open, scratch_close);
}
