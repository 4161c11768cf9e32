/* drover-world: makes the demo's world on disk, and judges answers by its hidden utility. An
 * example of a world of one's own: it uses drover's libraries, and no program of drover's
 * needs it. `drover world` becomes this program, which then speaks by that name. */
#include "base/conf.h"
#include "base/config_tree.h"
#include "base/log.h"
#include "base/outlet.h"
#include "examples/world/verdicts.h"
#include "examples/world/world.h"
#include "examples/world/world_make.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* One table of keys for all verbs; each says which of them it reads. */
struct world_conf {
    char *dir, *prompts, *before, *after, *out, *json;
    double seed;
    int demonstrations, pairs, train, heldout, layers, width, heads, context, show;
};

static const struct conf_key keys[] = {
    CONF_TEXT(world_conf, dir, "world", "make: folder to write"),
    CONF_INT(world_conf, demonstrations, "3000", 1, 1e6, "make: rows of sft.jsonl"),
    CONF_INT(world_conf, pairs, "3000", 1, 1e6, "make: rows of pairs.jsonl"),
    CONF_INT(world_conf, train, "2000", 1, WORLD_PROMPTS - 1, "make: questions for training"),
    CONF_INT(world_conf, heldout, "200", 1, WORLD_PROMPTS - 1, "make: questions kept aside"),
    CONF_INT(world_conf, layers, "4", 1, 64, "make: layers of the model"),
    CONF_INT(world_conf, width, "128", 16, 4096, "make: width of the model"),
    CONF_INT(world_conf, heads, "4", 1, 64, "make: attention heads"),
    CONF_INT(world_conf, context, "128", 64, 8192, "make: tokens that it can hold"),
    CONF_REAL(world_conf, seed, "42", 0, 9e15, "everything follows from it"),
    CONF_TEXT(world_conf, prompts, "", "judge, annotate: the questions"),
    CONF_TEXT(world_conf, before, "",
              "judge, annotate: first answers, as `drover generate` writes them"),
    CONF_TEXT(world_conf, after, "", "judge, annotate: second answers"),
    CONF_TEXT(world_conf, out, "pairs.jsonl", "annotate: preference rows to write"),
    CONF_TEXT(world_conf, json, "", "judge: write the figures here too"),
    CONF_INT(world_conf, show, "4", 0, 100, "judge: answers to show side by side"),
    CONF_END,
};
static const struct conf_key *const tables[] = {keys, NULL};

static enum err make(const struct world_conf *c)
{
    return world_make(&(struct world_plan){c->dir, c->seed, c->demonstrations, c->pairs,
                                           c->train, c->heldout, c->layers, c->width, c->heads,
                                           c->context});
}

/* The keys that judge and annotate share. */
static struct verdicts_conf verdicts_of(const struct world_conf *c)
{
    return (struct verdicts_conf){c->prompts, c->before, c->after, c->out,
                                  c->json,    c->seed,   c->show};
}

static enum err judge(const struct world_conf *c)
{
    const struct verdicts_conf how = verdicts_of(c);

    return verdicts_judge(&how);
}

static enum err annotate(const struct world_conf *c)
{
    const struct verdicts_conf how = verdicts_of(c);

    return verdicts_annotate(&how);
}

static const struct world_verb {
    const char *name;
    enum err (*run)(const struct world_conf *conf);
} verbs[] = {{"make", make}, {"annotate", annotate}, {"judge", judge}};

/* What the person typed: `drover` starts this program and says so. */
static const char *typed(void)
{
    const char *name = getenv("DROVER_TYPED");

    return name && !strcmp(name, "drover") ? "drover world" : "drover-world";
}

static void usage(FILE *to)
{
    fprintf(to, "usage: %s make|annotate|judge [key=value ...]\n", typed());
}

static void help(void)
{
    usage(stdout);
    printf("\nthe demo's small world: make it, or judge answers by its hidden utility\n"
           "\n  %-34s %-12s\n",
           "key", "default");
    conf_help(tables, stdout);
}

/* A key that another one makes void is said, and is no error. */
static void no_effect(const char *key, const char *why)
{
    log_warn("config", "key=%s reason=\"%s\"", key, why);
}

/* Words to keys, keys to the verb; an error is one line. */
static int run(const struct world_verb *verb, int argc, char **argv)
{
    struct world_conf conf = {0};
    json_t *tree = json_object();
    enum err err = config_tree_args(tree, argc, argv);

    if (!err)
        err = conf_load(tables, &conf, config_tree_given(tree), no_effect);
    if (!err)
        err = verb->run(&conf);
    conf_free(tables, &conf);
    json_decref(tree);
    if (!err)
        return EXIT_SUCCESS;
    outlet_look();
    fprintf(stderr, "%s: %s\n", typed(), err_text());
    return EXIT_FAILURE;
}

/* --help anywhere asks for help. */
static int choose(int argc, char **argv)
{
    for (int i = 1; i < argc; i++)
        if (!strcmp(argv[i], "--help") || !strcmp(argv[i], "-h")) {
            help();
            return EXIT_SUCCESS;
        }
    for (size_t i = 0; argc > 1 && i < sizeof verbs / sizeof *verbs; i++)
        if (!strcmp(argv[1], verbs[i].name))
            return run(&verbs[i], argc - 2, argv + 2);
    usage(stderr);
    return 2;
}

int main(int argc, char **argv)
{
    log_open("drover");
    outlet_open("drover");
    return outlet_end(choose(argc, argv));
}
