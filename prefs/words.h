/* words: the kinds of things in a preference store, and what files and pages call them.
 *
 * Numbers never appear outside the program: the store, exports and pages hold the words. */

#ifndef PREFS_WORDS_H
#define PREFS_WORDS_H

#include "base/err.h"

#include <stdbool.h>

/* What an item asks. Candidates are what is judged: answers, runs of tools, an answer's steps. */
enum prefs_mode {
    PREFS_PAIR,       /* two answers: which is better */
    PREFS_RANK,       /* two or more: from best to worst, ties allowed */
    PREFS_STEPS,      /* one answer, a list of steps: which is the first wrong one */
    PREFS_TRAJECTORY, /* two runs, lists of messages with calls: which is better */
    PREFS_REWRITE,    /* one answer: a better one is written */
    PREFS_MODES
};

/* Why somebody was given an item. */
enum prefs_why {
    PREFS_PLAN,         /* one of the k that every item gets */
    PREFS_DISAGREEMENT, /* one more, because those k disagreed */
    PREFS_GOLD,         /* a question whose answer is known */
    PREFS_REPEAT,       /* what this person judged before, sides swapped */
    PREFS_ADJUDICATION, /* a reviewer decides */
    PREFS_ACTIVE,       /* a strategy chose the item: "active:" and its name */
    PREFS_WHYS
};

enum prefs_verdict {
    PREFS_CHOSEN,   /* a candidate is the better one */
    PREFS_TIE,      /* all alike */
    PREFS_BOTH_BAD, /* none is any good */
    PREFS_RANKING,  /* places of all candidates */
    PREFS_STEP,     /* the first wrong step, or none */
    PREFS_REWRITTEN,
    PREFS_SKIP,    /* no judgement: the assignment's end */
    PREFS_UNDO,    /* takes the assignment's last row back: the assignment is open again */
    PREFS_DROPPED, /* forgotten at the person's wish: that there was a row is all that is left */
    PREFS_VERDICTS
};

enum prefs_role { PREFS_ANNOTATOR, PREFS_REVIEWER, PREFS_ADMIN, PREFS_ROLES };

enum prefs_standing {
    PREFS_ACTIVE_PERSON,
    PREFS_PAUSED, /* by himself: gets nothing new; what is open may be finished; no penalty */
    PREFS_CLOSED, /* may not come in; what was judged stays */
    PREFS_FORGOTTEN, /* as closed, and name, reasons, login are gone */
    PREFS_HELD,      /* by an admin: as paused, and nobody else ends it */
    PREFS_STANDINGS
};

enum prefs_state {
    PREFS_OPEN,
    PREFS_DONE,
    PREFS_SKIPPED,
    PREFS_RETURNED,  /* by the person */
    PREFS_EXPIRED,   /* nobody was heard for the time of a lease */
    PREFS_WITHDRAWN, /* the item was taken out */
    PREFS_STATES
};

/* "pair", "rank", "steps", "trajectory", "rewrite". */
extern const char *const words_mode[PREFS_MODES + 1];
/* "plan", "disagreement", "gold", "repeat", "adjudication", "active". */
extern const char *const words_why[PREFS_WHYS + 1];
/* "chosen", "tie", "both_bad", "ranking", "step", "rewrite", "skip", "undo", "dropped". */
extern const char *const words_verdict[PREFS_VERDICTS + 1];
/* "annotator", "reviewer", "admin". */
extern const char *const words_role[PREFS_ROLES + 1];
/* "active", "paused", "closed", "forgotten", "held". */
extern const char *const words_standing[PREFS_STANDINGS + 1];
/* "open", "done", "skipped", "returned", "expired", "withdrawn". */
extern const char *const words_state[PREFS_STATES + 1];

/* May such a person log in? */
bool words_comes_in(enum prefs_standing standing);

/* Which of a NULL-ended list `word` is. Errors: ERR_RANGE, naming `what` and all of them. */
enum err words_find(int *out, const char *const *list, const char *what,
                    const char *word) MUST_CHECK;

#endif
