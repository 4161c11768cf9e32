/* drover generate: {"prompt"} to {"completion", "ids", "logprobs", "finish_reason"}. */

#include "base/mem.h"
#include "cli/command.h"
#include "cli/lines.h"
#include "cli/loaded.h"
#include "cli/sampling.h"

#include <stdlib.h>

struct job {
    struct loaded loaded;
    struct sampling_conf conf;
    struct sampling sampling;
    struct generate *generate;
    int length;    /* tokens a slot of it holds */
    uint64_t line; /* task of the window's first line: a line's number fixes its answer */
    json_t **out;
    enum err err;
};

static bool is_stop(const struct sampling *s, int token)
{
    for (int i = 0; i < s->stop_count; i++)
        if (s->stop[i] == token)
            return true;
    return false;
}

static void done(void *self, const struct generate_done *d)
{
    struct job *job = self;
    const bool cut =
        d->n && d->finish == FINISH_STOP && is_stop(&job->sampling, d->token[d->n - 1]);
    char *text = NULL;
    size_t n = 0;

    if (tokenizer_decode(job->loaded.encode.tokenizer, d->token, (size_t)(d->n - cut), false,
                         &text, &n)) {
        job->err = ERR_RANGE;
        return;
    }
    job->out[d->task - job->line] =
        json_pack("{s:o,s:o,s:o,s:s}", "completion", lines_text(text, n), "ids",
                  lines_ints(d->token, d->n), "logprobs", lines_reals(d->logprob, d->n),
                  "finish_reason", generate_finish(d->finish));
    free(text);
}

/* The window's prompts as ids, and slots long enough for the longest. */
static enum err prepare(struct job *job, json_t *const *in, int n, struct encoded *prompt,
                        int *bad)
{
    const struct shape *shape = model_shape(job->loaded.model);
    int longest = 0;
    enum err err = OK;

    for (*bad = 0; *bad < n && !err; ++*bad) {
        struct encoded *e = &prompt[*bad];
        json_t *value;
        err = lines_field(&value, in[*bad], "prompt");
        if (!err)
            err = encode_prompt(&job->loaded.encode, value, json_object_get(in[*bad], "tools"),
                                e);
        if (!err && (!e->n || e->n + job->conf.max_new_tokens > shape->context))
            err = err_set(
                ERR_RANGE,
                e->n ? "prompt of %d tokens and max_new_tokens=%d do not fit the context of %d"
                     : "the prompt has %d tokens",
                e->n, job->conf.max_new_tokens, shape->context);
        longest = e->n > longest ? e->n : longest;
    }
    if (err) {
        --*bad;
        return err;
    }
    longest = (longest + job->conf.max_new_tokens + 63) / 64 * 64;
    if (job->generate && longest <= job->length)
        return OK;
    generate_free(job->generate);
    job->generate = NULL;
    job->length = longest;
    return generate_new(&job->generate, shape, job->conf.slots, longest,
                        job->loaded.encode.tokenizer);
}

static enum err admit(struct job *job, const struct encoded *prompt, uint64_t task)
{
    const struct generate_job ask = {.seed = (uint64_t)job->conf.seed,
                                     .task = task,
                                     .n = 1,
                                     .prompt = prompt->ids,
                                     .prompt_len = prompt->n,
                                     .sampling = job->sampling};

    return generate_admit(job->generate, &ask);
}

static enum err answer(void *self, json_t *const *in, json_t **out, int n, int *bad)
{
    struct job *job = self;
    const struct generate_events events = {done, NULL, job};
    struct encoded *prompt = mem_new((size_t)n, sizeof *prompt);
    int next = 0, made = 1;
    enum err err = prepare(job, in, n, prompt, bad);

    job->out = out;
    while (!err && (made || next < n)) {
        for (; next < n && !err && generate_room(job->generate); next++) {
            *bad = next;
            err = admit(job, &prompt[next], job->line + (uint64_t)next);
        }
        if (!err)
            err = generate_step(job->generate, job->loaded.model, &events, &made);
        if (!err)
            err = job->err;
    }
    for (int i = 0; i < n; i++)
        encoded_free(&prompt[i]);
    free(prompt);
    job->line += (uint64_t)n;
    return err;
}

static enum err start(struct job *job)
{
    enum err err = loaded_open(&job->loaded, job->conf.model, HEAD_LM);

    return err ? err
               : sampling_make(&job->sampling, &job->conf, model_shape(job->loaded.model));
}

static enum err run(const struct command *command, int argc, char **argv, int *status)
{
    struct job job = {.err = OK};
    const struct lines lines = {answer, &job, LINES_WINDOW};
    enum err err = command_conf(sampling_keys, &job.conf, argc, argv);

    (void)command, (void)status;
    if (!err)
        err = start(&job);
    if (!err)
        err = lines_run(&lines, stdin, "stdin", stdout);
    generate_free(job.generate);
    loaded_close(&job.loaded);
    command_conf_free(sampling_keys, &job.conf);
    return err;
}

const struct command cmd_generate = {
    "generate",
    "models",
    "--model M [temperature=0 max_new_tokens=64 ...] < in.jsonl > out.jsonl",
    "answers to {\"prompt\"} lines, with ids and log-probabilities",
    run,
    sampling_keys};
