/* prefs: a store of items, who was asked what, and what they said: one SQLite file.
 *
 *   prefs.h   the store: open, settings, durable groups     item.h    what there is to judge
 *   assign.h  who is given what, and for how long           judge.h   what they said; undo
 *   people.h  annotators, logins, sessions, the audit       copy.h    snapshot, restore, check
 *   origin.h  items that are a fleet's pairs                outbox.h  what its run must still hear
 *
 * One process has the store at a time, by a lock that it holds as long as it is open. In that process
 * one connection writes, from one thread at a time; prefs_reader gives more that read.
 *
 * Durable: what changes the store joins the open group; prefs_commit makes the group durable, and
 * only then may anybody be told "saved". Several requests that came together are one commit:
 *
 *     take every request that has arrived; apply each (prefs_judge, prefs_next, ...);
 *     prefs_commit; on OK answer all of them, on an error tell all of them that nothing is saved
 *
 * A call that fails leaves the group as it was before it. A commit that fails takes the whole
 * group back (a full disk, for example): the store goes on with what was durable, and the same
 * calls may be made again. Times are Unix milliseconds, given by the caller. Texts that are
 * handed out are the caller's, unless said otherwise. Common errors: ERR_IO (the disk; words
 * name the file and say "disk full" where it is), ERR_PARSE (the file is damaged or is not a
 * store), ERR_STATE (not now; the words are for the person), ERR_RANGE (a value that cannot
 * be). A stranger's fault is ERR_RANGE or ERR_STATE, never ERR_IO. */

#ifndef PREFS_PREFS_H
#define PREFS_PREFS_H

#include "base/err.h"
#include "prefs/words.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    PREFS_SECRET = 32,        /* bytes */
    PREFS_TEXT_MAX = 1 << 20, /* bytes of a prompt, a candidate, a guideline */
    PREFS_NAME_MAX = 128,     /* bytes of names, ids, models */
    PREFS_REASON_MAX = 16384,
    PREFS_OVERLAP_MAX = 64,
    PREFS_CANDIDATES_MAX = 16,
    PREFS_STEPS_MAX = 1000,
};

struct prefs;

/* What a store is told once; kept in it, changed by prefs_settings_write. */
struct prefs_settings {
    int overlap;        /* 1.. judgements an item is planned to get: k */
    int overlap_max;    /* >= overlap: with those asked for because people disagree */
    double gold_rate;   /* [0, 0.5] of what is given is a gold question, while any is left */
    double repeat_rate; /* [0, 0.5] is a repeat, while any is due */
    int repeat_gap;     /* items after which one may be repeated: 20 */
    int64_t repeat_after_ms; /* or this time: a day */
    int64_t lease_ms;        /* an assignment that is not extended goes back: 15 min */
};
/* overlap 1, overlap_max 1, gold and repeats .05, the rest as above. */
struct prefs_settings prefs_settings_usual(void);

enum prefs_access {
    PREFS_WRITE, /* the one writer */
    PREFS_READ,  /* a file that nobody writes: a snapshot, or a store at rest */
};

/* Makes a new store, durable when this returns. secret: PREFS_SECRET bytes from which all that
 * is random is drawn (sides, pseudonyms), or NULL: from the system. A test gives its own: the
 * same calls then give the same store. Errors: ERR_STATE where a file is. */
enum err prefs_create(const char *path, const struct prefs_settings *settings,
                      const uint8_t *secret, int64_t now) MUST_CHECK;

/* Opens and checks it whole: tables, pages, counts. Errors: ERR_STATE (another process has it:
 * the words say how to read it then), ERR_PARSE, ERR_IO. */
enum err prefs_open(struct prefs **out, const char *path, enum prefs_access access) MUST_CHECK;
void prefs_close(struct prefs *prefs); /* an open group is taken back; NULL is fine */
/* The same of a store that was made for what then failed: where it holds no item, the file goes. */
void prefs_unmake(struct prefs *prefs);

/* Another connection of this process, which reads what is durable while the writer writes;
 * each is one thread's at a time. It sees a state of one moment between prefs_reader_begin and
 * _end. */
enum err prefs_reader(struct prefs **out, const struct prefs *writer) MUST_CHECK;
enum err prefs_reader_begin(struct prefs *reader) MUST_CHECK;
void prefs_reader_end(struct prefs *reader);

/* Whether the open group holds anything. */
bool prefs_dirty(const struct prefs *prefs);
enum err prefs_commit(struct prefs *prefs) MUST_CHECK;
/* Several calls as one: an error that is given to prefs_finish, which hands it on, takes back all that
 * was done since. They nest. */
enum err prefs_begin(struct prefs *prefs) MUST_CHECK;
enum err prefs_finish(struct prefs *prefs, enum err err) MUST_CHECK;
/* Takes the open group back. */
void prefs_abandon(struct prefs *prefs);

const char *prefs_path(const struct prefs *prefs);

/* Borrowed, until the next prefs_settings_write. Errors: ERR_RANGE names the value. */
const struct prefs_settings *prefs_settings(const struct prefs *prefs);
enum err prefs_settings_write(struct prefs *prefs,
                              const struct prefs_settings *settings) MUST_CHECK;

/* What a study says of itself, by key ("title", "criteria", ...): JSON, which the store keeps
 * and does not read. NULL takes it out; *out is NULL where there is none. */
enum err prefs_note_write(struct prefs *prefs, const char *key, const json_t *value) MUST_CHECK;
enum err prefs_note_read(struct prefs *prefs, const char *key, json_t **out) MUST_CHECK;

/* Rises with every row that this connection wrote: what was made of the store is stale. */
uint64_t prefs_changes(const struct prefs *prefs);

/* Guidelines, numbered from 1; an assignment remembers the newest when it was given. */
enum err prefs_guideline_add(struct prefs *prefs, int *version, const char *text,
                             int64_t now) MUST_CHECK;
/* version 0: the newest. *text is NULL where there is none; *version its number. Free it. */
enum err prefs_guideline_read(struct prefs *prefs, char **text, int *version,
                              int64_t *at) MUST_CHECK;

/* A number in [0, 1) that the store's secret, a use and two numbers fix; nobody without the
 * secret can tell it. The same for a name that stands for an annotator outside. */
double prefs_draw(const struct prefs *prefs, const char *use, uint64_t a, uint64_t b);
enum { PREFS_PSEUDONYM = 16 };
void prefs_pseudonym(struct prefs *prefs, int64_t annotator, char out[PREFS_PSEUDONYM]);

#endif
