/* figures_child: a child process, `drover agreement` over rows that it reads from its stdin. */

#ifndef ANNOTATE_FIGURES_CHILD_H
#define ANNOTATE_FIGURES_CHILD_H

#include "base/err.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

/* Begins as zeros: none runs. */
struct figures_child {
    pid_t pid;
    FILE *told, *words; /* its standard output and error, in memory */
    int64_t until_ms;   /* then it is ended */
};

/* A file in memory, for rows and what a child says of them. Errors: ERR_IO. */
enum err figures_child_file(FILE **out) MUST_CHECK;

/* Starts `program` (a path) on `rows`, which are still the caller's. Errors: ERR_IO. */
enum err figures_child_start(struct figures_child *child, const char *program, FILE *rows,
                             int overlap, int64_t mono_ms) MUST_CHECK;
/* Has it ended? Waits for nothing. *told: what it computed, the caller's; NULL: not yet. Errors:
 * ERR_STATE, with its own words, or that it took too long. After either none runs. */
enum err figures_child_look(struct figures_child *child, json_t **told,
                            int64_t mono_ms) MUST_CHECK;
/* Ends one that runs. */
void figures_child_end(struct figures_child *child);

#endif
