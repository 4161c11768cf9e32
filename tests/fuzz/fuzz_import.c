/* fuzz_import: any bytes as a file that is imported into a preference store: lines, one
 * document, CSV; by its columns or as a format that somebody names. Whatever is taken is whole
 * (prefs_check) and can be exported in every format; then it is taken back. */
#include "annotate/exchange/export.h"
#include "annotate/exchange/import.h"
#include "base/mem.h"
#include "prefs/copy.h"
#include "prefs/prefs.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

static struct prefs *store;
static char folder[] = "/tmp/drover-fuzz-XXXXXX";

static void clean(void)
{
    static const char *const all[] = {"s.db",     "s.db-wal", "s.db-shm",
                                      "in.jsonl", "in.json",  "in.csv"};

    prefs_close(store);
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        char *const name = mem_print("%s/%s", folder, all[i]);
        unlink(name);
        free(name);
    }
    rmdir(folder);
}

static void begin(void)
{
    const struct prefs_settings settings = prefs_settings_usual();
    char *path;

    if (!mkdtemp(folder))
        abort();
    path = mem_print("%s/s.db", folder);
    if (prefs_create(path, &settings, NULL, 1) || prefs_open(&store, path, PREFS_WRITE))
        abort();
    free(path);
    atexit(clean);
}

static enum err nowhere(void *self, const char *line, size_t n)
{
    *(size_t *)self += n && *line;
    return OK;
}

static void export_all(void)
{
    for (int format = EXPORT_AUTO; format < EXPORT_FORMATS; format++) {
        const struct export_rule rule = {.format = (enum export_format)format,
                                         .how = format % 2 ? LABELS_MAJORITY : LABELS_EACH};
        struct export_count count;
        size_t lines = 0;
        if (export_run(store, &rule, nowhere, &lines, &count))
            abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    static const char *const ends[] = {"jsonl", "json", "csv"};
    static const char *const formats[] = {
        NULL, NULL, NULL, "label_studio", "argilla_tool", "arena", "csv", "trl", "hh"};
    struct import_rule rule = {.verdicts = true};
    struct import_count count;
    char *path;
    FILE *to;

    if (!store)
        begin();
    if (!n)
        return 0;
    rule.format = formats[*bytes / 3 % (sizeof formats / sizeof *formats)];
    rule.lenient = *bytes & 128;
    path = mem_print("%s/in.%s", folder, ends[*bytes % 3]);
    to = fopen(path, "wb");
    if (!to || fwrite(bytes + 1, 1, n - 1, to) != n - 1 || fclose(to))
        abort();
    if (!import_file(store, path, &rule, 1, &count)) {
        if (prefs_check(store))
            abort();
        export_all();
    }
    prefs_abandon(store);
    free(path);
    return 0;
}
