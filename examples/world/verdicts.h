/* verdicts: what the hidden utility says of two models' answers to the same questions. */

#ifndef EXAMPLES_VERDICTS_H
#define EXAMPLES_VERDICTS_H

#include "base/err.h"

struct verdicts_conf {
    const char *prompts, *before, *after; /* files of lines: questions; answers to them */
    const char *out;                      /* annotate: preference rows to write */
    const char *json;                     /* judge: the figures go here, too; "": nowhere */
    double seed;
    int show; /* judge: answers to print side by side */
};

/* Prints mean utilities and the win rate of after against before, with its interval. Errors:
 * ERR_IO; ERR_PARSE, ERR_RANGE for lines that are no answers to questions of this world. */
enum err verdicts_judge(const struct verdicts_conf *conf) MUST_CHECK;

/* The annotators choose between the two answers; rows go to conf->out. Errors: as above. */
enum err verdicts_annotate(const struct verdicts_conf *conf) MUST_CHECK;

#endif
