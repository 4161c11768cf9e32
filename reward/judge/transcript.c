/* Judges are asked in plain text, whatever form a record has: a role becomes a name before a
 * colon, turns become paragraphs, calls the JSON that they are. One message alone is the text
 * of whoever it is about, without a name: an answer is what was said, and the template around
 * it says whose it was. */

#include "reward/judge/transcript.h"

#include "base/mem.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

/* One message's content, with its tool calls; NULL when it has neither. Keys are sorted, so the
 * same calls are the same text, and the judge's answer the same. */
static char *content_of(const json_t *message)
{
    const char *content = json_string_value(json_object_get(message, "content"));
    const json_t *calls = json_object_get(message, "tool_calls");
    char *json, *text;

    if (!content && !calls)
        return NULL;
    if (!calls)
        return mem_text(content);
    json = json_dumps(calls, JSON_COMPACT | JSON_SORT_KEYS);
    text = mem_print("%s%s%s", content ? content : "", content && *content ? "\n" : "", json);
    free(json);
    return text;
}

static char *append(char *text, const char *role, const char *content)
{
    char *longer = mem_print("%s%s%c%s: %s", text, *text ? "\n\n" : "",
                             toupper((unsigned char)*role), role + 1, content);

    free(text);
    return longer;
}

char *transcript_of(const json_t *value)
{
    char *text;
    const json_t *message;
    size_t i;

    if (json_is_string(value))
        return mem_text(json_string_value(value));
    if (!json_is_array(value) || !json_array_size(value))
        return NULL;
    if (json_array_size(value) == 1)
        return content_of(json_array_get(value, 0));
    text = mem_text("");
    json_array_foreach((json_t *)(uintptr_t)value, i, message)
    {
        const char *role = json_string_value(json_object_get(message, "role"));
        char *content = content_of(message);
        if (!role || !*role || !content) {
            free(content);
            free(text);
            return NULL;
        }
        text = append(text, role, content);
        free(content);
    }
    return text;
}
