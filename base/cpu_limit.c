/* How it works: the mask is a line of /proc/self/status; quotas are files of the control groups, of which
 * the smallest counts. A quota that is no whole number of processors is rounded up, as the JVM and Go do:
 * so many threads use all of it, and stand still together for the rest of each period. */
#include "base/cpu_limit.h"

#include "base/control_group.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Bits of the mask in a line "Cpus_allowed: ff,ffffffff"; 0 without. */
static int bits_of(const char *status)
{
    static const char digits[] = "0123456789abcdef", key[] = "\nCpus_allowed:";
    const char *line = strstr(status, key);
    int n = 0;

    for (const char *p = line ? line + strlen(key) : ""; *p && *p != '\n'; p++) {
        const char *const digit = strchr(digits, *p);

        for (int bits = digit ? (int)(digit - digits) : 0; bits; bits >>= 1)
            n += bits & 1;
    }
    return n;
}

static void bound(struct cpu_limit *out, double quota, double period)
{
    if (quota > 0 && period > 0 && (out->quota <= 0 || quota / period < out->quota))
        out->quota = quota / period;
}

/* "max 100000", "150000 100000". */
static void look_v2(void *self, const char *folder)
{
    char *text = control_group_text(folder, "cpu.max"), *rest;
    const double quota = strtod(text, &rest); /* of "max" nothing is read */

    bound(self, rest > text ? quota : 0, strtod(rest, NULL));
    free(text);
}

/* -1: no bound. */
static void look_v1(void *self, const char *folder)
{
    char *quota = control_group_text(folder, "cpu.cfs_quota_us");
    char *period = control_group_text(folder, "cpu.cfs_period_us");

    bound(self, strtod(quota, NULL), strtod(period, NULL));
    free(quota);
    free(period);
}

void cpu_limit_look_in(struct cpu_limit *out, const char *proc, const char *groups)
{
    char *status = control_group_text(proc, "self/status");
    const long online = sysconf(_SC_NPROCESSORS_ONLN);
    const int allowed = bits_of(status);

    free(status);
    *out = (struct cpu_limit){.machine = online > 0 ? (int)online : 1};
    out->affinity = allowed ? allowed : out->machine;
    control_group_climb(proc, groups, "", look_v2, out);
    control_group_climb(proc, groups, "cpu", look_v1, out);
    out->cores = out->affinity;
    if (out->quota > 0 && out->quota < out->cores)
        out->cores = (int)ceil(out->quota);
}

void cpu_limit_look(struct cpu_limit *out)
{
    cpu_limit_look_in(out, "/proc", "/sys/fs/cgroup");
}
