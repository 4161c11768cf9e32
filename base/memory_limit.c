/* How it works: small files of /proc and of the control groups that bound us (control_group), of which the
 * smallest bound counts. What a group uses holds the cache of files, which the kernel drops before
 * anybody is killed: its idle part is no use. */
#include "base/memory_limit.h"

#include "base/control_group.h"

#include <stdlib.h>
#include <string.h>

/* What the two versions call the same. */
struct group_files {
    const char *controller; /* as control_group_climb takes it */
    const char *limit, *used, *kills, *idle;
};
static const struct group_files versions[] = {
    {"", "memory.max", "memory.current", "memory.events", "inactive_file"},
    {"memory", "memory.limit_in_bytes", "memory.usage_in_bytes", "memory.oom_control",
     "total_inactive_file"},
};

uint64_t memory_limit_figure(const char *text, const char *key)
{
    const size_t n = strlen(key);

    for (const char *line = text; line; line = strchr(line, '\n')) {
        line += *line == '\n';
        if (!strncmp(line, key, n) && line[n] && strchr(": \t", line[n]))
            return strtoull(line + n + strspn(line + n, ": \t"), NULL, 10);
    }
    return 0;
}

static uint64_t figure_in(const char *folder, const char *file, const char *key)
{
    char *text = control_group_text(folder, file);
    const uint64_t n = memory_limit_figure(text, key);

    free(text);
    return n;
}

/* A file that is one number; 0 also for "max", which is no bound. */
static uint64_t number_in(const char *folder, const char *file)
{
    char *text = control_group_text(folder, file);
    const uint64_t n = strtoull(text, NULL, 10);

    free(text);
    return n;
}

struct group_walk {
    struct memory_limit *out;
    const struct group_files *version;
    bool inner; /* our own group was seen */
};

/* A group above may have more room and less of it left, by what lies beside us. */
static void bound(struct memory_limit *out, const struct group_files *version,
                  const char *folder)
{
    const uint64_t limit = number_in(folder, version->limit);
    uint64_t used, idle;

    if (!limit)
        return;
    used = number_in(folder, version->used);
    idle = figure_in(folder, "memory.stat", version->idle);
    used = used > limit ? limit : used;
    used -= idle < used ? idle : used;
    if (!out->bytes || limit - used < out->available)
        out->available = limit - used;
    if (!out->bytes || limit < out->bytes) {
        out->bytes = limit;
        out->grouped = true;
    }
}

/* Kills are counted in our own group, which is the first. */
static void look_at(void *self, const char *folder)
{
    struct group_walk *const l = self;

    if (!l->inner)
        l->out->oom_kills += figure_in(folder, l->version->kills, "oom_kill");
    l->inner = true;
    bound(l->out, l->version, folder);
}

void memory_limit_look_in(struct memory_limit *out, const char *proc, const char *groups)
{
    char *memory = control_group_text(proc, "meminfo");

    *out = (struct memory_limit){
        .bytes = memory_limit_figure(memory, "MemTotal") << 10,
        .available = memory_limit_figure(memory, "MemAvailable") << 10,
        .oom_kills = figure_in(proc, "vmstat", "oom_kill"),
    };
    for (size_t i = 0; i < sizeof versions / sizeof *versions; i++)
        control_group_climb(proc, groups, versions[i].controller, look_at,
                            &(struct group_walk){.out = out, .version = &versions[i]});
    free(memory);
}

void memory_limit_look(struct memory_limit *out)
{
    memory_limit_look_in(out, "/proc", "/sys/fs/cgroup");
}
