/* Written once all of a request is there; a stream has chunks.c, which takes its parts from here.
 * Fields that OpenAI's interface has not (seed, warnings, token ids) stand beside those it has:
 * clients pass over what they do not know. */

#include "serve/answer.h"

#include "base/mem.h"
#include "eval/json_lines.h"
#include "serve/logprobs.h"
#include "serve/tool_calls.h"

#include <stdlib.h>
#include <string.h>

const char *answer_finish(const struct choice *choice, bool calls)
{
    return calls ? "tool_calls" : generate_finish(choice->finish);
}

json_t *answer_usage(const struct job *job)
{
    const int prompt = job_prompt_tokens(job), made = job_completion_tokens(job);

    return json_pack("{s:i,s:i,s:i}", "prompt_tokens", prompt, "completion_tokens", made,
                     "total_tokens", prompt + made);
}

json_t *answer_head(const struct job *job, const struct ask_model *model, bool chunk)
{
    const bool chat = job->ask.chat;

    return json_pack("{s:o,s:s,s:I,s:s,s:s*}", "id",
                     json_sprintf(chat ? "chatcmpl-%s" : "cmpl-%s", job->id), "object",
                     !chat   ? "text_completion"
                     : chunk ? "chat.completion.chunk"
                             : "chat.completion",
                     "created", (json_int_t)job->created_s, "model", model->name,
                     "system_fingerprint", *job->version ? job->version : NULL);
}

json_t *answer_prompt_text(const struct job *job, int i, const struct tokenizer *tokenizer)
{
    const struct ask_prompt *prompt = &job->ask.prompt[i];
    json_t *out = NULL;
    char *text = NULL;
    size_t n;

    if (!tokenizer_decode(tokenizer, prompt->ids, (size_t)prompt->n, true, &text, &n))
        out = json_lines_text(text, n);
    free(text);
    return out;
}

json_t *answer_logprobs(const struct job *job, int i, int from, bool prompt,
                        const struct tokenizer *tokenizer, size_t *offset)
{
    const struct choice *c = &job->choice[i];
    const struct logprobs_run own = logprobs_of_choice(c, from);
    json_t *out;

    if (!job->ask.logprobs)
        return json_null();
    if (job->ask.chat)
        return logprobs_chat(&own, tokenizer, job->ask.names);
    out = logprobs_text();
    if (prompt) {
        const struct logprobs_run before = logprobs_of_prompt(job, i / job->ask.n);

        logprobs_text_add(out, &before, tokenizer, job->ask.names, offset);
    }
    logprobs_text_add(out, &own, tokenizer, job->ask.names, offset);
    return out;
}

/* The assistant's message, and whether it calls tools. */
static json_t *message_of(const struct job *job, const struct choice *c, int index, bool *calls)
{
    size_t before = c->bytes;
    char *id = mem_print("%s_%d", job->id, index);
    json_t *list = job->ask.tools ? tool_calls_read(c->text.text ? c->text.text : "", c->bytes,
                                                    job->ask.tools, id, &before)
                                  : NULL;
    json_t *message = json_pack("{s:s}", "role", "assistant");

    free(id);
    *calls = list != NULL;
    json_object_set_new(message, "content",
                        list && !before ? json_null()
                                        : json_lines_text(c->text.text ? c->text.text : "",
                                                          list ? before : c->bytes));
    if (list)
        json_object_set_new(message, "tool_calls", list);
    return message;
}

/* The text of a completion, the prompt's before it where that is asked for. */
static json_t *text_of(const struct job *job, const struct choice *c, int index,
                       const struct tokenizer *tokenizer)
{
    json_t *text = json_lines_text(c->text.text ? c->text.text : "", c->bytes), *prompt, *both;

    if (!job->ask.echo)
        return text;
    prompt = answer_prompt_text(job, index / job->ask.n, tokenizer);
    both =
        json_sprintf("%s%s", prompt ? json_string_value(prompt) : "", json_string_value(text));
    json_decref(prompt);
    json_decref(text);
    return both;
}

static json_t *choice_of(const struct job *job, int index, const struct tokenizer *tokenizer)
{
    const struct choice *c = &job->choice[index];
    const struct ask_prompt *prompt = &job->ask.prompt[index / job->ask.n];
    json_t *out = json_pack("{s:i}", "index", index);
    bool calls = false;
    size_t offset = 0;

    if (job->ask.chat)
        json_object_set_new(out, "message", message_of(job, c, index, &calls));
    else
        json_object_set_new(out, "text", text_of(job, c, index, tokenizer));
    json_object_set_new(out, "logprobs",
                        answer_logprobs(job, index, 0, job_scores(job), tokenizer, &offset));
    json_object_set_new(out, "finish_reason", json_string(answer_finish(c, calls)));
    if (job->ask.ids) {
        json_object_set_new(out, "token_ids", json_lines_ints(c->ids, c->n));
        if (!job->ask.chat)
            json_object_set_new(out, "prompt_token_ids",
                                json_lines_ints(prompt->ids, prompt->n));
    }
    return out;
}

enum err answer_whole(char **text, const struct job *job, const struct ask_model *model)
{
    const struct tokenizer *tokenizer = model->loaded->encode.tokenizer;
    json_t *out = answer_head(job, model, false), *choices = json_array();

    for (int i = 0; i < job->ask.prompts * job->ask.n; i++)
        json_array_append_new(choices, choice_of(job, i, tokenizer));
    json_object_set_new(out, "choices", choices);
    json_object_set_new(out, "usage", answer_usage(job));
    json_object_set_new(out, "seed", json_integer((json_int_t)job->ask.seed));
    if (job->ask.ids && job->ask.chat)
        json_object_set_new(out, "prompt_token_ids",
                            json_lines_ints(job->ask.prompt[0].ids, job->ask.prompt[0].n));
    if (json_array_size(job->ask.warnings))
        json_object_set(out, "warnings", job->ask.warnings);
    *text = json_dumps(out, JSON_COMPACT | JSON_REAL_PRECISION(9));
    json_decref(out);
    return *text ? OK : err_set(ERR_RANGE, "the answer has no words in JSON");
}

/* Types and codes as OpenAI's clients branch on them. */
char *answer_error(unsigned status, const char *message, const char *param, const char *code)
{
    const char *type = status == 401   ? "authentication_error"
                       : status == 429 ? "rate_limit_error"
                       : status >= 500 ? "server_error"
                                       : "invalid_request_error";
    json_t *out = json_pack("{s:{s:o,s:s,s:s?,s:s?}}", "error", "message",
                            json_lines_text(message, strlen(message)), "type", type, "param",
                            param, "code", code);
    char *text = json_dumps(out, JSON_COMPACT | JSON_REAL_PRECISION(9));

    json_decref(out);
    return text ? text : mem_text("{\"error\":{\"message\":\"?\"}}");
}

char *answer_health(const char *version, const char *fleet)
{
    json_t *out = json_pack("{s:s,s:s*,s:s*}", "status", "ok", "version",
                            *version ? version : NULL, "fleet", fleet);
    char *text = json_dumps(out, JSON_COMPACT);

    json_decref(out);
    return text ? text : mem_text("{}");
}

char *answer_models(const struct ask_model *model, int64_t created_s, bool one)
{
    json_t *row =
        json_pack("{s:s,s:s,s:I,s:s,s:i}", "id", model->name, "object", "model", "created",
                  (json_int_t)created_s, "owned_by", "drover", "max_model_len", model->length);
    json_t *out =
        one ? json_incref(row) : json_pack("{s:s,s:[O]}", "object", "list", "data", row);
    char *text = json_dumps(out, JSON_COMPACT | JSON_REAL_PRECISION(9));

    json_decref(out);
    json_decref(row);
    return text ? text : mem_text("{}");
}
