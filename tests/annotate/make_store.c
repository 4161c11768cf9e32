/* A preference store for tests: make_store STORE OVERLAP < LINES. A line is an item: {"mode", "prompt",
 * "candidates": [content, ...], "key", "gold"}; of each candidate the model is "m0", "m1", ... */
#include "base/clock.h"
#include "base/mem.h"
#include "prefs/item.h"
#include "prefs/prefs.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static enum err add(struct prefs *prefs, json_t *line)
{
    const char *mode = json_string_value(json_object_get(line, "mode"));
    const char *key = json_string_value(json_object_get(line, "key"));
    const json_t *list = json_object_get(line, "candidates");
    struct prefs_item item = {.prompt = json_incref(json_object_get(line, "prompt")),
                              .key = key ? mem_text(key) : NULL,
                              .gold = json_incref(json_object_get(line, "gold")),
                              .n = (int)json_array_size(list),
                              .chance = 1};
    int which = 0;
    int64_t id;
    enum err err = words_find(&which, words_mode, "mode", mode ? mode : "pair");

    item.mode = (enum prefs_mode)which;
    for (int i = 0; i < item.n; i++) {
        item.candidate[i].content = json_incref(json_array_get(list, (size_t)i));
        item.candidate[i].model = mem_print("m%d", i);
    }
    if (!err)
        err = prefs_item_add(prefs, &id, &item, clock_wall_ms());
    prefs_item_free(&item);
    return err;
}

int main(int argc, char **argv)
{
    struct prefs_settings settings = prefs_settings_usual();
    struct prefs *prefs = NULL;
    char line[1 << 16];
    enum err err = argc == 3 ? OK : err_set(ERR_RANGE, "make_store STORE OVERLAP < LINES");

    if (!err) {
        settings.overlap = settings.overlap_max = (int)strtol(argv[2], NULL, 10);
        settings.repeat_rate = 0;
        err = prefs_create(argv[1], &settings, NULL, clock_wall_ms());
    }
    if (!err)
        err = prefs_open(&prefs, argv[1], PREFS_WRITE);
    while (!err && fgets(line, sizeof line, stdin)) {
        json_t *read = json_loads(line, 0, NULL);

        err = read ? add(prefs, read) : err_set(ERR_PARSE, "a line is no JSON");
        json_decref(read);
    }
    if (!err)
        err = prefs_commit(prefs);
    prefs_close(prefs);
    if (err)
        fprintf(stderr, "make_store: %s\n", err_text());
    return err ? 1 : 0;
}
