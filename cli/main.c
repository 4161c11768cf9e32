/* drover: the one command people type.
 *
 *     drover WORD [FILE.yaml] [key=value | --key value] …
 *
 * How it works: the word's row is looked up in the table of commands, and the row's function
 * does the rest; what needs another program becomes it. Here are only the words that are about
 * the table itself: help, --help, --version, and what to say of a word that is in no row. */
#include "annotate/exchange/store_rows.h"
#include "base/log.h"
#include "base/outlet.h"
#include "cli/commands.h"
#include "hfhub/hfhub.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* One heading and its rows. */
static void group(FILE *to, const char *name)
{
    fprintf(to, "\n%s\n", name);
    for (int i = 0; i < commands_count(); i++)
        if (!strcmp(commands_at(i).group, name))
            fprintf(to, "  %-14s %s\n", commands_at(i).name, commands_at(i).help);
}

/* Groups come in the order of their first row: the order of people, not of the alphabet. */
static void overview(FILE *to)
{
    fprintf(to,
            "drover %s: RLHF for language models on a fleet of ordinary machines\n\n"
            "usage: drover WORD [FILE.yaml] [key=value | --key value] ...\n",
            DROVER_VERSION);
    for (int i = 0; i < commands_count(); i++) {
        int first = 0;
        while (strcmp(commands_at(first).group, commands_at(i).group))
            first++;
        if (first == i) /* the group's first row: here they are all told */
            group(to, commands_at(i).group);
    }
    fprintf(to, "\n`drover help WORD` says more about each.\n");
}

/* What a row says of itself, and its keys with their defaults. */
static void help(const struct command *c)
{
    const struct conf_key *const tables[] = {c->keys, NULL};

    printf("usage: drover %s %s\n\n%s\n", c->name, c->usage, c->help);
    if (c->keys) {
        printf("\n  %-34s %-12s\n", "key", "default");
        conf_help(tables, stdout);
    }
}

/* An error's words are the command's last line; a command that only says how it is used sets
 * the status itself. */
static int run(int row, int argc, char **argv)
{
    const struct command c = commands_at(row);
    int status = EXIT_SUCCESS;

    for (int i = 0; i < argc && !c.tells_itself; i++)
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

/* The status of a usage error. */
static int unknown(const char *word)
{
    const char *near = commands_nearest(word);

    fprintf(stderr, "drover: '%s': no such subcommand; %s%s%s`drover help` lists them\n", word,
            near ? "did you mean '" : "", near ? near : "", near ? "'? " : "");
    return 2;
}

/* `drover help`, `drover help WORD`. */
static int tell(int argc, char **argv)
{
    char *asks[] = {"--help", NULL};
    const int row = commands_find(argc > 0 ? argv[0] : NULL);

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
    const int row = commands_find(word);

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
    hfhub_serve();
    store_rows_serve();
    return outlet_end(choose(argc, argv));
}
