/* How it works: ChatML with a system turn always, tools listed in it as JSON lines, calls as
 * <tool_call> blocks and their answers gathered into user turns. A span of the assistant begins
 * before the line break behind its header, as in TRL's training template of Qwen2.5. */

#include "lm/text/chat_parts.h"

#include <string.h>

/* The first turn: the system's words, or the usual ones, and the tools. */
static enum err system_turn(struct chat_text *out, const json_t *messages, const json_t *tools,
                            const char *initial)
{
    const char *content = initial;
    size_t i, n = strlen(initial);
    json_t *tool;
    enum err err = OK;

    if (chat_parts_is(messages, 0, "system"))
        err = chat_parts_content(json_array_get(messages, 0), 0, false, &content, &n);
    if (err)
        return err;
    chat_parts_word(out, "<|im_start|>system\n");
    chat_parts_put(out, content, n);
    if (json_array_size(tools)) {
        chat_parts_word(out, "\n\n# Tools\n\nYou may call one or more functions to assist with "
                             "the user query.\n\nYou are provided with function signatures "
                             "within <tools></tools> XML tags:\n<tools>");
        json_array_foreach(tools, i, tool)
        {
            chat_parts_word(out, "\n");
            err = chat_parts_json(out, tool, 0);
            if (err)
                return err;
        }
        chat_parts_word(
            out, "\n</tools>\n\nFor each function call, return a json object with function "
                 "name and arguments within <tool_call></tool_call> XML tags:\n<tool_call>\n"
                 "{\"name\": <function-name>, \"arguments\": <args-json-object>}\n"
                 "</tool_call>");
    }
    chat_parts_word(out, "<|im_end|>\n");
    return OK;
}

/* Answers that follow one another share one user turn, so the neighbours decide what is written
 * around. */
static enum err tool_turn(struct chat_text *out, const json_t *messages, size_t i)
{
    const char *content;
    size_t n;
    const enum err err =
        chat_parts_content(json_array_get(messages, i), i, false, &content, &n);

    if (err)
        return err;
    if (i == 0 || !chat_parts_is(messages, i - 1, "tool"))
        chat_parts_word(out, "<|im_start|>user");
    chat_parts_word(out, "\n<tool_response>\n");
    chat_parts_put(out, content, n);
    chat_parts_word(out, "\n</tool_response>");
    if (!chat_parts_is(messages, i + 1, "tool"))
        chat_parts_word(out, "<|im_end|>\n");
    return OK;
}

/* An assistant's turn with calls. */
static enum err call_turn(struct chat_text *out, const json_t *message, size_t i,
                          const json_t *calls)
{
    const char *content, *name;
    const json_t *function;
    json_t *call;
    size_t n, k;
    enum err err = chat_parts_content(message, i, true, &content, &n);

    if (err)
        return err;
    chat_parts_word(out, "<|im_start|>assistant");
    /* Before the line break: TRL's training template has the model learn that, too. */
    chat_parts_open(out);
    chat_parts_word(out, "\n");
    chat_parts_put(out, content, n);
    json_array_foreach(calls, k, call)
    {
        err = chat_parts_function(call, i, &function, &name);
        if (err)
            return err;
        chat_parts_word(out,
                        n || k ? "\n<tool_call>\n{\"name\": \"" : "<tool_call>\n{\"name\": \"");
        chat_parts_word(out, name);
        chat_parts_word(out, "\", \"arguments\": ");
        err = chat_parts_arguments(out, json_object_get(function, "arguments"));
        if (err)
            return err;
        chat_parts_word(out, "}\n</tool_call>");
    }
    chat_parts_word(out, "<|im_end|>\n");
    chat_parts_close(out);
    return OK;
}

static enum err plain_turn(struct chat_text *out, const json_t *message, size_t i,
                           const char *role)
{
    const char *content;
    size_t n;
    const enum err err = chat_parts_content(message, i, false, &content, &n);

    if (err)
        return err;
    chat_parts_word(out, "<|im_start|>");
    chat_parts_word(out, role);
    chat_parts_open(out);
    chat_parts_word(out, "\n");
    chat_parts_put(out, content, n);
    chat_parts_word(out, "<|im_end|>\n");
    if (!strcmp(role, "assistant"))
        chat_parts_close(out);
    return OK;
}

/* A role that the template would pass over in silence is refused here. */
static enum err turn(struct chat_text *out, const json_t *messages, size_t i)
{
    const json_t *message = json_array_get(messages, i);
    const json_t *calls = chat_parts_calls(message);
    const char *role;
    const enum err err = chat_parts_role(message, i, &role);

    if (err)
        return err;
    if (!strcmp(role, "system") && i == 0)
        return OK; /* system_turn wrote it */
    if (!strcmp(role, "tool"))
        return tool_turn(out, messages, i);
    if (!strcmp(role, "assistant") && calls)
        return call_turn(out, message, i, calls);
    if (strcmp(role, "user") && strcmp(role, "system") && strcmp(role, "assistant"))
        return err_set(ERR_RANGE,
                       "message %zu: role \"%.32s\" is not known (system, user, assistant and "
                       "tool are)",
                       i, role);
    return plain_turn(out, message, i, role);
}

enum err chat_qwen_render(struct chat_text *out, const json_t *messages, const json_t *tools,
                          bool generation, const char *initial)
{
    enum err err = system_turn(out, messages, tools, initial);

    for (size_t i = 0; i < json_array_size(messages) && !err; i++)
        err = turn(out, messages, i);
    if (!err && generation)
        chat_parts_word(out, "<|im_start|>assistant\n");
    return err;
}
