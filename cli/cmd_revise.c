/* drover revise: a model criticises its answers by a constitution's principles and writes them
 * again (Bai et al. 2022, arXiv:2212.08073, section 3.1): {"prompt"[, "answer"]} lines to
 * {"prompt", "chosen", "rejected", "critique", "principle"}, which is preference data.
 *
 * How it works: a window of lines goes through stages together: first answers (for lines that
 * bring none), then for each round a critique by the next principle and a revision by the
 * critique, each a template filled and answered. A line's number and its stage are the task of
 * its draws, so no answer depends on the window. Where the revision is what was there before,
 * nothing is preferred and the line gives nothing; how often that was is told at the end. */
#include "base/fs.h"
#include "base/log.h"
#include "base/mem.h"
#include "cli/command.h"
#include "eval/json_lines.h"
#include "eval/sample_answers.h"
#include "eval/sampling_options.h"
#include "lm/text/utf8.h"
#include "reward/judge/template.h"
#include "reward/judge/transcript.h"

#include <stdlib.h>
#include <string.h>

enum {
    PRINCIPLES_MAX = 1000,
    PRINCIPLES_BYTES = 1 << 20,
    WINDOW = 32,
    STAGES = 16,
    LONGEST = 256
};

struct revise_conf {
    struct sampling_options sampling; /* first: SAMPLING_ROWS */
    char *principles, *critique, *revision;
    int rounds;
};

static const struct conf_key keys[] = {
    SAMPLING_ROWS("256"),
    CONF_INT(sampling_options, slots, "32", 1, 64, "sequences decoded at once"),
    CONF_TEXT(revise_conf, principles, "", "a file with a principle a line; # is a comment"),
    CONF_TEXT(revise_conf, critique, "", "template: examples/judge/revise-critique.txt"),
    CONF_TEXT(revise_conf, revision, "", "template: examples/judge/revise.txt"),
    CONF_INT(revise_conf, rounds, "1", 1, 4, "critiques and revisions, one after another"),
    CONF_END,
};

/* What the windows of lines share, and what is counted for the last line. */
struct revising {
    struct revise_conf conf;
    struct open_model loaded;
    struct sample_answers sampler;
    struct template *critique, *revision;
    char *text, *principle[PRINCIPLES_MAX];
    int principles;
    uint64_t line;
    long revised, same, empty;
};

/* One line on its way. */
struct draft {
    const json_t *prompt; /* of the line */
    char *question;       /* as text */
    char *first, *answer, *critique;
    const char *principle;
    bool given; /* the line brought its answer */
};

/* Models put blanks around what they say; two answers that differ in those are the same. */
static char *trimmed(const char *text)
{
    const size_t from = strspn(text, " \t\r\n");
    char *copy = mem_text(text + from);
    size_t n = strlen(copy);

    while (n && strchr(" \t\r\n", copy[n - 1]))
        copy[--n] = 0;
    return copy;
}

/* Lines of the file, which stays in memory: the principles point into it. */
static enum err read_principles(struct revising *job, const char *path)
{
    char *save = NULL;
    size_t n;
    enum err err;

    if (!path || !*path)
        return err_set(ERR_RANGE, "which principles? say --principles FILE, one a line");
    err = fs_read(&job->text, &n, path, PRINCIPLES_BYTES);
    if (err)
        return err;
    for (char *line = strtok_r(job->text, "\n", &save); line;
         line = strtok_r(NULL, "\n", &save)) {
        line += strspn(line, " \t\r");
        if (!*line || *line == '#')
            continue;
        if (job->principles == PRINCIPLES_MAX)
            return err_set(ERR_RANGE, "%s: more than %d principles", path, PRINCIPLES_MAX);
        job->principle[job->principles++] = line;
    }
    return job->principles ? OK : err_set(ERR_RANGE, "%s: no principle", path);
}

/* A template that does not show what it is about would ask for a critique of nothing. */
static enum err read_template(struct template **out, const char *path, const char *key,
                              enum template_slot need)
{
    enum err err = path && *path
                       ? template_file(out, path)
                       : err_set(ERR_RANGE, "%s: which template? examples/judge has one", key);

    if (!err && (!template_has(*out, TEMPLATE_A) || !template_has(*out, need)))
        err = err_set(ERR_RANGE, "%s: %s must show {a} and {%s}", key, path,
                      need == TEMPLATE_CRITIQUE ? "critique" : "principle");
    return err;
}

/* The model's answers to n texts; out [n] trimmed, heap. */
static enum err write_all(struct revising *job, json_t *const *prompt, uint64_t stage, int n,
                          char **out, int *bad)
{
    struct sample_answers_ask ask[WINDOW] = {{NULL, NULL, 0}};
    struct sample_answer got[WINDOW];
    enum err err;

    for (int i = 0; i < n; i++)
        ask[i] = (struct sample_answers_ask){prompt[i], NULL,
                                             (job->line + (uint64_t)i) * STAGES + stage};
    err = sample_answers_run(&job->sampler, ask, n, 1, got, bad);
    for (int i = 0; i < n && !err; i++) {
        size_t bytes;
        char *text = utf8_lossy(got[i].text, got[i].bytes, &bytes);
        out[i] = trimmed(text);
        free(text);
        sample_answers_free(&got[i]);
    }
    return err;
}

/* One template over all drafts. */
static enum err stage(struct revising *job, const struct template *template, struct draft *d,
                      int n, uint64_t number, char **out, int *bad)
{
    json_t *prompt[WINDOW] = {NULL};
    enum err err = OK;

    for (*bad = 0; *bad < n && !err; ++*bad) {
        const struct draft *one = &d[*bad];
        const char *const slot[TEMPLATE_SLOTS] = {[TEMPLATE_PROMPT] = one->question,
                                                  [TEMPLATE_A] = one->answer,
                                                  [TEMPLATE_PRINCIPLE] = one->principle,
                                                  [TEMPLATE_CRITIQUE] = one->critique};
        char *text;
        size_t bytes;
        err = template_fill(template, slot, &job->loaded.encode, &text, &bytes);
        if (!err && !(prompt[*bad] = json_stringn(text, bytes)))
            err = err_set(ERR_PARSE, "a text that is not UTF-8");
        free(text);
    }
    if (err)
        --*bad;
    else
        err = write_all(job, prompt, number, n, out, bad);
    for (int i = 0; i < n; i++)
        json_decref(prompt[i]);
    return err;
}

/* A line in, checked; its answer, where it brings one, is the first draft. */
static enum err take(const json_t *line, struct draft *d)
{
    const json_t *answer = json_object_get(line, "answer");
    json_t *prompt;
    enum err err = json_lines_field(&prompt, line, "prompt");

    if (err)
        return err;
    d->prompt = prompt;
    d->given = answer != NULL;
    if (!(d->question = transcript_of(prompt)))
        return err_set(ERR_PARSE, "`prompt`: expected a string or a list of messages");
    if (answer && !(d->first = transcript_of(answer)))
        return err_set(ERR_PARSE, "`answer`: expected a string or a list of messages");
    return OK;
}

/* Answers for the lines that bring none. */
static enum err first_answers(struct revising *job, struct draft *d, int n, int *bad)
{
    json_t *prompt[WINDOW] = {NULL};
    char *got[WINDOW] = {NULL};
    bool any = false;
    enum err err = OK;

    for (int i = 0; i < n; i++) {
        prompt[i] = (json_t *)(uintptr_t)d[i].prompt;
        any |= !d[i].first;
    }
    /* All of the window is answered if one line needs it: places stay as they are, and what is
     * not needed is thrown away. */
    if (any)
        err = write_all(job, prompt, 0, n, got, bad);
    for (int i = 0; i < n && !err; i++) {
        if (!d[i].first)
            d[i].first = got[i];
        else
            free(got[i]);
        d[i].answer = mem_text(d[i].first);
    }
    return err;
}

/* Critique, then revision: two stages, each with draws of its own. */
static enum err round_of(struct revising *job, struct draft *d, int n, int number, int *bad)
{
    char *critique[WINDOW] = {NULL}, *answer[WINDOW] = {NULL};
    const uint64_t at = 1 + 2 * (uint64_t)number;
    enum err err;

    for (int i = 0; i < n; i++) /* the principles in turn */
        d[i].principle = job->principle[(job->line + (uint64_t)i + (uint64_t)number) %
                                        (uint64_t)job->principles];
    err = stage(job, job->critique, d, n, at, critique, bad);
    for (int i = 0; i < n && !err; i++) {
        free(d[i].critique);
        d[i].critique = critique[i];
    }
    if (!err)
        err = stage(job, job->revision, d, n, at + 1, answer, bad);
    for (int i = 0; i < n && !err; i++) {
        free(d[i].answer);
        d[i].answer = answer[i];
    }
    return err;
}

/* As the prompt's kind of completion; after a text that ends in a word, our own begins with a
 * blank, as the model's words do. */
static json_t *as_answer(const json_t *prompt, const char *text, bool ours)
{
    const size_t n = json_string_length(prompt);
    char *apart;
    json_t *string;

    if (!json_is_string(prompt))
        return json_pack("[{s:s,s:s}]", "role", "assistant", "content", text);
    if (!ours || !n || strchr(" \t\r\n", json_string_value(prompt)[n - 1]))
        return json_string(text);
    apart = mem_print(" %s", text);
    string = json_string(apart);
    free(apart);
    return string;
}

/* The pair: the last revision is chosen, the first answer rejected. */
static json_t *told(struct revising *job, const struct draft *d)
{
    char *was = trimmed(d->first);
    const bool same = !strcmp(was, d->answer);
    json_t *line = NULL;

    free(was);
    job->same += same && *d->answer;
    job->empty += !*d->answer;
    if (same || !*d->answer)
        return json_null(); /* no preference in it */
    job->revised++;
    line = json_pack("{s:O,s:o,s:o,s:s,s:s}", "prompt", d->prompt, "chosen",
                     as_answer(d->prompt, d->answer, true), "rejected",
                     as_answer(d->prompt, d->first, !d->given), "critique", d->critique,
                     "principle", d->principle);
    return line;
}

static enum err answer(void *self, json_t *const *in, json_t **out, int n, int *bad)
{
    struct revising *job = self;
    struct draft d[WINDOW] = {{.prompt = NULL}};
    enum err err = OK;

    for (*bad = 0; *bad < n && !err; ++*bad)
        err = take(in[*bad], &d[*bad]);
    if (err)
        --*bad;
    else
        err = first_answers(job, d, n, bad);
    for (int k = 0; k < job->conf.rounds && !err; k++)
        err = round_of(job, d, n, k, bad);
    for (int i = 0; i < n; i++) {
        if (!err)
            out[i] = told(job, &d[i]);
        free(d[i].question);
        free(d[i].first);
        free(d[i].answer);
        free(d[i].critique);
    }
    job->line += (uint64_t)n;
    return err;
}

static enum err start(struct revising *job)
{
    const struct revise_conf *c = &job->conf;
    enum err err = read_principles(job, c->principles);

    if (!err)
        err = read_template(&job->critique, c->critique, "critique", TEMPLATE_PRINCIPLE);
    if (!err)
        err = read_template(&job->revision, c->revision, "revision", TEMPLATE_CRITIQUE);
    if (!err)
        err = open_model_all(&job->loaded, c->sampling.model, HEAD_LM, c->sampling.compute);
    if (!err)
        err = open_model_chat(&job->loaded, c->sampling.chat_template_path);
    return err ? err
               : sampling_options_sampler(&job->sampler, &job->loaded, &c->sampling, LONGEST);
}

static enum err run(const struct command *command, int argc, char **argv, int *status)
{
    struct revising *job = mem_new(1, sizeof *job);
    const struct json_lines lines = {answer, job, WINDOW};
    enum err err = command_conf(keys, &job->conf, argc, argv);

    (void)command, (void)status;
    if (!err)
        err = start(job);
    if (!err)
        err = json_lines_run(&lines, stdin, "stdin", stdout);
    if (!err)
        log_info("revised", "pairs=%ld unchanged=%ld empty=%ld", job->revised, job->same,
                 job->empty);
    sample_answers_fini(&job->sampler);
    open_model_close(&job->loaded);
    template_free(job->critique);
    template_free(job->revision);
    command_conf_free(keys, &job->conf);
    free(job->text);
    free(job);
    return err;
}

const struct command cmd_revise = {
    .name = "revise",
    .group = "models",
    .usage =
        "--model M --principles FILE --critique FILE --revision FILE < in.jsonl > pairs.jsonl",
    .help = "answers criticised by principles and written again: preference pairs",
    .run = run,
    .keys = keys,
};
