/* How it works: copies that share what they do not change. */
#include "lm/text/chat_message.h"

#include <stdint.h>
#include <string.h>

/* Arguments as an object, where they are the text of one. */
static enum err parsed(json_t *holder, size_t i)
{
    const json_t *given = json_object_get(holder, "arguments");
    json_t *object;

    if (!json_is_string(given))
        return OK;
    object =
        json_loadb(json_string_value(given), json_string_length(given), JSON_ALLOW_NUL, NULL);
    if (!json_is_object(object)) {
        json_decref(object);
        return err_set(ERR_PARSE, "message %zu: a call's arguments are no JSON object", i);
    }
    json_object_set_new(holder, "arguments", object);
    return OK;
}

/* A call {"function": {"name", "arguments"}}, or {"name", "arguments"}. */
static enum err call(json_t **out, const json_t *call, size_t i)
{
    json_t *copy = json_copy((json_t *)(uintptr_t)call), *function;
    enum err err;

    *out = copy;
    if (!json_is_object(copy))
        return OK; /* the template says what is wrong with it */
    function = json_object_get(copy, "function");
    if (!json_is_object(function))
        return parsed(copy, i);
    function = json_copy(function);
    err = parsed(function, i);
    json_object_set_new(copy, "function", function);
    return err;
}

static enum err calls(json_t *message, size_t i)
{
    const json_t *given = json_object_get(message, "tool_calls");
    json_t *list, *one, *item;
    enum err err = OK;
    size_t k;

    if (!json_is_array(given))
        return OK;
    list = json_array();
    json_array_foreach(given, k, item)
    {
        if (!err)
            err = call(&one, item, i);
        else
            one = json_null();
        json_array_append_new(list, one);
    }
    json_object_set_new(message, "tool_calls", list);
    return err;
}

/* transformers: `thinking` before all others, as the reasoning's text unless it has its own, and
 * `reasoning_content` in its place or at the end. */
static json_t *with_reasoning(json_t *message)
{
    static const char *const names[] = {"reasoning_content", "thinking", "reasoning"};
    json_t *found = NULL, *out;

    for (size_t i = 0; i < 3 && !found; i++)
        found = json_object_get(message, names[i]);
    if (!found)
        return message;
    out = json_object();
    json_object_set(out, "thinking", found);
    json_object_update(out, message);
    json_object_set(out, "reasoning_content", found);
    json_decref(message);
    return out;
}

static enum err message(json_t **out, const json_t *given, size_t i)
{
    json_t *copy = json_object(), *value;
    const char *key;
    enum err err = OK;

    *out = NULL;
    json_object_foreach((json_t *)(uintptr_t)given, key, value) if (!json_is_null(value))
        json_object_set(copy, key, value);
    if (!json_is_string(json_object_get(copy, "role")))
        err = err_set(ERR_PARSE, "message %zu: no role", i);
    if (!err)
        err = calls(copy, i);
    if (err)
        json_decref(copy);
    else
        *out = with_reasoning(copy);
    return err;
}

enum err chat_message_list(json_t **out, const json_t *messages)
{
    json_t *list, *item, *one;
    enum err err = OK;
    size_t i;

    *out = NULL;
    if (!json_array_size(messages))
        return err_set(ERR_PARSE, "messages: not a list, or empty");
    list = json_array();
    json_array_foreach(messages, i, item)
    {
        err = message(&one, item, i);
        if (err)
            break;
        json_array_append_new(list, one);
    }
    if (err)
        json_decref(list);
    else
        *out = list;
    return err;
}

bool chat_message_calls(const json_t *messages)
{
    json_t *item;
    size_t i;

    json_array_foreach(messages, i, item) if (json_array_size(json_object_get(
                                                  item, "tool_calls"))) return true;
    return false;
}
