/* How it works: files of /proc and /sys are read; of nodes and caches only those count that hold a
 * processor which this process may run on.
 *
 * The plan: threads of one actor share each step of decoding, and each weight that it reads, so they
 * should share a cache; an actor for each last-level cache, then, the cores dealt out among them. The
 * learner takes all cores: it computes while actors wait, or, with overlap, in their company, which the
 * scheduler settles. No bit of a run depends on any of it. */
#include "cli/machine_plan.h"

#include "base/control_group.h"
#include "base/mem.h"
#include "base/memory_limit.h"
#include "base/say.h"
#include "lm/kernel/cores.h"
#include "lm/kernel/isa.h"
#include "lm/kernel/peak.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum {
    CPUS = 4096,
    NODES = 256,
    MB = 1 << 20,
    BLOCK = 256 * MB,
    PIECE = 4 * MB,
    KINDS = 4,
    SLICES = 5
};

/* Instruction sets that products could be made of, as the kernel names them: of what `table` is there
 * the flag is used; NULL: of none yet. */
static const struct {
    const char *flag, *table;
} sets[] = {
    {"avx2", "avx2"},
    {"avx512bw", "avx512"},
    {"avx512_vnni", "avx512vnni"},
    {"avx512_bf16", "avx512bf16"},
    {"avx_vnni", NULL},
    {"avx512_fp16", NULL},
    {"amx_bf16", NULL},
    {"amx_int8", NULL},
};

/* ---- looking */

/* Is processor n in a list "0-3,8"? */
static bool listed(const char *list, long n)
{
    while (*list) {
        char *end;
        const long from = strtol(list, &end, 10);
        const long to = *end == '-' ? strtol(end + 1, &end, 10) : from;

        if (end == list)
            return false;
        if (n >= from && n <= to)
            return true;
        list = end + (*end == ',');
        if (*end != ',')
            return false;
    }
    return false;
}

/* What stands behind a key at the start of a line; "" without. Free it. */
static char *line_of(const char *text, const char *key)
{
    const char *at = strstr(text, key);

    at = at ? at + strlen(key) : "";
    at += strspn(at, ": \t");
    return mem_print("%.*s", (int)strcspn(at, "\n"), at);
}

/* Has a list a processor of ours? */
static bool meet(const char *list, const char *ours)
{
    for (long n = 0; n < CPUS; n++)
        if (listed(ours, n) && listed(list, n))
            return true;
    return false;
}

/* A cache is named by its first processor of ours: it counts where that is met. */
static void look_caches(struct machine_plan *out, const char *sys, const char *ours)
{
    for (long n = 0; n < CPUS; n++) {
        char *folder, *shared;
        long first = 0;

        if (!listed(ours, n))
            continue;
        folder = mem_print("%s/devices/system/cpu/cpu%ld/cache/index3", sys, n);
        shared = control_group_text(folder, "shared_cpu_list");
        while (*shared && first < n && !(listed(ours, first) && listed(shared, first)))
            first++;
        if (*shared && first == n) {
            char *size = control_group_text(folder, "size");
            out->cache_bytes = strtoull(size, NULL, 10) << 10;
            out->caches++;
            free(size);
        }
        free(shared);
        free(folder);
    }
}

static void look_nodes(struct machine_plan *out, const char *sys, const char *ours)
{
    for (int n = 0; n < NODES; n++) {
        char *folder = mem_print("%s/devices/system/node/node%d", sys, n);
        char *list = control_group_text(folder, "cpulist");

        out->nodes += *list && meet(list, ours);
        free(list);
        free(folder);
    }
}

/* "always [madvise] never": the word in brackets. */
static void look_pages(char out[MACHINE_PLAN_WORD], const char *sys, const char *file)
{
    char *folder = mem_print("%s/kernel/mm/transparent_hugepage", sys);
    char *text = control_group_text(folder, file);
    const char *const open = strchr(text, '[');

    snprintf(out, MACHINE_PLAN_WORD, "%.*s", open ? (int)strcspn(open + 1, "]") : 0,
             open ? open + 1 : "");
    free(text);
    free(folder);
}

void machine_plan_look(struct machine_plan *out, const char *proc, const char *sys,
                       const char *groups)
{
    char *status = control_group_text(proc, "self/status");
    char *ours = line_of(status, "\nCpus_allowed_list");

    *out = (struct machine_plan){.nodes = 0};
    cpu_limit_look_in(&out->cpu, proc, groups);
    look_caches(out, sys, ours);
    look_nodes(out, sys, ours);
    look_pages(out->pages, sys, "enabled");
    look_pages(out->shared_pages, sys, "shmem_enabled");
    out->actors = out->caches > 0 ? out->caches : 1;
    if (out->actors > out->cpu.cores)
        out->actors = out->cpu.cores;
    out->actor_threads = out->cpu.cores / out->actors;
    out->learner_threads = out->cpu.cores;
    free(ours);
    free(status);
}

/* ---- printing */

static void print_sets(FILE *to)
{
    char *cpu = control_group_text("/proc", "cpuinfo"), *flags = line_of(cpu, "\nflags");
    char *unused = mem_text("");

    say(to, "  instruction sets  %s", isa_current()->name);
    for (int i = 0; i < ISA_TABLES; i++)
        if (isa_at(i) && isa_at(i) != isa_current())
            say(to, "%s%s", i ? ", " : "; also ", isa_at(i)->name);
    for (size_t i = 0; i < sizeof sets / sizeof *sets; i++) {
        char *padded = mem_print(" %s ", flags), *word = mem_print(" %s ", sets[i].flag), *more;
        bool used = false;

        for (int k = 0; k < ISA_TABLES && sets[i].table; k++)
            used = used || (isa_at(k) && !strcmp(isa_at(k)->name, sets[i].table));
        if (strstr(padded, word) && !used) {
            more = mem_print("%s%s%s", unused, *unused ? ", " : "", sets[i].flag);
            free(unused);
            unused = more;
        }
        free(word);
        free(padded);
    }
    say(to, "; here, but not used: %s\n", *unused ? unused : "none");
    free(unused);
    free(flags);
    free(cpu);
}

static const char *pages_words(const char *setting, bool shared)
{
    if (!*setting)
        return "not known here";
    if (strcmp(setting, "never") != 0 && strcmp(setting, "deny") != 0)
        return "used";
    return shared
               ? "not used: `echo advise > /sys/kernel/mm/transparent_hugepage/shmem_enabled` "
                 "as root allows them"
               : "not used: `echo madvise > /sys/kernel/mm/transparent_hugepage/enabled` as "
                 "root allows them";
}

/* In memory that is written first, or every page would be the same zeros. */
static double bandwidth(double seconds)
{
    struct memory_limit memory;
    size_t bytes = BLOCK;
    double rate = 0;
    char *block;

    memory_limit_look(&memory);
    while (bytes > memory.available / 8 && bytes > PIECE)
        bytes /= 2;
    if (mem_big(&block, bytes, 1, "a block to read"))
        return 0;
    memset(block, 1, bytes);
    rate = peak_bytes(block, bytes, PIECE, seconds);
    free(block);
    return rate;
}

static void print_measured(double seconds, FILE *to)
{
    static const char *const name[PEAK_KINDS] = {"float32", "bfloat16", "int8"};
    const char *const isa = isa_current()->name;
    char *load = control_group_text("/proc", "loadavg");

    say(to, "  measured          ");
    for (int kind = 0; kind < PEAK_KINDS; kind++) {
        double rate = 0;

        for (int i = 0; i < SLICES; i++)
            rate = fmax(rate,
                        peak_products((enum peak_kind)kind, isa, seconds / (KINDS * SLICES)));
        if (rate > 0)
            say(to, "%s %.0f G%s/s, ", name[kind], rate / 1e9,
                kind == PEAK_INT8 ? "OP" : "FLOP");
    }
    say(to, "memory %.1f GB/s", bandwidth(seconds / KINDS) / 1e9);
    if (strtod(load, NULL) >= 1)
        say(to, " (what others leave: the load is %.1f)", strtod(load, NULL));
    say(to, "\n");
    free(load);
}

void machine_plan_print(const struct machine_plan *p, double seconds, FILE *to)
{
    say(to, "this machine: %d of %d processors", p->cpu.cores, p->cpu.machine);
    if (p->cpu.affinity < p->cpu.machine)
        say(to, ", bound to %d of them", p->cpu.affinity);
    if (p->cpu.quota > 0)
        say(to, ", by a control group for the time of %.2f", p->cpu.quota);
    say(to, "\n  NUMA nodes        %d\n", p->nodes);
    say(to, "  last-level caches %d", p->caches);
    if (p->caches)
        say(to, ", %llu MB each", (unsigned long long)(p->cache_bytes >> 20));
    say(to, "\n");
    print_sets(to);
    say(to, "  huge pages        of a process's own weights %s\n",
        pages_words(p->pages, false));
    say(to, "                    of versions that processes share %s\n",
        pages_words(p->shared_pages, true));
    if (seconds > 0) {
        cores_choose(p->learner_threads);
        print_measured(seconds, to);
    }
    say(to, "  plan              fleet.actors=%d fleet.threads=%d; learner threads=%d\n",
        p->actors, p->actor_threads, p->learner_threads);
}
