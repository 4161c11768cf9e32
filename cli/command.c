#include "cli/command.h"

#include "base/config_tree.h"
#include "base/fs.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/strbuf.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void no_effect(const char *key, const char *why)
{
    log_warn("config", "key=%s reason=\"%s\"", key, why);
}

enum err command_conf(const struct conf_key *keys, void *out, int argc, char **argv)
{
    const struct conf_key *const tables[] = {keys, NULL};
    json_t *tree = json_object();
    enum err err = config_tree_args(tree, argc, argv);

    if (!err)
        err = conf_load(tables, out, config_tree_given(tree), no_effect);
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

enum err command_program(char **path, const char *program)
{
    char self[4096];
    const ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
    char *slash;

    *path = NULL;
    if (n < 0)
        return err_set(ERR_IO, "cannot find this program's folder: %s", strerror(errno));
    self[n] = 0;
    slash = strrchr(self, '/');
    if (slash)
        *slash = 0;
    *path = mem_print("%s/%s", self, program);
    if (!access(*path, X_OK))
        return OK;
    free(*path);
    *path = NULL;
    return err_set(ERR_IO, "%s/%s: %s; install all of drover's programs side by side", self,
                   program, strerror(errno));
}

enum err command_exec(const char *program, char *const *argv)
{
    char *path;
    enum err err = command_program(&path, program);

    if (err)
        return err;
    setenv("DROVER_TYPED", "drover", 1); /* what usage and errors shall name */
    /* By default OpenMP's threads wait for one another in a busy loop, for milliseconds: ten to
     * a hundred times slower on a machine that does anything else. */
    if (!getenv("OMP_WAIT_POLICY"))
        setenv("GOMP_SPINCOUNT", "10000", 0);
    execv(path, argv);
    err = err_set(ERR_IO, "%s: cannot start: %s", path, strerror(errno));
    free(path);
    return err;
}
