/* drover score: log-probability of each completion token; drover reward-score: one number, and
 * of a process reward model P(right) of each step.
 *
 * Both read a window of lines, pack their tokens one after another and run them through the
 * model at once; they differ in what a line's tokens are (a completion that stands behind its
 * prompt, or what a reward model was trained to read) and in what of the model's output is
 * told. Steps go one line at a time: each is a text of its own (reward/prm.h). */

#include "base/mem.h"
#include "cli/command.h"
#include "data/dialogue.h"
#include "eval/json_lines.h"
#include "lm/file/open_model.h"
#include "lm/kernel/cores.h"
#include "lm/text/reading.h"
#include "reward/prm.h"

#include <stdlib.h>
#include <string.h>

struct score_conf {
    char *model, *chat_template_path, *compute, *step_separator, *aggregate;
    double temperature;
    int max_prompt_length, max_context, threads;
};

static const struct conf_key keys[] = {
    CONF_TEXT(score_conf, model, "", "Hugging Face folder, .gguf file or run folder"),
    OPEN_MODEL_CHAT(score_conf, chat_template_path),
    OPEN_MODEL_REACH(score_conf, max_context),
    OPEN_MODEL_COMPUTE(score_conf, compute),
    CORES_KEY(score_conf),
    CONF_REAL(score_conf, temperature, "1", 1e-3, 1e3, "divides the logits"),
    CONF_END,
};
static const struct conf_key reward_keys[] = {
    CONF_TEXT(score_conf, model, "", "reward model: Hugging Face folder or run folder"),
    OPEN_MODEL_CHAT(score_conf, chat_template_path),
    OPEN_MODEL_REACH(score_conf, max_context),
    OPEN_MODEL_COMPUTE(score_conf, compute),
    CORES_KEY(score_conf),
    CONF_TEXT(score_conf, step_separator, "\n",
              "process reward model: stands behind each step"),
    CONF_TEXT(score_conf, aggregate, "min",
              "process reward model: score of the steps: min, product, last, mean"),
    CONF_INT(score_conf, max_prompt_length, "512", 1, 1 << 20,
             "process reward model: last tokens of a prompt kept"),
    CONF_END,
};

struct cmd_score_job {
    struct open_model loaded;
    struct score_conf conf;
    bool reward;
    struct prm_rule steps; /* of a process reward model, */
    enum steps_how how;    /* and how they become one number */
};

/* Lines of a window, packed one after another. */
struct cmd_score_window {
    int *token, seq[JSON_LINES_WINDOW + 1], start[JSON_LINES_WINDOW], n;
};

/* What a reward model was trained to read; an answer that `generate` cut off has no end. */
static enum err judged(const struct open_model *l, const json_t *in, const json_t *prompt,
                       const json_t *completion, struct encoded *out)
{
    const char *finish = json_string_value(json_object_get(in, "finish_reason"));
    json_t *all = dialogue_join(prompt, completion);
    const enum err err =
        all ? reading_answer(&l->encode, l->eos, all, json_object_get(in, "tools"),
                             !finish || !strcmp(finish, "stop"), out)
            : err_set(ERR_PARSE,
                      "prompt and completion: both strings or both lists of messages");

    json_decref(all);
    return err;
}

/* A line's tokens behind those of the window so far. A completion needs a token before it: the
 * first token of a sequence has no probability. */
static enum err add(struct cmd_score_job *job, struct cmd_score_window *p, const json_t *in)
{
    const struct shape *shape = model_shape(job->loaded.model);
    json_t *prompt, *completion;
    struct encoded e = {NULL, 0, 0};
    const int at = p->seq[p->n];
    enum err err = json_lines_field(&prompt, in, "prompt");

    if (!err)
        err = json_lines_field(&completion, in, "completion");
    if (!err)
        err = job->reward ? judged(&job->loaded, in, prompt, completion, &e)
                          : encode_pair(&job->loaded.encode, prompt, completion,
                                        json_object_get(in, "tools"), &e);
    if (!err && (!e.n || (!job->reward && !e.start)))
        err = err_set(
            ERR_RANGE,
            "no token of the prompt stands before the completion: nothing to condition on");
    if (!err && e.n > shape->context)
        err = err_set(ERR_RANGE, "%d tokens do not fit the model's context of %d", e.n,
                      shape->context);
    if (!err) {
        p->token = mem_grow(p->token, (size_t)at + (size_t)e.n, sizeof *p->token);
        memcpy(p->token + at, e.ids, (size_t)e.n * sizeof *e.ids);
        p->start[p->n] = e.start;
        p->seq[++p->n] = at + e.n;
    }
    encoded_free(&e);
    return err;
}

static json_t *told(const struct cmd_score_window *p, int i, const float *logprob)
{
    const int from = p->seq[i] + p->start[i], n = p->seq[i + 1] - from;
    double sum = 0;

    for (int t = 0; t < n; t++)
        sum += (double)logprob[from + t];
    return json_pack("{s:o,s:o,s:f}", "ids", json_lines_ints(p->token + from, n), "logprobs",
                     json_lines_reals(logprob + from, n), "sum", sum);
}

/* P(right) of each step, one line at a time. */
static enum err answer_steps(const struct cmd_score_job *job, json_t *const *in, json_t **out,
                             int n, int *bad)
{
    enum err err = OK;

    for (*bad = 0; *bad < n && !err; ++*bad) {
        const json_t *list = json_object_get(in[*bad], "completions");
        double *p = NULL;
        int count = 0;
        err = prm_steps(&p, &count, job->loaded.model, &job->loaded.encode, &job->steps,
                        json_object_get(in[*bad], "prompt"),
                        list ? list : json_object_get(in[*bad], "completion"));
        if (!err && !count)
            err = err_set(ERR_PARSE, "'completion' is empty: no step to score");
        if (err)
            break;
        out[*bad] = json_pack("{s:o,s:f}", "steps", json_array(), "score",
                              steps_sum(job->how, p, count));
        for (int i = 0; i < count; i++)
            json_array_append_new(json_object_get(out[*bad], "steps"), json_real(p[i]));
        free(p);
    }
    return err;
}

/* One pass of the model over the whole window: sequences stand one after another, unpadded. */
static enum err answer(void *self, json_t *const *in, json_t **out, int n, int *bad)
{
    struct cmd_score_job *job = self;
    struct cmd_score_window p = {.n = 0};
    float *result = NULL;
    enum err err = OK;

    if (model_shape(job->loaded.model)->head == HEAD_STEP)
        return answer_steps(job, in, out, n, bad);
    for (*bad = 0; *bad < n && !err; ++*bad)
        err = add(job, &p, in[*bad]);
    if (err)
        --*bad;
    if (!err)
        err = mem_big(&result, (size_t)p.seq[p.n], sizeof *result, "scores");
    if (!err)
        err = forward_score(job->loaded.model, p.token, p.seq, p.n,
                            job->reward ? 1.0f : (float)job->conf.temperature,
                            job->reward ? NULL : result, NULL, job->reward ? result : NULL);
    for (int i = 0; i < n && !err; i++)
        out[i] = job->reward ? json_pack("{s:f}", "score", (double)result[reading_at(p.seq, i)])
                             : told(&p, i, result);
    free(result);
    free(p.token);
    return err;
}

static enum err run(const struct command *command, int argc, char **argv, int *status)
{
    struct cmd_score_job job = {.reward = command->keys == reward_keys};
    const struct json_lines lines = {answer, &job, 16};
    enum err err = command_words(command, &job.conf, argc, argv, NULL);

    (void)status;
    if (!err && job.reward)
        err = steps_how(&job.how, job.conf.aggregate) ? err_add("aggregate") : OK;
    job.steps.separator = job.conf.step_separator;
    job.steps.max_prompt = job.conf.max_prompt_length;
    if (!err)
        err = open_model_all(&job.loaded, job.conf.model, job.reward ? HEAD_STEP : HEAD_LM,
                             job.conf.compute);
    if (!err)
        err = open_model_chat(&job.loaded, job.conf.chat_template_path);
    if (!err)
        err = open_model_reach(&job.loaded, job.conf.max_context);
    if (!err)
        err = json_lines_run(&lines, stdin, "stdin", stdout);
    open_model_close(&job.loaded);
    command_conf_free(command->keys, &job.conf);
    return err;
}

const struct command cmd_score = {
    .name = "score",
    .group = "models",
    .usage = "--model M < in.jsonl > out.jsonl",
    .help =
        "log-probability of each completion token, in nats: {\"prompt\", \"completion\"} lines",
    .run = run,
    .keys = keys,
};
const struct command cmd_score_reward = {
    .name = "reward-score",
    .group = "models",
    .usage = "--model RM < in.jsonl > out.jsonl",
    .help = "a reward model's score of {\"prompt\", \"completion\"} lines, read where it was "
            "trained to: at the end token or the dialogue's end; of a process reward model "
            "P(right) of each step, too",
    .run = run,
    .keys = reward_keys,
};
