#include "tests/support/scratch.h"

#include "base/fs.h"
#include "base/mem.h"
#include "tests/support/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char folder[64];

int scratch_open(void **state)
{
    (void)state;
    snprintf(folder, sizeof folder, "/tmp/drover-test-XXXXXX");
    return mkdtemp(folder) ? 0 : -1;
}

int scratch_close(void **state)
{
    (void)state;
    return fs_remove(folder) ? -1 : 0;
}

const char *scratch_at(const char *name)
{
    static char path[4][256];
    static int turn;
    char *to = path[turn++ % 4];

    snprintf(to, sizeof *path, "%s/%s", folder, name);
    return to;
}

void scratch_put(const char *name, const char *text)
{
    char *whole = mem_text(scratch_at(name)), *slash = strrchr(whole, '/');

    *slash = 0;
    assert_ok(fs_mkdir(whole));
    *slash = '/';
    assert_ok(fs_write(whole, text, strlen(text)));
    free(whole);
}
