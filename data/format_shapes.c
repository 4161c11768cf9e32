/* Instructions and dialogues: Alpaca, Dolly, ShareGPT, UltraChat, OpenOrca.
 *
 * How it works: each becomes what a chat model learns: {prompt, completion} of messages where
 * one answer stands to one question, else {messages}. Other columns go along, for rewards and
 * reports; what was made wins over a column of the same name. A template that a data set's
 * authors wrapped around their texts ("Below is an instruction ...") is not put back: the
 * model's own takes its place. */
#include "data/dialogue.h"
#include "data/format.h"

#include "base/mem.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* A message of one speaker; the text is shared with the row. */
static json_t *said(const char *role, const json_t *content)
{
    return json_pack("{s:s,s:O}", "role", role, "content", content);
}

/* `made` with the row's other columns behind it; both lists end with NULL. Takes `made`. */
static void put(json_t *out, const json_t *row, json_t *made, const char *const *used)
{
    json_t *rest = json_copy((json_t *)(uintptr_t)row);

    for (int i = 0; used[i]; i++)
        json_object_del(rest, used[i]);
    json_object_update_missing(made, rest);
    json_decref(rest);
    json_array_append_new(out, made);
}

/* The first of these columns that holds a text which says something; NULL. */
static const json_t *first_text(const json_t *row, const char *const *names)
{
    for (int i = 0; names[i]; i++)
        if (json_string_length(json_object_get(row, names[i])))
            return json_object_get(row, names[i]);
    return NULL;
}

static const char *const systems[] = {"system", "system_prompt", NULL};

/* The turns before the question: what the system says, and Alpaca's [[question, answer], ...].
 * A new reference. Errors: ERR_PARSE. */
static enum err before(json_t **out, const json_t *row)
{
    const json_t *system = first_text(row, systems), *history = json_object_get(row, "history");
    json_t *turn, *list = json_array();
    size_t i;

    *out = list;
    if (system)
        json_array_append_new(list, said("system", system));
    if (history && !json_is_null(history) && !json_is_array(history))
        return err_set(ERR_PARSE, "'history' is not a list of [question, answer]");
    json_array_foreach(history, i, turn)
    {
        if (json_array_size(turn) != 2 || !json_is_string(json_array_get(turn, 0)) ||
            !json_is_string(json_array_get(turn, 1)))
            return err_set(ERR_PARSE, "'history'[%zu] is not [question, answer]", i);
        json_array_append_new(list, said("user", json_array_get(turn, 0)));
        json_array_append_new(list, said("assistant", json_array_get(turn, 1)));
    }
    return OK;
}

/* The instruction and, on a line of its own, what it is about. */
static enum err asked(json_t **out, const json_t *row, const char *about)
{
    const char *text, *more = json_string_value(json_object_get(row, about));
    enum err err = format_text(&text, row, "instruction");
    char *both;
    json_t *content;

    *out = NULL;
    if (!err)
        err = before(out, row);
    if (err)
        return err;
    both = more && *more ? mem_print("%s\n%s", text, more) : mem_text(text);
    content = json_string(both);
    json_array_append_new(*out, said("user", content));
    json_decref(content);
    free(both);
    return OK;
}

/* {instruction, input, output}, Dolly's {instruction, context, response}, and pairs
 * {instruction, input, chosen, rejected}. */
enum err format_shapes_alpaca(json_t *out, const json_t *row, const struct format_rule *rule)
{
    static const char *const used[] = {"instruction", "input",    "output",        "context",
                                       "response",    "history",  "system",        "text",
                                       "chosen",      "rejected", "system_prompt", NULL};
    const bool pair = json_object_get(row, "chosen") != NULL;
    const bool dolly = !pair && !json_object_get(row, "output");
    const char *names[2] = {pair    ? "chosen"
                            : dolly ? "response"
                                    : "output",
                            pair ? "rejected" : NULL};
    json_t *prompt = NULL, *made = json_object();
    enum err err = asked(&prompt, row, dolly ? "context" : "input");

    (void)rule;
    if (!err)
        json_object_set(made, "prompt", prompt);
    for (int i = 0; i < 2 && names[i] && !err; i++) {
        const char *text;
        err = format_text(&text, row, names[i]);
        if (!err)
            json_object_set_new(made, pair ? names[i] : "completion",
                                json_pack("[{s:s,s:s}]", "role", "assistant", "content", text));
    }
    if (!err)
        put(out, row, json_incref(made), used);
    json_decref(prompt);
    json_decref(made);
    return err;
}

/* OpenOrca and its kin: {system_prompt, question, response}. */
enum err format_shapes_orca(json_t *out, const json_t *row, const struct format_rule *rule)
{
    static const char *const used[] = {"question", "response", "system", "system_prompt", NULL};
    const char *question, *response;
    json_t *prompt = NULL;
    enum err err = format_text(&question, row, "question");

    (void)rule;
    if (!err)
        err = format_text(&response, row, "response");
    if (!err)
        err = before(&prompt, row);
    if (!err) {
        json_array_append_new(prompt,
                              json_pack("{s:s,s:s}", "role", "user", "content", question));
        put(out, row,
            json_pack("{s:O,s:[{s:s,s:s}]}", "prompt", prompt, "completion", "role",
                      "assistant", "content", response),
            used);
    }
    json_decref(prompt);
    return err;
}

/* A turn {"from", "value"}, or {"role", "content"}, as a message; NULL when it is neither. */
static json_t *turn_of(const json_t *turn)
{
    const char *from = json_string_value(json_object_get(turn, "from"));
    const json_t *value = json_object_get(turn, "value");
    json_t *rest;

    if (!from)
        from = json_string_value(json_object_get(turn, "role"));
    if (!json_is_string(value))
        value = json_object_get(turn, "content");
    if (!from || !json_is_string(value))
        return NULL;
    rest = json_copy((json_t *)(uintptr_t)turn);
    json_object_set_new(rest, "role", json_string(dialogue_role(from)));
    json_object_set(rest, "content", (json_t *)(uintptr_t)value);
    json_object_del(rest, "from");
    json_object_del(rest, "value");
    return rest;
}

/* The dialogue, under either of its names, with the system's words before it unless it has
 * them. Capybara's turns are {"input", "output"}. */
static enum err dialogue(json_t **out, const json_t *row)
{
    const char *name = json_object_get(row, "conversations") ? "conversations" : "conversation";
    const json_t *list = json_object_get(row, name), *system = first_text(row, systems);
    json_t *turn, *made;
    size_t i;

    *out = json_array();
    if (!json_is_array(list) || !json_array_size(list))
        return err_set(ERR_PARSE, "'%s' is missing or not a list of turns", name);
    json_array_foreach((json_t *)(uintptr_t)list, i, turn)
    {
        const json_t *input = json_object_get(turn, "input");
        const json_t *output = json_object_get(turn, "output");
        if (json_is_string(input) && json_is_string(output)) {
            json_array_append_new(*out, said("user", input));
            json_array_append_new(*out, said("assistant", output));
            continue;
        }
        made = turn_of(turn);
        if (!made)
            return err_set(ERR_PARSE, "'%s'[%zu]: expected {\"from\", \"value\"}", name, i);
        json_array_append_new(*out, made);
    }
    made = json_array_get(*out, 0);
    if (system && strcmp(json_string_value(json_object_get(made, "role")), "system") != 0)
        json_array_insert_new(*out, 0, said("system", system));
    return OK;
}

/* {conversations}, and pairs {conversations, chosen: {from, value}, rejected: {from, value}}. */
enum err format_shapes_sharegpt(json_t *out, const json_t *row, const struct format_rule *rule)
{
    static const char *const used[] = {"conversations", "conversation", "chosen", "rejected",
                                       "system_prompt", "system",       NULL};
    static const char *const names[] = {"chosen", "rejected"};
    json_t *list, *made = json_object();
    enum err err = dialogue(&list, row);

    (void)rule;
    if (!err && !json_object_get(row, "chosen")) {
        json_object_set(made, "messages", list);
    } else if (!err) {
        json_object_set(made, "prompt", list);
        for (int i = 0; i < 2 && !err; i++) {
            json_t *answer = turn_of(json_object_get(row, names[i]));
            if (!answer)
                err = err_set(ERR_PARSE, "'%s': expected {\"from\", \"value\"}", names[i]);
            else
                json_object_set_new(made, names[i], json_pack("[o]", answer));
        }
    }
    if (!err)
        put(out, row, json_incref(made), used);
    json_decref(list);
    json_decref(made);
    return err;
}

/* UltraChat as first published: {id, data: [question, answer, question, ...]}. */
enum err format_shapes_ultrachat(json_t *out, const json_t *row, const struct format_rule *rule)
{
    static const char *const used[] = {"data", NULL};
    const json_t *list = json_object_get(row, "data");
    json_t *messages = json_array(), *item;
    size_t i;
    enum err err = OK;

    (void)rule;
    if (!json_is_array(list) || !json_array_size(list))
        err = err_set(ERR_PARSE, "'data' is missing or not a list of turns");
    json_array_foreach((json_t *)(uintptr_t)list, i, item)
    {
        if (!err && !json_is_string(item))
            err = err_set(ERR_PARSE, "'data'[%zu] is not a string", i);
        if (!err)
            json_array_append_new(messages, said(i % 2 ? "assistant" : "user", item));
    }
    if (!err)
        put(out, row, json_pack("{s:O}", "messages", messages), used);
    json_decref(messages);
    return err;
}
