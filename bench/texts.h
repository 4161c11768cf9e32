/* texts: what is measured on text reads: lines of a file as tokens, one behind the other. */

#ifndef BENCH_TEXTS_H
#define BENCH_TEXTS_H

#include "lm/text/tokenizer.h"

struct texts {
    int n;       /* texts */
    int *token;  /* [start[n]] */
    int *start;  /* [n + 1] */
    long unread; /* lines of the file that hold no text */
};

/* Of a file of JSON lines the first `records` that hold `chosen`, `text` or `prompt` as a string, as it stands,
 * each cut off at `longest` tokens; how many others there were is said. Errors: ERR_IO (no file), ERR_RANGE (none has text), the tokenizer's. */
enum err texts_read(struct texts *out, const char *path, const struct tokenizer *tokenizer,
                    int records, int longest) MUST_CHECK;
void texts_fini(struct texts *texts);

#endif
