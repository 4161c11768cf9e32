/* choice: one answer as it grows: its tokens, its text, and how much of the text may be told. */

#ifndef SERVE_CHOICE_H
#define SERVE_CHOICE_H

#include "base/strbuf.h"
#include "lm/gen/generate.h"
#include "serve/ask.h"

struct choice {
    int *ids; /* [n] the end token included */
    float *logprob;
    struct sample_top *top; /* [n, tops] */
    int n, room, tops;
    struct strbuf text; /* without end token, without special tokens */
    size_t bytes;       /* of the text that are the answer, once it is done */
    bool done;
    enum finish finish;
    /* what a stream has told of it */
    int told;
    size_t told_bytes;
    bool opened, closed;
};

void choice_add(struct choice *choice, const struct ask_request *ask,
                const struct tokenizer *tokenizer, const struct generate_token *token);
void choice_end(struct choice *choice, const struct ask_request *ask, enum finish finish);

/* Bytes of the text that no later token will take back: while it grows, not the beginning of a
 * character, of a stop string or of a tool call. */
size_t choice_ready(const struct choice *choice, const struct ask_request *ask);

void choice_free(struct choice *choice);

#endif
