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
        json_pack("{s:o*,s:o,s:o,s:s}", "completion", json_stringn(text, n), "ids",
                  lines_ints(d->token, d->n), "logprobs", lines_reals(d->logprob, d->n),
                  "finish_reason", generate_finish(d->finish));
    free(text);
}

static enum err admit(struct job *job, const json_t *in, uint64_t task)
{
    const int context = model_shape(job->loaded.model)->context;
    struct encoded e = {NULL, 0, 0};
    json_t *prompt;
    enum err err = lines_field(&prompt, in, "prompt");

    if (!err)
        err = encode_prompt(&job->loaded.encode, prompt, json_object_get(in, "tools"), &e);
    if (!err && (!e.n || e.n + job->conf.max_new_tokens > context))
        err = err_set(
            ERR_RANGE,
            e.n ? "prompt of %d tokens and max_new_tokens=%d do not fit the context of %d"
                : "the prompt has %d tokens",
            e.n, job->conf.max_new_tokens, context);
    if (!err) {
        const struct generate_job ask = {.seed = (uint64_t)job->conf.seed,
                                         .task = task,
                                         .n = 1,
                                         .prompt = e.ids,
                                         .prompt_len = e.n,
                                         .sampling = job->sampling};
        err = generate_admit(job->generate, &ask);
    }
    encoded_free(&e);
    return err;
}

static enum err answer(void *self, json_t *const *in, json_t **out, int n, int *bad)
{
    struct job *job = self;
    const struct generate_events events = {done, NULL, job};
    int next = 0, made = 1;
    enum err err = OK;

    job->out = out;
    *bad = 0;
    while (!err && (made || next < n)) {
        for (; next < n && !err && generate_room(job->generate); next++) {
            *bad = next;
            err = admit(job, in[next], job->line + (uint64_t)next);
        }
        if (!err)
            err = generate_step(job->generate, job->loaded.model, &events, &made);
        if (!err)
            err = job->err;
    }
    job->line += (uint64_t)n;
    return err;
}

static enum err start(struct job *job)
{
    const struct shape *shape;
    enum err err = loaded_open(&job->loaded, job->conf.model, HEAD_LM);

    if (err)
        return err;
    shape = model_shape(job->loaded.model);
    err = sampling_make(&job->sampling, &job->conf, shape);
    if (!err)
        err = generate_new(&job->generate, shape, job->conf.slots, shape->context,
                           job->loaded.encode.tokenizer);
    return err;
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

const struct command command_generate = {
    "generate",
    "models",
    "--model M [temperature=0 max_new_tokens=64 ...] < in.jsonl > out.jsonl",
    "answers to {\"prompt\"} lines, with ids and log-probabilities",
    run,
    sampling_keys};
