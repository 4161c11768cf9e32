/* How it works: the kind's row says which columns hold text; what is between columns (answers
 * that are the same, labels that do not match their steps) has a function each. All flaws are
 * told, not only the first, since lint is for people who want the whole list. */
#include "data/record_kind.h"

#include "base/mem.h"
#include "data/calls.h"
#include "data/record_text.h"

#include <stdlib.h>
#include <string.h>

struct record_check {
    void (*say)(void *self, enum record_flaw flaw, const char *words);
    void *self;
};

const char *record_kind_check_name(enum record_flaw flaw)
{
    static const char *const names[FLAWS] = {
        [FLAW_EMPTY] = "empty",     [FLAW_EQUAL] = "equal",    [FLAW_LABELS] = "labels",
        [FLAW_MESSAGE] = "message", [FLAW_CALL] = "tool_call", [FLAW_FIELD] = "field",
        [FLAW_UNBALANCED] = "mask",
    };

    return names[flaw];
}

/* Takes the words. */
static void told(const struct record_check *c, enum record_flaw flaw, char *words)
{
    c->say(c->self, flaw, words);
    free(words);
}

/* Blanks alone say nothing. */
static bool is_blank(const json_t *value)
{
    char *words = record_text_words(value);
    const bool blank = !words[strspn(words, " \t\r\n")];

    free(words);
    return blank;
}

/* Old data sets say from and value; both are read. */
static void check_message(const struct record_check *c, const json_t *item, const char *field,
                          size_t at)
{
    const json_t *role = json_object_get(item, "role"), *from = json_object_get(item, "from");

    if (!json_is_string(role) && !json_is_string(from))
        told(c, FLAW_MESSAGE, mem_print("%s[%zu]: no role", field, at));
    else if (!json_is_string(json_object_get(item, "content")) &&
             !json_is_string(json_object_get(item, "value")) &&
             !json_object_get(item, "tool_calls"))
        told(c, FLAW_MESSAGE, mem_print("%s[%zu]: no content", field, at));
    if (calls_check(item, field, at))
        c->say(c->self, FLAW_CALL, err_text());
}

/* A string or messages, with something in it. False when it is neither. */
static bool check_text(const struct record_check *c, const json_t *row, const char *field)
{
    const json_t *value = json_object_get(row, field);
    json_t *expanded = NULL, *item;
    size_t i;

    if (!json_is_string(value) && !json_is_array(value)) {
        told(c, FLAW_FIELD, mem_print("'%s' is neither a string nor a list", field));
        return false;
    }
    if (is_blank(value))
        told(c, FLAW_EMPTY, mem_print("'%s' is empty", field));
    if (calls_compact(value)) {
        if (calls_expand(&expanded, value))
            told(c, FLAW_CALL, mem_print("%s%s", field, err_text()));
        json_decref(expanded);
        return true;
    }
    json_array_foreach(value, i, item) check_message(c, item, field, i);
    return true;
}

/* null: nobody knows. */
static bool label_fits(const json_t *label)
{
    return json_is_boolean(label) || json_is_null(label) ||
           (json_is_number(label) && json_number_value(label) >= 0 &&
            json_number_value(label) <= 1);
}

/* As many labels as steps, each a label; each step a text that says something. */
static void check_steps(const struct record_check *c, const json_t *row)
{
    const json_t *steps = json_object_get(row, "completions");
    const json_t *labels = json_object_get(row, "labels");
    size_t i;
    json_t *item;

    if (!json_is_array(steps) || !json_is_array(labels)) {
        told(c, FLAW_FIELD, mem_print("'completions' and 'labels' are lists"));
        return;
    }
    if (json_array_size(steps) != json_array_size(labels))
        told(c, FLAW_LABELS,
             mem_print("'labels': %zu of them for %zu steps", json_array_size(labels),
                       json_array_size(steps)));
    if (!json_array_size(steps))
        told(c, FLAW_EMPTY, mem_print("'completions': no step"));
    json_array_foreach(steps, i, item)
    {
        if (!json_is_string(item))
            told(c, FLAW_FIELD, mem_print("'completions'[%zu] is not a string", i));
        else if (is_blank(item))
            told(c, FLAW_EMPTY, mem_print("'completions'[%zu] is empty", i));
    }
    json_array_foreach(labels, i, item) if (!label_fits(item))
        told(c, FLAW_LABELS,
             mem_print("'labels'[%zu]: expected true, false, null or a number in [0, 1]", i));
}

/* Two answers of one notation that differ. */
static void check_pair(const struct record_check *c, const json_t *row)
{
    const json_t *chosen = json_object_get(row, "chosen");
    const json_t *rejected = json_object_get(row, "rejected");
    const bool first = check_text(c, row, "chosen");
    const bool both = check_text(c, row, "rejected") && first; /* a word about each */

    if (both && json_is_string(chosen) != json_is_string(rejected))
        told(c, FLAW_FIELD,
             mem_print("'chosen' and 'rejected': one is a string, the other a "
                       "list"));
    if (both && json_equal(chosen, rejected))
        told(c, FLAW_EQUAL, mem_print("'chosen' and 'rejected' are the same"));
}

/* Whether the ids exist is for who knows the vocabulary. */
static void check_tokens(const struct record_check *c, const json_t *row)
{
    const json_t *ids = json_object_get(row, "input_ids");
    const json_t *mask = json_object_get(row, "completion_mask");

    if (!json_is_array(ids) || !json_array_size(ids))
        told(c, FLAW_FIELD, mem_print("'input_ids' is not a list of token ids"));
    if (mask && json_array_size(mask) != json_array_size(ids))
        told(c, FLAW_UNBALANCED, mem_print("'completion_mask' is not as long as 'input_ids'"));
}

void record_kind_check(const json_t *row, enum record_kind kind,
                       void (*say)(void *self, enum record_flaw flaw, const char *words),
                       void *self)
{
    const struct record_form *form = record_kind_form(kind);
    const struct record_check c = {say, self};

    for (int i = 0; form->text[i]; i++)
        check_text(&c, row,
                   kind == KIND_MESSAGES && !json_object_get(row, "messages") ? "conversations"
                                                                              : form->text[i]);
    if (form->pair)
        check_pair(&c, row);
    else if (kind == KIND_STEPWISE)
        check_steps(&c, row);
    else if (kind == KIND_TOKENS)
        check_tokens(&c, row);
    if (kind == KIND_UNPAIRED && !json_is_boolean(json_object_get(row, "label")))
        told(&c, FLAW_LABELS, mem_print("'label' is not true or false"));
}
