/* drover: the one command people type.
 *
 *     drover WORD [FILE.yaml] [key=value | --key value] …
 *
 * A table of subcommands. What needs another program starts it by exec. */

#include "base/log.h"
#include "base/outlet.h"
#include "cli/command.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A line each, so that two people adding one do not meet. */
/* clang-format off */
static const struct command *const commands[] = {
    &cmd_train_sft,
    &cmd_train_reward, &cmd_train_prm,
    &cmd_train_dpo,
    &cmd_train_simpo,
    &cmd_train_orpo,
    &cmd_train_cpo,
    &cmd_train_kto,
    &cmd_train_ppo,
    &cmd_train_grpo,
    &cmd_train_rloo,
    &cmd_train_reinforce,
    &cmd_train_raft,
    &cmd_train_online,
    &cmd_train_spin,
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

static void group(FILE *to, int first)
{
    fprintf(to, "\n%s\n", commands[first]->group);
    for (int i = first; i < COMMANDS; i++)
        if (!strcmp(commands[i]->group, commands[first]->group))
            fprintf(to, "  %-14s %s\n", commands[i]->name, commands[i]->help);
}

static void overview(FILE *to)
{
    fprintf(to,
            "drover %s: RLHF for language models on a fleet of ordinary machines\n\n"
            "usage: drover WORD [FILE.yaml] [key=value | --key value] ...\n",
            DROVER_VERSION);
    for (int i = 0; i < COMMANDS; i++) {
        int first = 0;
        while (strcmp(commands[first]->group, commands[i]->group))
            first++;
        if (first == i) /* the group's first row: here they are all told */
            group(to, i);
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

static const struct command *find(const char *word)
{
    for (int i = 0; i < COMMANDS; i++)
        if (!strcmp(commands[i]->name, word))
            return commands[i];
    return NULL;
}

static int run(const struct command *c, int argc, char **argv)
{
    int status = EXIT_SUCCESS;

    for (int i = 0; i < argc && strcmp(c->group, "training");
         i++) /* the learner tells its own */
        if (!strcmp(argv[i], "--help") || !strcmp(argv[i], "-h")) {
            help(c);
            return EXIT_SUCCESS;
        }
    if (c->run(c, argc, argv, &status)) {
        outlet_look();
        fprintf(stderr, "drover %s: %s\n", c->name, err_text());
        return EXIT_FAILURE;
    }
    return status;
}

/* The subcommand that was perhaps meant, by the rule for keys. */
static const char *nearest(const char *word)
{
    struct conf_key rows[COMMANDS + 1] = {{.name = NULL}};
    const struct conf_key *const tables[] = {rows, NULL};

    for (int i = 0; i < COMMANDS; i++)
        rows[i].name = commands[i]->name;
    return conf_nearest(word, tables);
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
    const struct command *c = argc > 0 ? find(argv[0]) : NULL;

    if (c)
        return run(c, 1, asks);
    if (argc > 0 && strcmp(argv[0], "help"))
        return unknown(argv[0]);
    overview(stdout);
    return EXIT_SUCCESS;
}

static int choose(int argc, char **argv)
{
    const char *word = argc > 1 ? argv[1] : NULL;
    const struct command *c = word ? find(word) : NULL;

    if (!word) {
        overview(stderr);
        return 2;
    }
    if (c)
        return run(c, argc - 2, argv + 2);
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
