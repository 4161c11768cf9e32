/* detach: a supervisor in the background: a process of its own, whose words go to a file. */

#ifndef DEPLOY_DETACH_H
#define DEPLOY_DETACH_H

#include "base/err.h"

/* Starts `drover` with these words (NULL behind the last, the first is its name), waits until it
 * holds the lock of `folder` (run_folder.h), at most 15 s. Errors: ERR_IO, with its last words in
 * `log`. */
enum err detach_start(long *pid, char *const *words, const char *folder,
                      const char *log) MUST_CHECK;

/* In such a process, first: no terminal and no session of another's is its own any more. */
void detach_now(void);

#endif
