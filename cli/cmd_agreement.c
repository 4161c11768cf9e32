/* drover agreement: how far people say the same, who differs from whom, and what sways them.
 *
 * How it works: ratings/ reads the rows and computes; here the words are read and the figures
 * put out, as lines for people or one JSON object (json_out.h). With judge= the judge's rows
 * are used for the test of whether it may replace people, and for nothing else: the rest is
 * about people. */

#include "annotate/exchange/judgements_of.h"
#include "base/fs.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/say.h"
#include "base/strbuf.h"
#include "cli/command.h"
#include "cli/json_out.h"
#include "data/rows.h"
#include "ratings/alternative.h"
#include "ratings/matrix.h"
#include "ratings/raters.h"
#include "ratings/reasons.h"
#include "stats/bootstrap.h"

#include <stdlib.h>
#include <string.h>

struct agreement_options {
    int level, overlap, resamples, seed;
    double epsilon, q;
    char *judge, *json;
    char *item, *annotator, *value, *prompt;
};

static const struct conf_key keys[] = {
    CONF_WORD(
        agreement_options, level, judgements_levels, "nominal",
        "what values are: nominal (words), ordinal, interval, ratio (numbers), pairs (a, b, "
        "tie, both_bad)"),
    CONF_INT(agreement_options, overlap, "0", 0, 10000,
             "the first so many planned judgements of an item count; 0: all that were planned"),
    CONF_TEXT(agreement_options, judge, "", "may this annotator, a model, replace the others?"),
    CONF_REAL(
        agreement_options, epsilon, "0.2", 0, 0.999,
        "judge: what a person costs: .2 of experts, .15 of trained people, .1 of a crowd"),
    CONF_REAL(agreement_options, q, "0.05", 0.0001, 0.9999, "judge: false discovery rate"),
    CONF_INT(agreement_options, resamples, "2000", 100, BOOTSTRAP_RESAMPLES_MAX,
             "draws of a bootstrap"),
    CONF_INT(agreement_options, seed, "1", 0, 2147483647, "of the draws"),
    CONF_TEXT(agreement_options, item, "",
              "column of what is judged, where it is called otherwise"),
    CONF_TEXT(agreement_options, annotator, "", "the same, of who judged"),
    CONF_TEXT(agreement_options, value, "", "the same, of what was said"),
    CONF_TEXT(agreement_options, prompt, "", "the same, of what items belong together by"),
    CONF_TEXT(agreement_options, json, "", JSON_OUT_HELP),
    CONF_END,
};

/* Keys of rows that nothing reads are told once, by name. */
static void say_ignored(const struct judgements *all)
{
    struct strbuf names = {.n = 0};
    const char *key;
    json_t *value;

    json_object_foreach(all->ignored, key, value)
    {
        strbuf_print(&names, "%s%s", names.n ? ", " : "", key);
    }
    if (names.n)
        log_warn("rows", "ignored=\"%s\"", names.text);
    free(names.text);
}

struct agreement_told {
    struct agreement agreement;
    struct matrix matrix;
    struct raters raters;
    struct reasons reasons;
    struct alternative alternative;
};

/* The judge first, and then without it. */
static enum err compute(struct agreement_told *told, struct judgements *all,
                        const struct agreement_options *o)
{
    const struct agreement_conf conf = {o->overlap, o->resamples, (uint64_t)o->seed};
    enum err err = OK;

    if (o->judge && *o->judge) {
        err = alternative_run(&told->alternative, all, o->judge, o->epsilon, o->q);
        if (!err)
            judgements_set_aside(all, told->alternative.judge);
    }
    if (!err)
        err = agreement_run(&told->agreement, all, &conf);
    if (!err)
        err = matrix_run(&told->matrix, all, &conf);
    if (!err)
        err = raters_run(&told->raters, all, &conf);
    if (!err)
        reasons_run(&told->reasons, all, &conf);
    return err;
}

static void print(const struct agreement_told *told, const struct judgements *all,
                  const struct agreement_options *o)
{
    agreement_tell_say(stdout, &told->agreement, all);
    say(stdout, "\n");
    matrix_say(stdout, &told->matrix, all);
    say(stdout, "\n");
    raters_tell_say(stdout, &told->raters, all);
    reasons_say(stdout, &told->reasons, all);
    if (o->judge && *o->judge)
        alternative_say(stdout, &told->alternative, all);
}

/* What agreement_tell_json gives, and each further table under a key of its own. */
static json_t *object(const struct agreement_told *told, const struct judgements *all,
                      const struct agreement_options *o)
{
    json_t *out = agreement_tell_json(&told->agreement, all);

    json_object_set_new(out, "cohen_kappa", matrix_json(&told->matrix, all));
    json_object_set_new(out, "by_annotator", raters_tell_json(&told->raters, all));
    json_object_set_new(
        out, "consensus",
        told->raters.no_consensus
            ? json_pack("{s:n,s:s}", "converged", "why", told->raters.no_consensus)
            : json_pack("{s:b}", "converged", told->raters.converged));
    json_object_set_new(out, "disagreements", reasons_json(&told->reasons, all));
    if (o->judge && *o->judge)
        json_object_set_new(out, "judge", alternative_json(&told->alternative, all));
    return out;
}

/* Figures are freed whether they were computed or not: each begins as zeros. */
static enum err tell(struct judgements *all, const struct agreement_options *o,
                     struct json_out *json)
{
    struct agreement_told told = {.agreement = {.blocks = 0}};
    json_t *figures;
    enum err err = compute(&told, all, o);

    if (!err) {
        print(&told, all, o);
        figures = object(&told, all, o);
        err = json_out_put(json, figures);
        json_decref(figures);
    }
    agreement_fini(&told.agreement);
    matrix_fini(&told.matrix);
    raters_fini(&told.raters);
    reasons_fini(&told.reasons);
    alternative_fini(&told.alternative);
    return err;
}

/* Words before the first key are files. */
static int files_of(int argc, char **argv)
{
    int n = 0;

    while (n < argc && strncmp(argv[n], "--", 2) && !strchr(argv[n], '='))
        n++;
    return n;
}

/* A preference store is told by its first bytes; it holds choices, whose level is pairs. One of
 * several files cannot be one: its people and items are no others'. */
static enum err read_all(struct judgements **all, const struct agreement_options *o,
                         const char *const *path, size_t files)
{
    const struct rows_name names[] = {{"item", o->item},
                                      {"annotator", o->annotator},
                                      {"value", o->value},
                                      {"prompt", o->prompt}};
    enum err err;

    for (size_t i = 0; i < files && files > 1; i++)
        if (fs_is_database(path[i]))
            return err_set(ERR_PARSE, "%s: one store at a time, and no file beside it",
                           path[i]);
    if (fs_is_database(path[0])) {
        *all = judgements_new(JUDGEMENTS_PAIRS);
        return judgements_of_file(*all, path[0]);
    }
    *all = judgements_new((enum judgements_level)o->level);
    rows_names(names, sizeof names / sizeof *names);
    err = judgements_read(*all, path, files);
    rows_names(NULL, 0);
    return err;
}

static enum err run(const struct command *command, int argc, char **argv, int *status)
{
    struct agreement_options options = {.judge = NULL};
    struct judgements *all = NULL;
    struct json_out json = {NULL, NULL};
    const int files = files_of(argc, argv);
    enum err err;

    if (!files) {
        *status = command_usage(command, argc ? argv[0] : NULL);
        return OK;
    }
    err = command_conf(keys, &options, argc - files, argv + files);
    if (!err)
        err = json_out_open(&json, options.json);
    if (!err)
        err = read_all(&all, &options, (const char *const *)argv, (size_t)files);
    if (!err) {
        say_ignored(all);
        err = tell(all, &options, &json);
    }
    judgements_free(all);
    json_out_close(&json);
    command_conf_free(keys, &options);
    return err;
}

const struct command cmd_agreement = {
    .name = "agreement",
    .group = "people",
    .usage = "FILE ...|prefs.db [level=nominal|ordinal|interval|ratio|pairs] [key=value ...]",
    .help =
        "how far annotators agree, who differs from whom, what sways them, may a judge replace "
        "them",
    .run = run,
    .keys = keys,
};
