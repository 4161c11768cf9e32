/* suspects: who wrote answers that were found false. Inside broker/ only.
 *
 * A peer id is the peer's own invention, a name its own word: what is held against a writer is
 * held against its key, where each has one, and else against the address that it came from. Who
 * is set aside gets no work while another can do it. In order:
 *
 *   class 0: nothing is known against its key or address
 *   class 1: its address brought false answers, but it stood there before the first of them and
 *            brought none itself: workers of one machine share an address
 *   class 2: the learner's own actor
 *   class 3: it came from such an address later, or too many that stood there lied
 *   class 4: it brought false answers itself
 *
 * Work goes to the lowest class of which somebody is able to work. */

#ifndef BROKER_SUSPECTS_H
#define BROKER_SUSPECTS_H

#include "broker/members.h"
#include "broker/run.h"

enum { SUSPECTS_MAX = 256, SUSPECTS_NAMES = 1024, SUSPECTS_SHARED = 8 };

struct suspect {
    struct origin who; /* the last one of it */
    uint64_t count;
    uint32_t stood; /* peers that lied and had stood there before the first lie */
    int64_t first_ms, last_ms;
    char words[MEMBERS_WORDS]; /* about the last one */
};

struct suspects {
    struct suspect *suspect;
    uint32_t n_suspect;
    struct suspects_name { /* answers that were counted: REFUSED is said more than once */
        uint64_t task;
        uint32_t sample;
        struct hash hash;
        struct origin who;
    } * name;
    uint64_t n_name; /* found false so far; number i is at i % SUSPECTS_NAMES */
    int least;       /* class that gets work */
};

void suspects_fini(struct suspects *suspects);
void suspects_forget(struct suspects *suspects); /* another run */

/* Found false, with words; false: that was known. */
bool suspects_note(struct suspects *suspects, const struct members *members,
                   const struct suspects_name *name, const char *words, int64_t now_ms);
/* Before work is given out: which class is able. */
void suspects_look(struct suspects *suspects, const struct run_state *run,
                   const struct members *members);
/* May this actor have work? */
bool suspects_may(const struct suspects *suspects, const struct run_state *run,
                  const struct broker_member *actor);
/* Is it of class 3 or 4? */
bool suspects_worst(const struct suspects *suspects, const struct run_state *run,
                    const struct broker_member *actor);
/* Does no actor that is like this suspect get work? */
bool suspects_aside(const struct suspects *suspects, const struct run_state *run,
                    const struct members *members, const struct suspect *suspect);

#endif
