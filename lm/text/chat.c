#include "lm/text/chat_parts.h"

#include <stdlib.h>
#include <string.h>

#define SMOLLM2 "You are a helpful AI assistant named SmolLM, trained by Hugging Face"
#define QWEN25 "You are Qwen, created by Alibaba Cloud. You are a helpful assistant."
#define QWEN2 "You are a helpful assistant."
#define DATE "26 Jul 2024" /* Llama 3.1's own, where no other is given */

typedef enum err chat_renderer(struct chat_text *out, const json_t *messages,
                               const json_t *tools, bool generation, const char *initial);

/* A template is of the family if it has all of `has` and none of `lacks`: words that stand for
 * what our renderer would not do. */
struct family {
    const char *name, *end, *tail, *initial;
    chat_renderer *render;
    const char *has[4], *lacks[12];
};

static const struct family families[CHATS] = {
    [CHAT_NONE] = {.name = "none", .tail = ""},
    [CHAT_CHATML] = {.name = "chatml",
                     .end = "<|im_end|>",
                     .tail = "\n",
                     .render = chat_chatml_render,
                     .has = {"<|im_start|>", "<|im_end|>", "content"},
                     .lacks = {"<|im_start|>system", "<|im_sep|>", "tool", "think", "trim",
                               "strip", "raise_exception", "bos_token", "eos_token", "image"}},
    [CHAT_SMOLLM2] = {.name = "smollm2",
                      .end = "<|im_end|>",
                      .tail = "\n",
                      .initial = SMOLLM2,
                      .render = chat_chatml_render,
                      .has = {"<|im_start|>", "system\n" SMOLLM2 "<|im_end|>"},
                      .lacks = {"tool", "think", "trim", "strip", "raise_exception"}},
    [CHAT_QWEN2] = {.name = "qwen2",
                    .end = "<|im_end|>",
                    .tail = "\n",
                    .initial = QWEN2,
                    .render = chat_chatml_render,
                    .has = {"<|im_start|>", "system\n" QWEN2 "<|im_end|>"},
                    .lacks = {"tool", "think", "trim", "strip", "raise_exception", "image"}},
    [CHAT_QWEN25] = {.name = "qwen2.5",
                     .end = "<|im_end|>",
                     .tail = "\n",
                     .initial = QWEN25,
                     .render = chat_qwen_render,
                     .has = {"<|im_start|>", QWEN25, "<tool_response>", "# Tools"},
                     .lacks = {"think", "trim", "strip", "image", "raise_exception"}},
    [CHAT_LLAMA3] = {.name = "llama3",
                     .end = "<|eot_id|>",
                     .tail = "",
                     .render = chat_llama_render,
                     .has = {"<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>", "trim"},
                     .lacks = {"tool", "think", "Cutting Knowledge", "raise_exception",
                               "<|start_header_id|>system", "image"}},
    [CHAT_LLAMA31] = {.name = "llama3.1",
                      .end = "<|eot_id|>",
                      .tail = "",
                      .initial = DATE,
                      .render = chat_llama_dated,
                      .has = {"<|start_header_id|>", "Cutting Knowledge Date: December 2023",
                              "Today Date: ", "<|eot_id|>"},
                      .lacks = {"think", "image"}},
};

/* Is `word` in `text`? A newline in a template may be written \n. */
static bool holds(const char *text, const char *word)
{
    const char *newline = strchr(word, '\n');
    char other[160];
    size_t head;

    if (strstr(text, word))
        return true;
    if (!newline || strlen(word) + 2 > sizeof other)
        return false;
    head = (size_t)(newline - word);
    memcpy(other, word, head);
    memcpy(other + head, "\\n", 2);
    memcpy(other + head + 2, newline + 1, strlen(newline + 1) + 1);
    return strstr(text, other) != NULL;
}

static bool fits(const struct family *family, const char *text)
{
    for (size_t i = 0; i < sizeof family->has / sizeof *family->has; i++)
        if (family->has[i] && !holds(text, family->has[i]))
            return false;
    for (size_t i = 0; i < sizeof family->lacks / sizeof *family->lacks; i++)
        if (family->lacks[i] && holds(text, family->lacks[i]))
            return false;
    return true;
}

enum err chat_detect(enum chat *out, const char *template_text)
{
    *out = CHAT_NONE;
    if (!template_text || !*template_text)
        return OK;
    for (int i = CHAT_NONE + 1; i < CHATS; i++)
        if (fits(&families[i], template_text)) {
            *out = (enum chat)i;
            return OK;
        }
    return err_set(ERR_RANGE,
                   "the chat template is of no known family: chatml, smollm2, qwen2, "
                   "qwen2.5, llama3 and llama3.1 are supported");
}

enum err chat_named(enum chat *out, const char *name)
{
    *out = CHAT_NONE;
    for (int i = CHAT_NONE + 1; i < CHATS; i++)
        if (!strcmp(name, families[i].name)) {
            *out = (enum chat)i;
            return OK;
        }
    return err_set(
        ERR_RANGE,
        "chat template \"%.32s\": not one of chatml, smollm2, qwen2, qwen2.5, llama3 "
        "and llama3.1",
        name);
}

const char *chat_name(enum chat chat)
{
    return families[chat].name;
}

const char *chat_tail(enum chat chat)
{
    return families[chat].tail;
}

const char *chat_end(enum chat chat)
{
    return families[chat].end;
}

enum err chat_render(enum chat chat, const json_t *messages, const json_t *tools,
                     bool generation, char **text, size_t *n, size_t **span, size_t *spans)
{
    struct chat_text out = {.text = NULL};
    enum err err;

    *text = NULL;
    *n = 0;
    if (span)
        *span = NULL;
    if (spans)
        *spans = 0;
    if (chat == CHAT_NONE)
        return err_set(ERR_STATE, "no chat template");
    if (!json_array_size(messages))
        return err_set(ERR_PARSE, "messages: not a list, or empty");
    if (tools && !json_is_array(tools) && !json_is_null(tools))
        return err_set(ERR_PARSE, "tools: not a list");
    err = families[chat].render(&out, messages, tools, generation, families[chat].initial);
    if (!err && out.n > CHAT_BYTES_MAX)
        err = err_set(ERR_RANGE, "a conversation of %zu bytes, at most %d", out.n,
                      CHAT_BYTES_MAX);
    if (err || !span) {
        free(out.span);
        out.span = NULL;
    }
    if (err) {
        free(out.text);
        return err;
    }
    *text = out.text;
    *n = out.n;
    if (span)
        *span = out.span;
    if (spans)
        *spans = out.spans;
    return OK;
}
