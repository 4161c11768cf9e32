/* How it works: a few small files of /proc and of the control group, read once a second. The
 * group counts where it is smaller than the machine: a container's memory is its own. How often
 * the kernel has killed for lack of memory is one number for the whole machine (/proc/vmstat,
 * groups' kills included) and one of the group; it grows before the killed one's end is heard,
 * so a death by SIGKILL beside a number that grew was that. */
#include "deploy/machine.h"

#include "base/fs.h"
#include "base/mem.h"

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

uint64_t machine_figure(const char *text, const char *key)
{
    const size_t n = strlen(key);

    for (const char *line = text; line; line = strchr(line, '\n')) {
        line += *line == '\n';
        if (!strncmp(line, key, n) && strchr(": \t", line[n]) && line[n])
            return strtoull(line + n + strspn(line + n, ": \t"), NULL, 10);
    }
    return 0;
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

/* Bits of the mask in a line of hexadecimal digits, behind its colon; 0 without. */
static long cores(const char *line)
{
    static const char digits[] = "0123456789abcdef";
    long n = 0;

    for (const char *p = line ? line + 1 : ""; *p && *p != '\n'; p++) {
        const char *digit = line && p > strchr(line, ':') ? strchr(digits, *p) : NULL;

        for (int bits = digit ? (int)(digit - digits) : 0; bits; bits >>= 1)
            n += bits & 1;
    }
    return n;
}

/* The folder of our group in a tree of groups, "" without; `field` 0 is version 2's line. */
static char *group(const char *name)
{
    char *text = text_of("/proc/self/cgroup"), *out = NULL;

    for (char *line = text; *line && !out; line += strcspn(line, "\n"), line += *line == '\n') {
        const size_t n = strcspn(line, "\n");
        const char *first = memchr(line, ':', n), *second;

        second = first ? memchr(first + 1, ':', n - (size_t)(first + 1 - line)) : NULL;
        if (!second || (size_t)(second - first - 1) != strlen(name) ||
            strncmp(first + 1, name, strlen(name)))
            continue;
        out = mem_print("/sys/fs/cgroup/%s%s%.*s", name, *name ? "" : ".",
                        (int)(n - (size_t)(second + 1 - line)), second + 1);
    }
    free(text);
    return out ? out : mem_text("");
}

static uint64_t number_in(const char *folder, const char *file)
{
    char *path = mem_print("%s/%s", folder, file), *text = text_of(path);
    const uint64_t n = strtoull(text, NULL, 10);

    free(text);
    free(path);
    return n;
}

static void bound(struct machine *out, const char *folder, const char *most, const char *used)
{
    const uint64_t limit = number_in(folder, most), now = number_in(folder, used);

    if (!limit || limit >= out->memory)
        return;
    out->memory = limit;
    if (limit - (now < limit ? now : limit) < out->memory_free)
        out->memory_free = limit - (now < limit ? now : limit);
}

/* Of one hierarchy, where `in` is our group's folder: the files are called otherwise in each. */
static void look_at(struct machine *out, const char *in, const char *most, const char *used,
                    const char *kills)
{
    char *path, *text;

    if (!*in)
        return;
    bound(out, in, most, used);
    path = mem_print("%s/%s", in, kills);
    text = text_of(path);
    out->oom_kills += machine_figure(text, "oom_kill");
    free(text);
    free(path);
}

static void look_at_group(struct machine *out)
{
    char *second = group(""), *first = group("memory");

    look_at(out, second, "memory.max", "memory.current", "memory.events");
    look_at(out, first, "memory.limit_in_bytes", "memory.usage_in_bytes", "memory.oom_control");
    free(first);
    free(second);
}

void machine_look(struct machine *out, const char *folder)
{
    char *memory = text_of("/proc/meminfo"), *events = text_of("/proc/vmstat");
    char *links = text_of("/proc/net/dev"), *load = text_of("/proc/loadavg");
    char *mine = text_of("/proc/self/status");
    const long allowed = cores(strstr(mine, "\nCpus_allowed:"));
    struct statvfs disk;

    memset(out, 0, sizeof *out);
    out->cores = allowed ? allowed : sysconf(_SC_NPROCESSORS_ONLN);
    out->load = strtod(load, NULL);
    out->memory = machine_figure(memory, "MemTotal") << 10;
    out->memory_free = machine_figure(memory, "MemAvailable") << 10;
    out->oom_kills = machine_figure(events, "oom_kill");
    machine_links(links, &out->rx, &out->tx);
    if (!statvfs(folder, &disk))
        out->disk_free = (uint64_t)disk.f_bavail * disk.f_frsize;
    look_at_group(out);
    free(mine);
    free(memory);
    free(events);
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
