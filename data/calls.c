/* How it works: two notations of what an agent did meet here. A list of messages has OpenAI's
 * tool_calls (arguments an object, or the text of one); the compact form is a list of {"tool",
 * "args"} with perhaps a thought and a result. calls_expand turns the second into the first,
 * once, where records are read; behind that nobody else knows the compact form.
 *
 * calls_same compares what a model called with what the benchmark's authors would accept: each
 * argument has a list of right values, "" among them says that it may be left out. */
#include "data/calls.h"

#include <stdint.h>
#include <stdlib.h>

bool calls_compact(const json_t *value)
{
    const json_t *first = json_array_get(value, 0);

    return json_is_string(json_object_get(first, "tool")) && !json_object_get(first, "role");
}

/* What the agent did as a turn of the assistant; what it thought before is its content. */
static json_t *call_message(const json_t *item)
{
    json_t *args = json_object_get(item, "args");
    const json_t *thought = json_object_get(item, "thought");
    json_t *call = json_pack("{s:s,s:{s:O,s:o}}", "type", "function", "function", "name",
                             json_object_get(item, "tool"), "arguments",
                             args && !json_is_null(args) ? json_incref(args) : json_object());

    return json_pack("{s:s,s:s,s:[o]}", "role", "assistant", "content",
                     json_is_string(thought) ? json_string_value(thought) : "", "tool_calls",
                     call);
}

/* A tool's words: a string as it is, anything else as JSON. */
static json_t *result_message(const json_t *result)
{
    char *text =
        json_is_string(result) ? NULL : json_dumps(result, JSON_ENCODE_ANY | JSON_COMPACT);
    json_t *message = json_pack("{s:s,s:s}", "role", "tool", "content",
                                text ? text : json_string_value(result));

    free(text);
    return message;
}

/* All items are checked before the first is turned: a list becomes messages whole or not. */
static enum err check_item(const json_t *item, size_t i)
{
    const json_t *args = json_object_get(item, "args");

    if (!json_is_object(item) || !json_is_string(json_object_get(item, "tool")))
        return err_set(ERR_PARSE, "[%zu]: expected {\"tool\": name, \"args\": {...}}", i);
    if (args && !json_is_null(args) && !json_is_object(args))
        return err_set(ERR_PARSE, "[%zu]: 'args' is not an object {...}", i);
    return OK;
}

enum err calls_expand(json_t **out, const json_t *compact)
{
    json_t *messages;
    size_t i;
    json_t *item;

    *out = NULL;
    if (json_array_size(compact) > CALLS_MAX)
        return err_set(ERR_RANGE, "%zu tool calls, at most %d", json_array_size(compact),
                       CALLS_MAX);
    json_array_foreach(compact, i, item)
    {
        const enum err err = check_item(item, i);
        if (err)
            return err;
    }
    messages = json_array();
    json_array_foreach(compact, i, item)
    {
        const json_t *result = json_object_get(item, "result");
        json_array_append_new(messages, call_message(item));
        if (result && !json_is_null(result))
            json_array_append_new(messages, result_message(result));
    }
    *out = messages;
    return OK;
}

/* The arguments of a call as an object: a new reference, or NULL with the reason in *why. */
static json_t *arguments_of(const json_t *function, json_error_t *why)
{
    json_t *value = json_object_get(function, "arguments"), *parsed;

    why->text[0] = 0;
    if (!value || json_is_null(value))
        return json_object();
    if (json_is_object(value))
        return json_incref(value);
    if (!json_is_string(value))
        return NULL;
    if (!json_string_length(value))
        return json_object();
    /* A model's own words, perhaps: a key twice would mean one thing here and another
     * elsewhere. */
    parsed = json_loads(json_string_value(value), JSON_REJECT_DUPLICATES, why);
    if (parsed && !json_is_object(parsed)) {
        json_decref(parsed);
        parsed = NULL;
    }
    return parsed;
}

/* OpenAI nests the call under "function"; others do without. */
static const json_t *function_of(const json_t *call)
{
    const json_t *function = json_object_get(call, "function");

    return function ? function : call;
}

enum err calls_check(const json_t *message, const char *field, size_t at)
{
    const json_t *calls = json_object_get(message, "tool_calls");
    size_t i;
    json_t *call;

    if (!calls || json_is_null(calls))
        return OK;
    if (!json_is_array(calls))
        return err_set(ERR_PARSE, "%s[%zu]: 'tool_calls' is not a list", field, at);
    json_array_foreach(calls, i, call)
    {
        const json_t *function = function_of(call);
        json_error_t why;
        json_t *arguments;

        if (!json_is_string(json_object_get(function, "name")))
            return err_set(ERR_PARSE, "%s[%zu]: tool_calls[%zu]: no name", field, at, i);
        arguments = arguments_of(function, &why);
        if (!arguments)
            return err_set(ERR_PARSE, "%s[%zu]: tool_calls[%zu] (%.60s): arguments: %s%s",
                           field, at, i, json_string_value(json_object_get(function, "name")),
                           why.text[0] ? "not JSON: " : "not an object {...}", why.text);
        json_decref(arguments);
    }
    return OK;
}

/* All calls of a dialogue in their order, whoever wrote which turn. */
json_t *calls_made(const json_t *messages)
{
    json_t *made = json_array(), *message, *call;
    size_t i, k;

    json_array_foreach(messages, i, message)
    {
        json_array_foreach(json_object_get(message, "tool_calls"), k, call)
        {
            const json_t *function = function_of(call);
            json_t *name = json_object_get(function, "name");
            json_error_t why;
            json_t *arguments = arguments_of(function, &why);
            if (json_is_string(name) && arguments)
                json_array_append_new(made,
                                      json_pack("{s:O,s:O}", "tool", name, "args", arguments));
            json_decref(arguments);
        }
    }
    return made;
}

/* Equal, whole numbers and reals alike. */
static bool equal(const json_t *a, const json_t *b)
{
    if (json_is_number(a) && json_is_number(b))
        return !(json_number_value(a) < json_number_value(b)) &&
               !(json_number_value(a) > json_number_value(b));
    return json_equal(a, b);
}

/* An empty text among the right values is how the benchmark says "optional". */
static bool may_be_left_out(const json_t *list)
{
    size_t i;
    json_t *item;

    json_array_foreach(list, i,
                       item) if (json_is_string(item) && !json_string_length(item)) return true;
    return false;
}

static bool object_among(const json_t *value, const json_t *any);

/* Is `value` one of the list's? An object in the list may give its members as lists in turn. */
static bool among(const json_t *value, const json_t *list)
{
    size_t i;
    json_t *item;

    json_array_foreach(list, i,
                       item) if (equal(value, item) || object_among(value, item)) return true;
    return false;
}

/* An object is right if each member is one of those listed for it, and none is missing that
 * may not be left out. */
static bool object_among(const json_t *value, const json_t *any)
{
    const char *name;
    json_t *member;

    if (!json_is_object(value) || !json_is_object(any))
        return false;
    json_object_foreach((json_t *)(uintptr_t)value, name,
                        member) if (!among(member, json_object_get(any, name))) return false;
    json_object_foreach((json_t *)(uintptr_t)any, name,
                        member) if (!json_object_get(value, name) &&
                                    !may_be_left_out(member)) return false;
    return true;
}

/* Every argument that was made is right, and none is missing that must be there. */
static bool same_members(const json_t *made, const json_t *gold)
{
    const char *name;
    json_t *value;

    if (json_object_size(made) != json_object_size(gold))
        return false;
    json_object_foreach((json_t *)(uintptr_t)made, name,
                        value) if (!equal(value, json_object_get(gold, name))) return false;
    return true;
}

/* The name exactly; arguments by what is acceptable for each. */
static bool same_call(const json_t *made, const json_t *gold)
{
    const json_t *any = json_object_get(gold, "any"), *args = json_object_get(made, "args");

    if (!json_equal(json_object_get(made, "tool"), json_object_get(gold, "tool")))
        return false;
    return any ? object_among(args, any) : same_members(args, json_object_get(gold, "args"));
}

bool calls_same(const json_t *made, const json_t *gold)
{
    const size_t n = json_array_size(gold);

    if (json_array_size(made) != n)
        return false;
    for (size_t i = 0; i < n; i++)
        if (!same_call(json_array_get(made, i), json_array_get(gold, i)))
            return false;
    return true;
}

/* Every list of acceptable values by its first. */
static json_t *first_values(const json_t *any)
{
    json_t *out = json_object(), *value;
    const char *name;

    json_object_foreach((json_t *)(uintptr_t)any, name, value)
    {
        json_t *first = json_array_get(value, 0);
        if (json_is_object(first))
            json_object_set_new(out, name, first_values(first));
        else if (first && !(json_is_string(first) && !json_string_length(first)))
            json_object_set(out, name, first);
    }
    return out;
}

json_t *calls_first(const json_t *gold)
{
    const json_t *any = json_object_get(gold, "any");
    json_t *args = any ? first_values(any) : json_object();

    if (!any)
        json_object_update(args, json_object_get(gold, "args"));
    return json_pack("{s:O,s:o}", "tool", json_object_get(gold, "tool"), "args", args);
}
