/* keyring: the keys folder: who may join a fleet, and as what.
 *
 *     FOLDER (0700)  broker.key   the broker's pair; its secret is nowhere else
 *                    next.key     while keys are rotated: the pair that follows, from when on
 *                    NAME.key     a worker's own file, until it is taken to the worker's machine
 *                    worker/NAME  one that may join: public key, role, until when, revoked when
 *                    ticket/NAME  a ticket: the same, and for how many uses
 *                    audit.log    who changed what; audit.log.1 and so on: before that
 *                    .lock        who writes it now
 *
 * `drover keys` and the supervisor beside the broker write it (registrar.h), one at a time, each
 * file whole or not at all; the broker reads it. A use of a ticket is the file of the worker that
 * it let in: so none is lost or counted twice, whoever dies when. Seconds are of the wall clock. */

#ifndef PROTO_KEYRING_H
#define PROTO_KEYRING_H

#include "proto/keyring_entry.h"

struct keyring;
/* Errors: ERR_IO, ERR_STATE (others may read the folder), what is wrong with broker.key. */
enum err keyring_open(struct keyring **out, const char *folder, int64_t now_s) MUST_CHECK;
void keyring_close(struct keyring *ring); /* NULL is fine */

/* Reads again what has changed. *changed: somebody came, was revoked or expired, or a rotation
 * began or ended. A file that cannot be read lets nobody in, and is told (log). Errors: ERR_IO:
 * what was known stands. */
enum err keyring_look(struct keyring *ring, int64_t now_s, bool *changed) MUST_CHECK;

/* The next look reads all, whatever the folder's times say. */
void keyring_doubt(struct keyring *ring);

/* By public key, whether it is valid or not; NULL: unknown. Void after the next look. */
const struct keyring_entry *keyring_find(const struct keyring *ring, const struct hash *key);
/* May it join now? Its words, if not. */
bool keyring_valid(const struct keyring_entry *entry, int64_t now_s, const char **words);
/* Which machine is it on that says to be called `said`? Keys of a host's supervisor that came by a
 * ticket, and of workers that this has let in, are bound to the name under which it came: that one.
 * NULL: the key is bound to none, or `said` is it. */
const char *keyring_host(const struct keyring *ring, const struct keyring_entry *entry,
                         const char *said);
/* By name; NULL: none. */
const struct keyring_entry *keyring_called(const struct keyring *ring, bool is_ticket,
                                           const char *name);
/* All of them, by name, workers first. */
const struct keyring_entry *keyring_list(const struct keyring *ring, uint32_t *n);
/* Keys that were in the folder and are not any more, since the last call. Void after the next
 * look. */
const struct hash *keyring_lost(struct keyring *ring, uint32_t *n);

/* The broker's pair that counts now; the public key that follows it, and when, or "". */
const struct curve_keys *keyring_broker(const struct keyring *ring);
const char *keyring_next(const struct keyring *ring, int64_t *from_s);

#endif
