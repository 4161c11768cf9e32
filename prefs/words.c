/* The words stand in the order of their enums. They are part of the store's format: none is
 * ever renamed, new ones go to the end. */

#include "prefs/words.h"

#include <string.h>

const char *const words_mode[PREFS_MODES + 1] = {"pair",       "rank",    "steps",
                                                 "trajectory", "rewrite", NULL};
const char *const words_why[PREFS_WHYS + 1] = {"plan",         "disagreement", "gold", "repeat",
                                               "adjudication", "active",       NULL};
const char *const words_verdict[PREFS_VERDICTS + 1] = {
    "chosen", "tie", "both_bad", "ranking", "step", "rewrite", "skip", "undo", "dropped", NULL};
const char *const words_role[PREFS_ROLES + 1] = {"annotator", "reviewer", "admin", NULL};
const char *const words_standing[PREFS_STANDINGS + 1] = {"active",    "paused", "closed",
                                                         "forgotten", "held",   NULL};
const char *const words_state[PREFS_STATES + 1] = {
    "open", "done", "skipped", "returned", "expired", "withdrawn", NULL};

bool words_comes_in(enum prefs_standing standing)
{
    return standing == PREFS_ACTIVE_PERSON || standing == PREFS_PAUSED ||
           standing == PREFS_HELD;
}

/* All the words in the answer: whoever wrote the wrong one is a person with a file, or a page
 * of ours that is out of date. */
enum err words_find(int *out, const char *const *list, const char *what, const char *word)
{
    char all[256] = "";
    size_t n = 0;

    for (int i = 0; list[i]; i++) {
        const size_t length = strlen(list[i]);
        if (!strcmp(list[i], word)) {
            *out = i;
            return OK;
        }
        if (n + length + 3 > sizeof all)
            continue;
        if (n) {
            memcpy(all + n, ", ", 2);
            n += 2;
        }
        memcpy(all + n, list[i], length);
        n += length;
    }
    all[n] = 0;
    return err_set(ERR_RANGE, "%s '%s' is none of %s", what, word, all);
}
