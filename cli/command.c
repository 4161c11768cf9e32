/* How it works: words become a tree (base/config_tree.h: --key value, --key=value, key=value,
 * a file of YAML) and the tree a struct by the command's table of keys. Commands that read
 * lines from standard input look at their words first (command_words): someone who types a
 * model's path, or a text, without saying which key it is for is told where it goes; to read
 * standard input in silence instead would look like a program that hangs. */
#include "cli/command.h"

#include "base/config_tree.h"
#include "base/fs.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/say.h"
#include "base/strbuf.h"
#include "lm/kernel/cores.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A key that another one makes void is said, and is no error. */
static void no_effect(const char *key, const char *why)
{
    log_warn("config", "key=%s reason=\"%s\"", key, why);
}

/* Whatever computes later does so on the threads of its key `threads`, or on what the machine gives. */
static void choose_cores(const struct conf_key *keys, const void *out)
{
    const struct conf_key *k = keys;

    while (k->name && strcmp(k->name, "threads") != 0)
        k++;
    cores_choose(k->name ? *(const int *)((const char *)out + k->offset) : 0);
}

/* Keys may come from a file and from words; words win (base/config_tree.h). */
enum err command_conf(const struct conf_key *keys, void *out, int argc, char **argv)
{
    const struct conf_key *const tables[] = {keys, NULL};
    json_t *tree = json_object();
    enum err err = config_tree_args(tree, argc, argv);

    if (!err)
        err = conf_load(tables, out, config_tree_given(tree), no_effect);
    if (!err)
        choose_cores(keys, out);
    json_decref(tree);
    return err;
}

/* The first word that is neither a key nor the value of one. */
static const char *stray(const struct conf_key *keys, int argc, char **argv)
{
    for (int i = 0; i < argc; i++) {
        const struct conf_key *k = keys;

        if (strncmp(argv[i], "--", 2)) {
            if (!strchr(argv[i], '='))
                return argv[i];
            continue;
        }
        if (strchr(argv[i], '='))
            continue;
        while (k->name && strcmp(k->name, argv[i] + 2))
            k++;
        /* a value, or none of a switch; of lists, all that follow */
        for (int n = 0; i + 1 < argc && strncmp(argv[i + 1], "--", 2) &&
                        !strchr(argv[i + 1], '=') && (!n || (k->name && k->type == CONF_TREE_));
             n++)
            i++;
    }
    return NULL;
}

/* What the word probably is: a file that is there is a model, anything else a text. */
static enum err where_to(const struct command *command, const char *word, bool text)
{
    if (fs_exists(word))
        return err_set(ERR_PARSE,
                       "'%s' belongs to no key; if it is the model: drover %s --model %s", word,
                       command->name, word);
    if (text)
        return err_set(ERR_PARSE,
                       "'%s' belongs to no key; text goes behind --: drover %s --model M -- %s",
                       word, command->name, word);
    return err_set(ERR_PARSE,
                   "'%s' belongs to no key: expected --key value or key=value; what is read "
                   "comes from standard input",
                   word);
}

enum err command_words(const struct command *command, void *out, int argc, char **argv,
                       char **text)
{
    const char *word;
    struct strbuf buf = {0};
    int n = 0;

    while (n < argc && strcmp(argv[n], "--") != 0)
        n++;
    if (text)
        *text = NULL;
    word = stray(command->keys, n, argv);
    if (word && strcmp(word, "--config") != 0 && !strstr(word, ".yaml") &&
        !strstr(word, ".yml"))
        return where_to(command, word, text != NULL);
    if (n < argc && !text)
        return err_set(ERR_PARSE, "what stands behind -- is not read here: standard input is");
    for (int i = n + 1; i < argc; i++)
        strbuf_print(&buf, "%s%s", i > n + 1 ? " " : "", argv[i]);
    if (text)
        *text = buf.text;
    else
        free(buf.text);
    return command_conf(command->keys, out, n, argv);
}

void command_conf_free(const struct conf_key *keys, void *out)
{
    const struct conf_key *const tables[] = {keys, NULL};

    conf_free(tables, out);
}

/* The verb that was meant, perhaps; the usage names them already, and they stand there once. */
static void tell_nearest(const struct command *command, const char *first, const char *word)
{
    enum { VERBS = 32 };
    char *verbs = mem_print("%s", first), *rest = verbs;
    struct conf_key all[VERBS + 1] = {{.name = NULL}};
    const struct conf_key *const tables[] = {all, NULL};
    const char *near;

    for (int n = 0; n < VERBS && rest; n++) {
        all[n].name = rest;
        rest = strchr(rest, '|');
        if (rest)
            *rest++ = 0;
    }
    near = conf_nearest(word, tables);
    say(stderr, "drover %s: '%s' is none of its words%s%s%s\n", command->name, word,
        near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
    free(verbs);
}

int command_usage(const struct command *command, const char *word)
{
    char *first = mem_print("%.*s", (int)strcspn(command->usage, " "), command->usage);

    if (word && strchr(first, '|') && islower((unsigned char)first[0])) /* FILE is a place */
        tell_nearest(command, first, word);
    else if (word)
        say(stderr, "drover %s: '%s' stands where %s belongs\n", command->name, word, first);
    fprintf(stderr, "usage: drover %s %s\n", command->name, command->usage);
    free(first);
    return 2;
}
