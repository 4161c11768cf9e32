/* fuzz_chat: {"messages", "tools", "template"} as JSON: the template given, and one of ours. */

#include "lm/text/chat.h"

#include <assert.h>
#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

static void through(const struct chat *chat, const json_t *root)
{
    const json_t *messages = json_object_get(root, "messages");
    const json_t *tools = json_object_get(root, "tools");
    size_t length, *span, spans;
    char *text;

    if (chat_render(chat, messages, tools, NULL, true, &text, &length)) {
        assert(!text);
        return;
    }
    free(text);
    if (chat_render(chat, messages, tools, NULL, false, &text, &length))
        return;
    if (!chat_spans(chat, messages, tools, NULL, &span, &spans)) {
        for (size_t i = 0; i < spans; i++)
            assert(span[2 * i] <= span[2 * i + 1]);
        free(span);
    }
    free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    static const char *const names[] = {"chatml", "smollm2", "qwen2.5", "llama3", "llama3.2"};
    json_t *root = json_loadb((const char *)bytes, n, JSON_ALLOW_NUL, NULL);
    struct chat *chat = NULL;

    if (chat_open(&chat, json_string_value(json_object_get(root, "template")), NULL))
        assert(!chat);
    through(chat, root);
    chat_free(chat);
    if (n && !chat_named(&chat, names[bytes[n / 2] % 5], NULL)) {
        through(chat, root);
        chat_free(chat);
    }
    json_decref(root);
    return 0;
}
