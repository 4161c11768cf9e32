/* drover annotate: a page on which people judge answers, over a store that keeps what they say.
 *
 * How it works: the store is opened, or made; a model fills it with pairs, if one is named; then the
 * library annotate serves the page from this thread until Ctrl-C, and a bar shows how far people
 * are. What was judged is in the store, however this ends. With a fleet (annotate_fleet.c) its pairs come
 * besides, and judgements of them go back. */

#include "annotate/active.h"
#include "annotate/annotate.h"
#include "annotate/exchange/import.h"
#include "annotate/make_pairs.h"
#include "annotate/study.h"
#include "base/clock.h"
#include "base/fs.h"
#include "base/mem.h"
#include "base/say.h"
#include "cli/annotate_fleet.h"
#include "cli/annotate_watch.h"
#include "cli/bar.h"
#include "cli/command.h"
#include "cli/open_page.h"
#include "prefs/prefs.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { TURN_MS = 200 };

struct cmd_annotate_options {
    struct sampling_options sampling; /* first: SAMPLING_ROWS */
    char *store, *prompts, *data, *format;
    int pairs, answers;
    int overlap, overlap_max;
    double gold_rate, repeat_rate;
    char *strength, *reasons, *purpose, *guideline;
    json_t *criteria;
    char *listen, *host, *tls_cert, *tls_key, *behind_proxy, *name;
    int connections;
    char *choose_model;
    int choose, choose_batch;
    struct endpoint_options fleet;
    char *ticket_file;
    bool open, stay;
};

static const struct conf_key keys[] = {
    CONF_TEXT(cmd_annotate_options, store, "prefs.db", "the store; made where there is none"),
    CONF_TEXT(cmd_annotate_options, prompts, "", "with model=M: records that have a prompt"),
    CONF_TEXT(cmd_annotate_options, data, "",
              "file of answers to judge, as `drover prefs` imports it"),
    CONF_TEXT(cmd_annotate_options, format, "auto", "of `data`"),
    CONF_INT(cmd_annotate_options, pairs, "20", 1, 1000000, "with model=M: items to make"),
    CONF_INT(cmd_annotate_options, answers, "2", 2, 8, "of each item; more than 2 are ranked"),
    CONF_INT(cmd_annotate_options, overlap, "", 1, PREFS_OVERLAP_MAX,
             "people who judge an item; unset: as the store has it, 1 in a new one"),
    CONF_INT(cmd_annotate_options, overlap_max, "", 1, PREFS_OVERLAP_MAX,
             "the same, with those asked because people differ"),
    CONF_REAL(cmd_annotate_options, gold_rate, "", 0, 0.5, "share of gold questions, if any"),
    CONF_REAL(cmd_annotate_options, repeat_rate, "", 0, 0.5, "share of repeats, sides swapped"),
    CONF_TEXT(cmd_annotate_options, strength, "", "ask how much better: true, false"),
    CONF_TEXT(cmd_annotate_options, reasons, "", "ask why: true, false"),
    CONF_TREE(cmd_annotate_options, criteria,
              "names that are scored 1 to 5: [helpful, honest]"),
    CONF_TEXT(cmd_annotate_options, purpose, "",
              "file (Markdown) of the first page: what for, how long kept, what to expect"),
    CONF_TEXT(cmd_annotate_options, guideline, "", "file (Markdown): a new version of it"),
    CONF_TEXT(cmd_annotate_options, listen, "127.0.0.1:0", "HOST:PORT; port 0: any"),
    CONF_TEXT(cmd_annotate_options, host, "",
              "the page's names in browsers, split by ',', when others may dial it"),
    CONF_TEXT(cmd_annotate_options, tls_cert, "", "file (PEM): the page over TLS"),
    CONF_TEXT(cmd_annotate_options, tls_key, "", "file (PEM): its key"),
    CONF_TEXT(cmd_annotate_options, behind_proxy, "",
              "address of the proxy that has TLS: it alone is answered"),
    CONF_TEXT(cmd_annotate_options, name, "", "who you are on the page; unset: $USER"),
    CONF_INT(cmd_annotate_options, connections, "512", 4, 65536, "connections at once"),
    CONF_WORD(cmd_annotate_options, choose, choosing_words, "random",
              "with choose_model: which pairs come first: random, uncertainty, disagreement, "
              "information, determinant, prediction"),
    CONF_TEXT(cmd_annotate_options, choose_model, "",
              "frozen model by whose last hidden state pairs differ; unset: in order"),
    CONF_INT(cmd_annotate_options, choose_batch, "25", 1, 100000,
             "pairs chosen at a time; the next when they are judged"),
    CONF_ROW(CONF_TEXT_, cmd_annotate_options, fleet.broker, "broker", "", 0, 0,
             "pairs that the fleet at tcp://HOST:5555 sends; judgements go back to its run",
             NULL),
    CONF_ROW(CONF_TEXT_, cmd_annotate_options, fleet.run, "run", "", 0, 0,
             "the same of the fleet that works in this run folder", NULL),
    CONF_ROW(CONF_TEXT_, cmd_annotate_options, fleet.key, "key", "", 0, 0,
             "broker: a key file of the role annotator", NULL),
    CONF_TEXT(cmd_annotate_options, ticket_file, "",
              "a ticket of the role annotator in the place of broker and key; \"-\": standard "
              "input"),
    CONF_BOOL(cmd_annotate_options, open, "true", "open a browser where there is a display"),
    CONF_BOOL(cmd_annotate_options, stay, "true", "go on when all is judged; false: end"),
    SAMPLING_ROWS("256"),
    CONF_INT(sampling_options, slots, "16", 1, 64, "sequences decoded at once"),
    CONF_END,
};

static volatile sig_atomic_t ended;

/* The second one is the system's: it ends the process. */
static void end(int number)
{
    ended = 1;
    signal(number, SIG_DFL);
}

/* A text that was said, or NULL. */
static const char *given(const char *text)
{
    return text && *text ? text : NULL;
}

static bool has_fleet(const struct cmd_annotate_options *o)
{
    return given(o->fleet.broker) || given(o->fleet.run) || given(o->ticket_file);
}

/* ---- the store */

/* A file's text for a key that names one; NULL when it names none. */
static enum err text_of(char **out, const char *key, const char *path)
{
    size_t n;

    *out = NULL;
    if (!given(path))
        return OK;
    return fs_read(out, &n, path, PREFS_TEXT_MAX) ? err_add("%s", key) : OK;
}

/* Unset is neither: what was chosen when the store was made is not undone by a command without it. */
static enum err put_switch(json_t *study, const char *key, const char *text)
{
    int is = -1;
    const enum err err = conf_tristate(&is, key, text);

    if (!err && is >= 0)
        json_object_set_new(study, key, json_boolean(is));
    return err;
}

/* What the command line says of the study; what it does not say stays as the store has it. */
static enum err put_study(struct prefs *prefs, const struct cmd_annotate_options *o)
{
    json_t *study = json_object();
    char *purpose = NULL;
    enum err err = put_switch(study, "strength", o->strength);

    if (!err)
        err = put_switch(study, "reasons", o->reasons);
    if (!err)
        err = text_of(&purpose, "purpose", o->purpose);
    if (!err && purpose)
        json_object_set_new(study, "purpose", json_string(purpose));
    if (!err && o->criteria)
        json_object_set(study, "criteria", o->criteria);
    if (!err && json_object_size(study))
        err = study_change(prefs, study);
    free(purpose);
    json_decref(study);
    return err;
}

/* A wider overlap widens what it may grow to. */
static void settle(struct prefs_settings *s, const struct cmd_annotate_options *o)
{
    if (conf_has_int(o->overlap))
        s->overlap = o->overlap;
    if (conf_has_int(o->overlap_max))
        s->overlap_max = o->overlap_max;
    else if (s->overlap_max < s->overlap)
        s->overlap_max = s->overlap;
    if (conf_has_real(o->gold_rate))
        s->gold_rate = o->gold_rate;
    if (conf_has_real(o->repeat_rate))
        s->repeat_rate = o->repeat_rate;
}

/* What is said of the study is durable before anybody comes: a page never shows settings that a
 * crash takes back. */
static enum err open_store(struct prefs **out, const struct cmd_annotate_options *o)
{
    struct prefs_settings settings = prefs_settings_usual();
    char *guideline = NULL;
    int version;
    const bool fresh = !fs_exists(o->store);
    enum err err = OK;

    if (fresh && !given(o->sampling.model) && !given(o->data) && !has_fleet(o))
        return err_set(ERR_RANGE,
                       "store: there is no %s: model=M prompts=FILE or data=FILE fills a new "
                       "one, run=FOLDER or broker=ADDRESS a fleet",
                       o->store);
    if (fresh)
        err = prefs_create(o->store, &settings, NULL, clock_wall_ms());
    if (!err)
        err = prefs_open(out, o->store, PREFS_WRITE);
    if (err)
        return err;
    settings = *prefs_settings(*out);
    settle(&settings, o);
    err = prefs_settings_write(*out, &settings);
    if (!err)
        err = put_study(*out, o);
    if (!err)
        err = text_of(&guideline, "guideline", o->guideline);
    if (!err && guideline)
        err = prefs_guideline_add(*out, &version, guideline, clock_wall_ms());
    free(guideline);
    if (!err && prefs_dirty(*out))
        err = prefs_commit(*out);
    return err;
}

/* ---- items out of a model */

static void made(void *self, size_t done)
{
    bar_step(self, done, clock_mono_ms());
}

/* The same command after Ctrl-C makes what is missing and goes on with the rest. */
static enum err fill(struct prefs *prefs, const struct cmd_annotate_options *o)
{
    struct bar bar;
    struct make_pairs make = {.prefs = prefs,
                              .asked = &o->sampling,
                              .prompts = o->prompts,
                              .pairs = o->pairs,
                              .answers = o->answers,
                              .step = made,
                              .self = &bar};
    enum err err;

    if (!given(o->prompts))
        return err_set(ERR_RANGE, "model: needs prompts=FILE, to which it answers");
    bar_begin(&bar, "items", (size_t)o->pairs, 0, clock_mono_ms());
    err = make_pairs(&make, clock_wall_ms);
    bar_end(&bar);
    if (!err)
        say(stderr, "%d items made, %d were there%s\n", make.added, make.there,
            make.added + make.there ? "" : ": none to judge");
    if (!err && make.equal)
        say(stderr,
            "%d prompts got the same answer twice, and are no items: a higher temperature, or "
            "another seed, gives more\n",
            make.equal);
    return err;
}

/* Verdicts that the file has are not taken: they are what is to be asked. What is there already is
 * not added again. */
static enum err take(struct prefs *prefs, const struct cmd_annotate_options *o)
{
    const struct import_rule rule = {.format = o->format};
    struct import_count count;
    enum err err = import_file(prefs, o->data, &rule, clock_wall_ms(), &count);

    if (!err)
        err = prefs_commit(prefs);
    if (!err)
        say(stderr, "%zu items of %zu rows, %zu were there\n", count.items, count.rows,
            count.again);
    return err;
}

/* ---- what comes first */

static enum err open_choice(struct active **out, struct prefs *prefs,
                            const struct cmd_annotate_options *o)
{
    const struct active_conf conf = {.model = o->choose_model,
                                     .way = (enum choosing)o->choose,
                                     .batch = o->choose_batch,
                                     .epsilon = 0.1,
                                     .penalty = 1,
                                     .seed = 42};

    return given(o->choose_model) ? active_open(out, prefs, &conf) : OK;
}

/* ---- while people judge */

static struct annotate_conf conf_of(const struct cmd_annotate_options *o, struct prefs *prefs)
{
    const char *user = given(getenv("USER"));

    return (struct annotate_conf){.prefs = prefs,
                                  .listen = o->listen,
                                  .hosts = given(o->host),
                                  .proxy = given(o->behind_proxy),
                                  .tls_cert = given(o->tls_cert),
                                  .tls_key = given(o->tls_key),
                                  .owner = *o->name ? o->name
                                           : user   ? user
                                                    : "owner",
                                  .connections = (unsigned)o->connections,
                                  .program = "/proc/self/exe"};
}

static void tell_address(const struct annotate *annotate, bool again)
{
    say(stderr, "%s%s\n", again ? "the address was used; another browser enters by " : "open ",
        annotate_address(annotate));
}

struct cmd_annotate_serving {
    struct prefs *prefs;
    struct active *active; /* or NULL */
    const struct cmd_annotate_options *options;
};

/* Judgements are durable as they come, so the end has nothing to save: it only says what is left.
 * fleet: NULL, or whose pairs these are. */
static enum err serve(const struct cmd_annotate_serving *s, struct annotate_fleet *fleet,
                      const volatile sig_atomic_t *until)
{
    const struct cmd_annotate_options *const o = s->options;
    const struct annotate_run *const of = fleet ? annotate_fleet_told(fleet) : NULL;
    struct annotate_conf conf = conf_of(o, s->prefs);
    struct annotate_watch watch = {.active = s->active, .run = of, .stay = o->stay};
    struct open_page page = {NULL};
    struct annotate *annotate;
    bool used;
    enum err err;

    conf.run = of;
    err = annotate_open(&annotate, &conf, clock_wall_ms());
    if (err)
        return err;
    if (conf.proxy)
        say(stderr, "port: %u for the proxy\n", annotate_port(annotate));
    tell_address(annotate, false);
    if (o->open)
        open_page(&page, annotate_address(annotate));
    annotate_watch_begin(&watch, clock_mono_ms());
    while (!watch.over && !*until && !err) {
        annotate_turn(annotate, TURN_MS, clock_wall_ms, &used);
        if (used)
            tell_address(annotate, true);
        if (fleet)
            annotate_fleet_turn(fleet, clock_wall_ms());
        err = annotate_watch_look(&watch, s->prefs, clock_mono_ms());
    }
    annotate_close(annotate);
    open_page_end(&page);
    annotate_watch_end(&watch, err ? NULL : o->store);
    return err;
}

static enum err serve_pairs(void *self, struct annotate_fleet *fleet,
                            const volatile sig_atomic_t *end_of_fleet)
{
    return serve(self, fleet, end_of_fleet);
}

/* ---- the command */

/* A file that is named alone is the store, or what is to be judged. */
static char *named_alone(int argc, char **argv)
{
    const char *word = argc ? argv[0] : "--";
    const size_t n = strlen(word);

    if (!strncmp(word, "--", 2) || strchr(word, '=') || strstr(word, ".yaml") ||
        strstr(word, ".yml"))
        return NULL;
    return mem_print("%s=%s",
                     fs_is_database(word) || (n > 3 && !strcmp(word + n - 3, ".db")) ? "store"
                                                                                     : "data",
                     word);
}

/* What cannot be is refused before a model works for it. */
static enum err make(struct prefs **prefs, struct active **active,
                     const struct cmd_annotate_options *o)
{
    const struct annotate_conf conf = conf_of(o, NULL);
    enum err err = annotate_check(&conf);

    if (!err)
        err = open_store(prefs, o);
    if (!err && given(o->data))
        err = take(*prefs, o);
    if (!err && given(o->sampling.model))
        err = fill(*prefs, o);
    return err ? err : open_choice(active, *prefs, o);
}

static enum err run(const struct command *command, int argc, char **argv, int *status)
{
    struct cmd_annotate_options o;
    struct cmd_annotate_serving s = {.options = &o};
    char *alone = named_alone(argc, argv);
    bool fresh = false;
    enum err err;

    (void)status;
    memset(&o, 0, sizeof o);
    if (alone)
        argv[0] = alone;
    err = command_words(command, &o, argc, argv, NULL);
    if (!err) {
        fresh = !fs_exists(o.store);
        err = make(&s.prefs, &s.active, &o);
    }
    if (!err && has_fleet(&o)) {
        err = annotate_fleet_run(
            &(struct annotate_fleet_conf){s.prefs, &o.fleet, o.ticket_file, serve_pairs, &s});
    } else if (!err) {
        signal(SIGTERM, end);
        signal(SIGINT, end);
        err = serve(&s, NULL, &ended);
    }
    active_close(s.active);
    if (err && fresh)
        prefs_unmake(s.prefs);
    else
        prefs_close(s.prefs);
    command_conf_free(command->keys, &o);
    free(alone);
    return err;
}

const struct command cmd_annotate = {
    .name = "annotate",
    .group = "people",
    .usage =
        "[prefs.db | pairs.jsonl | model=M prompts=p.jsonl pairs=20 |\n"
        "                    run=FOLDER | broker=tcp://HOST:5555 key=FILE] [key=value ...]",
    .help = "a page on which people judge answers: pairs, rankings, steps, runs, rewrites",
    .run = run,
    .keys = keys,
};
