#include "tests/lm/golden.h"

#include "base/fs.h"
#include "base/mem.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

enum { LIMIT = 1 << 24 };

char *golden_text(const char *name, size_t *n)
{
    char *path = mem_print("%s/%s", GOLDEN_FOLDER, name), *raw = NULL, *text;
    uLongf room = LIMIT;
    bool ok = !fs_read(&raw, n, path, LIMIT);

    if (ok && strcmp(name + strlen(name) - 2, ".z") == 0) {
        text = mem_new(LIMIT + 1, 1);
        ok = uncompress((Bytef *)text, &room, (const Bytef *)raw, (uLong)*n) == Z_OK;
        free(raw);
        raw = mem_grow(text, room + 1, 1);
        raw[room] = 0;
        *n = room;
    }
    if (!ok) {
        fprintf(stderr, "%s cannot be read\n", path);
        exit(1);
    }
    free(path);
    return raw;
}

size_t golden_unhex(char *text)
{
    static const char digits[] = "0123456789abcdef";
    size_t n = 0;

    for (; text[2 * n] && strchr(digits, text[2 * n]); n++)
        text[n] = (char)((strchr(digits, text[2 * n]) - digits) * 16 +
                         (strchr(digits, text[2 * n + 1]) - digits));
    return n;
}
