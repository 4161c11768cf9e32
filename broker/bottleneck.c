/* A list of what may hold a run up, the surest first; the first that does is named. What stands
 * still altogether comes before what is merely busy; a scorer that nobody offers, weights that are
 * on their way and a learner without room are seen as such; who is busy all the time is the rest.
 * Actors and a learner that wait for one another in turns hold each other up: neither more of the
 * one nor of the other would help.
 *
 * Weights hold a run up when actors are without work for want of them, nearly all of them for the
 * last three seconds, or for a quarter of their time within the last minute: more actors would then
 * wait at the same link.
 *
 * Where what is named has no advice of its own, that of the first thing that stands still (the waits
 * of STATS) is given: a person reads one line. */

#include "broker/bottleneck.h"

#include "broker/minute.h"
#include "broker/stalls.h"
#include "broker/uplink.h"
#include "proto/text.h"

#include <stdarg.h>
#include <stdio.h>

#define WITHOUT .25    /* share of the actors' time in the last minute, */
#define WITHOUT_NOW .9 /* and in the last seconds */

enum { ADVICE_MS = 1000 }; /* what stands for less may be gone before it is read */

struct bottleneck_ask { /* what all the questions are about */
    const struct broker *b;
    const struct places *places;
    struct bottleneck *out;
    struct msg_stats *stats;
    uint32_t actors;
    /* Shares of work, now and in the last minute; where iterations are long, both of whole ones: what
     * is a phase of one is not the run. */
    double actor, learner, actor_idle, learner_idle;
    const char *of;
};

static bool name(const struct bottleneck_ask *s, const char *kind, const char *fmt, ...)
    PRINTF(3, 4);

/* True, so that who names it can say so. */
static bool name(const struct bottleneck_ask *s, const char *kind, const char *fmt, ...)
{
    char words[WAITS_WORDS];
    va_list args;

    va_start(args, fmt);
    vsnprintf(words, sizeof words, fmt, args);
    va_end(args);
    text_print(s->out->words, sizeof s->out->words, "%s", words);
    s->stats->holds = kind;
    return true;
}

static void advise(const struct bottleneck_ask *s, const char *fmt, ...) PRINTF(2, 3);

static void advise(const struct bottleneck_ask *s, const char *fmt, ...)
{
    char words[MEMBERS_WORDS];
    va_list args;

    va_start(args, fmt);
    vsnprintf(words, sizeof words, fmt, args);
    va_end(args);
    text_print(s->out->advice, sizeof s->out->advice, "%s", words);
}

static bool no_learner(const struct bottleneck_ask *s)
{
    const struct run_state *run = &s->b->run;

    return !run->learner &&
           name(s, "learner", "%s", run->bound ? "the learner is away" : "no learner has come");
}

/* It is there and does not do what all wait for. */
static bool learner_stands(const struct bottleneck_ask *s)
{
    const struct broker_member *l = s->b->run.learner;

    if (stalls_learner_silent(s->b, s->b->now_ms))
        return name(s, "learner", "nothing is heard of the learner for %.0f s",
                    (double)(s->b->now_ms - l->heard_ms) / 1e3);
    return *l->trouble && name(s, "disk", "the learner: %s", l->trouble);
}

/* Who scales a fleet from zero by `actors_wanted` has to see one before there is any. */
static bool no_actor(const struct bottleneck_ask *s)
{
    if (s->actors || !s->stats->waiting)
        return false;
    s->stats->actors_wanted = 1;
    advise(s, "add an actor");
    return name(s, "actors", "there is no actor");
}

/* Only when answers pile up before them: a scorer that is paused while actors are the slower part
 * is told among the waits, and holds nothing yet. */
static bool scorers(const struct bottleneck_ask *s)
{
    for (uint32_t i = 0; i < s->stats->n_wait; i++)
        if (*s->stats->wait[i].scorer && s->stats->scoring > s->stats->leased)
            return name(s, "scorer", "%s", s->stats->wait[i].name);
    if (s->stats->scoring <= s->stats->leased || s->stats->rewarder_busy <= .9)
        return false;
    advise(s, "add a rewarder");
    return name(s, "scorer", "%llu answers wait for a score, rewarders are %.0f %% busy",
                (unsigned long long)s->stats->scoring, 100 * s->stats->rewarder_busy);
}

/* Not while the learner works all the time: nobody waits then for what actors would have done. */
static bool weights(const struct bottleneck_ask *s)
{
    const struct msg_stats_host *slow = s->places->slowest;
    const double without = minute_without(&s->b->minute),
                 now = minute_without_now(&s->b->minute);
    char link[128];

    if ((without <= WITHOUT && now <= WITHOUT_NOW) || s->stats->learner_busy > .9)
        return false;
    if (uplink_words(s->b, link, sizeof link)) {
        advise(s, "a faster link for the learner, or an adapter instead of whole weights: more "
                  "actors would wait, too");
        return name(s, "link", "%s", link);
    }
    if (!slow)
        return name(s, "weights",
                    "actors were without the weights they need for %.0f %% of "
                    "the last minute",
                    100 * without);
    advise(s,
           "a faster link to %s, or an adapter instead of whole weights: more actors would "
           "wait, too",
           slow->name);
    return name(s, "link",
                "the link to %s: %.1f MB/s, %u s left (actors without weights: %.0f %% of "
                "the last minute)",
                slow->name, (double)slow->wire_rate / 1e6, slow->left_ms / 1000, 100 * without);
}

static bool no_room(const struct bottleneck_ask *s)
{
    const struct broker *b = s->b;

    if (s->stats->waiting && b->space_short)
        return name(s, "memory", "this broker has no space for more answers");
    if (!b->to_learner.n || !b->run.learner || !b->run.learner->greeted)
        return false;
    return name(s, "learner", "the learner takes no more answers%s%s",
                *b->run.learner->note ? ": it " : "", b->run.learner->note);
}

/* Actors are asked for in proportion to the learner's idle share, at most three times as many as
 * there are. */
static bool actors(const struct bottleneck_ask *s)
{
    const double learner = s->learner < .25 ? .25 : s->learner;
    uint32_t more;

    if (!s->actors || s->actor <= .9 || s->learner >= .7 || s->actor_idle > .3)
        return false;
    more = (uint32_t)(s->actors * (1 / learner - 1) + .5);
    more = more ? more : 1;
    s->stats->actors_wanted = s->actors + more;
    advise(s, "add %u actor%s", more, more > 1 ? "s" : "");
    return name(s, "actors", "actors are %.0f %% busy, the learner %.0f %%", 100 * s->actor,
                100 * s->learner);
}

/* Fewer actors would do as well where half of their time is idle; that frees machines, and does not
 * make the run any faster. */
static bool learner(const struct bottleneck_ask *s)
{
    uint32_t less;

    if (s->learner <= .9 || s->learner_idle > .3)
        return false;
    less = (uint32_t)(s->actors * (1 - s->actor / .9));
    if (s->actors && less >= s->actors)
        less = s->actors - 1; /* a run that goes on wants one */
    if (s->actors > 1 && s->actor < .5 && s->actor_idle > .5 && less) {
        s->stats->actors_wanted = s->actors - less;
        advise(s, "remove %u actor%s", less, less > 1 ? "s" : "");
    }
    return name(s, "learner", "the learner is %.0f %% busy, actors %.0f %%", 100 * s->learner,
                100 * s->actor);
}

static bool turns(const struct bottleneck_ask *s)
{
    const double idle = s->actor_idle, also = s->learner_idle;

    if (!s->actors || idle < .2 || also < .2 || idle + also < .7)
        return false;
    return name(s, "turns",
                "actors and learner wait for one another (without work %.0f %% and %.0f %% of "
                "the last %s)",
                100 * idle, 100 * also, s->of);
}

static void look_at_shares(struct bottleneck_ask *s, const struct broker *b)
{
    double actor, learner;
    const bool whole = minute_whole(&b->minute, ROLE_ACTOR, b->now_ms, &actor) &&
                       minute_whole(&b->minute, ROLE_LEARNER, b->now_ms, &learner);

    s->actor = whole ? 1 - actor : s->stats->actor_busy;
    s->learner = whole ? 1 - learner : s->stats->learner_busy;
    s->actor_idle = whole ? actor : s->stats->actor_idle;
    s->learner_idle = whole ? learner : s->stats->learner_idle;
    s->of = whole ? "iterations" : "minute";
}

static uint32_t count_actors(const struct broker *b)
{
    uint32_t n = 0;

    for (const struct broker_member *m = b->members.first; m; m = m->next)
        n += m->role == ROLE_ACTOR && m->greeted && !run_is_own(&b->run, m);
    return n;
}

void bottleneck_find(const struct broker *b, const struct places *places,
                     struct bottleneck *out, struct msg_stats *stats)
{
    static bool (*const asked[])(const struct bottleneck_ask *) = {
        no_learner, learner_stands, no_actor, scorers, weights,
        no_room,    actors,         learner,  turns};
    struct bottleneck_ask seen = {
        .b = b, .places = places, .out = out, .stats = stats, .actors = count_actors(b)};

    *out->words = *out->advice = 0;
    stats->bottleneck = out->words;
    stats->advice = out->advice;
    stats->holds = "";
    stats->actors_wanted = seen.actors;
    look_at_shares(&seen, b);
    for (size_t i = 0; !b->run.done && i < sizeof asked / sizeof *asked; i++)
        if (asked[i](&seen))
            break;
    for (uint32_t i = 0; !*out->advice && i < stats->n_wait; i++)
        if (*stats->wait[i].advice && stats->wait[i].age_ms >= ADVICE_MS)
            advise(&seen, "%s", stats->wait[i].advice);
}
