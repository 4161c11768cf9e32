/* drover judge: {"prompt", "a", "b"} lines to {"verdict", "p_a", "swapped", "tie"}; pointwise:
 * {"prompt", "a"} to {"score"}. A verdict's line has what was compared as well, so that others can
 * rank it, look for bias in it, and import it.
 *
 * The options are put back into an entry, so that they are read, and refused, as those of a
 * reward are (reward/judge/judge.h); lines go to the judge in windows, and what it could not
 * say is counted and told at the end. */

#include "base/log.h"
#include "base/mem.h"
#include "cli/command.h"
#include "eval/json_lines.h"
#include "lm/file/open_model.h"
#include "lm/kernel/cores.h"
#include "reward/judge/judge.h"
#include "reward/judge/transcript.h"

#include <math.h>
#include <stdlib.h>

struct judge_options {
    char *model, *compute, *template, *mode, *verdict, *rubric, *swap, *tie_margin,
        *max_new_tokens;
    int threads;
};

static const struct conf_key keys[] = {
    CONF_TEXT(judge_options, model, "", "the judge: Hugging Face folder, .gguf file or run"),
    OPEN_MODEL_COMPUTE(judge_options, compute),
    CORES_KEY(judge_options),
    CONF_TEXT(judge_options, template, "", "what it is asked: examples/judge/pairwise.txt"),
    CONF_TEXT(judge_options, mode, "pairwise", "pairwise, or pointwise: a score of `a`"),
    CONF_TEXT(judge_options, verdict, "logprob",
              "logprob: how probable each verdict is; text: it writes, read strictly"),
    CONF_TEXT(judge_options, rubric, "", "what {rubric} of the template becomes"),
    CONF_TEXT(judge_options, swap, "true", "ask both orders and average"),
    CONF_TEXT(judge_options, tie_margin, "", "a tie if p_a is this near 1/2; text: 0.25"),
    CONF_TEXT(judge_options, max_new_tokens, "256", "text: longest answer of the judge"),
    CONF_END,
};

struct cmd_judge_job {
    struct open_model loaded;
    struct judge_spec spec;
    struct judge *judge;
    long cases, failures, swapped, too_long;
};

/* What is empty is not said: judge_spec_read has the defaults, and knows which keys go
 * together. */
static json_t *spec_of(const struct judge_options *o)
{
    const struct {
        const char *key, *value;
    } row[] = {{"template", o->template},
               {"mode", o->mode},
               {"verdict", o->verdict},
               {"rubric", o->rubric},
               {"swap", o->swap},
               {"tie_margin", o->tie_margin},
               {"max_new_tokens", o->max_new_tokens}};
    json_t *entry = json_object();

    for (size_t i = 0; i < sizeof row / sizeof *row; i++)
        if (row[i].value && *row[i].value)
            json_object_set_new(entry, row[i].key, json_string(row[i].value));
    return entry;
}

/* A verdict that nobody gave is null, never a tie: readers count the two apart. */
static json_t *told(const struct cmd_judge_job *job, const struct judge_result *r)
{
    static const char *const verdicts[] = {NULL, "a", "b", "tie"};
    json_t *line;

    if (job->spec.mode == JUDGE_POINTWISE)
        return json_pack("{s:o,s:i}", "score",
                         isnan(r->score) ? json_null() : json_real(r->score), "failures",
                         r->failures);
    line = json_pack("{s:s?,s:o,s:b,s:b,s:i}", "verdict", verdicts[r->verdict], "p_a",
                     isnan(r->p_a) ? json_null() : json_real(r->p_a), "swapped", r->swapped,
                     "tie", r->verdict == JUDGE_TIE, "failures", r->failures);
    if (!isnan(r->first[0] + r->first[1]))
        json_object_set_new(line, "p_first", json_pack("[f,f]", r->first[0], r->first[1]));
    return line;
}

/* What a verdict is about: `drover rank`, `eval bias` and `prefs import` read that of it. */
static void keep_case(json_t *out, const json_t *in)
{
    static const char *const kept[] = {"prompt", "a", "b", "model_a", "model_b"};

    for (size_t i = 0; i < sizeof kept / sizeof *kept; i++)
        if (json_object_get(in, kept[i]))
            json_object_set(out, kept[i], json_object_get(in, kept[i]));
}

static enum err take(const struct cmd_judge_job *job, const json_t *line, char *text[3])
{
    static const char *const field[3] = {"prompt", "a", "b"};
    const int n = job->spec.mode == JUDGE_POINTWISE ? 2 : 3;
    enum err err = OK;

    for (int k = 0; k < n && !err; k++) {
        json_t *value;
        err = json_lines_field(&value, line, field[k]);
        if (!err && !(text[k] = transcript_of(value)))
            err = err_set(ERR_PARSE, "`%s`: expected a string or a list of messages", field[k]);
    }
    return err;
}

/* One window of cases; what was counted of them is told at the end of the run. */
static enum err answer(void *self, json_t *const *in, json_t **out, int n, int *bad)
{
    struct cmd_judge_job *job = self;
    char *text[JSON_LINES_WINDOW][3] = {{NULL}};
    struct judge_case ask[JSON_LINES_WINDOW] = {{NULL, NULL, NULL}};
    struct judge_result result[JSON_LINES_WINDOW];
    enum err err = OK;

    for (*bad = 0; *bad < n && !err; ++*bad) {
        char **t = text[*bad];
        err = take(job, in[*bad], t);
        ask[*bad] = (struct judge_case){t[0], t[1], t[2]};
    }
    /* The loop has stepped past the line that failed. */
    if (err)
        --*bad;
    else
        err = judge_run(job->judge, ask, n, result);
    for (int i = 0; i < n && !err; i++) {
        out[i] = told(job, &result[i]);
        if (job->spec.mode != JUDGE_POINTWISE)
            keep_case(out[i], in[i]);
        job->cases++;
        job->failures += result[i].verdict == JUDGE_NONE;
        job->swapped += result[i].swapped;
        job->too_long += result[i].too_long;
    }
    for (int i = 0; i < n; i++)
        for (int k = 0; k < 3; k++)
            free(text[i][k]);
    return err;
}

static enum err start(struct cmd_judge_job *job, const struct judge_options *options)
{
    json_t *entry = spec_of(options);
    enum err err = judge_spec_read(&job->spec, entry);

    json_decref(entry);
    if (!err)
        err = open_model_all(&job->loaded, options->model, HEAD_LM, options->compute);
    return err ? err
               : judge_new(&job->judge, &job->spec, job->loaded.model, &job->loaded.encode);
}

static enum err run(const struct command *command, int argc, char **argv, int *status)
{
    struct judge_options options = {.template = NULL};
    struct cmd_judge_job job = {.cases = 0};
    const struct json_lines lines = {answer, &job, 16};
    enum err err = command_conf(keys, &options, argc, argv);

    (void)command, (void)status;
    if (!err)
        err = start(&job, &options);
    if (!err)
        err = json_lines_run(&lines, stdin, "stdin", stdout);
    if (!err)
        log_info("judged", "cases=%ld without_verdict=%ld too_long=%ld swapped=%ld", job.cases,
                 job.failures, job.too_long, job.swapped);
    judge_free(job.judge);
    if (job.spec.template)
        judge_spec_fini(&job.spec);
    open_model_close(&job.loaded);
    command_conf_free(keys, &options);
    return err;
}

const struct command cmd_judge = {
    .name = "judge",
    .group = "models",
    .usage = "--model M --template FILE < in.jsonl > out.jsonl",
    .help = "a language model compares answers, in both orders, or scores them",
    .run = run,
    .keys = keys,
};
