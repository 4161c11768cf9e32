/* sampling: the options that `generate` and `chat` share. */

#ifndef CLI_SAMPLING_H
#define CLI_SAMPLING_H

#include "base/conf.h"
#include "lm/gen/generate.h"

struct sampling_conf {
    char *model;
    double temperature, top_p, min_p, seed;
    int top_k, max_new_tokens, slots;
    char *system;
    json_t *stop;
};

extern const struct conf_key sampling_keys[], sampling_chat_keys[];

/* What the engine takes; stop texts are borrowed from conf. Errors: ERR_RANGE. */
enum err sampling_make(struct sampling *out, const struct sampling_conf *conf,
                       const struct shape *shape) MUST_CHECK;

#endif
