/* How it works: a row is of the first kind, among those with most columns, that finds all of
 * its columns in it. Columns that are null are not there: tables that were exported whole
 * have them for every row.
 *
 * To add a kind: a value of the enum, its row here and its place in `tried`; what it becomes
 * as another kind is convert.c's, how it is read for training example.c's, and flaws that are
 * its alone are found in record_kind_check.c. Lint counts and measures it by the row. */
#include "data/record_kind.h"

#include "base/strbuf.h"
#include "data/dialogue.h"
#include "data/record_text.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* clang-format off */
static const struct record_form forms[KINDS] = {
    [KIND_TEXT] = {"text", {"text"}, {"text"},
        {"text"}, RECORD_FOR_SFT, false},
    [KIND_MESSAGES] = {"messages", {"messages"}, {"messages"},
        {"messages", "tools"}, RECORD_FOR_SFT, false},
    [KIND_PROMPT] = {"prompt", {"prompt"}, {"prompt"},
        {"prompt", "tools"}, RECORD_FOR_PROMPTS, false},
    [KIND_COMPLETION] = {"prompt-completion", {"prompt", "completion"}, {"prompt", "completion"},
        {"prompt", "completion", "tools"}, RECORD_FOR_SFT, false},
    [KIND_PREFERENCE] = {"preference", {"prompt", "chosen", "rejected"}, {"prompt"},
        {"chosen", "rejected", "tools", "margin", "weight", "soft_label", "tie", "prompt"},
        RECORD_FOR_PAIRS, true},
    [KIND_IMPLICIT] = {"implicit", {"chosen", "rejected"}, {NULL},
        {"chosen", "rejected", "tools", "margin", "weight", "soft_label", "tie"},
        RECORD_FOR_PAIRS, true},
    [KIND_UNPAIRED] = {"unpaired", {"prompt", "completion", "label"}, {"prompt", "completion"},
        {"prompt", "completion", "tools", "label", "weight"}, RECORD_FOR_LABELS, false},
    [KIND_STEPWISE] = {"stepwise", {"prompt", "completions", "labels"}, {"prompt"},
        {"prompt", "completions", "labels"}, RECORD_FOR_STEPS, false},
    [KIND_TOKENS] = {"tokens", {"input_ids"}, {NULL},
        {"input_ids", "completion_mask"}, RECORD_FOR_SFT, false},
};
/* clang-format on */

/* The more columns a kind asks for, the earlier it is tried. */
static const enum record_kind tried[] = {KIND_STEPWISE, KIND_UNPAIRED,   KIND_PREFERENCE,
                                         KIND_IMPLICIT, KIND_COMPLETION, KIND_TOKENS,
                                         KIND_MESSAGES, KIND_PROMPT,     KIND_TEXT};

const struct record_form *record_kind_form(enum record_kind kind)
{
    return &forms[kind];
}

const char *record_kind_name(enum record_kind kind)
{
    return forms[kind].name;
}

enum err record_kind_named(enum record_kind *out, const char *name)
{
    struct strbuf known = {0};
    enum err err;

    for (int i = 0; i < KINDS; i++) {
        strbuf_print(&known, "%s%s", i ? ", " : "", forms[i].name);
        if (strcmp(forms[i].name, name) != 0)
            continue;
        *out = (enum record_kind)i;
        free(known.text);
        return OK;
    }
    err = err_set(ERR_RANGE, "kind '%.40s': known are %s", name, known.text);
    free(known.text);
    return err;
}

bool record_kind_owns(const char *column)
{
    if (!strcmp(column, "conversations")) /* messages, by another name */
        return true;
    for (int i = 0; i < KINDS; i++)
        for (int k = 0; i != KIND_TOKENS && forms[i].column[k]; k++)
            if (!strcmp(forms[i].column[k], column))
                return true;
    return false;
}

/* A column that is null is not there. */
static bool has(const json_t *row, const char *name)
{
    const json_t *value = json_object_get(row, name);

    return value && !json_is_null(value);
}

enum err record_kind_of(enum record_kind *out, const json_t *row)
{
    char *columns;
    enum err err;

    for (size_t i = 0; i < sizeof(tried) / sizeof(tried[0]); i++) {
        const char *const *wanted = forms[tried[i]].column;
        bool all = true;
        for (int k = 0; wanted[k]; k++)
            all = all && (has(row, wanted[k]) ||
                          (tried[i] == KIND_MESSAGES && has(row, "conversations")));
        if (!all)
            continue;
        *out = tried[i];
        if (*out == KIND_PREFERENCE && json_is_string(json_object_get(row, "prompt")) &&
            json_is_array(json_object_get(row, "chosen")) &&
            !dialogue_answers(json_object_get(row, "chosen")))
            *out = KIND_IMPLICIT; /* the prompt is a note beside whole dialogues */
        return OK;
    }
    columns = record_text_columns(row);
    err = err_set(ERR_PARSE, "columns of no known kind: %s", columns);
    free(columns);
    return err;
}

/* Messages before the last one of the assistant. */
static json_t *before_last(const json_t *messages)
{
    size_t n = json_array_size(messages);
    json_t *out = json_array();

    while (n) {
        const json_t *last = json_array_get(messages, --n);
        const char *role = json_string_value(json_object_get(last, "role"));
        if (!role)
            role = json_string_value(json_object_get(last, "from"));
        if (role && !strcmp(dialogue_role(role), "assistant"))
            break;
    }
    for (size_t i = 0; i < n; i++)
        json_array_append(out, json_array_get(messages, i));
    return out;
}

/* As the trainers see it: a string before a list of messages is what a user says. */
enum err record_kind_prompt(json_t **out, const json_t *row, enum record_kind kind)
{
    json_t *chosen, *rejected;
    enum err err;

    *out = NULL;
    switch (kind) {
    case KIND_TEXT:
        *out = json_incref(json_object_get(row, "text"));
        return OK;
    case KIND_TOKENS:
        *out = json_incref(json_object_get(row, "input_ids"));
        return OK;
    case KIND_MESSAGES:
        *out = before_last(
            json_object_get(row, has(row, "messages") ? "messages" : "conversations"));
        return OK;
    case KIND_IMPLICIT:
        chosen = json_deep_copy(json_object_get(row, "chosen"));
        rejected = json_deep_copy(json_object_get(row, "rejected"));
        err = json_is_string(chosen) == json_is_string(rejected)
                  ? dialogue_split(out, &chosen, &rejected)
                  : err_set(ERR_PARSE, "'chosen' and 'rejected': one is a string");
        json_decref(chosen);
        json_decref(rejected);
        return err;
    case KIND_PREFERENCE:
    case KIND_COMPLETION:
    case KIND_UNPAIRED:
        *out = dialogue_asked(
            json_object_get(row, "prompt"),
            json_object_get(row, kind == KIND_PREFERENCE ? "chosen" : "completion"));
        return OK;
    default:
        *out = json_incref(json_object_get(row, "prompt"));
        return OK;
    }
}
