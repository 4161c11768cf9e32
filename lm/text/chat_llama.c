/* How it works: <|start_header_id|>ROLE<|end_header_id|>, two line breaks, the trimmed content,
 * <|eot_id|>. Llama 3 has no more than that (chat_llama_render); 3.1 and 3.2 always begin with a
 * system turn that says the date, put tools in front of the first user's words and take one call
 * a turn (chat_llama_dated). The sentences are Meta's template's own, letter by letter: the space
 * that is missing before "Do not use variables" is missing there too. */

#include "lm/text/chat_parts.h"

#include <string.h>

static void header(struct chat_text *out, const char *role)
{
    chat_parts_word(out, "<|start_header_id|>");
    chat_parts_word(out, role);
    chat_parts_word(out, "<|end_header_id|>\n\n");
}

/* Opened for every role, closed for the assistant alone: see chat_parts.c. */
static enum err plain_turn(struct chat_text *out, const json_t *message, size_t i)
{
    const char *role, *content;
    size_t n;
    enum err err = chat_parts_role(message, i, &role);

    if (!err)
        err = chat_parts_content(message, i, false, &content, &n);
    if (err)
        return err;
    chat_parts_trim(&content, &n);
    header(out, role);
    chat_parts_open(out);
    chat_parts_put(out, content, n);
    chat_parts_word(out, "<|eot_id|>");
    if (!strcmp(role, "assistant"))
        chat_parts_close(out);
    return OK;
}

enum err chat_llama_render(struct chat_text *out, const json_t *messages, const json_t *tools,
                           bool generation, const char *initial)
{
    enum err err = OK;
    size_t i;
    json_t *message;

    (void)initial; /* Llama 3 has no system turn of its own */
    if (json_array_size(tools))
        return err_set(ERR_RANGE,
                       "this chat template has no place for tools (drover data convert "
                       "calls=text writes them as text)");
    chat_parts_word(out, "<|begin_of_text|>");
    json_array_foreach(messages, i, message)
    {
        err =
            chat_parts_calls(message)
                ? err_set(ERR_RANGE,
                          "this chat template has no place for tool_calls (drover data convert "
                          "calls=text writes them as text)")
                : plain_turn(out, message, i);
        if (err)
            return err;
    }
    if (generation)
        header(out, "assistant");
    return OK;
}

/* One call a turn. */
static enum err call_turn(struct chat_text *out, const json_t *calls, size_t i)
{
    const json_t *function;
    const char *name;
    enum err err = OK;

    /* The template itself raises an exception here. */
    if (json_array_size(calls) != 1)
        return err_set(ERR_RANGE, "message %zu: this chat template has one tool call a turn",
                       i);
    err = chat_parts_function(json_array_get(calls, 0), i, &function, &name);
    if (err)
        return err;
    header(out, "assistant");
    chat_parts_open(out);
    chat_parts_word(out, "{\"name\": \"");
    chat_parts_word(out, name);
    chat_parts_word(out, "\", \"parameters\": ");
    err = chat_parts_arguments(out, json_object_get(function, "arguments"));
    if (err)
        return err;
    chat_parts_word(out, "}<|eot_id|>");
    chat_parts_close(out);
    return OK;
}

/* The first turn that is not the system's, behind the tools. */
static enum err tools_turn(struct chat_text *out, const json_t *messages, size_t i,
                           const json_t *tools)
{
    const char *content;
    size_t n, k;
    json_t *tool;
    enum err err;

    if (i >= json_array_size(messages))
        return err_set(ERR_PARSE, "tools without a first user message");
    err = chat_parts_content(json_array_get(messages, i), i, false, &content, &n);
    if (err)
        return err;
    header(out, "user");
    chat_parts_word(
        out, "Given the following functions, please respond with a JSON for a function call "
             "with its proper arguments that best answers the given prompt.\n\nRespond in the "
             "format {\"name\": function name, \"parameters\": dictionary of argument name and "
             "its value}.Do not use variables.\n\n");
    json_array_foreach(tools, k, tool)
    {
        err = chat_parts_json(out, tool, 4);
        if (err)
            return err;
        chat_parts_word(out, "\n\n");
    }
    chat_parts_trim(&content, &n);
    chat_parts_put(out, content, n);
    chat_parts_word(out, "<|eot_id|>");
    return OK;
}

/* Calls first, then answers of tools (which are printed as JSON, strings with their quotes),
 * then plain turns. */
static enum err dated_turn(struct chat_text *out, const json_t *messages, size_t i)
{
    const json_t *message = json_array_get(messages, i);
    const json_t *calls = chat_parts_calls(message);
    enum err err;

    if (calls)
        return call_turn(out, calls, i);
    if (!chat_parts_is(messages, i, "tool") && !chat_parts_is(messages, i, "ipython"))
        return plain_turn(out, message, i);
    header(out, "ipython");
    err = json_object_get(message, "content")
              ? chat_parts_json(out, json_object_get(message, "content"), 0)
              : err_set(ERR_PARSE, "message %zu: no content", i);
    chat_parts_word(out, "<|eot_id|>");
    return err;
}

enum err chat_llama_dated(struct chat_text *out, const json_t *messages, const json_t *tools,
                          bool generation, const char *date)
{
    /* The first turn alone is the system's; a later one is written as any other
     * (dated_turn). */
    const bool system = chat_parts_is(messages, 0, "system");
    const char *content = "";
    size_t n = 0, i = system ? 1 : 0;
    enum err err = OK;

    if (system)
        err = chat_parts_content(json_array_get(messages, 0), 0, false, &content, &n);
    if (err)
        return err;
    chat_parts_trim(&content, &n);
    chat_parts_word(out, "<|begin_of_text|>");
    header(out, "system");
    /* An empty list counts, as in the template, which asks whether tools are none. */
    if (json_is_array(tools))
        chat_parts_word(out, "Environment: ipython\n");
    chat_parts_word(out, "Cutting Knowledge Date: December 2023\nToday Date: ");
    chat_parts_word(out, date);
    chat_parts_word(out, "\n\n");
    chat_parts_put(out, content, n);
    chat_parts_word(out, "<|eot_id|>");
    if (json_is_array(tools))
        err = tools_turn(out, messages, i++, tools);
    for (; i < json_array_size(messages) && !err; i++)
        err = dated_turn(out, messages, i);
    if (!err && generation)
        header(out, "assistant");
    return err;
}
