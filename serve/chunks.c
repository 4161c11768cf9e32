/* Each call tells of every answer what came since: its text as far as no later token takes it back
 * (choice_ready), its tokens at once. Calls of tools are known at the end, and told there, whole.
 * The last event of an answer has its reason to end; behind the last answer comes `usage`, where
 * asked for, then [DONE]. A request that failed midway ends with an error in place of these: the
 * status has long been sent. */

#include "serve/chunks.h"

#include "base/mem.h"
#include "eval/json_lines.h"
#include "serve/answer.h"
#include "serve/tool_calls.h"

#include <stdlib.h>
#include <string.h>

static void event(struct strbuf *to, json_t *object)
{
    char *text = json_dumps(object, JSON_COMPACT | JSON_REAL_PRECISION(9));

    strbuf_print(to, "data: %s\n\n", text ? text : "{}");
    free(text);
    json_decref(object);
}

static size_t characters(const struct tokenizer *tokenizer, const int *ids, int n)
{
    size_t count = 0;

    for (int k = 0; k < n; k++) {
        size_t bytes;
        const char *piece = tokenizer_piece(tokenizer, ids[k], &bytes);

        for (size_t b = 0; piece && b < bytes; b++)
            count += ((unsigned char)piece[b] & 0xc0) != 0x80;
    }
    return count;
}

/* Characters told before: where the new tokens' offsets begin. */
static size_t told_before(const struct job *job, int i, const struct tokenizer *tokenizer)
{
    const struct choice *c = &job->choice[i];
    const struct ask_prompt *prompt = &job->ask.prompt[i / job->ask.n];

    if (!c->opened || !job->ask.logprobs || job->ask.chat)
        return 0;
    return characters(tokenizer, c->ids, c->told) +
           (job->ask.echo ? characters(tokenizer, prompt->ids, prompt->n) : 0);
}

/* One event of answer i: `delta` is new text, or NULL. */
static void tell(struct strbuf *to, const struct job *job, const struct ask_model *model, int i,
                 json_t *delta, const char *finish)
{
    struct choice *c = &job->choice[i];
    const struct tokenizer *tokenizer = model->loaded->encode.tokenizer;
    const bool first = !c->opened, tokens = c->n > c->told;
    json_t *head = answer_head(job, model, true), *one = json_pack("{s:i}", "index", i);
    size_t offset = told_before(job, i, tokenizer);

    json_object_set_new(one, job->ask.chat ? "delta" : "text", delta);
    json_object_set_new(
        one, "logprobs",
        tokens || (first && job_scores(job))
            ? answer_logprobs(job, i, c->told, first && job_scores(job), tokenizer, &offset)
            : json_null());
    json_object_set_new(one, "finish_reason", finish ? json_string(finish) : json_null());
    if (job->ask.ids && tokens)
        json_object_set_new(one, "token_ids",
                            json_lines_ints(c->ids + c->told, c->n - c->told));
    if (job->ask.ids && first) {
        const struct ask_prompt *prompt = &job->ask.prompt[i / job->ask.n];

        json_object_set_new(job->ask.chat ? head : one, "prompt_token_ids",
                            json_lines_ints(prompt->ids, prompt->n));
    }
    json_object_set_new(head, "choices", json_pack("[o]", one));
    if (first) { /* once an answer: whoever reads the stream knows how to have it again */
        json_object_set_new(head, "seed", json_integer((json_int_t)job->ask.seed));
        if (json_array_size(job->ask.warnings))
            json_object_set(head, "warnings", job->ask.warnings);
    }
    c->told = c->n;
    c->opened = true;
    event(to, head);
}

/* New text of answer i, as far as it may be told; NULL: none. */
static json_t *news(struct job *job, int i)
{
    struct choice *c = &job->choice[i];
    const size_t from = c->told_bytes, ready = choice_ready(c, &job->ask);

    if (ready <= from)
        return NULL;
    c->told_bytes = ready;
    return json_lines_text(c->text.text + from, ready - from);
}

static void tell_text(struct strbuf *to, struct job *job, const struct ask_model *model, int i,
                      json_t *text, const char *finish)
{
    if (!job->ask.chat)
        tell(to, job, model, i, text ? text : json_string(""), finish);
    else if (text)
        tell(to, job, model, i, json_pack("{s:o}", "content", text), finish);
    else
        tell(to, job, model, i, json_object(), finish);
}

/* What begins an answer: the role; the prompt, where it is echoed. */
static void open_choice(struct strbuf *to, struct job *job, const struct ask_model *model,
                        int i)
{
    if (job->ask.chat) {
        tell(to, job, model, i, json_pack("{s:s,s:s}", "role", "assistant", "content", ""),
             NULL);
    } else if (job->ask.echo) {
        json_t *text = answer_prompt_text(job, i / job->ask.n, model->loaded->encode.tokenizer);

        tell(to, job, model, i, text ? text : json_string(""), NULL);
    }
}

/* The end of an answer whose text was held back since a call may have begun in it. */
static json_t *calls_of(struct job *job, int i)
{
    struct choice *c = &job->choice[i];
    const char *text = c->text.text ? c->text.text : "";
    char *id = mem_print("%s_%d", job->id, i);
    size_t before, k;
    json_t *list = job->ask.tools ? tool_calls_read(text, c->bytes, job->ask.tools, id, &before)
                                  : NULL,
           *one;

    free(id);
    json_array_foreach(list, k, one)
        json_object_set_new(one, "index", json_integer((json_int_t)k));
    if (list && before > c->told_bytes) /* text between what was told and the first call */
        c->bytes = before;
    else if (list)
        c->bytes = c->told_bytes;
    return list;
}

static void tell_choice(struct strbuf *to, struct job *job, const struct ask_model *model,
                        int i)
{
    struct choice *c = &job->choice[i];
    json_t *calls = NULL, *text;
    bool called;

    /* an echoed prompt's figures are there when all of it is scored */
    if (c->closed || (job_scores(job) && job->scored <= i / job->ask.n))
        return;
    if (!c->opened)
        open_choice(to, job, model, i);
    if (c->done)
        calls = calls_of(job, i);
    text = news(job, i);
    called = calls != NULL;
    if (called) {
        if (text)
            tell_text(to, job, model, i, text, NULL);
        tell(to, job, model, i, json_pack("{s:o}", "tool_calls", calls), NULL);
        text = NULL;
    }
    if (c->done)
        tell_text(to, job, model, i, text, answer_finish(c, called));
    else if (text || (c->n > c->told && (job->ask.logprobs || job->ask.ids)))
        tell_text(to, job, model, i, text, NULL);
    c->closed = c->done;
}

void chunks_write(struct strbuf *to, struct job *job, const struct ask_model *model,
                  bool *ended)
{
    bool closed = true;

    *ended = job->failed != NULL;
    if (job->failed) {
        char *error = answer_error(500, job->failed, NULL, NULL);

        strbuf_print(to, "data: %s\n\n", error);
        free(error);
        return;
    }
    for (int i = 0; i < job->ask.prompts * job->ask.n; i++) {
        tell_choice(to, job, model, i);
        closed &= job->choice[i].closed;
    }
    if (!closed)
        return;
    if (job->ask.usage) {
        json_t *head = answer_head(job, model, true);

        json_object_set_new(head, "choices", json_array());
        json_object_set_new(head, "usage", answer_usage(job));
        event(to, head);
    }
    strbuf_print(to, "data: [DONE]\n\n");
    *ended = true;
}
