/* What the methods ask of a record that its columns do not show, and which of its columns an
 * example of its kind does not hold.
 *
 * How it works: the kind's row (record_kind.c) says what is read; here stand the exceptions.
 * Called by whoever makes examples (corpus, prompts, lint), right behind example_read: what is
 * found here is found before anything is trained, and lint finds the same. */
#include "base/strbuf.h"
#include "data/dialogue.h"
#include "data/example.h"

#include <stdint.h>
#include <string.h>

/* A call is something said, even without words. */
static enum err filled(const json_t *answer, const char *field)
{
    size_t i;
    json_t *message;
    bool said = json_is_string(answer) && json_string_length(answer);

    if (json_is_array(answer))
        json_array_foreach((json_t *)(uintptr_t)answer, i, message)
        {
            const char *text = json_string_value(json_object_get(message, "content"));
            said = said || (text && *text) || json_object_get(message, "tool_calls");
        }
    return said ? OK
                : err_set(ERR_PARSE, "'%s' is empty; strict=false leaves such records out",
                          field);
}

/* Equal answers have a slope of zero everywhere: they would only cost time. */
static enum err differ(const json_t *chosen, const json_t *rejected)
{
    if (!json_equal(chosen, rejected))
        return OK;
    return err_set(ERR_PARSE, "'chosen' and 'rejected' are the same: nothing is preferred; "
                              "strict=false leaves such records out");
}

enum err example_check_filled(const struct example *e)
{
    enum err err;

    if (e->kind == KIND_COMPLETION || e->kind == KIND_UNPAIRED)
        return filled(e->completion, "completion");
    if (!record_kind_form(e->kind)->pair)
        return OK;
    err = differ(e->chosen, e->rejected);
    if (!err)
        err = filled(e->chosen, "chosen");
    return err ? err : filled(e->rejected, "rejected");
}

enum err example_check_settle(struct example *e)
{
    /* A prompt that the record brought is believed, also where the answers share more
     * than it. */
    const bool given = e->prompt != NULL;
    enum err err = OK;

    if (!record_kind_form(e->kind)->pair)
        return example_check_filled(e);
    err = differ(e->chosen, e->rejected);
    if (!err && !given)
        err = dialogue_split(&e->prompt, &e->chosen, &e->rejected);
    if (!err && !given && !json_array_size(e->prompt) && !json_string_length(e->prompt))
        err = err_set(ERR_PARSE, "no prompt: 'chosen' and 'rejected' begin differently");
    else if (!err && json_is_array(e->prompt) && !json_array_size(e->prompt))
        err = err_set(ERR_PARSE, "'prompt' is a list without a message");
    if (!err)
        e->kind = KIND_PREFERENCE;
    return err ? err : example_check_filled(e);
}

static void name(json_t *names, const char *column)
{
    json_object_set_new(names, column,
                        json_integer(json_integer_value(json_object_get(names, column)) + 1));
}

void example_check_unread(json_t *names, const json_t *row, const char *const *read)
{
    const char *column;
    json_t *value;

    json_object_foreach((json_t *)(uintptr_t)row, column, value)
    {
        int i = 0;
        while (read[i] && strcmp(read[i], column))
            i++;
        if (!read[i] && !json_is_null(value))
            name(names, column);
    }
}

/* Does one of the messages say the text? Then a note beside them says nothing new. */
static bool says(const json_t *messages, const char *text)
{
    size_t i;
    json_t *message;

    json_array_foreach((json_t *)(uintptr_t)messages, i, message)
    {
        const char *words = json_string_value(json_object_get(message, "content"));
        if (words && !strcmp(words, text))
            return true;
    }
    return false;
}

void example_check_unused(json_t *names, const struct example *e, const json_t *row,
                          const struct example_rule *rule)
{
    const char *note = json_string_value(json_object_get(row, "prompt"));
    const char *read[11] = {NULL};
    int n = 0;

    for (const char *const *column = record_kind_form(e->kind)->read; *column; column++)
        read[n++] = *column;
    if (e->kind == KIND_TEXT)
        read[0] = rule->text_field;
    if (e->kind == KIND_MESSAGES && !json_is_array(json_object_get(row, "messages")))
        read[0] = "conversations";
    if (e->kind == KIND_COMPLETION && rule->hh) {
        read[0] = "chosen", read[1] = NULL;
        n = 1;
    }
    /* a note beside whole dialogues is read if it says nothing that they do not say, too */
    if (note && e->kind == KIND_MESSAGES && says(e->text, note))
        read[n++] = "prompt";
    if (note && e->kind == KIND_IMPLICIT && says(e->chosen, note))
        read[n++] = "prompt";
    if (e->kwargs)
        read[n] = "chat_template_kwargs";
    example_check_unread(names, row, read);
}

char *example_check_names(const json_t *names)
{
    struct strbuf list = {0};
    const char *column;
    json_t *count;
    int i = 0;

    strbuf_put(&list, "", 0);
    json_object_foreach((json_t *)(uintptr_t)names, column, count)
    {
        if (i < 20)
            strbuf_print(&list, "%s%s", i ? ", " : "", column);
        if (i++ == 20)
            strbuf_print(&list, ", ...");
    }
    return list.text;
}
