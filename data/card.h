/* card: which files of a published data set are a split of a configuration: by what its README.md
 * says (configs: … data_files: …), else by the names of the files, as `datasets` finds them. */

#ifndef DATA_CARD_H
#define DATA_CARD_H

#include "base/err.h"

#include <jansson.h>
#include <stddef.h>

/* The YAML between the first two lines "---" of a README; {} without one. `name` for words. Free
 * with json_decref. Errors: ERR_PARSE, ERR_RANGE. */
enum err card_read(json_t **out, const char *readme, size_t n, const char *name) MUST_CHECK;

struct card_question {
    const char *name;        /* of the set, for words */
    const json_t *card;      /* card_read's, or NULL */
    const char *const *path; /* [n] all files of the set, ordered */
    size_t n;
    const char *config; /* NULL: the set's default */
    const char *folder; /* where its files lie (data_dir); NULL or "": anywhere */
    const char *split;
};

struct card_answer {
    size_t *at; /* [n] places in `path`, in the order in which they are read */
    size_t n;
    char *splits; /* " train test": what there is, for words */
};

/* n is 0 where there is no such split. Errors: ERR_RANGE (no such configuration, or several and
 * none is the default: the words list them), ERR_PARSE (a card that says it in no known way). */
enum err card_files(struct card_answer *out, const struct card_question *question) MUST_CHECK;
/* The same of patterns that a person gives: a pattern, a list, or a map of splits. */
enum err card_matching(struct card_answer *out, const struct card_question *question,
                       const json_t *data_files) MUST_CHECK;
void card_answer_free(struct card_answer *answer);

#endif
