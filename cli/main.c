/* drover: the one command people type.
 *
 *     drover WORD [FILE.yaml] [key=value | --key value] …
 *
 * How it works: a table of subcommands, the methods of learning before all others
 * (learner/methods/methods.c has their rows). What needs another program starts it by exec. */

#include "base/log.h"
#include "base/mem.h"
#include "base/outlet.h"
#include "cli/command.h"
#include "learner/methods/methods.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A line each, so that two people adding one do not meet. */
/* clang-format off */
static const struct command *const commands[] = {
    &cmd_top,
    &cmd_top_once,
    &cmd_fleet_scale,
    &cmd_fleet_down,
    &cmd_tokenize,
    &cmd_generate,
    &cmd_chat,
    &cmd_score,
    &cmd_score_reward,
    &cmd_eval,
    &cmd_judge,
    &cmd_revise,
    &cmd_inspect,
    &cmd_merge,
    &cmd_pull,
    &cmd_fleet_keys,
    &cmd_data,
    &cmd_world,
};
/* clang-format on */
enum { COMMANDS = sizeof commands / sizeof *commands };

static int methods(void)
{
    int n = 0;

    while (methods_at((size_t)n))
        n++;
    return n;
}

static int rows(void)
{
    return methods() + COMMANDS;
}

/* Row i of all that can be typed. */
static struct command command_at(int i)
{
    return i < methods() ? cmd_train(methods_at((size_t)i)) : *commands[i - methods()];
}

static void group(FILE *to, const char *name)
{
    fprintf(to, "\n%s\n", name);
    for (int i = 0; i < rows(); i++)
        if (!strcmp(command_at(i).group, name))
            fprintf(to, "  %-14s %s\n", command_at(i).name, command_at(i).help);
}

static void overview(FILE *to)
{
    fprintf(to,
            "drover %s: RLHF for language models on a fleet of ordinary machines\n\n"
            "usage: drover WORD [FILE.yaml] [key=value | --key value] ...\n",
            DROVER_VERSION);
    for (int i = 0; i < rows(); i++) {
        int first = 0;
        while (strcmp(command_at(first).group, command_at(i).group))
            first++;
        if (first == i) /* the group's first row: here they are all told */
            group(to, command_at(i).group);
    }
    fprintf(to, "\n`drover help WORD` says more about each.\n");
}

static void help(const struct command *c)
{
    const struct conf_key *const tables[] = {c->keys, NULL};

    printf("usage: drover %s %s\n\n%s\n", c->name, c->usage, c->help);
    if (c->keys) {
        printf("\n  %-34s %-12s\n", "key", "default");
        conf_help(tables, stdout);
    }
}

/* Its row; -1: there is none. */
static int find(const char *word)
{
    for (int i = 0; word && i < rows(); i++)
        if (!strcmp(command_at(i).name, word))
            return i;
    return -1;
}

static int run(int row, int argc, char **argv)
{
    const struct command c = command_at(row);
    int status = EXIT_SUCCESS;

    for (int i = 0; i < argc && row >= methods(); i++) /* the learner tells its own */
        if (!strcmp(argv[i], "--help") || !strcmp(argv[i], "-h")) {
            help(&c);
            return EXIT_SUCCESS;
        }
    if (c.run(&c, argc, argv, &status)) {
        outlet_look();
        fprintf(stderr, "drover %s: %s\n", c.name, err_text());
        return EXIT_FAILURE;
    }
    return status;
}

/* The subcommand that was perhaps meant, by the rule for keys. */
static const char *nearest(const char *word)
{
    struct conf_key *const all = mem_new((size_t)rows() + 1, sizeof *all);
    const struct conf_key *const tables[] = {all, NULL};
    const char *near;

    for (int i = 0; i < rows(); i++)
        all[i].name = command_at(i).name;
    near = conf_nearest(word, tables);
    free(all);
    return near;
}

static int unknown(const char *word)
{
    const char *near = nearest(word);

    fprintf(stderr, "drover: '%s': no such subcommand; %s%s%s`drover help` lists them\n", word,
            near ? "did you mean '" : "", near ? near : "", near ? "'? " : "");
    return 2;
}

/* `drover help`, `drover help WORD`. */
static int tell(int argc, char **argv)
{
    char *asks[] = {"--help", NULL};
    const int row = find(argc > 0 ? argv[0] : NULL);

    if (row >= 0)
        return run(row, 1, asks);
    if (argc > 0 && strcmp(argv[0], "help"))
        return unknown(argv[0]);
    overview(stdout);
    return EXIT_SUCCESS;
}

static int choose(int argc, char **argv)
{
    const char *word = argc > 1 ? argv[1] : NULL;
    const int row = find(word);

    if (!word) {
        overview(stderr);
        return 2;
    }
    if (row >= 0)
        return run(row, argc - 2, argv + 2);
    if (!strcmp(word, "--version")) {
        printf("drover %s\n", DROVER_VERSION);
        return EXIT_SUCCESS;
    }
    if (!strcmp(word, "help") || !strcmp(word, "--help") || !strcmp(word, "-h"))
        return tell(argc - 2, argv + 2);
    return unknown(word);
}

int main(int argc, char **argv)
{
    log_open("drover");
    outlet_open("drover");
    return outlet_end(choose(argc, argv));
}
