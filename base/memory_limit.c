/* How it works: small files of /proc and of the tree of groups. A group is bounded by those above
 * it, so the walk goes from ours to the tree's root, and the smallest bound counts: a unit of
 * systemd has none of its own where its slice has one, and a container that sees the host's names
 * of groups finds its bound at the root alone. What a group uses holds the cache of files, which
 * the kernel drops before anybody is killed: its idle part is no use. */
#include "base/memory_limit.h"

#include "base/fs.h"
#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

enum { FILE_MAX = 1 << 20 };

/* What the two versions call the same. */
struct group_files {
    const char *hierarchy; /* as a line of /proc/self/cgroup has it */
    const char *limit, *used, *kills, *idle;
};
static const struct group_files versions[] = {
    {"", "memory.max", "memory.current", "memory.events", "inactive_file"},
    {"memory", "memory.limit_in_bytes", "memory.usage_in_bytes", "memory.oom_control",
     "total_inactive_file"},
};

/* "" when there is none. Free it. */
static char *text_in(const char *folder, const char *file)
{
    char *path = mem_print("%s/%s", folder, file), *text = NULL;
    size_t n;

    if (fs_read(&text, &n, path, FILE_MAX))
        text = mem_text("");
    free(path);
    return text;
}

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
    char *text = text_in(folder, file);
    const uint64_t n = memory_limit_figure(text, key);

    free(text);
    return n;
}

/* A file that is one number; 0 also for "max", which is no bound. */
static uint64_t number_in(const char *folder, const char *file)
{
    char *text = text_in(folder, file);
    const uint64_t n = strtoull(text, NULL, 10);

    free(text);
    return n;
}

/* The name of our group, "/a/b", in the hierarchy of `version`; NULL: we are in none. */
static char *group(const char *proc, const struct group_files *version)
{
    char *text = text_in(proc, "self/cgroup"), *out = NULL;

    for (char *line = text; *line && !out; line += strcspn(line, "\n"), line += *line == '\n') {
        const size_t n = strcspn(line, "\n"), m = strlen(version->hierarchy);
        const char *first = memchr(line, ':', n), *second;

        second = first ? memchr(first + 1, ':', n - (size_t)(first + 1 - line)) : NULL;
        if (second && (size_t)(second - first - 1) == m &&
            !strncmp(first + 1, version->hierarchy, m))
            out = mem_print("%.*s", (int)(n - (size_t)(second + 1 - line)), second + 1);
    }
    free(text);
    return out;
}

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

/* From our group's folder up to the tree's root, whose path is the first `root` bytes of it. */
static void climb(struct memory_limit *out, const struct group_files *version, char *folder,
                  size_t root)
{
    for (;;) {
        char *const slash = strrchr(folder + root, '/');

        bound(out, version, folder);
        if (!slash)
            return;
        *slash = 0;
    }
}

static void look_at(struct memory_limit *out, const struct group_files *version,
                    const char *proc, const char *groups)
{
    char *name = group(proc, version), *root, *folder;

    if (!name)
        return;
    root = mem_print("%s%s%s", groups, *version->hierarchy ? "/" : "", version->hierarchy);
    folder = mem_print("%s%s", root, name);
    out->oom_kills += figure_in(folder, version->kills, "oom_kill");
    climb(out, version, folder, strlen(root));
    free(folder);
    free(root);
    free(name);
}

void memory_limit_look_in(struct memory_limit *out, const char *proc, const char *groups)
{
    char *memory = text_in(proc, "meminfo");

    *out = (struct memory_limit){
        .bytes = memory_limit_figure(memory, "MemTotal") << 10,
        .available = memory_limit_figure(memory, "MemAvailable") << 10,
        .oom_kills = figure_in(proc, "vmstat", "oom_kill"),
    };
    for (size_t i = 0; i < sizeof versions / sizeof *versions; i++)
        look_at(out, &versions[i], proc, groups);
    free(memory);
}

void memory_limit_look(struct memory_limit *out)
{
    memory_limit_look_in(out, "/proc", "/sys/fs/cgroup");
}
