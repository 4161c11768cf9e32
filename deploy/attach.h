/* attach: the other end of an ssh session of the head's (link.h): sees to it that this host's
 * supervisor runs with the entry that the head gives, and watches it as long as the session lasts.
 *
 *     in   a letter: one line of JSON: fleet, host, entry, port, advertise, broker_key, linger_s
 *          (with `down`: what is there shall end); then, when asked, a line with a ticket; `down`
 *          ends the supervisor
 *     out  `ticket?`; `up PID`; `already PID`; `changing PID`; `died WORDS`; `ended`;
 *          `left` (by an order of its own); `no WORDS`
 *
 * The supervisor belongs to nobody: an end of the session leaves it as it is. */

#ifndef DEPLOY_ATTACH_H
#define DEPLOY_ATTACH_H

#include "deploy/host_file.h"

struct invite;

/* On standard input and output. *status: 0 it ended as told, or the head hung up; 3 it died; 1 it
 * could not be started (said on standard output). Errors: what cannot be read. */
enum err attach_run(int *status) MUST_CHECK;

/* Is there a key of the fleet whose broker's public key that is? */
bool attach_keyed(const char *folder, const char *broker_key);
/* By hand: a ticket becomes the key of this host's supervisor, and `file` its file (its
 * broker the ticket's addresses, the one that answered first). Errors: ERR_STATE in the broker's words; ERR_IO. */
enum err attach_by_ticket(struct host_file *file, const char *folder,
                          const struct invite *ticket) MUST_CHECK;
/* Starts the supervisor in the background; its process. Errors: ERR_IO with its last words. */
enum err attach_start(long *pid, const char *folder) MUST_CHECK;

#endif
