/* Two answers to a prompt as `drover generate pairs=true` makes them and `drover judge` compares them:
 * {"prompt", "a", "b"}, perhaps with "model_a" and "model_b", perhaps judged: "verdict", "judge".
 * The item's key is what is compared and nothing else, so that pairs before and after they were
 * judged, and by several judges, are the same items. Which was shown first nobody says (a judge is
 * asked both ways), so no order is taken over. */

#include "annotate/exchange/import_put.h"

#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

static const char *const compared[] = {"prompt", "a", "b", "model_a", "model_b", NULL};

bool import_pairs_are(const json_t *row)
{
    const json_t *a = json_object_get(row, "a"), *b = json_object_get(row, "b");

    return json_object_get(row, "prompt") && !json_object_get(row, "chosen") &&
           (json_is_string(a) || json_is_array(a)) && (json_is_string(b) || json_is_array(b));
}

static char *key_of(const json_t *row)
{
    json_t *const what = json_object();
    char *key;

    for (int i = 0; compared[i]; i++)
        if (json_object_get(row, compared[i]))
            json_object_set(what, compared[i], json_object_get(row, compared[i]));
    key = import_put_hash(what);
    json_decref(what);
    return key;
}

/* null: nobody has said, which is no tie. */
static enum err verdict_of(const json_t *row, struct prefs_judgement *out, bool *said)
{
    static const char *const words[] = {"a", "b", "tie", NULL};
    const json_t *const verdict = json_object_get(row, "verdict");
    int which = 0;
    enum err err;

    *said = verdict && !json_is_null(verdict);
    if (!*said)
        return OK;
    err = words_find(&which, words, "verdict",
                     json_is_string(verdict) ? json_string_value(verdict) : "");
    *out = (struct prefs_judgement){.verdict = which < 2 ? PREFS_CHOSEN : PREFS_TIE,
                                    .choice = which < 2 ? which : -1,
                                    .step = -1};
    return err;
}

enum err import_pairs_row(struct import_put *put, const json_t *row)
{
    struct prefs_item item = {
        .mode = PREFS_PAIR, .n = 2, .prompt = json_object_get(row, "prompt")};
    struct import_said one = {.annotator = json_string_value(json_object_get(row, "judge"))};
    bool said;
    enum err err = verdict_of(row, &one.said, &said);

    for (int i = 0; i < 2; i++) {
        item.candidate[i].content = json_object_get(row, i ? "b" : "a");
        item.candidate[i].model = (char *)(uintptr_t)json_string_value(
            json_object_get(row, i ? "model_b" : "model_a"));
    }
    if (err)
        return err;
    item.key = key_of(row);
    put->count->unjudged += json_object_get(row, "verdict") && !said;
    err = import_put_item(put, &item, &one, said);
    free(item.key);
    return err;
}
