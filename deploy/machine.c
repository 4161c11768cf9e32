/* How it works: a few small files of /proc, read once a second; memory is base/memory_limit's, whose
 * group counts where it is smaller than the machine: a container's memory is its own. How often
 * the kernel has killed for lack of memory is one number for the whole machine (/proc/vmstat,
 * groups' kills included) and one of the group; it grows before the killed one's end is heard,
 * so a death by SIGKILL beside a number that grew was that. */
#include "deploy/machine.h"

#include "base/cpu_limit.h"
#include "base/fs.h"
#include "base/mem.h"
#include "base/memory_limit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

enum { FILE_MAX = 1 << 20 };

/* "" when there is none. Free it. */
static char *text_of(const char *path)
{
    char *text = NULL;
    size_t n;

    return fs_read(&text, &n, path, FILE_MAX) ? mem_text("") : text;
}

void machine_links(const char *text, uint64_t *rx, uint64_t *tx)
{
    *rx = *tx = 0;
    for (const char *line = text; line; line = strchr(line, '\n')) {
        const char *colon;
        unsigned long long in = 0, out = 0;

        line += *line == '\n';
        line += strspn(line, " ");
        colon = line + strcspn(line, ":\n");
        if (*colon != ':' || !strncmp(line, "lo:", 3))
            continue;
        if (sscanf(colon + 1, "%llu %*u %*u %*u %*u %*u %*u %*u %llu", &in, &out) == 2)
            *rx += in, *tx += out;
    }
}

void machine_look(struct machine *out, const char *folder)
{
    char *links = text_of("/proc/net/dev"), *load = text_of("/proc/loadavg");
    struct memory_limit memory;
    struct cpu_limit cpu;
    struct statvfs disk;

    memory_limit_look(&memory);
    cpu_limit_look(&cpu);
    memset(out, 0, sizeof *out);
    out->cores = cpu.cores;
    out->load = strtod(load, NULL);
    out->memory = memory.bytes;
    out->memory_free = memory.available;
    out->oom_kills = memory.oom_kills;
    machine_links(links, &out->rx, &out->tx);
    if (!statvfs(folder, &disk))
        out->disk_free = (uint64_t)disk.f_bavail * disk.f_frsize;
    free(links);
    free(load);
}

/* The disk first: what is short of memory dies with a line, what cannot write its log dies
 * without. */
void machine_trouble(char out[MACHINE_WORDS], const struct machine *m)
{
    *out = 0;
    if (m->disk_free < MACHINE_DISK_LOW)
        snprintf(out, MACHINE_WORDS, "the disk is full: %llu MB free; logs stop there",
                 (unsigned long long)(m->disk_free >> 20));
    else if (m->memory && m->memory_free < m->memory / 32)
        snprintf(out, MACHINE_WORDS, "memory is short: %llu of %llu MB free",
                 (unsigned long long)(m->memory_free >> 20),
                 (unsigned long long)(m->memory >> 20));
}

json_t *machine_json(const struct machine *m)
{
    return json_pack("{s:I,s:f,s:I,s:I,s:I,s:I,s:I}", "cores", (json_int_t)m->cores, "load",
                     m->load, "memory", (json_int_t)m->memory, "memory_free",
                     (json_int_t)m->memory_free, "rx", (json_int_t)m->rx, "tx",
                     (json_int_t)m->tx, "disk_free", (json_int_t)m->disk_free);
}
