/* head: the supervisor at the head of a fleet: starts broker, workers and perhaps a learner here, supervisors on
 * other machines, restarts what dies, and takes it all down.
 *
 * Never computes. Holds the broker's listening sockets, so a restarted broker keeps its ports;
 * hands every child a pipe whose end means that the supervisor is gone. Only the learner's own
 * exit ends a run: 0 is done, 1 and 2 are its words, a signal means start it again. A signal to
 * the supervisor ends all in order: the learner, which saves, then the workers, then the
 * broker; a second one hurries the learner, a third one kills. */

#ifndef DEPLOY_HEAD_H
#define DEPLOY_HEAD_H

#include "base/err.h"

struct plan;
struct standing;

/* Runs to the end; `standing` as `plan` came out of it (drover up), NULL for a run. *status: what
 * this program should exit with. Errors: those of preparing (ports, the run's folder, its key), of
 * starting a process, and the loop's; ended processes are none. */
enum err head_run(const struct plan *plan, const struct standing *standing,
                  int *status) MUST_CHECK;

#endif
