/* One table of the fields that OpenAI's interface has, and vLLM's beside them, and what becomes of
 * each here. Three kinds: read (by ask.c), without effect on an answer, and not done. What is not
 * done is refused as soon as its value asks for something: a client that asks for a grammar and gets
 * answers without would never know. A field outside the table may be anything (a newer
 * client's, a typing mistake), so it is passed over aloud: in the answer's `warnings`, and once
 * in the log. */

#include "serve/fields.h"

#include "base/printable.h"

#include <string.h>

enum fate { READ, PASSED, REFUSED };

enum { CHAT = 1, TEXT = 2, BOTH = CHAT | TEXT, WARNED = 16 };

struct fate_row {
    const char *name;
    unsigned kinds;
    enum fate fate;
    double usual;    /* REFUSED: also this number asks for nothing */
    const char *why; /* REFUSED */
};

/* clang-format off */
static const struct fate_row fates[] = {
    {"model", BOTH, READ, 0, NULL},
    {"messages", CHAT, READ, 0, NULL},
    {"prompt", TEXT, READ, 0, NULL},
    {"max_tokens", BOTH, READ, 0, NULL},
    {"max_completion_tokens", CHAT, READ, 0, NULL},
    {"temperature", BOTH, READ, 0, NULL},
    {"top_p", BOTH, READ, 0, NULL},
    {"top_k", BOTH, READ, 0, NULL},
    {"min_p", BOTH, READ, 0, NULL},
    {"frequency_penalty", BOTH, READ, 0, NULL},
    {"presence_penalty", BOTH, READ, 0, NULL},
    {"repetition_penalty", BOTH, READ, 0, NULL},
    {"logit_bias", BOTH, READ, 0, NULL},
    {"n", BOTH, READ, 0, NULL},
    {"seed", BOTH, READ, 0, NULL},
    {"stop", BOTH, READ, 0, NULL},
    {"stop_token_ids", BOTH, READ, 0, NULL},
    {"ignore_eos", BOTH, READ, 0, NULL},
    {"include_stop_str_in_output", BOTH, READ, 0, NULL},
    {"stream", BOTH, READ, 0, NULL},
    {"stream_options", BOTH, READ, 0, NULL},
    {"logprobs", BOTH, READ, 0, NULL},
    {"top_logprobs", CHAT, READ, 0, NULL},
    {"echo", TEXT, READ, 0, NULL},
    {"tools", CHAT, READ, 0, NULL},
    {"tool_choice", CHAT, READ, 0, NULL},
    {"chat_template_kwargs", CHAT, READ, 0, NULL},
    {"response_format", BOTH, READ, 0, NULL},
    {"return_token_ids", BOTH, READ, 0, NULL},
    {"return_tokens_as_token_ids", BOTH, READ, 0, NULL},
    {"user", BOTH, PASSED, 0, NULL},
    {"store", BOTH, PASSED, 0, NULL},
    {"metadata", BOTH, PASSED, 0, NULL},
    {"service_tier", BOTH, PASSED, 0, NULL},
    {"safety_identifier", BOTH, PASSED, 0, NULL},
    {"prompt_cache_key", BOTH, PASSED, 0, NULL},
    {"request_id", BOTH, PASSED, 0, NULL},
    {"priority", BOTH, PASSED, 0, NULL},
    {"parallel_tool_calls", CHAT, PASSED, 0, NULL},
    {"length_penalty", BOTH, REFUSED, 1, "no beams here"},
    {"use_beam_search", BOTH, REFUSED, 0, "no beams here"},
    {"best_of", TEXT, REFUSED, 1, "ask for n answers and choose among them"},
    {"min_tokens", BOTH, REFUSED, 0, "an answer may end at any token"},
    {"bad_words", BOTH, REFUSED, 0, "no words are forbidden here"},
    {"allowed_token_ids", BOTH, REFUSED, 0, "all tokens may be drawn here"},
    {"truncate_prompt_tokens", BOTH, REFUSED, 0, "a prompt is taken whole or not at all"},
    {"prompt_logprobs", BOTH, REFUSED, 0, "echo=true with logprobs gives them"},
    {"suffix", TEXT, REFUSED, 0, "nothing can be put before a text"},
    {"functions", CHAT, REFUSED, 0, "`tools` is their newer name"},
    {"function_call", CHAT, REFUSED, 0, "`tool_choice` is its newer name"},
    {"reasoning_effort", CHAT, REFUSED, 0, "chat_template_kwargs reach the template"},
    {"modalities", CHAT, REFUSED, 0, "text alone"},
    {"audio", CHAT, REFUSED, 0, "text alone"},
    {"web_search_options", CHAT, REFUSED, 0, "nothing is searched here"},
    {"guided_json", BOTH, REFUSED, 0, "answers follow no grammar here"},
    {"guided_regex", BOTH, REFUSED, 0, "answers follow no grammar here"},
    {"guided_choice", BOTH, REFUSED, 0, "answers follow no grammar here"},
    {"guided_grammar", BOTH, REFUSED, 0, "answers follow no grammar here"},
    {"structured_outputs", BOTH, REFUSED, 0, "answers follow no grammar here"},
    {"continue_final_message", CHAT, REFUSED, 0, "/v1/completions goes on with a text"},
    {"add_generation_prompt", CHAT, REFUSED, 1, "an answer follows the assistant's opening"},
    {"add_special_tokens", BOTH, REFUSED, 1, "give token ids, which are taken as they are"},
    {"skip_special_tokens", BOTH, REFUSED, 1, "return_token_ids tells them"},
};
/* clang-format on */

/* null, false, 0, "" and what is empty ask for nothing, nor does what would be so anyway. */
static bool asks_nothing(const json_t *value, double usual)
{
    if (json_is_number(value))
        return json_number_value(value) == 0 || json_number_value(value) == usual;
    if (json_is_true(value))
        return usual == 1;
    return json_is_null(value) || json_is_false(value) ||
           (json_is_string(value) && !json_string_length(value)) ||
           (json_is_array(value) && !json_array_size(value)) ||
           (json_is_object(value) && !json_object_size(value));
}

/* A row whose usual value is "yes" is asked for something by "no". */
static bool asks(const struct fate_row *row, const json_t *value)
{
    if (row->usual == 1 && json_is_false(value))
        return true;
    return !asks_nothing(value, row->usual);
}

static const struct fate_row *find(const char *name, bool chat)
{
    for (size_t i = 0; i < sizeof fates / sizeof *fates; i++)
        if (!strcmp(fates[i].name, name) && fates[i].kinds & (chat ? CHAT : TEXT))
            return &fates[i];
    return NULL;
}

enum err fields_known(struct fields *fields, bool chat, json_t *warnings)
{
    const char *name;
    json_t *value;

    json_object_foreach((json_t *)(uintptr_t)fields->object, name, value)
    {
        const struct fate_row *row = find(name, chat);

        if (row && row->fate == REFUSED && asks(row, value))
            return fields_fault(fields, row->name, ERR_RANGE, "not done: %s", row->why);
        /* A body may hold thousands of strange names; a person reads a few. */
        if (row || json_is_null(value) || json_array_size(warnings) >= WARNED)
            continue;
        printable_copy(fields->strange, sizeof fields->strange, name);
        json_array_append_new(warnings, json_sprintf("field '%s' is not known and was not used",
                                                     fields->strange));
    }
    return OK;
}
