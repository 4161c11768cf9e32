/* How it works: a record is copied and its calls become words in the content of their
 * messages: a JSON list in the compact form, which a judge or a rule reads back
 * (reward/rule). The functions on offer go behind the system's words, in the messages that
 * begin the dialogue; the `tools` column goes. For templates that have no place for calls:
 * what such a model sees is text, and this is the one text that the rules know. */
#include "data/plain.h"

#include "base/mem.h"
#include "data/calls.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static const char asks[] = "You may call functions: write a JSON list "
                           "[{\"tool\": name, \"args\": {...}}]. The functions are:";

/* Words, a newline if there are any, and more words; a new reference. */
static json_t *joined(const char *words, const char *more)
{
    char *text = mem_print("%s%s%s", words, *words ? "\n" : "", more);
    json_t *out = json_string(text);

    free(text);
    return out;
}

/* The calls behind what the message says. */
static enum err plain_message(json_t *message, const char *field, size_t at)
{
    const char *words = json_string_value(json_object_get(message, "content"));
    json_t *one, *made;
    char *text;
    const enum err err = calls_check(message, field, at);

    if (err || !json_array_size(json_object_get(message, "tool_calls"))) {
        json_object_del(message, "tool_calls");
        return err;
    }
    one = json_pack("[O]", message);
    made = calls_made(one);
    text = json_dumps(made, 0);
    json_object_set_new(message, "content", joined(words ? words : "", text ? text : ""));
    json_object_del(message, "tool_calls");
    free(text);
    json_decref(made);
    json_decref(one);
    return OK;
}

/* Messages of `field`, changed in place; compact lists become messages first. */
static enum err plain_field(json_t *row, const char *field)
{
    json_t *value = json_object_get(row, field), *expanded, *item;
    size_t i;
    enum err err = OK;

    if (!json_is_array(value))
        return OK;
    if (calls_compact(value)) {
        err = calls_expand(&expanded, value);
        if (err)
            return err_add("'%s'", field);
        json_object_set_new(row, field, expanded);
        value = expanded;
    }
    json_array_foreach(value, i, item) if (!err) err = plain_message(item, field, i);
    return err;
}

/* The functions behind the system's words: a turn of its own when there is none. */
static void add_tools(json_t *messages, const json_t *tools)
{
    json_t *first = json_array_get(messages, 0), *item;
    const char *role = json_string_value(json_object_get(first, "role"));
    const char *words = json_string_value(json_object_get(first, "content"));
    const bool there = role && !strcmp(role, "system") && words;
    char *text = mem_text(asks);
    size_t i;

    json_array_foreach(tools, i, item)
    {
        char *schema = json_dumps(item, JSON_COMPACT);
        char *longer = mem_print("%s\n%s", text, schema ? schema : "");
        free(schema);
        free(text);
        text = longer;
    }
    if (there)
        json_object_set_new(first, "content", joined(words, text));
    else
        json_array_insert_new(messages, 0,
                              json_pack("{s:s,s:s}", "role", "system", "content", text));
    free(text);
}

/* The functions go where the dialogue begins: into the prompt, or where there is none into each
 * answer that holds its own. */
enum err plain_record(json_t **out, const json_t *row)
{
    static const char *const fields[] = {"prompt",   "completion", "chosen",
                                         "rejected", "messages",   "conversations"};
    const json_t *tools = json_object_get(row, "tools");
    json_t *copy = json_deep_copy(row);
    enum err err = OK;

    *out = NULL;
    for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]) && !err; i++)
        err = plain_field(copy, fields[i]);
    for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]) && !err; i++) {
        json_t *value = json_object_get(copy, fields[i]);
        const bool begins = i == 0 || i >= 4 || !json_object_get(copy, "prompt");
        if (json_is_array(value) && begins && json_array_size(tools))
            add_tools(value, tools);
    }
    json_object_del(copy, "tools");
    if (err)
        json_decref(copy);
    else
        *out = copy;
    return err;
}
