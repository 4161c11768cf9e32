/* How it works: one function for each kind that a record may come from; it makes the parts
 * (prompt, answers) and asks what kind they shall become. What is no column of a kind's own
 * goes along, behind the new ones. A way that loses what a record says is still a way (a wrong
 * answer gives no prompt-completion record, silently: there is nothing in it to imitate); one
 * that would have to invent something is an error.
 *
 * From unpaired to preference is different: it needs several records. stream.c keeps those
 * until its end and calls convert_pair, which groups them by their question. */
#include "data/convert.h"

#include "base/mem.h"
#include "data/calls.h"
#include "data/dialogue.h"
#include "data/record_text.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The row's columns that are no kind's own. */
static json_t *others(const json_t *row)
{
    json_t *out = json_object(), *value;
    const char *column;

    json_object_foreach((json_t *)(uintptr_t)row, column, value)
    {
        if (!record_kind_owns(column))
            json_object_set(out, column, value);
    }
    return out;
}

/* A record with up to three members of its own; NULL names are left out. Takes the values. */
static void add(json_t *out, const json_t *row, const char *a, json_t *x, const char *b,
                json_t *y, const char *c, json_t *z)
{
    json_t *made = others(row), *all = json_object();

    json_object_set_new(all, a, x);
    if (b)
        json_object_set_new(all, b, y);
    if (c)
        json_object_set_new(all, c, z);
    json_object_update(all, made);
    json_decref(made);
    json_array_append_new(out, all);
}

/* Not to be had from a record alone. */
static enum err no_way(enum record_kind from, enum record_kind to)
{
    return err_set(ERR_RANGE, "no way from a %s record to a %s record", record_kind_name(from),
                   record_kind_name(to));
}

/* A pair's prompt and answers; new references. */
struct convert_answers {
    json_t *prompt, *chosen, *rejected;
};

/* A copy; calls in the compact form as messages. */
static enum err answer_of(json_t **out, const json_t *row, const char *field)
{
    json_t *value = json_object_get(row, field);

    if (calls_compact(value))
        return calls_expand(out, value) ? err_add("'%s'", field) : OK;
    *out = json_deep_copy(value);
    return OK;
}

/* With the prompt made explicit, which is where an implicit pair may turn out to have none. */
static enum err read_pair(struct convert_answers *p, const json_t *row, enum record_kind kind)
{
    enum err err = OK;

    *p = (struct convert_answers){.prompt = NULL};
    err = answer_of(&p->chosen, row, "chosen");
    if (!err)
        err = answer_of(&p->rejected, row, "rejected");
    if (err)
        return err;
    if (json_is_string(p->chosen) != json_is_string(p->rejected))
        err = err_set(ERR_PARSE, "'chosen' and 'rejected': one is a string, the other a list");
    else if (kind == KIND_IMPLICIT)
        err = dialogue_split(&p->prompt, &p->chosen, &p->rejected);
    else
        p->prompt = dialogue_asked(json_object_get(row, "prompt"), p->chosen);
    return err;
}

/* Both answers are worth something to all kinds but text, where one would have to be chosen. */
static enum err from_pair(json_t *out, const json_t *row, enum record_kind kind,
                          enum record_kind to)
{
    struct convert_answers p;
    enum err err = read_pair(&p, row, kind);

    if (!err && to == KIND_PREFERENCE) {
        add(out, row, "prompt", json_incref(p.prompt), "chosen", json_incref(p.chosen),
            "rejected", json_incref(p.rejected));
    } else if (!err && to == KIND_IMPLICIT) {
        add(out, row, "chosen", dialogue_join(p.prompt, p.chosen), "rejected",
            dialogue_join(p.prompt, p.rejected), NULL, NULL);
    } else if (!err && to == KIND_UNPAIRED) {
        add(out, row, "prompt", json_incref(p.prompt), "completion", json_incref(p.chosen),
            "label", json_true());
        add(out, row, "prompt", json_incref(p.prompt), "completion", json_incref(p.rejected),
            "label", json_false());
    } else if (!err && to == KIND_COMPLETION) {
        add(out, row, "prompt", json_incref(p.prompt), "completion", json_incref(p.chosen),
            NULL, NULL);
    } else if (!err && to == KIND_PROMPT) {
        add(out, row, "prompt", json_incref(p.prompt), NULL, NULL, NULL, NULL);
    } else if (!err && to == KIND_MESSAGES && json_is_array(p.chosen)) {
        add(out, row, "messages", dialogue_join(p.prompt, p.chosen), NULL, NULL, NULL, NULL);
    } else if (!err) {
        err = no_way(kind, to);
    }
    json_decref(p.prompt);
    json_decref(p.chosen);
    json_decref(p.rejected);
    return err;
}

/* Question and answer as one: messages if they are lists, a text if they are strings; which of
 * the two is not for a conversion to choose. */
static enum err whole_of(json_t *out, const json_t *row, json_t *prompt, json_t *completion,
                         enum record_kind kind, enum record_kind to)
{
    json_t *all = dialogue_join(prompt, completion);

    if (!all)
        return err_set(ERR_PARSE, "'prompt' and 'completion': one is a string, the other a "
                                  "list");
    if ((to == KIND_MESSAGES) == json_is_array(all) &&
        (to == KIND_MESSAGES || to == KIND_TEXT)) {
        add(out, row, record_kind_name(to), all, NULL, NULL, NULL, NULL);
        return OK;
    }
    json_decref(all);
    return no_way(kind, to);
}

/* An unpaired record is a prompt-completion record that may be a bad example. */
static enum err from_completion(json_t *out, const json_t *row, enum record_kind kind,
                                enum record_kind to)
{
    json_t *completion = NULL, *prompt;
    enum err err = answer_of(&completion, row, "completion");

    if (err)
        return err;
    prompt = dialogue_asked(json_object_get(row, "prompt"), completion);
    if (to == KIND_PROMPT)
        add(out, row, "prompt", json_incref(prompt), NULL, NULL, NULL, NULL);
    else if (kind == KIND_UNPAIRED && !json_is_true(json_object_get(row, "label")))
        ; /* a wrong answer is nothing to imitate */
    else if (to == KIND_COMPLETION)
        add(out, row, "prompt", json_incref(prompt), "completion", json_incref(completion),
            NULL, NULL);
    else
        err = whole_of(out, row, prompt, completion, kind, to);
    json_decref(prompt);
    json_decref(completion);
    return err;
}

/* The last turn of the assistant, and all behind it, is the answer. */
static enum err from_messages(json_t *out, const json_t *row, enum record_kind to)
{
    const json_t *all = json_object_get(row, "messages");
    json_t *prompt, *rest = json_array();
    enum err err = record_kind_prompt(&prompt, row, KIND_MESSAGES);

    if (!all)
        all = json_object_get(row, "conversations");
    if (err) {
        json_decref(rest);
        return err;
    }
    for (size_t i = json_array_size(prompt); i < json_array_size(all); i++)
        json_array_append(rest, json_array_get(all, i));
    if (to == KIND_COMPLETION && json_array_size(prompt) && json_array_size(rest))
        add(out, row, "prompt", json_incref(prompt), "completion", json_incref(rest), NULL,
            NULL);
    else if (to == KIND_PROMPT && json_array_size(prompt))
        add(out, row, "prompt", json_incref(prompt), NULL, NULL, NULL, NULL);
    else
        err = to == KIND_COMPLETION || to == KIND_PROMPT
                  ? err_set(ERR_PARSE, "'messages': no turn of the assistant behind a prompt")
                  : no_way(KIND_MESSAGES, to);
    json_decref(prompt);
    json_decref(rest);
    return err;
}

/* Are all steps right? -1 when that is not known. */
static int all_right(const json_t *labels)
{
    int right = 1;
    size_t i;
    json_t *label;

    json_array_foreach(labels, i, label)
    {
        const double p =
            json_is_boolean(label) ? json_is_true(label) : json_number_value(label);
        if (json_is_null(label))
            right = right == 1 ? -1 : right;
        else if (p < .5)
            right = 0;
    }
    return right;
}

/* The steps joined are the answer; it is right if all of them are, and if that is not known of
 * one of them there is nothing to say. */
static enum err from_steps(json_t *out, const json_t *row, const struct convert_rule *rule)
{
    const json_t *steps = json_object_get(row, "completions");
    json_t *prompt = json_object_get(row, "prompt"), *item, *text;
    const int right = all_right(json_object_get(row, "labels"));
    char *joined = mem_text("");
    size_t i;

    json_array_foreach(steps, i, item)
    {
        const char *step = json_string_value(item);
        char *longer = mem_print("%s%s%s", joined, i ? rule->separator : "", step ? step : "");
        free(joined);
        joined = longer;
    }
    text = json_string(joined);
    free(joined);
    if (rule->to == KIND_PROMPT)
        add(out, row, "prompt", json_incref(prompt), NULL, NULL, NULL, NULL);
    else if (rule->to == KIND_COMPLETION && right == 1)
        add(out, row, "prompt", json_incref(prompt), "completion", json_incref(text), NULL,
            NULL);
    else if (rule->to == KIND_UNPAIRED && right >= 0)
        add(out, row, "prompt", json_incref(prompt), "completion", json_incref(text), "label",
            json_boolean(right));
    json_decref(text);
    return rule->to == KIND_PROMPT || rule->to == KIND_COMPLETION || rule->to == KIND_UNPAIRED
               ? OK
               : no_way(KIND_STEPWISE, rule->to);
}

enum err convert_row(json_t *out, const json_t *row, const struct convert_rule *rule)
{
    enum record_kind kind;
    enum err err = record_kind_of(&kind, row);

    if (err)
        return err;
    if (kind == rule->to) {
        json_array_append(out, (json_t *)(uintptr_t)row);
        return OK;
    }
    switch (kind) {
    case KIND_PREFERENCE:
    case KIND_IMPLICIT:
        return from_pair(out, row, kind, rule->to);
    case KIND_COMPLETION:
    case KIND_UNPAIRED:
        return from_completion(out, row, kind, rule->to);
    case KIND_MESSAGES:
        return from_messages(out, row, rule->to);
    case KIND_STEPWISE:
        return from_steps(out, row, rule);
    default:
        return no_way(kind, rule->to);
    }
}

/* ---- unpaired to preference ---- */

struct convert_group {
    struct hash key;
    uint32_t row; /* its place in the list: groups keep the order of their records */
};

/* Records of one question together, each group in the data's order. */
static int by_key(const void *a, const void *b)
{
    const struct convert_group *x = a, *y = b;
    const int order = memcmp(x->key.byte, y->key.byte, HASH_BYTES);

    return order ? order : (x->row > y->row) - (x->row < y->row);
}

/* Back in the data's order: sorting by key has mixed the groups. */
static int by_row(const void *a, const void *b)
{
    const uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

    return (x > y) - (x < y);
}

/* The two records may put the same question in different words (they share a task_id): then
 * each answer keeps its own. */
static void pair_up(json_t *out, const json_t *right, const json_t *wrong)
{
    json_t *x = json_object_get(right, "completion");
    json_t *y = json_object_get(wrong, "completion");
    json_t *a = dialogue_asked(json_object_get(right, "prompt"), x);
    json_t *b = dialogue_asked(json_object_get(wrong, "prompt"), y);

    if (json_equal(a, b))
        add(out, right, "prompt", json_incref(a), "chosen", json_incref(x), "rejected",
            json_incref(y));
    else
        add(out, right, "chosen", dialogue_join(a, x), "rejected", dialogue_join(b, y), NULL,
            NULL);
    json_decref(a);
    json_decref(b);
}

/* Records of one prompt, in their order: each right one with each wrong one. */
static void pair_group(json_t *out, const json_t *rows, const uint32_t *row, size_t n,
                       size_t most)
{
    size_t made = 0;

    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < n; k++) {
            const json_t *x = json_array_get(rows, row[i]), *y = json_array_get(rows, row[k]);
            if (json_is_true(json_object_get(x, "label")) &&
                !json_is_true(json_object_get(y, "label")) && made < most) {
                pair_up(out, x, y);
                made++;
            }
        }
}

enum err convert_pair(json_t *out, const json_t *unpaired, const struct convert_rule *rule)
{
    const size_t n = json_array_size(unpaired);
    struct convert_group *all = mem_new(n + 1, sizeof(*all));
    uint32_t *row = mem_new(n + 1, sizeof(*row));
    enum err err = OK;

    for (size_t i = 0; i < n && !err; i++) {
        const json_t *item = json_array_get(unpaired, i);
        const json_t *id = json_object_get(item, "task_id");
        enum record_kind kind;
        err = record_kind_of(&kind, item);
        if (!err && kind != KIND_UNPAIRED)
            err = no_way(kind, KIND_PREFERENCE);
        all[i] = (struct convert_group){
            record_text_hash(id ? id : json_object_get(item, "prompt")), (uint32_t)i};
    }
    if (!err)
        qsort(all, n, sizeof(*all), by_key);
    for (size_t i = 0, end; i < n && !err; i = end) {
        for (end = i; end < n && hash_same(&all[i].key, &all[end].key); end++)
            row[end - i] = all[end].row;
        qsort(row, end - i, sizeof(*row), by_row);
        pair_group(out, unpaired, row, end - i, rule->pairs);
    }
    free(all);
    free(row);
    return err;
}
