/* How it works: a table of families, each with its renderer (chat_chatml.c, chat_qwen.c,
 * chat_llama.c) and the few texts in which relatives differ. A template's text is never read as
 * a program: its SHA-256 says which family it is (chat_known.h), and any other text is refused
 * for messages, with the ways out in words. The renderers append to a chat_text (chat_parts.h)
 * and mark where the assistant speaks. */

#include "lm/text/chat.h"

#include "lm/text/chat_known.h"
#include "lm/text/chat_parts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define SMOLLM2 "You are a helpful AI assistant named SmolLM, trained by Hugging Face"
#define QWEN25 "You are Qwen, created by Alibaba Cloud. You are a helpful assistant."
#define QWEN2 "You are a helpful assistant."
#define NAMES "chatml, smollm2, qwen2, qwen2.5, llama3, llama3.1, llama3.2"

typedef enum err chat_renderer(struct chat_text *out, const json_t *messages,
                               const json_t *tools, bool generation, const char *initial);

struct chat_family {
    const char *name, *end, *tail, *initial;
    chat_renderer *render;
};

/* `end` and `tail` are what stands behind the assistant's words: its end token, and what the
 * template writes behind that. `initial` is the system turn's, or for Llama 3.1 the date. */
static const struct chat_family families[CHATS] = {
    [CHAT_NONE] = {.name = "none", .tail = ""},
    [CHAT_CHATML] = {"chatml", "<|im_end|>", "\n", NULL, chat_chatml_render},
    [CHAT_SMOLLM2] = {"smollm2", "<|im_end|>", "\n", SMOLLM2, chat_chatml_render},
    [CHAT_QWEN2] = {"qwen2", "<|im_end|>", "\n", QWEN2, chat_chatml_render},
    [CHAT_QWEN25] = {"qwen2.5", "<|im_end|>", "\n", QWEN25, chat_qwen_render},
    [CHAT_LLAMA3] = {"llama3", "<|eot_id|>", "", NULL, chat_llama_render},
    [CHAT_LLAMA31] = {"llama3.1", "<|eot_id|>", "", CHAT_DATE, chat_llama_dated},
    [CHAT_LLAMA32] = {"llama3.2", "<|eot_id|>", "", CHAT_DATE, chat_llama_dated},
};

enum err chat_detect(enum chat *out, const char *template_text)
{
    struct hash sum;
    char text[HASH_TEXT];

    *out = CHAT_NONE;
    if (!template_text || !*template_text)
        return OK;
    sum = chat_known_hash(template_text);
    if (chat_known(out, &sum))
        return OK;
    return err_set(ERR_RANGE,
                   "the chat template (SHA-256 %s) is none of the texts that are known to "
                   "render here as in transformers (" NAMES "): messages are refused. Give "
                   "prompts and answers as text, rendered by you; or, if the model was trained "
                   "with one of these, say chat_template_path=NAME where the command takes it, "
                   "or put another chat_template.jinja beside the model",
                   hash_text(text, &sum));
}

/* For chat_template_path=NAME; CHAT_NONE has a name for messages only. */
enum err chat_named(enum chat *out, const char *name)
{
    *out = CHAT_NONE;
    for (int i = CHAT_NONE + 1; i < CHATS; i++)
        if (!strcmp(name, families[i].name)) {
            *out = (enum chat)i;
            return OK;
        }
    return err_set(ERR_RANGE, "chat template \"%.32s\": not one of " NAMES, name);
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

bool chat_dated(enum chat chat)
{
    return chat == CHAT_LLAMA32;
}

/* English names whatever the locale: strftime would speak the user's. */
char *chat_date(char out[CHAT_DATE_ROOM], int64_t wall_ms)
{
    static const char *const month[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                        "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    const time_t seconds = (time_t)(wall_ms / 1000);
    struct tm day;

    if (localtime_r(&seconds, &day))
        snprintf(out, CHAT_DATE_ROOM, "%02d %s %d", day.tm_mday, month[day.tm_mon],
                 1900 + day.tm_year);
    else
        snprintf(out, CHAT_DATE_ROOM, "%s", CHAT_DATE);
    return out;
}

/* The whole text into out, which is freed on an error. */
static enum err write_text(struct chat_text *out, enum chat chat, const json_t *messages,
                           const json_t *tools, const char *date, bool generation)
{
    /* By its renderer, not chat_dated: 3.1 takes a date, too, though it does not ask for
     * today's. */
    const bool dated = families[chat].render == chat_llama_dated;
    enum err err;

    if (chat == CHAT_NONE)
        return err_set(ERR_STATE, "no chat template");
    if (!json_array_size(messages))
        return err_set(ERR_PARSE, "messages: not a list, or empty");
    if (tools && !json_is_array(tools) && !json_is_null(tools))
        return err_set(ERR_PARSE, "tools: not a list");
    err = families[chat].render(out, messages, tools, generation,
                                dated && date ? date : families[chat].initial);
    /* Only now: what a template adds is not known before. */
    if (!err && out->n > CHAT_BYTES_MAX)
        err = err_set(ERR_RANGE, "a conversation of %zu bytes, at most %d", out->n,
                      CHAT_BYTES_MAX);
    if (err)
        free(out->text);
    return err;
}

enum err chat_render(enum chat chat, const json_t *messages, const json_t *tools,
                     const char *date, bool generation, char **text, size_t *n, size_t **span,
                     size_t *spans)
{
    struct chat_text out = {.text = NULL};
    const enum err err = write_text(&out, chat, messages, tools, date, generation);

    if (err || !span) {
        free(out.span);
        out.span = NULL;
    }
    *text = err ? NULL : out.text;
    *n = err ? 0 : out.n;
    if (span)
        *span = out.span;
    if (spans)
        *spans = err ? 0 : out.spans;
    return err;
}
