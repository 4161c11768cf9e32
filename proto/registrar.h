/* registrar: who writes the keys folder (keyring.h): makes keys and tickets, lets in, revokes,
 * rotates. Each call takes the folder's lock, does one thing, and notes it in audit.log. */

#ifndef PROTO_REGISTRAR_H
#define PROTO_REGISTRAR_H

#include "proto/keyring.h"

enum { REGISTRAR_ROTATE_S = 86400 }; /* how long both generations are valid, if not told */

/* What is made: `name`, `role`, when it ends (0: never), how often it may be used (ticket). */
struct registrar_want {
    const char *name;
    enum role role;
    int64_t expires_s;
    uint32_t uses;
};

/* A new folder with the broker's pair. Errors: ERR_IO (also if it has one). */
enum err registrar_create(const char *folder, int64_t now_s) MUST_CHECK;

/* A worker's key, written to `file` (NULL: FOLDER/NAME.key), and let in from now on. Errors:
 * ERR_IO (a name that is taken, a file that is there), ERR_RANGE (the name, too many). */
enum err registrar_add(const char *folder, const struct registrar_want *want, const char *file,
                       int64_t now_s) MUST_CHECK;

/* A ticket's pair; its secret is written nowhere. Errors: registrar_add's. */
enum err registrar_ticket(struct curve_keys *out, const char *folder,
                          const struct registrar_want *want, int64_t now_s) MUST_CHECK;

/* A use of a ticket, or (none is spent) a worker of a supervisor that came in by its own, with
 * as->role: lets in `key`, as `as->name` (a suffix makes it the only one) at
 * `as->host`, `as->address`; `as` becomes what the folder has. Said again it is the same use.
 * Errors: ERR_STATE in words (expired, revoked, used up), ERR_RANGE (not a ticket; a name). */
enum err registrar_admit(struct keyring_entry *as, const char *folder,
                         const struct hash *ticket, const struct hash *key,
                         int64_t now_s) MUST_CHECK;

/* By name or public key (Z85); a ticket with all that came in by it if `all`. *n: how many.
 * Errors: ERR_RANGE (nobody is called that). */
enum err registrar_revoke(uint32_t *n, const char *folder, const char *who, bool all,
                          int64_t now_s) MUST_CHECK;

/* A new pair for the broker, which counts from `from_s` on; until then both are told to all who
 * connect. Errors: ERR_STATE (a rotation goes on already). */
enum err registrar_rotate(const char *folder, int64_t from_s, int64_t now_s) MUST_CHECK;

#endif
