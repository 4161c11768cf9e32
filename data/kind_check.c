#include "base/mem.h"
#include "data/calls.h"
#include "data/kind.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

struct check {
    void (*say)(void *self, enum kind_flaw flaw, const char *words);
    void *self;
};

const char *kind_check_name(enum kind_flaw flaw)
{
    static const char *const names[KIND_FLAWS] = {
        [KIND_EMPTY] = "empty",     [KIND_EQUAL] = "equal",    [KIND_LABELS] = "labels",
        [KIND_MESSAGE] = "message", [KIND_CALL] = "tool_call", [KIND_FIELD] = "field",
        [KIND_UNBALANCED] = "mask",
    };

    return names[flaw];
}

static void told(const struct check *c, enum kind_flaw flaw, char *words)
{
    c->say(c->self, flaw, words);
    free(words);
}

static bool is_blank(const json_t *value)
{
    char *words = kind_words(value);
    const bool blank = !words[strspn(words, " \t\r\n")];

    free(words);
    return blank;
}

static void check_message(const struct check *c, const json_t *item, const char *field,
                          size_t at)
{
    const json_t *role = json_object_get(item, "role"), *from = json_object_get(item, "from");

    if (!json_is_string(role) && !json_is_string(from))
        told(c, KIND_MESSAGE, mem_print("%s[%zu]: no role", field, at));
    else if (!json_is_string(json_object_get(item, "content")) &&
             !json_is_string(json_object_get(item, "value")) &&
             !json_object_get(item, "tool_calls"))
        told(c, KIND_MESSAGE, mem_print("%s[%zu]: no content", field, at));
    if (calls_check(item, field, at))
        c->say(c->self, KIND_CALL, err_text());
}

/* A string or messages, with something in it. False when it is neither. */
static bool check_text(const struct check *c, const json_t *row, const char *field)
{
    const json_t *value = json_object_get(row, field);
    json_t *expanded = NULL, *item;
    size_t i;

    if (!json_is_string(value) && !json_is_array(value)) {
        told(c, KIND_FIELD, mem_print("'%s' is neither a string nor a list", field));
        return false;
    }
    if (is_blank(value))
        told(c, KIND_EMPTY, mem_print("'%s' is empty", field));
    if (calls_compact(value)) {
        if (calls_expand(&expanded, value))
            told(c, KIND_CALL, mem_print("%s%s", field, err_text()));
        json_decref(expanded);
        return true;
    }
    json_array_foreach(value, i, item) check_message(c, item, field, i);
    return true;
}

static bool label_fits(const json_t *label)
{
    return json_is_boolean(label) || json_is_null(label) ||
           (json_is_number(label) && json_number_value(label) >= 0 &&
            json_number_value(label) <= 1);
}

static void check_steps(const struct check *c, const json_t *row)
{
    const json_t *steps = json_object_get(row, "completions");
    const json_t *labels = json_object_get(row, "labels");
    size_t i;
    json_t *item;

    if (!json_is_array(steps) || !json_is_array(labels)) {
        told(c, KIND_FIELD, mem_print("'completions' and 'labels' are lists"));
        return;
    }
    if (json_array_size(steps) != json_array_size(labels))
        told(c, KIND_LABELS,
             mem_print("'labels': %zu of them for %zu steps", json_array_size(labels),
                       json_array_size(steps)));
    if (!json_array_size(steps))
        told(c, KIND_EMPTY, mem_print("'completions': no step"));
    json_array_foreach(steps, i, item)
    {
        if (!json_is_string(item))
            told(c, KIND_FIELD, mem_print("'completions'[%zu] is not a string", i));
        else if (is_blank(item))
            told(c, KIND_EMPTY, mem_print("'completions'[%zu] is empty", i));
    }
    json_array_foreach(labels, i, item) if (!label_fits(item))
        told(c, KIND_LABELS,
             mem_print("'labels'[%zu]: expected true, false, null or a number in [0, 1]", i));
}

static void check_pair(const struct check *c, const json_t *row)
{
    const json_t *chosen = json_object_get(row, "chosen");
    const json_t *rejected = json_object_get(row, "rejected");
    const bool first = check_text(c, row, "chosen");
    const bool both = check_text(c, row, "rejected") && first; /* a word about each */

    if (both && json_is_string(chosen) != json_is_string(rejected))
        told(c, KIND_FIELD,
             mem_print("'chosen' and 'rejected': one is a string, the other a "
                       "list"));
    if (both && json_equal(chosen, rejected))
        told(c, KIND_EQUAL, mem_print("'chosen' and 'rejected' are the same"));
}

static void check_tokens(const struct check *c, const json_t *row)
{
    const json_t *ids = json_object_get(row, "input_ids");
    const json_t *mask = json_object_get(row, "completion_mask");

    if (!json_is_array(ids) || !json_array_size(ids))
        told(c, KIND_FIELD, mem_print("'input_ids' is not a list of token ids"));
    if (mask && json_array_size(mask) != json_array_size(ids))
        told(c, KIND_UNBALANCED, mem_print("'completion_mask' is not as long as 'input_ids'"));
}

void kind_check(const json_t *row, enum kind kind,
                void (*say)(void *self, enum kind_flaw flaw, const char *words), void *self)
{
    static const char *const texts[KINDS][2] = {
        [KIND_TEXT] = {"text"},
        [KIND_PROMPT] = {"prompt"},
        [KIND_COMPLETION] = {"prompt", "completion"},
        [KIND_UNPAIRED] = {"prompt", "completion"},
        [KIND_PREFERENCE] = {"prompt"},
        [KIND_STEPWISE] = {"prompt"},
    };
    const struct check c = {say, self};

    for (int i = 0; i < 2; i++)
        if (texts[kind][i])
            check_text(&c, row, texts[kind][i]);
    if (kind == KIND_MESSAGES)
        check_text(&c, row, json_object_get(row, "messages") ? "messages" : "conversations");
    if (kind == KIND_PREFERENCE || kind == KIND_IMPLICIT)
        check_pair(&c, row);
    else if (kind == KIND_STEPWISE)
        check_steps(&c, row);
    else if (kind == KIND_TOKENS)
        check_tokens(&c, row);
    if (kind == KIND_UNPAIRED && !json_is_boolean(json_object_get(row, "label")))
        told(&c, KIND_LABELS, mem_print("'label' is not true or false"));
}
