/* drover generate: {"prompt"} to {"completion", "ids", "logprobs", "finish_reason"}; with n
 * answers a line to {"completions": [these]}, and with pairs to {"prompt", "a", "b"}, which is
 * what `drover judge` and people compare.
 *
 * How it works: a window of lines at a time goes to the sampler, all of them at once; a line's
 * number is its task, which with the seed decides every draw, so the answers do not depend on
 * the window or the slots. With text behind -- there is one prompt, and its answer goes to a
 * person: as text, with what would steer a terminal made visible. */
#include "base/mem.h"
#include "cli/command.h"
#include "eval/json_lines.h"
#include "eval/sample_answers.h"
#include "eval/sampling_options.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { LONGEST = 128 }; /* tokens of an answer when nobody says how many */

enum { ANSWERS_MAX = 16 }; /* to one line */

struct generate_conf {
    struct sampling_options sampling;
    int n;
    bool pairs;
    json_t *logit_bias;
};

/* What every command that samples has, and two of our own. */
static const struct conf_key keys[] = {
    SAMPLING_ROWS("128"),
    CONF_INT(sampling_options, slots, "32", 1, 64, "sequences decoded at once"),
    CONF_INT(generate_conf, n, "1", 1, ANSWERS_MAX, "answers to a line, each of its own draws"),
    CONF_BOOL(generate_conf, pairs, "false",
              "two answers as {prompt, a, b}, for `drover judge` or people to compare (n=2)"),
    CONF_TREE(generate_conf, logit_bias, "added to logits: {\"token id\": -100..100}"),
    CONF_END,
};

struct generating {
    struct open_model loaded;
    struct generate_conf conf;
    struct sample_answers sampler;
    struct penalty_bias *bias; /* NULL: none */
    uint64_t line; /* task of the window's first line: a line's number fixes its answer */
};

/* An answer whose log-probabilities are not numbers is no line: json_lines reports it. */
static json_t *told(const struct sample_answer *r)
{
    return json_pack("{s:o,s:o,s:o,s:s}", "completion", json_lines_text(r->text, r->bytes),
                     "ids", json_lines_ints(r->ids, r->n), "logprobs",
                     json_lines_reals(r->logprob, r->n), "finish_reason",
                     generate_finish(r->finish));
}

/* What one line gets for its answers. */
static json_t *line_of(const struct generate_conf *conf, const json_t *prompt,
                       const struct sample_answer *got)
{
    json_t *list;

    if (conf->pairs)
        return json_pack("{s:O,s:o,s:o}", "prompt", prompt, "a",
                         json_lines_text(got[0].text, got[0].bytes), "b",
                         json_lines_text(got[1].text, got[1].bytes));
    if (conf->n == 1)
        return told(got);
    list = json_array();
    for (int i = 0; i < conf->n; i++)
        json_array_append_new(list, told(&got[i]));
    return json_pack("{s:o}", "completions", list);
}

/* One window. A line that has no prompt ends the run before any of its window is answered. */
static enum err answer(void *self, json_t *const *in, json_t **out, int n, int *bad)
{
    struct generating *job = self;
    struct sample_answers_ask ask[JSON_LINES_WINDOW] = {{NULL, NULL, 0}};
    const int each = job->conf.n;
    struct sample_answer *got = mem_new((size_t)JSON_LINES_WINDOW * (size_t)each, sizeof(*got));
    enum err err = OK;

    for (*bad = 0; *bad < n && !err; ++*bad) {
        json_t *prompt;
        err = json_lines_field(&prompt, in[*bad], "prompt");
        ask[*bad] = (struct sample_answers_ask){prompt, json_object_get(in[*bad], "tools"),
                                                job->line + (uint64_t)*bad};
    }
    if (err)
        --*bad;
    else
        err = sample_answers_run(&job->sampler, ask, n, each, got, bad);
    for (int i = 0; i < n && !err; i++) {
        out[i] = line_of(&job->conf, ask[i].prompt, &got[i * each]);
        for (int k = 0; k < each; k++)
            sample_answers_free(&got[i * each + k]);
    }
    if (!err)
        job->line += (uint64_t)n;
    free(got);
    return err;
}

/* Of a tree of keys the numbers are still texts; what is none stays one, and is refused. */
static json_t *numbers(const json_t *tree)
{
    json_t *out = tree ? json_copy((json_t *)(uintptr_t)tree) : NULL, *value;
    const char *key;

    json_object_foreach(out, key, value)
    {
        const char *text = json_string_value(value);
        char *end = NULL;
        const double real = text ? strtod(text, &end) : 0;

        if (text && *text && !*end && isfinite(real))
            json_object_set_new(out, key, json_real(real));
    }
    return out;
}

static enum err biases(struct generating *job)
{
    struct penalties *penalties = &job->sampler.sampling.penalties;
    json_t *tree = numbers(job->conf.logit_bias);
    const enum err err = penalty_biases(&job->bias, &penalties->biases, tree,
                                        model_shape(job->loaded.model)->vocab);

    penalties->bias = job->bias;
    json_decref(tree);
    return err;
}

/* The model, its template, and what is sampled with. */
static enum err start(struct generating *job)
{
    const struct sampling_options *conf = &job->conf.sampling;
    enum err err = job->conf.pairs && job->conf.n > 2
                       ? err_set(ERR_RANGE, "pairs: are two answers: n=2")
                       : open_model_all(&job->loaded, conf->model, HEAD_LM, conf->compute);

    if (job->conf.pairs)
        job->conf.n = 2;
    if (!err)
        err = open_model_chat(&job->loaded, conf->chat_template_path);
    if (!err)
        err = open_model_reach(&job->loaded, conf->max_context);
    if (!err)
        err = sampling_options_sampler(&job->sampler, &job->loaded, conf, LONGEST);
    return err ? err : biases(job);
}

/* Text of a model on a terminal: control bytes but newlines and tabs do not reach it. */
static void put_text(const char *text)
{
    for (; *text; text++) {
        const unsigned char c = (unsigned char)*text;
        putchar((c < 32 && c != '\n' && c != '\t') || c == 127 ? '?' : c);
    }
    putchar('\n');
}

/* The words behind "--" are one prompt, as they are; its answer goes to people. */
static enum err answer_one(struct generating *job, const char *text)
{
    json_t *in = json_pack("{s:s}", "prompt", text), *out = NULL;
    int bad = 0;
    enum err err = in ? answer(job, &in, &out, 1, &bad)
                      : err_set(ERR_PARSE, "the text behind -- is not UTF-8");

    if (!err)
        put_text(json_string_value(json_object_get(out, "completion")));
    json_decref(in);
    json_decref(out);
    return err;
}

/* Text behind -- is one prompt for a person; without it lines come from standard input. */
static enum err run(const struct command *command, int argc, char **argv, int *status)
{
    struct generating job = {.line = 0};
    const struct json_lines lines = {answer, &job, JSON_LINES_WINDOW};
    char *text = NULL;
    enum err err = command_words(command, &job.conf, argc, argv, &text);

    (void)status;
    if (!err && text && (job.conf.n > 1 || job.conf.pairs))
        err = err_set(ERR_RANGE, "n, pairs: of lines; the text behind -- gets one answer");
    if (!err)
        err = start(&job);
    if (!err && !text && isatty(STDIN_FILENO))
        fprintf(stderr, "reading lines {\"prompt\": ...} from the terminal; for one prompt: "
                        "drover generate --model M -- TEXT\n");
    if (!err)
        err = text ? answer_one(&job, text) : json_lines_run(&lines, stdin, "stdin", stdout);
    sample_answers_fini(&job.sampler);
    open_model_close(&job.loaded);
    free(job.bias);
    command_conf_free(keys, &job.conf);
    free(text);
    return err;
}

const struct command cmd_generate = {
    .name = "generate",
    .group = "models",
    .usage = "--model M [temperature=0 max_new_tokens=64 ...] < in.jsonl > out.jsonl, or: "
             "--model M -- TEXT",
    .help = "answers to {\"prompt\"} lines, with ids and log-probabilities; or to the text "
            "behind --",
    .run = run,
    .keys = keys,
};
