/* sampling: the options of all commands that let a model answer. */

#ifndef CLI_SAMPLING_H
#define CLI_SAMPLING_H

#include "base/conf.h"
#include "cli/loaded.h"
#include "lm/gen/generate.h"

struct sampling_conf {
    char *model, *chat_template_path;
    double temperature, top_p, min_p, seed;
    int top_k, max_new_tokens, slots;
    char *system;
    json_t *stop;
};

/* Rows for a table; a struct of another command has a struct sampling_conf as its first member.
 */
#define SAMPLING_ROWS(tokens) \
    CONF_TEXT(sampling_conf, model, "", "Hugging Face folder, .gguf file or run folder"), \
        LOADED_CHAT(sampling_conf, chat_template_path), \
        CONF_REAL(sampling_conf, temperature, "1", 0, 100, "0 is greedy"), \
        CONF_REAL(sampling_conf, top_p, "1", 0, 1, "smallest set of tokens with this mass"), \
        CONF_INT(sampling_conf, top_k, "0", 0, 1e6, "most likely tokens only; 0: all"), \
        CONF_REAL(sampling_conf, min_p, "0", 0, 1, \
                  "tokens at least this share of the likeliest"), \
        CONF_INT(sampling_conf, max_new_tokens, tokens, 1, 1e6, "longest answer"), \
        CONF_REAL(sampling_conf, seed, "42", 0, 9e15, "same seed, same answers"), \
        CONF_TREE(sampling_conf, stop, "strings that end an answer")

extern const struct conf_key sampling_keys[], sampling_chat_keys[];

/* What the engine takes; stop texts are borrowed from conf. Errors: ERR_RANGE. */
enum err sampling_make(struct sampling *out, const struct sampling_conf *conf,
                       const struct shape *shape) MUST_CHECK;

#endif
