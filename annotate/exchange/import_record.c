/* TRL's records: a pair says which answer is the better one, a stepwise one where it goes
 * wrong, an answer to a prompt what somebody would write. Unpaired answers are compared only
 * when another of the same prompt comes: they wait for the end, and then a good one meets a
 * bad one, and two bad ones one another. */

#include "annotate/exchange/import_put.h"

#include "base/mem.h"
#include "data/record_kind.h"
#include "data/record_text.h"

#include <stdlib.h>
#include <string.h>

/* Whose and when is the rule's and now: records do not say. */
static struct import_said verdict_of(enum prefs_verdict verdict, int choice)
{
    return (struct import_said){.said = {.verdict = verdict, .choice = choice, .step = -1}};
}

/* All columns but those that the item holds otherwise; NULL: none. */
static json_t *rest_of(const json_t *row, const char *const *held)
{
    json_t *rest = json_object();
    const char *name;
    json_t *value;

    json_object_foreach((json_t *)(uintptr_t)row, name, value)
    {
        bool is_held = false;
        for (int i = 0; held[i]; i++)
            is_held |= !strcmp(name, held[i]);
        if (!is_held)
            json_object_set(rest, name, value);
    }
    if (!json_object_size(rest)) {
        json_decref(rest);
        rest = NULL;
    }
    return rest;
}

/* Calls and their results make a run of tools of a dialogue. */
static bool has_calls(const json_t *content)
{
    size_t i;
    const json_t *message;

    if (!json_is_array(content))
        return false;
    json_array_foreach((json_t *)(uintptr_t)content, i, message)
    {
        const char *const role = json_string_value(json_object_get(message, "role"));
        if (json_object_get(message, "tool_calls") || (role && !strcmp(role, "tool")))
            return true;
    }
    return false;
}

/* The better answer is candidate 0, which nobody sees: sides are drawn when the pair is shown. */
static enum err put_pair(struct import_put *put, const json_t *row)
{
    static const char *const held[] = {"prompt", "chosen", "rejected", "tie", "both_bad", NULL};
    const bool bad = json_is_true(json_object_get(row, "both_bad")),
               tie = json_is_true(json_object_get(row, "tie"));
    const struct import_said said = verdict_of(bad   ? PREFS_BOTH_BAD
                                               : tie ? PREFS_TIE
                                                     : PREFS_CHOSEN,
                                               0);
    struct prefs_item item = {.n = 2,
                              .prompt = json_object_get(row, "prompt"),
                              .meta = rest_of(row, held),
                              .key = import_put_key(put, row)};
    enum err err;

    item.candidate[0].content = json_object_get(row, "chosen");
    item.candidate[1].content = json_object_get(row, "rejected");
    item.mode = has_calls(item.candidate[0].content) || has_calls(item.candidate[1].content)
                    ? PREFS_TRAJECTORY
                    : PREFS_PAIR;
    err = import_put_item(put, &item, &said, 1);
    json_decref(item.meta);
    free(item.key);
    return err;
}

/* The first step that is not right; labels behind it are kept beside, because a store's
 * verdict ends with the first. */
static enum err put_steps(struct import_put *put, const json_t *row)
{
    static const char *const held[] = {"prompt", "completions", "labels", NULL};
    const json_t *const labels = json_object_get(row, "labels");
    struct prefs_item item = {.n = 1,
                              .mode = PREFS_STEPS,
                              .prompt = json_object_get(row, "prompt"),
                              .meta = rest_of(row, held),
                              .key = import_put_key(put, row)};
    struct import_said said = verdict_of(PREFS_STEP, -1);
    const size_t n = json_array_size(labels);
    size_t first = 0;
    bool known = true;
    enum err err;

    while (first < n && json_is_true(json_array_get(labels, first)))
        first++;
    known = first == n || json_is_false(json_array_get(labels, first));
    said.said.step = first < n ? (int)first : -1;
    item.candidate[0].content = json_object_get(row, "completions");
    if (first + 1 < n) {
        if (!item.meta)
            item.meta = json_object();
        json_object_set(item.meta, "labels", (json_t *)(uintptr_t)labels);
    }
    put->count->unjudged += !known; /* null or a probability: nobody has said */
    err = n == json_array_size(item.candidate[0].content)
              ? import_put_item(put, &item, &said, known)
              : err_set(ERR_PARSE, "labels: %zu for %zu steps", n,
                        json_array_size(item.candidate[0].content));
    json_decref(item.meta);
    free(item.key);
    return err;
}

/* What somebody wrote is both what is judged and what became of it: exported, it is itself
 * again. */
static enum err put_answer(struct import_put *put, const json_t *row)
{
    static const char *const held[] = {"prompt", "completion", NULL};
    struct import_said said = verdict_of(PREFS_REWRITTEN, -1);
    struct prefs_item item = {.n = 1,
                              .mode = PREFS_REWRITE,
                              .prompt = json_object_get(row, "prompt"),
                              .meta = rest_of(row, held),
                              .key = import_put_key(put, row)};
    enum err err;

    item.candidate[0].content = json_object_get(row, "completion");
    said.said.text = item.candidate[0].content;
    err = import_put_item(put, &item, &said, 1);
    json_decref(item.meta);
    free(item.key);
    return err;
}

/* ---- unpaired */

/* By the words of the prompt, as data sets are divided: white space makes no other prompt. */
static enum err wait(struct import_put *put, const json_t *row)
{
    const struct hash hash = record_text_hash(json_object_get(row, "prompt"));
    char name[HASH_TEXT];
    json_t *of_prompt;

    hash_text(name, &hash);
    of_prompt = json_object_get(put->unpaired, name);
    if (!of_prompt) {
        of_prompt = json_array();
        json_object_set_new(put->unpaired, name, of_prompt);
    }
    json_array_append(of_prompt, (json_t *)(uintptr_t)row);
    return OK;
}

/* The next row from *at on that is good (or bad), NULL where none is left. */
static const json_t *next_of(const json_t *rows, size_t *at, bool good)
{
    while (*at < json_array_size(rows)) {
        const json_t *const row = json_array_get(rows, (*at)++);
        if (json_is_true(json_object_get(row, "label")) == good)
            return row;
    }
    return NULL;
}

/* A pair that says what its two rows said; other columns are those of the first. */
static enum err pair_up(struct import_put *put, const json_t *better, const json_t *worse,
                        bool both_bad)
{
    static const char *const held[] = {"completion", "label", NULL};
    json_t *const row = rest_of(better, held), *const pair = row ? row : json_object();
    enum err err;

    json_object_set(pair, "chosen", json_object_get(better, "completion"));
    json_object_set(pair, "rejected", json_object_get(worse, "completion"));
    if (both_bad)
        json_object_set_new(pair, "both_bad", json_true());
    err = put_pair(put, pair);
    json_decref(pair);
    return err;
}

/* Good with bad as long as there are both; then bad with bad. Good ones that are left say
 * nothing of one another, and are counted. */
static enum err pair_prompt(struct import_put *put, const json_t *rows)
{
    size_t good_at = 0, bad_at = 0;
    const json_t *good = next_of(rows, &good_at, true), *bad = next_of(rows, &bad_at, false);
    enum err err = OK;

    for (; !err && good && bad;
         good = next_of(rows, &good_at, true), bad = next_of(rows, &bad_at, false))
        err = pair_up(put, good, bad, false);
    for (; good; good = next_of(rows, &good_at, true))
        put->count->alone++;
    while (!err && bad) {
        const json_t *const other = next_of(rows, &bad_at, false);
        if (other)
            err = pair_up(put, bad, other, true);
        else
            put->count->alone++;
        bad = other ? next_of(rows, &bad_at, false) : NULL;
    }
    return err;
}

/* In the order in which prompts came first, so that the same file gives the same pairs. */
enum err import_record_end(struct import_put *put)
{
    const char *name;
    json_t *rows;
    enum err err = OK;

    json_object_foreach(put->unpaired, name, rows) if (!err) err = pair_prompt(put, rows);
    return err;
}

/* A text or a dialogue alone is not to be judged: that is an error, which says what it is. */
enum err import_record_row(struct import_put *put, const json_t *row)
{
    enum record_kind kind;
    enum err err = record_kind_of(&kind, row);

    if (err)
        return err;
    switch (kind) {
    case KIND_PREFERENCE:
    case KIND_IMPLICIT:
        return put_pair(put, row);
    case KIND_STEPWISE:
        return put_steps(put, row);
    case KIND_COMPLETION:
        return put_answer(put, row);
    case KIND_UNPAIRED:
        return wait(put, row);
    default:
        return err_set(ERR_PARSE, "a record of kind %s holds nothing to judge",
                       record_kind_name(kind));
    }
}
