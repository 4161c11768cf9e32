/* A group is bounded by those above it, so the walk goes from ours to the tree's root: a unit of
 * systemd has no bound of its own where its slice has one, and a container that sees the host's
 * names of groups finds its bound at the root alone. A controller of version 1 shares its tree with others ("cpu,cpuacct"), and
 * has a folder, or a link, of its own name. */
#include "base/control_group.h"

#include "base/fs.h"
#include "base/mem.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { FILE_MAX = 1 << 20 };

char *control_group_text(const char *folder, const char *file)
{
    char *path = mem_print("%s/%s", folder, file), *text = NULL;
    size_t n;

    if (fs_read(&text, &n, path, FILE_MAX))
        text = mem_text("");
    free(path);
    return text;
}

/* Is it one of "a,b,c"? Version 2 has an empty list, and an empty name. */
static bool listed(const char *list, size_t n, const char *controller)
{
    const size_t m = strlen(controller);

    for (const char *at = list, *const end = list + n;;) {
        const char *const comma = memchr(at, ',', (size_t)(end - at));
        const size_t left = (size_t)((comma ? comma : end) - at);

        if (left == m && !strncmp(at, controller, m))
            return true;
        if (!comma)
            return false;
        at = comma + 1;
    }
}

/* The name of our group, "/a/b", in the controller's tree; NULL: we are in none. */
static char *name_of(const char *proc, const char *controller)
{
    char *text = control_group_text(proc, "self/cgroup"), *out = NULL;

    for (char *line = text; *line && !out; line += strcspn(line, "\n"), line += *line == '\n') {
        const size_t n = strcspn(line, "\n");
        const char *first = memchr(line, ':', n), *second;

        second = first ? memchr(first + 1, ':', n - (size_t)(first + 1 - line)) : NULL;
        if (second && listed(first + 1, (size_t)(second - first - 1), controller))
            out = mem_print("%.*s", (int)(n - (size_t)(second + 1 - line)), second + 1);
    }
    free(text);
    return out;
}

void control_group_climb(const char *proc, const char *groups, const char *controller,
                         void (*look)(void *self, const char *folder), void *self)
{
    char *name = name_of(proc, controller), *root, *folder;

    if (!name)
        return;
    root = mem_print("%s%s%s", groups, *controller ? "/" : "", controller);
    folder = mem_print("%s%s", root, name);
    for (char *slash = folder; slash;) {
        look(self, folder);
        slash = strrchr(folder + strlen(root), '/');
        if (slash)
            *slash = 0;
    }
    free(folder);
    free(root);
    free(name);
}
