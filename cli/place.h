/* place: a process that should be there, the child that is, and when it is started again.
 *
 * Time is an argument. */

#ifndef CLI_PLACE_H
#define CLI_PLACE_H

#include "cli/launch.h"

#include <stdint.h>
#include <sys/types.h>

struct supervisor;

enum {
    PLACE_MAX = 256,  /* actors, and rewarders, on one machine at most */
    PLACE_A_CORE = 8, /* more a core, and more than PLACE_FREE, must be meant */
    PLACE_FREE = 16,
    PLACE_QUICK_MS = 10000, /* a death so soon after the start is a quick one */
    PLACE_QUICK_DEATHS = 5, /* so many in a row, and the fleet is given up; */
    PLACE_AGAIN_MS = 30000, /* a worker of the user's is started again for ever, this rarely */
    PLACE_FAILED_MS = 1000, /* until the system is asked again for a process */
    PLACE_WORDS = 256
};

struct place {
    struct supervisor *owner;
    enum kind kind;
    int number;
    struct child *child;
    bool wanted;
    int64_t started_ms, again_ms; /* again_ms: when to start it next, 0: not due */
    int quick;                    /* deaths in a row soon after the start */
    long restarts;
    off_t log_from; /* where in its log this child's words begin */
};

enum { PLACES = 2 + 2 * PLACE_MAX + SUPERVISE_WORKERS }; /* numbers are dense */

struct places {
    struct place *place[PLACES]; /* owned by who called place_add */
    int n;
};

/* A new one that is wanted. There is room: its number is at most PLACE_MAX. */
struct place *place_add(struct places *places, struct supervisor *owner, enum kind kind,
                        int number);
struct place *place_find(const struct places *places, enum kind kind, int number);
int place_count(const struct places *places, enum kind kind); /* those that are wanted */
bool place_living(const struct places *places, enum kind kind);
void place_stop(const struct places *places, enum kind kind, int signal);
/* For people, as JSON: as many as an answer holds; what is left out is counted in the last. */
char *place_list(const struct places *places);

/* Is that many (of `key`, "actors") what this machine should run? Errors: ERR_RANGE above
 * PLACE_MAX, and without `force` above PLACE_A_CORE a core. */
enum err place_check(const char *key, uint32_t n, bool force) MUST_CHECK;

/* Before it is started: where its words will begin in `log` (NULL: it has none). */
void place_begin(struct place *place, const char *log, int64_t now_ms);

/* It died: says so, with the last words in `log`; sets again_ms. False: it has died too often
 * (that is said, too). */
bool place_died(struct place *place, const char *log, int status, int signal, int64_t now_ms);

/* The last line that says something in `log` behind byte `from`, printable; "" without. */
void place_words(char out[PLACE_WORDS], const char *log, off_t from);

#endif
