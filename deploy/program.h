/* program: the other programs of drover's, which stand beside this one. */

#ifndef DEPLOY_PROGRAM_H
#define DEPLOY_PROGRAM_H

#include "base/err.h"

/* Path of the sibling `program` ("drover-learner"); freed with free(). Errors: ERR_IO when it
 * is not there, or cannot be run. */
enum err program_path(char **path, const char *program) MUST_CHECK;

/* This process becomes the sibling `program`, with `word` (NULL: none) before the arguments.
 * Returns only on an error: ERR_IO. */
enum err program_become(const char *program, const char *word, int argc,
                        char **argv) MUST_CHECK;

#endif
