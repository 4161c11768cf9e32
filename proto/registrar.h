/* registrar: who writes the keys folder (keyring.h): makes keys and tickets, lets in, revokes,
 * removes, rotates. Each call takes the folder's lock, does one thing, and notes it in audit.log.
 * Another that has the lock is waited for, ten seconds at most: then ERR_STATE says who that is. */

#ifndef PROTO_REGISTRAR_H
#define PROTO_REGISTRAR_H

#include "proto/keyring.h"

enum {
    REGISTRAR_ROTATE_S = 86400,   /* how long both generations are valid, if not told */
    REGISTRAR_KEPT_S = 30 * 86400 /* how long what ended stays in the list */
};

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

/* Of the head's supervisor, which lets in for as long as it runs: it keeps what the folder held. */
struct registrar;
void registrar_admit_new(struct registrar **out, const char *folder);
void registrar_admit_free(struct registrar *registrar); /* NULL is fine */

/* A use of a ticket, or (none is spent) one of at most KEYRING_HOST workers of a supervisor that
 * came in by its own, with as->role: lets in `key`, as `as->name` (a suffix makes it the only one)
 * at `as->host`, `as->address`; `as` becomes what the folder has. Said again it is the same use.
 * Errors: ERR_STATE in words (expired, revoked, used up), ERR_RANGE (not a ticket; a name); with
 * *later nothing was decided: another process writes the folder, ask again. */
enum err registrar_admit(struct keyring_entry *as, struct registrar *registrar,
                         const struct hash *ticket, const struct hash *key, int64_t now_s,
                         bool *later) MUST_CHECK;

/* By name or public key (Z85); a ticket with all that came in by it if `all`. *n: how many.
 * Errors: ERR_RANGE (nobody is called that). */
enum err registrar_revoke(uint32_t *n, const char *folder, const char *who, bool all,
                          int64_t now_s) MUST_CHECK;

/* Takes what ended out of the folder before its time: by name or public key; with `all` first who
 * came in by it. *n: how many. Errors: ERR_RANGE (nobody is called that), ERR_STATE in words: it is
 * valid, its use of a ticket would come back, or somebody is here who came in by it. */
enum err registrar_remove(uint32_t *n, const char *folder, const char *who, bool all,
                          int64_t now_s) MUST_CHECK;

/* A new pair for the broker, which counts from `from_s` on; until then both are told to all who
 * connect. Errors: ERR_STATE (a rotation goes on already). */
enum err registrar_rotate(const char *folder, int64_t from_s, int64_t now_s) MUST_CHECK;

#endif
