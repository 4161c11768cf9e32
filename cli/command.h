/* command: what `drover WORD` is: a row with a name, a line of help, a function. */

#ifndef CLI_COMMAND_H
#define CLI_COMMAND_H

#include "base/conf.h"

struct command {
    const char *name, *group, *usage, *help;
    /* argv[0] is the first word after the subcommand. Returns the exit status through *status.
     */
    enum err (*run)(const struct command *command, int argc, char **argv, int *status);
    const struct conf_key *keys; /* for --help; may be NULL */
    bool tells_itself;           /* --help goes to `run`: another program answers */
};

/* Reads `keys` from the arguments (base/config_tree.h) into `out`, which starts zeroed. */
enum err command_conf(const struct conf_key *keys, void *out, int argc, char **argv) MUST_CHECK;
/* The same for commands that read lines: a word that belongs to no key is an error that says
 * where such a word goes. *text: the words behind "--", joined by blanks (free it), NULL
 * without any; a command that has no use for it gives `text` NULL, and they are an error. */
enum err command_words(const struct command *command, void *out, int argc, char **argv,
                       char **text) MUST_CHECK;
void command_conf_free(const struct conf_key *keys, void *out);
/* How a command is used, to standard error, and what `word` (or NULL) has to do with it: it is none
 * of the verbs that the usage begins with ("a|b|c"), or stands where something else belongs ("FILE").
 * Returns the status of a usage error. */
int command_usage(const struct command *command, const char *word);

#endif
