/* registrar_book: a keys folder while it is written: its lock, what it holds, its log. For
 * registrar*.c only. */

#ifndef PROTO_REGISTRAR_BOOK_H
#define PROTO_REGISTRAR_BOOK_H

#include "proto/keyring.h"

enum {
    REGISTRAR_BOOK_WAIT_MS = 10000, /* of a person, until another has done its change */
    REGISTRAR_BOOK_LOG = 4 << 20,   /* bytes of audit.log, and of each that was before it */
    REGISTRAR_BOOK_LOGS = 4,        /* that are kept besides */
};

struct registrar_book {
    const char *folder;
    int lock, log;
    int64_t now_s;
    struct keyring *ring;
    bool borrowed; /* the ring is its opener's */
    bool busy;     /* the lock was not to be had in time */
    bool changed;  /* the ring is not as it was before */
};

/* Waits at most `wait_ms` for whoever writes the folder now. `ring`: of the same folder, or NULL.
 * A rotation whose time has come is brought to its end. Errors: keyring_open's; ERR_STATE with
 * `busy`: another process writes it, in words who. */
enum err registrar_book_open(struct registrar_book *book, const char *folder,
                             struct keyring *ring, int wait_ms, int64_t now_s) MUST_CHECK;
/* Hands back `err` and its words. */
enum err registrar_book_close(struct registrar_book *book, enum err err) MUST_CHECK;

/* A line of the log: of a change, and of an entry's. */
void registrar_book_note(const struct registrar_book *book, const char *fmt, ...) PRINTF(2, 3);
void registrar_book_entry(const struct registrar_book *book, const char *event,
                          const struct keyring_entry *entry);

/* May something new be called that, is the name free, and is there room? Errors: ERR_RANGE (no
 * name, no room), ERR_IO (taken). */
enum err registrar_book_free(const struct registrar_book *book, const char *name) MUST_CHECK;

/* Is it meant by a name, a public key, or, with `all`, as one that came in by the ticket or
 * supervisor of that name? */
bool registrar_book_meant(const struct keyring_entry *entry, const char *who, bool all);
/* ERR_RANGE, in words: nobody is called that. */
enum err registrar_book_nobody(const char *folder, const char *who) MUST_CHECK;

/* Takes out some of what ended REGISTRAR_KEPT_S ago. Errors: ERR_IO. */
enum err registrar_remove_old(struct registrar_book *book) MUST_CHECK;

#endif
