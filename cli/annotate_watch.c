/* A bar over the judgements that are planned, whose end moves: items are added, by a fleet all the
 * time, and where people differ more is asked for. Looked at once a second, since it is counted over
 * the whole store, by the thread that takes judgements. */

#include "cli/annotate_watch.h"

#include "annotate/active.h"
#include "base/say.h"
#include "prefs/item.h"

#include <string.h>

enum { LOOK_MS = 1000, LINGER_MS = 2000 };

void annotate_watch_begin(struct annotate_watch *w, int64_t now_ms)
{
    w->wanted = -1;
    memcpy(w->what, "judged", sizeof "judged");
    bar_begin(&w->bar, w->what, 1, 0, now_ms);
}

/* Once its pairs are judged, or as many others. */
static enum err choose(struct annotate_watch *w, struct prefs *prefs)
{
    struct active_told told;
    enum err err = active_choose(w->active, prefs, &told);

    if (!err)
        err = prefs_commit(prefs);
    w->choose_at = told.chosen ? w->judged + (int64_t)told.chosen : INT64_MAX;
    return err;
}

/* The bar begins anew where its end has moved. What a fleet must still hear stands before it on a
 * terminal; in a log the word is one. */
static void show(struct annotate_watch *w, const struct prefs_progress *p, int64_t now_ms)
{
    if (p->wanted != w->wanted) {
        bar_end(&w->bar);
        bar_begin(&w->bar, w->what, (size_t)p->wanted, 0, now_ms);
    }
    w->judged = p->judged;
    w->wanted = p->wanted;
    if (w->run && w->bar.terminal)
        snprintf(w->what, sizeof w->what, "%lld on their way, judged",
                 (long long)w->run->outbox);
    bar_step(&w->bar, (size_t)p->judged, now_ms);
}

/* Of a fleet more comes as long as its run goes on, and what is on its way is worth a wait. */
static bool more(const struct annotate_watch *w, const struct prefs_progress *p)
{
    return !p->wanted || p->judged < p->wanted ||
           (w->run && (strcmp(w->run->state, "over") != 0 || w->run->outbox));
}

/* Whoever judged the last one still hears that it is saved, and may take it back: the end is some
 * seconds behind it. */
enum err annotate_watch_look(struct annotate_watch *w, struct prefs *prefs, int64_t now_ms)
{
    struct prefs_progress p;
    enum err err;

    if (now_ms - w->looked_ms < LOOK_MS)
        return OK;
    w->looked_ms = now_ms;
    err = prefs_progress(prefs, &p);
    if (err)
        return err;
    show(w, &p, now_ms);
    if (w->active && p.judged >= w->choose_at)
        err = choose(w, prefs);
    if (more(w, &p)) {
        w->told = false; /* the last one was taken back, perhaps */
    } else if (p.open) {
        w->end_ms = now_ms + LINGER_MS; /* somebody has an item: one more, or to review */
    } else if (!w->told) {
        w->told = true;
        w->end_ms = now_ms + LINGER_MS;
        say(stderr, "\nall that is planned is judged%s\n", w->stay ? "; Ctrl-C ends" : "");
    } else if (!w->stay && now_ms >= w->end_ms) {
        w->over = true;
    }
    return err;
}

void annotate_watch_end(struct annotate_watch *w, const char *store)
{
    const long long wanted = w->wanted > 0 ? w->wanted : 0, left = w->run ? w->run->outbox : 0;

    bar_end(&w->bar);
    if (!store)
        return;
    say(stderr, "%lld of %lld planned judgements are in %s%s\n", (long long)w->judged, wanted,
        store, w->judged < w->wanted ? "; the same command goes on" : "");
    if (left)
        say(stderr, "%lld of them the run has not acknowledged: the same command sends them\n",
            left);
}
