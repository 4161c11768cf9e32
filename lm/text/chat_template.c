/* How it works: the texts that people ask for by a family's name, and that our own model
 * folders got. tests/golden/chat.py renders each with transformers; a change here needs its
 * hash in chat_known.c, or it would lose its name. */

#include "lm/text/chat_template.h"

#include <string.h>

enum { CHATML, SMOLLM2, QWEN2, QWEN25, LLAMA3, LLAMA31, LLAMA32, TEXTS };

static const char *const names[TEXTS] = {"chatml", "smollm2",  "qwen2",   "qwen2.5",
                                         "llama3", "llama3.1", "llama3.2"};

#include "lm/text/chat_template.inc"

const char *chat_template(const char *name)
{
    for (int i = 0; i < TEXTS; i++)
        if (!strcmp(name, names[i]))
            return templates[i];
    return NULL;
}
