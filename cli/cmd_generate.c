/* drover generate: {"prompt"} to {"completion", "ids", "logprobs", "finish_reason"}. */

#include "cli/command.h"
#include "cli/lines.h"
#include "cli/respond.h"
#include "cli/sampling.h"

struct job {
    struct loaded loaded;
    struct sampling_conf conf;
    struct respond respond;
    uint64_t line; /* task of the window's first line: a line's number fixes its answer */
};

static json_t *told(const struct response *r)
{
    return json_pack("{s:o,s:o,s:o,s:s}", "completion", lines_text(r->text, r->bytes), "ids",
                     lines_ints(r->ids, r->n), "logprobs", lines_reals(r->logprob, r->n),
                     "finish_reason", generate_finish(r->finish));
}

static enum err answer(void *self, json_t *const *in, json_t **out, int n, int *bad)
{
    struct job *job = self;
    struct respond_ask ask[LINES_WINDOW] = {{NULL, NULL, 0}};
    struct response got[LINES_WINDOW];
    enum err err = OK;

    for (*bad = 0; *bad < n && !err; ++*bad) {
        json_t *prompt;
        err = lines_field(&prompt, in[*bad], "prompt");
        ask[*bad] = (struct respond_ask){prompt, json_object_get(in[*bad], "tools"),
                                         job->line + (uint64_t)*bad};
    }
    if (err) {
        --*bad;
        return err;
    }
    err = respond_run(&job->respond, ask, n, 1, got, bad);
    for (int i = 0; i < n && !err; i++) {
        out[i] = told(&got[i]);
        respond_free(&got[i]);
    }
    job->line += (uint64_t)n;
    return err;
}

static enum err start(struct job *job)
{
    enum err err = loaded_open(&job->loaded, job->conf.model, HEAD_LM);

    if (!err)
        err = loaded_chat(&job->loaded, job->conf.chat_template_path);
    job->respond = (struct respond){
        .loaded = &job->loaded, .seed = (uint64_t)job->conf.seed, .slots = job->conf.slots};
    return err ? err
               : sampling_make(&job->respond.sampling, &job->conf,
                               model_shape(job->loaded.model));
}

static enum err run(const struct command *command, int argc, char **argv, int *status)
{
    struct job job = {.line = 0};
    const struct lines lines = {answer, &job, LINES_WINDOW};
    enum err err = command_conf(sampling_keys, &job.conf, argc, argv);

    (void)command, (void)status;
    if (!err)
        err = start(&job);
    if (!err)
        err = lines_run(&lines, stdin, "stdin", stdout);
    respond_fini(&job.respond);
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
