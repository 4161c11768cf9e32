/* fuzz_chat: {"messages", "tools", "template"} as JSON, through every family. */

#include "lm/text/chat.h"

#include <assert.h>
#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    json_t *root = json_loadb((const char *)bytes, n, JSON_ALLOW_NUL, NULL);
    enum chat detected;

    if (chat_detect(&detected, json_string_value(json_object_get(root, "template"))))
        assert(detected == CHAT_NONE);
    for (int chat = CHAT_CHATML; chat < CHATS; chat++) {
        size_t length, *span, spans;
        char *text;

        if (chat_render((enum chat)chat, json_object_get(root, "messages"),
                        json_object_get(root, "tools"), NULL, true, &text, &length, &span,
                        &spans))
            continue;
        for (size_t i = 0; i < 2 * spans; i++)
            assert(span[i] <= length && (!i || span[i] >= span[i - 1]));
        free(text);
        free(span);
    }
    json_decref(root);
    return 0;
}
