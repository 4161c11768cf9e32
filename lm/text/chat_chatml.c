/* How it works: <|im_start|>ROLE, a line break, the content, <|im_end|> and a line break, turn by
 * turn. ChatML itself, SmolLM2 and Qwen2 differ only in the system turn that a conversation
 * without one gets. Their templates would drop tools and calls without a word, so those are
 * refused. */

#include "lm/text/chat_parts.h"

#include <string.h>

enum err chat_chatml_render(struct chat_text *out, const json_t *messages, const json_t *tools,
                            bool generation, const char *initial)
{
    enum err err = OK;
    size_t i, n;
    json_t *message;

    if (json_array_size(tools))
        return err_set(ERR_RANGE,
                       "this chat template has no place for tools (drover data convert "
                       "calls=text writes them as text)");
    if (initial && !chat_parts_is(messages, 0, "system")) {
        chat_parts_word(out, "<|im_start|>system\n");
        chat_parts_word(out, initial);
        chat_parts_word(out, "<|im_end|>\n");
    }
    json_array_foreach(messages, i, message)
    {
        const char *role, *content;

        err = chat_parts_role(message, i, &role);
        if (!err)
            err = chat_parts_content(message, i, false, &content, &n);
        if (!err && chat_parts_calls(message))
            err = err_set(ERR_RANGE,
                          "this chat template has no place for tool_calls (drover data convert "
                          "calls=text writes them as text)");
        if (err)
            return err;
        chat_parts_word(out, "<|im_start|>");
        chat_parts_word(out, role);
        chat_parts_word(out, "\n");
        chat_parts_open(out);
        chat_parts_put(out, content, n);
        chat_parts_word(out, "<|im_end|>");
        chat_parts_word(out, "\n");
        if (!strcmp(role, "assistant"))
            chat_parts_close(out);
    }
    if (generation)
        chat_parts_word(out, "<|im_start|>assistant\n");
    return OK;
}
