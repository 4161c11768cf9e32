/* fuzz_store: a preference store whose bytes somebody has changed: opened, checked, read out.
 * The input is changes of a good one: four bytes of place, one to put there. Whatever opens
 * may be read to its end or refused, and no more. */
#include "annotate/exchange/export.h"
#include "base/mem.h"
#include "prefs/assign.h"
#include "prefs/copy.h"
#include "prefs/item.h"
#include "prefs/judge.h"
#include "prefs/people.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

static uint8_t *good;
static size_t size;
static char folder[] = "/tmp/drover-fuzz-XXXXXX";
static char *path;

static void clean(void)
{
    unlink(path);
    rmdir(folder);
    free(path);
    free(good);
}

static void must(enum err err)
{
    if (err)
        abort();
}

/* Two people judge some pairs; one row of each kind. */
static void fill(struct prefs *prefs)
{
    int64_t id;

    for (int i = 0; i < 2; i++)
        must(prefs_person_add(prefs, &id, i ? "one" : "two", PREFS_REVIEWER, 1));
    for (int i = 0; i < 8; i++) {
        struct prefs_item item = {.mode = PREFS_PAIR, .n = 2, .prompt = json_string("p")};
        item.candidate[0].content = json_string("a");
        item.candidate[1].content = json_sprintf("b%d", i);
        must(prefs_item_add(prefs, &id, &item, 1));
        prefs_item_free(&item);
    }
    for (int i = 0; i < 12; i++) {
        struct prefs_assignment it;
        enum prefs_offer offer;
        char name[32];
        struct prefs_judgement said = {.id = name, .reason = "why"};
        snprintf(name, sizeof name, "judged-%d", i);
        must(prefs_next(prefs, 1 + i % 2, 1, &offer, &it));
        said.assignment = it.id;
        said.annotator = it.annotator;
        said.verdict = (enum prefs_verdict)(i % 3);
        must(prefs_judge(prefs, &said, 1, NULL));
        snprintf(name, sizeof name, "undone-%d", i);
        if (i % 4 == 0)
            must(prefs_undo(prefs, name, it.annotator, 1, &it, NULL));
    }
    must(prefs_commit(prefs));
}

static void begin(void)
{
    struct prefs_settings settings = prefs_settings_usual();
    struct prefs *prefs;
    FILE *from;

    settings.overlap = settings.overlap_max = 2;
    if (!mkdtemp(folder))
        abort();
    path = mem_print("%s/s.db", folder);
    must(prefs_create(path, &settings, NULL, 1));
    must(prefs_open(&prefs, path, PREFS_WRITE));
    fill(prefs);
    prefs_close(prefs);
    from = fopen(path, "rb");
    good = mem_new(1 << 20, 1);
    size = from ? fread(good, 1, 1 << 20, from) : 0;
    if (!from || fclose(from) || size < 4096)
        abort();
    atexit(clean);
}

static enum err nowhere(void *self, const char *line, size_t n)
{
    *(size_t *)self += n && *line;
    return OK;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    struct export_rule rule = {.format = EXPORT_CSV};
    struct export_count count;
    struct prefs *prefs;
    size_t lines = 0;
    uint8_t *broken;
    FILE *to;

    if (!good)
        begin();
    broken = mem_new(size, 1);
    memcpy(broken, good, size);
    for (size_t i = 0; i + 5 <= n; i += 5) {
        const size_t at = (size_t)bytes[i] << 16 | (size_t)bytes[i + 1] << 8 | bytes[i + 2];
        broken[(at + bytes[i + 3] * 4096u) % size] ^= bytes[i + 4];
    }
    to = fopen(path, "wb");
    if (!to || fwrite(broken, 1, size, to) != size || fclose(to))
        abort();
    free(broken);
    if (prefs_open(&prefs, path, PREFS_READ))
        return 0;
    if (prefs_check(prefs) || export_run(prefs, &rule, nowhere, &lines, &count))
        lines = 0; /* refused, with words */
    prefs_close(prefs);
    return 0;
}
