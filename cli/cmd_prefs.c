/* drover prefs: the preference store from the terminal: made, filled, read out, copied,
 * checked.
 *
 * * How it works: one table of keys for the verbs; a verb is a function that is given the
 * store's path and the files behind it. Each opens the store with its lock, so none of them
 * disturbs a server that has it: the words then say so. What changes the store is one group:
 * whole or not at all. */
#include "annotate/active.h"
#include "annotate/exchange/export.h"
#include "annotate/exchange/import.h"
#include "base/clock.h"
#include "base/fs.h"
#include "base/mem.h"
#include "base/say.h"
#include "cli/command.h"
#include "cli/prefs_stats.h"
#include "prefs/copy.h"
#include "prefs/item.h"
#include "prefs/people.h"
#include "prefs/prefs.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct prefs_conf {
    char *output, *format, *annotator, *prompt, *candidates, *question, *json, *model;
    int strategy, batch, labels, ties, judgements, overlap, overlap_max, repeat_gap, seed;
    double gold_rate, repeat_rate, test_size, epsilon, penalty;
    bool strict, verdicts, force, back;
};

static const char *const tie_words[] = {"keep", "drop", NULL};

static const struct conf_key keys[] = {
    CONF_INT(prefs_conf, overlap, "1", 1, PREFS_OVERLAP_MAX, "create: judgements an item gets"),
    CONF_INT(prefs_conf, overlap_max, "", 1, PREFS_OVERLAP_MAX,
             "create: with those asked for because people disagree; unset: overlap"),
    CONF_REAL(prefs_conf, gold_rate, "0.05", 0, 0.5,
              "create: share of what is given that is a gold question"),
    CONF_REAL(prefs_conf, repeat_rate, "0.05", 0, 0.5,
              "create: share that repeats what the person judged, sides swapped"),
    CONF_INT(prefs_conf, repeat_gap, "20", 1, 1000000,
             "create: items between a judgement and its repeat, or a day"),
    CONF_TEXT(
        prefs_conf, format, "auto",
        "export: auto, preference, trajectory, unpaired, stepwise, sft, arena, judgements, "
        "csv; import: what the files are (unset: told by their columns)"),
    CONF_WORD(prefs_conf, labels, labels_words, "each",
              "export: each (a row a judgement, weight 1/judgements of the item), majority, "
              "consensus (Dawid-Skene; 3 judgements an item at least)"),
    CONF_WORD(prefs_conf, ties, tie_words, "keep",
              "export: ties and pairs of bad answers: keep (tie: true), drop"),
    CONF_REAL(prefs_conf, test_size, "", 0, 1,
              "export: share of the prompts that go to test.jsonl; output is then a folder"),
    CONF_INT(prefs_conf, seed, "42", 0, 2147483647,
             "export: which prompts those are; choose: draws"),
    CONF_TEXT(prefs_conf, output, "", "export: file (unset: standard output), or folder"),
    CONF_BOOL(prefs_conf, verdicts, "true",
              "import: what the rows say was chosen becomes judgements; false: items alone"),
    CONF_BOOL(prefs_conf, strict, "true",
              "import: a bad row is an error; false: counted, left out"),
    CONF_TEXT(
        prefs_conf, annotator, "",
        "import: whose verdicts they are where rows do not say (import); forget: who, by name "
        "or #NUMBER"),
    CONF_TEXT(prefs_conf, prompt, "", "import: the prompt's field in a tool's export"),
    CONF_TEXT(prefs_conf, candidates, "", "import: the answers' fields, NAME,NAME"),
    CONF_TEXT(prefs_conf, question, "", "import: the question's name, where there are several"),
    CONF_WORD(prefs_conf, judgements, tie_words, "keep",
              "forget: what the person judged: keep (under a pseudonym), drop"),
    CONF_TEXT(prefs_conf, model, "",
              "choose: the frozen model by whose last hidden state pairs differ"),
    CONF_WORD(prefs_conf, strategy, choosing_words, "prediction",
              "choose: random, uncertainty, disagreement (of bootstrapped heads), information "
              "(expected of the verdict), determinant (D-optimal), prediction (EPIG)"),
    CONF_INT(prefs_conf, batch, "25", 1, 100000, "choose: items that come next"),
    CONF_REAL(prefs_conf, epsilon, "0.1", 0, 1, "choose: share of places drawn evenly"),
    CONF_REAL(
        prefs_conf, penalty, "1", 1e-6, 1e6,
        "choose: of squared weights of the head; before any verdict a typical pair's log-odds "
        "deviates by 1 over its root"),
    CONF_BOOL(prefs_conf, force, "false", "restore: over a store that is there"),
    CONF_BOOL(prefs_conf, back, "false", "withdraw: into the plan again"),
    CONF_TEXT(prefs_conf, json, NULL, "stats: " JSON_OUT_HELP),
    CONF_END,
};

struct prefs_job {
    struct prefs_conf conf;
    const char *path, *const *file; /* the store; what follows */
    int files;
};

/* Keys without a value are "" in the table; libraries want NULL. */
static const char *given(const char *text)
{
    return text && *text ? text : NULL;
}

/* ---- create */

static enum err make(const struct prefs_job *job)
{
    const struct prefs_conf *const c = &job->conf;
    struct prefs_settings settings = prefs_settings_usual();

    settings.overlap = c->overlap;
    settings.overlap_max = conf_has_int(c->overlap_max) ? c->overlap_max : c->overlap;
    settings.gold_rate = c->gold_rate;
    settings.repeat_rate = c->repeat_rate;
    settings.repeat_gap = c->repeat_gap;
    return prefs_create(job->path, &settings, NULL, clock_wall_ms());
}

static enum err create(const struct prefs_job *job)
{
    const enum err err = make(job);

    if (!err)
        say(stderr, "drover prefs: %s is made; `drover prefs import %s FILE` fills it\n",
            job->path, job->path);
    return err;
}

/* ---- import */

static void tell_import(const char *file, const struct import_count *n)
{
    say(stderr, "drover prefs: %s: %zu rows: %zu items and %zu judgements added", file, n->rows,
        n->items, n->judgements);
    if (n->again)
        say(stderr, "; %zu were there already", n->again);
    if (n->unjudged)
        say(stderr, "; %zu without a verdict", n->unjudged);
    if (n->alone)
        say(stderr, "; %zu answers have no other of their prompt to be compared with",
            n->alone);
    if (n->bad)
        say(stderr, "; %zu bad rows left out, the first: %s", n->bad, n->first);
    say(stderr, "\n");
}

/* A commit a file: of ten files the nine before a bad one are in, each whole. */
static enum err import_all(const struct prefs_job *job)
{
    const struct prefs_conf *const c = &job->conf;
    const struct import_rule rule = {.format = given(c->format),
                                     .verdicts = c->verdicts,
                                     .lenient = !c->strict,
                                     .annotator = given(c->annotator),
                                     .prompt = given(c->prompt),
                                     .candidates = given(c->candidates),
                                     .question = given(c->question)};
    const bool fresh = !fs_exists(job->path);
    struct prefs *prefs;
    enum err err = fresh ? make(job) : OK;

    if (!err)
        err = prefs_open(&prefs, job->path, PREFS_WRITE);
    if (err)
        return err;
    for (int i = 0; i < job->files && !err; i++) {
        struct import_count count;
        err = import_file(prefs, job->file[i], &rule, clock_wall_ms(), &count);
        if (!err)
            err = prefs_commit(prefs);
        if (!err)
            tell_import(job->file[i], &count);
    }
    if (err && fresh)
        prefs_unmake(prefs);
    else
        prefs_close(prefs);
    return err;
}

/* ---- export */

static enum err write_line(void *self, const char *line, size_t n)
{
    if (self)
        return fs_put(self, line, n);
    return fwrite(line, 1, n, stdout) == n ? OK : err_set(ERR_IO, "standard output refused");
}

/* One part, into a file that is whole or not there. */
static enum err export_part(struct prefs *prefs, const struct export_rule *rule,
                            const char *path)
{
    struct export_count count = {0};
    struct fs_file *file = NULL;
    char *told;
    enum err err = path ? fs_begin(&file, path) : OK;

    if (!err)
        err = export_run(prefs, rule, write_line, file, &count);
    if (err) {
        fs_abort(file);
        return err;
    }
    if (file)
        err = fs_commit(file);
    told = export_told(rule, &count);
    if (!err)
        say(stderr, "drover prefs: %s: %zu rows of %zu items%s%s\n", path ? path : "export",
            count.rows, count.items, told ? "; " : "", told ? told : "");
    free(told);
    return err;
}

static enum err export_parts(struct prefs *prefs, struct export_rule *rule, const char *folder)
{
    const char *const end = rule->format == EXPORT_CSV ? "csv" : "jsonl";
    enum err err = fs_mkdir(folder);

    for (int part = EXPORT_TRAIN; part <= EXPORT_TEST && !err; part++) {
        char *const path =
            mem_print("%s/%s.%s", folder, part == EXPORT_TRAIN ? "train" : "test", end);
        rule->part = (enum export_part)part;
        err = export_part(prefs, rule, path);
        free(path);
    }
    return err;
}

static enum err export_all(const struct prefs_job *job)
{
    const struct prefs_conf *const c = &job->conf;
    struct export_rule rule = {.how = (enum labels_how)c->labels,
                               .drop_ties = c->ties,
                               .test_size = c->test_size,
                               .seed = (uint64_t)c->seed};
    struct prefs *prefs;
    int format;
    enum err err = words_find(&format, export_words, "format", c->format);

    if (!err && conf_has_real(c->test_size) && !given(c->output))
        err = err_set(ERR_PARSE, "test_size needs output=FOLDER");
    if (!err)
        err = prefs_open(&prefs, job->path, PREFS_READ);
    if (err)
        return err;
    rule.format = (enum export_format)format;
    err = conf_has_real(c->test_size) ? export_parts(prefs, &rule, c->output)
                                      : export_part(prefs, &rule, given(c->output));
    prefs_close(prefs);
    return err;
}

/* ---- copies */

/* Of a store at rest; a running server makes its own, without being stopped. */
static enum err snapshot(const struct prefs_job *job)
{
    struct prefs *prefs;
    enum err err = prefs_open(&prefs, job->path, PREFS_READ);

    if (err)
        return err;
    err = prefs_snapshot(prefs, job->file[0]);
    prefs_close(prefs);
    return err;
}

static enum err restore(const struct prefs_job *job)
{
    return prefs_restore(job->path, job->file[0], job->conf.force);
}

static enum err check(const struct prefs_job *job)
{
    struct prefs *prefs;
    enum err err = prefs_open(&prefs, job->path, PREFS_READ);

    if (err)
        return err;
    err = prefs_check(prefs);
    prefs_close(prefs);
    if (!err)
        printf("%s: whole\n", job->path);
    return err;
}

/* ---- items */

/* All of them or none: a key that is mistyped is no reason for half a change. */
static enum err withdraw(const struct prefs_job *job)
{
    struct prefs *prefs;
    enum err err = prefs_open(&prefs, job->path, PREFS_WRITE);

    if (err)
        return err;
    for (int i = 0; i < job->files && !err; i++) {
        int64_t id = 0;

        err = prefs_item_find(prefs, job->file[i], &id);
        if (!err)
            err = prefs_item_withdraw(prefs, id, !job->conf.back);
    }
    if (!err)
        err = prefs_commit(prefs);
    prefs_close(prefs);
    if (!err)
        say(stderr, "drover prefs: %d item%s %s the plan%s\n", job->files,
            job->files == 1 ? "" : "s", job->conf.back ? "back in" : "out of",
            job->conf.back ? "" : "; what was judged stays");
    return err;
}

/* ---- people */

static enum err find_person(struct prefs *prefs, const char *name, int64_t *id)
{
    const enum err err = prefs_person_find(prefs, name, id);
    char *end;
    long long number;

    if (err != ERR_RANGE)
        return err;
    /* Who was renamed, by number, which is marked as one: people of imports are often called by
     * numbers of their own, and what is forgotten is gone. */
    number = *name == '#' ? strtoll(name + 1, &end, 10) : 0;
    if (number < 1 || *end)
        return err_set(ERR_RANGE, "there is no annotator '%s'", name);
    *id = number;
    return OK;
}

/* What was copied elsewhere is beyond this program, and that is said. */
static enum err forget(const struct prefs_job *job)
{
    struct prefs *prefs;
    int64_t id = 0;
    enum err err = given(job->conf.annotator)
                       ? prefs_open(&prefs, job->path, PREFS_WRITE)
                       : err_set(ERR_PARSE, "forget needs annotator=NAME");

    if (err)
        return err;
    err = find_person(prefs, job->conf.annotator, &id);
    if (!err)
        err = prefs_forget(prefs, id, job->conf.judgements == 1, clock_wall_ms());
    if (!err)
        err = prefs_commit(prefs);
    prefs_close(prefs);
    if (!err)
        say(stderr,
            "drover prefs: forgotten: name, reasons, login%s. Snapshots and exports made "
            "before "
            "still hold them\n",
            job->conf.judgements ? ", judgements" : "; the judgements stay, under a pseudonym");
    return err;
}

static enum err stats(const struct prefs_job *job)
{
    struct prefs *prefs;
    enum err err = prefs_open(&prefs, job->path, PREFS_READ);

    if (err)
        return err;
    err = prefs_stats(prefs, job->conf.json);
    prefs_close(prefs);
    return err;
}

/* ---- choose */

static void tell_choice(const struct prefs_job *job, const struct active_told *n)
{
    say(stderr, "drover prefs: %zu of %zu pairs come next, by %s, after %zu that are judged\n",
        n->chosen, n->pool, choosing_words[job->conf.strategy], n->judged);
    if (n->cut)
        say(stderr,
            "drover prefs: %d answers are longer than the model's context: their ends "
            "were read\n",
            n->cut);
}

static enum err choose(const struct prefs_job *job)
{
    const struct prefs_conf *const c = &job->conf;
    const struct active_conf conf = {.model = c->model,
                                     .way = (enum choosing)c->strategy,
                                     .batch = c->batch,
                                     .epsilon = c->epsilon,
                                     .penalty = c->penalty,
                                     .seed = (uint64_t)c->seed};
    struct active_told told;
    struct active *active = NULL;
    struct prefs *prefs;
    enum err err = given(c->model) ? prefs_open(&prefs, job->path, PREFS_WRITE)
                                   : err_set(ERR_PARSE, "choose needs model=M");

    if (err)
        return err;
    err = active_open(&active, prefs, &conf);
    if (!err)
        err = active_choose(active, prefs, &told);
    if (!err)
        err = prefs_commit(prefs);
    active_close(active);
    prefs_close(prefs);
    if (!err)
        tell_choice(job, &told);
    return err;
}

/* ---- words */

static const struct prefs_verb {
    const char *name;
    enum err (*run)(const struct prefs_job *job);
    int least, most; /* files behind the store */
} verbs[] = {{"create", create, 0, 0},     {"import", import_all, 1, 4096},
             {"export", export_all, 0, 0}, {"snapshot", snapshot, 1, 1},
             {"restore", restore, 1, 1},   {"stats", stats, 0, 0},
             {"forget", forget, 0, 0},     {"withdraw", withdraw, 1, 4096},
             {"check", check, 0, 0},       {"choose", choose, 0, 0}};

static const struct prefs_verb *find_verb(const char *name)
{
    for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++)
        if (!strcmp(name, verbs[i].name))
            return &verbs[i];
    return NULL;
}

/* Words up to the first key are the store and files. */
static enum err run_verb(const struct prefs_verb *verb, int argc, char **argv)
{
    struct prefs_job job = {.path = argv[0]};
    int words = 0;
    enum err err;

    while (words < argc && strncmp(argv[words], "--", 2) != 0 && !strchr(argv[words], '='))
        words++;
    if (!words)
        return err_set(ERR_PARSE, "drover prefs %s STORE: the store's path is missing",
                       verb->name);
    job.file = (const char *const *)argv + 1;
    job.files = words - 1;
    if (job.files < verb->least || job.files > verb->most)
        return err_set(ERR_PARSE, "drover prefs %s STORE%s: %d words behind the store",
                       verb->name,
                       verb->run == withdraw ? " KEY..."
                       : verb->most > 1      ? " FILE..."
                       : verb->most          ? " FILE"
                                             : "",
                       job.files);
    err = command_conf(keys, &job.conf, argc - words, argv + words);
    if (!err)
        err = verb->run(&job);
    command_conf_free(keys, &job.conf);
    return err;
}

static enum err run(const struct command *command, int argc, char **argv, int *status)
{
    const struct prefs_verb *const verb = argc ? find_verb(argv[0]) : NULL;

    if (verb)
        return run_verb(verb, argc - 1, argv + 1);
    *status = command_usage(command, argc ? argv[0] : NULL);
    return OK;
}

const struct command cmd_prefs = {
    .name = "prefs",
    .group = "data",
    .usage = "create|import|export|snapshot|restore|stats|choose|forget|withdraw|check STORE "
             "[FILE ...] [key=value | --key value] ...",
    .help = "make, fill, read out, copy and check a store of what people were asked and said",
    .run = run,
    .keys = keys,
};
