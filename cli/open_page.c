/* The words of a command are anybody's to read on this machine, and the address is a key: so the
 * browser is given a file that leads there, which only its owner can read. */

#define _GNU_SOURCE /* environ */
#include "cli/open_page.h"

#include "base/mem.h"

#include <spawn.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

extern char **environ;

static bool display(void)
{
    const char *x = getenv("DISPLAY"), *wayland = getenv("WAYLAND_DISPLAY");

    return (x && *x) || (wayland && *wayland);
}

/* mkstemps makes it for its owner alone; where it cannot be made there is no browser, and the address
 * still stands on the terminal. */
static char *written(const char *address)
{
    const char *folder = getenv("XDG_RUNTIME_DIR");
    char *path = mem_print("%s/drover-XXXXXX.html", folder && *folder ? folder : "/tmp");
    const int fd = mkstemps(path, 5); /* mode 0600 */
    FILE *file = fd >= 0 ? fdopen(fd, "w") : NULL;

    if (!file) {
        free(path);
        return NULL;
    }
    fprintf(file, "<!doctype html><meta http-equiv=\"refresh\" content=\"0;url=%s\">\n",
            address);
    fclose(file);
    return path;
}

void open_page(struct open_page *page, const char *address)
{
    char *words[] = {"xdg-open", NULL, NULL};
    posix_spawn_file_actions_t quiet;
    pid_t pid;

    if (!display() || !(page->file = written(address)))
        return;
    words[1] = page->file;
    posix_spawn_file_actions_init(&quiet);
    posix_spawn_file_actions_addopen(&quiet, 1, "/dev/null", 1, 0);
    posix_spawn_file_actions_addopen(&quiet, 2, "/dev/null", 1, 0);
    if (posix_spawnp(&pid, *words, &quiet, NULL, words, environ))
        open_page_end(page);
    posix_spawn_file_actions_destroy(&quiet);
}

void open_page_end(struct open_page *page)
{
    if (page->file)
        unlink(page->file);
    free(page->file);
    page->file = NULL;
}
