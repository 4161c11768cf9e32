/* Whatever an answer is made of becomes one of three shapes that the page can draw: a text, a list
 * of messages (of which some are calls of tools and their results), a list of steps. What fits none
 * of them is shown as the JSON that it is: nothing is left out because its form was not foreseen.
 *
 * Each part comes twice, as HTML and as it was written: the page's raw view is the text itself. */

#include "annotate/shown.h"

#include "annotate/markdown.h"

#include <stdlib.h>
#include <string.h>

static json_t *part(const char *text, size_t n)
{
    char *html = markdown_html(text, n);
    json_t *out = json_pack("{s:s%, s:s}", "text", text, n, "html", html);

    free(html);
    return out;
}

/* Strings as they are, anything else as JSON; null says nothing. */
static json_t *part_of(const json_t *value)
{
    char *text;
    json_t *out;

    if (json_is_string(value))
        return part(json_string_value(value), json_string_length(value));
    if (!value || json_is_null(value))
        return part("", 0);
    text = json_dumps(value, JSON_ENCODE_ANY | JSON_INDENT(2));
    out = part(text ? text : "", text ? strlen(text) : 0);
    free(text);
    return out;
}

/* A call's arguments are for reading, not for a parser: JSON in a string is laid out. */
static json_t *call(const json_t *tool_call)
{
    const json_t *function = json_object_get(tool_call, "function"), *arguments;
    json_t *read = NULL, *out = json_object();
    char *text;

    if (!json_is_object(function))
        function = tool_call;
    arguments = json_object_get(function, "arguments");
    if (json_is_string(arguments))
        read = json_loads(json_string_value(arguments), JSON_DECODE_ANY, NULL);
    text = read || !json_is_string(arguments)
               ? json_dumps(read ? read : arguments, JSON_ENCODE_ANY | JSON_INDENT(2))
               : NULL;
    json_object_set(out, "name", json_object_get(function, "name"));
    json_object_set_new(
        out, "arguments",
        text ? json_string(text)
             : json_string(json_is_string(arguments) ? json_string_value(arguments) : ""));
    free(text);
    json_decref(read);
    return out;
}

static json_t *message(const json_t *from)
{
    json_t *out = part_of(json_object_get(from, "content"));
    const json_t *calls = json_object_get(from, "tool_calls"), *one;
    const json_t *role = json_object_get(from, "role"), *name = json_object_get(from, "name");
    json_t *list;
    size_t i;

    if (!out)
        out = json_object();
    json_object_set_new(out, "role",
                        json_string(json_is_string(role) ? json_string_value(role) : ""));
    if (json_is_string(name))
        json_object_set_new(out, "name", json_string(json_string_value(name)));
    if (!json_is_array(calls))
        return out;
    list = json_array();
    json_array_foreach(calls, i, one) json_array_append_new(list, call(one));
    json_object_set_new(out, "calls", list);
    return out;
}

/* A list of objects is messages, a list of anything else is steps. */
json_t *shown_content(const json_t *content)
{
    json_t *out, *list = json_array(), *one;
    const bool messages = json_is_object(json_array_get(content, 0));
    size_t i;

    if (json_is_array(content)) {
        json_array_foreach(content, i, one)
            json_array_append_new(list, messages ? message(one) : part_of(one));
        return json_pack("{s:s, s:o}", "kind", messages ? "messages" : "steps", "parts", list);
    }
    out = part_of(content);
    json_array_append_new(list, out);
    return json_pack("{s:s, s:o}", "kind", "text", "parts", list);
}

/* The order is in the places and nowhere else: what the page never had it cannot tell anybody. When it
 * was given and how long it is kept let the page know how often to say that somebody is there.
 */
json_t *shown_assignment(const struct prefs_item *item, const struct prefs_assignment *a)
{
    json_t *places = json_array();

    for (int i = 0; i < a->n; i++)
        json_array_append_new(places, shown_content(item->candidate[a->order[i]].content));
    return json_pack("{s:I, s:s, s:o, s:o, s:I, s:I}", "id", (json_int_t)a->id, "mode",
                     words_mode[item->mode], "prompt",
                     item->prompt ? shown_content(item->prompt) : json_null(), "places", places,
                     "given", (json_int_t)a->given, "expires", (json_int_t)a->expires);
}
