/* annotate_watch: what the terminal shows while people judge, and when there is nothing left to judge. */

#ifndef CLI_ANNOTATE_WATCH_H
#define CLI_ANNOTATE_WATCH_H

#include "annotate/conf.h"
#include "base/err.h"
#include "cli/bar.h"

#include <stdbool.h>

struct active;

struct annotate_watch {
    struct active *active;          /* chooses what comes next; or NULL */
    const struct annotate_run *run; /* of a fleet; or NULL */
    bool stay;                      /* goes on when all is judged */
    /* the rest is its own */
    bool over, told; /* over: all is judged, and nobody is to stay */
    struct bar bar;
    char what[48];
    int64_t looked_ms, judged, wanted, end_ms, choose_at;
};

/* The first three are filled, the rest is zeros. */
void annotate_watch_begin(struct annotate_watch *watch, int64_t now_ms);
/* Each turn; looks once a second. Errors: the store's. */
enum err annotate_watch_look(struct annotate_watch *watch, struct prefs *prefs,
                             int64_t now_ms) MUST_CHECK;
/* What is left of the work in `store`; NULL: it ends by an error, which has words of its own. */
void annotate_watch_end(struct annotate_watch *watch, const char *store);

#endif
