/* A call that cannot be read whole is left as text, all of the answer with it: the client then
 * sees what the model wrote, instead of half of it. Arguments are handed on as text, which is what
 * OpenAI's interface has; the client's own parser reads them as strictly as it likes. */

#include "serve/tool_calls.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define CLOSE "</tool_call>"

enum { CALLS_MAX = 64 };

/* Of bytes, which need not end in a zero. */
static const char *find(const char *text, const char *end, const char *word)
{
    const size_t n = strlen(word);

    for (; (size_t)(end - text) >= n; text++)
        if (!memcmp(text, word, n))
            return text;
    return NULL;
}

static size_t blanks(const char *text, size_t n)
{
    size_t i = 0;

    while (i < n && memchr(" \t\r\n", text[i], 4))
        i++;
    return i;
}

size_t tool_calls_begin(const char *text, size_t n)
{
    const char *open = find(text, text + n, TOOL_CALLS_OPEN);
    const size_t i = blanks(text, n);

    /* An answer that begins with an object may be nothing but a call. */
    if (i < n && text[i] == '{')
        return 0;
    return open ? (size_t)(open - text) : n;
}

static json_t *call_of(const json_t *object, const char *id, size_t number)
{
    const json_t *name = json_object_get(object, "name");
    json_t *arguments = json_object_get(object, "arguments"), *out;
    char *text = NULL;

    if (!arguments)
        arguments = json_object_get(object, "parameters");
    if (!json_is_string(name) ||
        (arguments && !json_is_object(arguments) && !json_is_string(arguments)))
        return NULL;
    if (json_is_object(arguments))
        text = json_dumps(arguments, JSON_COMPACT);
    out =
        json_pack("{s:o,s:s,s:{s:s,s:s}}", "id", json_sprintf("call_%s_%zu", id, number),
                  "type", "function", "function", "name", json_string_value(name), "arguments",
                  text        ? text
                  : arguments ? json_string_value(arguments)
                              : "{}");
    free(text);
    return out;
}

static bool offered(const json_t *tools, const char *name)
{
    const json_t *tool;
    size_t i;

    json_array_foreach(tools, i, tool)
    {
        const json_t *function = json_object_get(tool, "function");
        const char *own =
            json_string_value(json_object_get(function ? function : tool, "name"));

        if (own && name && !strcmp(own, name))
            return true;
    }
    return false;
}

/* All of the text one object, of a tool that was offered. */
static json_t *bare(const char *text, size_t n, const json_t *tools, const char *id)
{
    json_t *object = json_loadb(text, n, 0, NULL), *call = NULL, *list;

    if (offered(tools, json_string_value(json_object_get(object, "name"))))
        call = call_of(object, id, 0);
    json_decref(object);
    if (!call)
        return NULL;
    list = json_array();
    json_array_append_new(list, call);
    return list;
}

json_t *tool_calls_read(const char *text, size_t n, const json_t *tools, const char *id,
                        size_t *before)
{
    const char *const end = text + n, *at = find(text, end, TOOL_CALLS_OPEN);
    json_t *list;

    *before = at ? (size_t)(at - text) : 0;
    if (!at)
        return bare(text, n, tools, id);
    list = json_array();
    while (at && json_array_size(list) < CALLS_MAX) {
        const char *from = at + strlen(TOOL_CALLS_OPEN), *to = find(from, end, CLOSE);
        /* An end token may stand where the last call's closing mark would. */
        json_t *object = json_loadb(from, (size_t)((to ? to : end) - from), 0, NULL);
        json_t *call = call_of(object, id, json_array_size(list));

        json_decref(object);
        if (!call) {
            json_decref(list);
            return NULL;
        }
        json_array_append_new(list, call);
        at = to ? find(to, end, TOOL_CALLS_OPEN) : NULL;
    }
    return list;
}
