/* What was said is remembered by its key: the scorer's name and whether it is paused, or else
 * the words. A key that is not in the broker's list any more is forgotten; the end of what was
 * said is said, too. */

#include "learner/fleet/watch.h"

#include "base/mem.h"
#include "proto/limit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SAID = 64, KEY = 128, LINE = 512, SCORERS = MAX_SCORERS };

struct watch_said {
    char key[KEY];
    bool scorer, paused, now;
};

struct watch {
    struct watch_conf conf;
    struct watch_said said[SAID];
    uint32_t n;
    int64_t failed_ms[SCORERS + 1]; /* the last line of each scorer; the last: of actors */
    uint32_t hidden[SCORERS + 1];   /* failures since then */
};

void watch_new(struct watch **out, const struct watch_conf *conf)
{
    struct watch *w = mem_new(1, sizeof *w);

    w->conf = *conf;
    for (int i = 0; i <= SCORERS; i++)
        w->failed_ms[i] = INT64_MIN / 2;
    *out = w;
}

void watch_free(struct watch *w)
{
    free(w);
}

/* NULL: the broker waits for something that is no scorer of this run. */
static const struct scorer *scorer_named(const struct watch *w, const char *name)
{
    for (uint32_t i = 0; i < w->conf.n_scorer; i++)
        if (!strcmp(w->conf.scorer[i].name, name))
            return &w->conf.scorer[i];
    return NULL;
}

/* That a scorer is paused and that it is absent are two things to say. */
static struct watch_said *find(struct watch *w, const struct watch_said *what)
{
    for (uint32_t i = 0; i < w->n; i++)
        if (!strcmp(w->said[i].key, what->key) && w->said[i].paused == what->paused)
            return &w->said[i];
    return NULL;
}

/* ---- lines */

/* What a supervisor starts: it does so again and again, or as many as it is told to. */
static bool help_supervised(const struct watch *w, const struct scorer *scorer,
                            const char *command, int number, char *out, size_t room)
{
    if (!w->conf.folder)
        return false;
    if (command)
        snprintf(out, room,
                 "`%s` is started here, and again whenever it ends; what it says is in "
                 "%s/logs/worker-%d.log",
                 command, w->conf.folder, number);
    else if (!scorer || scorer->kind != SCORER_WORKER)
        snprintf(out, room, "start one: drover scale %s=1 run=%s",
                 scorer ? "rewarders" : "actors", w->conf.folder);
    else
        return false;
    return true;
}

/* What starts that which is waited for: a line that can be pasted into a shell. */
static void help(const struct watch *w, const struct scorer *scorer, char *out, size_t room)
{
    const bool keyed = w->conf.key && *w->conf.key;
    const char *key = keyed ? w->conf.key : "", *command = NULL;
    int number = 0;

    if (scorer && w->conf.command)
        command = w->conf.command(w->conf.self, scorer->name, &number);
    if (help_supervised(w, scorer, command, number, out, room))
        return;
    if (command)
        snprintf(out, room, "start: DROVER_BROKER=%s%s%s DROVER_WORKER=%s %s", w->conf.broker,
                 keyed ? " DROVER_KEY=" : "", key, scorer->name, command);
    else if (!scorer)
        snprintf(out, room, "start: drover-actor --broker=%s%s%s", w->conf.broker,
                 keyed ? " --key=" : "", key);
    else if (scorer && scorer->kind == SCORER_WORKER)
        snprintf(out, room, "start: python3 %s.py %s%s%s  (your worker, as examples/reward.py)",
                 scorer->name, w->conf.broker, keyed ? " " : "", key);
    else
        snprintf(out, room, "start: drover-rewarder --broker=%s%s%s", w->conf.broker,
                 keyed ? " --key=" : "", key);
}

static void say_wait(struct watch *w, const struct msg_wait *wait)
{
    const struct scorer *scorer = scorer_named(w, wait->scorer);
    char line[LINE], command[LINE / 2];

    if (wait->paused) {
        snprintf(line, sizeof line,
                 "scorer %s; the run waits, tries it now and then, and goes on by itself",
                 wait->name);
    } else if (*wait->scorer) {
        help(w, scorer, command, sizeof command);
        snprintf(line, sizeof line, "waits for scorer `%s`: nobody offers it; %s", wait->scorer,
                 command);
    } else if (!strcmp(wait->name, "no actor")) {
        help(w, NULL, command, sizeof command);
        snprintf(line, sizeof line, "waits for an actor: none is there; %s", command);
    } else {
        snprintf(line, sizeof line, "waits: %s", wait->name);
    }
    w->conf.say(w->conf.self, line);
}

/* Who was told of a wait is told of its end; nobody is told of one that passed unseen. */
static void say_end(struct watch *w, const struct watch_said *said)
{
    char line[LINE];

    if (said->scorer)
        snprintf(line, sizeof line, "scorer `%s` is there%s: the run goes on", said->key,
                 said->paused ? " and works again" : "");
    else
        snprintf(line, sizeof line, "goes on: waited for '%s'", said->key);
    w->conf.say(w->conf.self, line);
}

/* ---- what stands still */

/* Nothing for a person to do: the learner sees to it, or is it. */
static bool is_ours(const struct msg_wait *wait)
{
    return !strncmp(wait->name, "the learner", 11);
}

static void hear(struct watch *w, const struct msg_wait *wait)
{
    struct watch_said what = {
        .scorer = *wait->scorer != 0, .paused = wait->paused, .now = true};
    struct watch_said *was;

    snprintf(what.key, sizeof what.key, "%s", *wait->scorer ? wait->scorer : wait->name);
    was = find(w, &what); /* it was said, and lasts */
    if (was) {
        was->now = true;
        return;
    }
    /* what is paused is past waiting for: the broker has counted failures */
    if (is_ours(wait) || w->n == SAID || (!wait->paused && wait->age_ms < WATCH_AFTER_MS))
        return;
    w->said[w->n++] = what;
    say_wait(w, wait);
}

/* Another reason to wait for the same scorer is no end. */
static bool goes_on(const struct watch *w, const struct watch_said *gone)
{
    for (uint32_t i = 0; i < w->n; i++)
        if (w->said[i].now && w->said[i].scorer && !strcmp(w->said[i].key, gone->key))
            return false;
    return true;
}

void watch_waits(struct watch *w, const struct msg_wait *wait, uint32_t n)
{
    uint32_t kept = 0;

    for (uint32_t i = 0; i < w->n; i++)
        w->said[i].now = false;
    for (uint32_t i = 0; i < n; i++)
        hear(w, &wait[i]);
    for (uint32_t i = 0; i < w->n; i++)
        if (!w->said[i].now && goes_on(w, &w->said[i]))
            say_end(w, &w->said[i]);
    for (uint32_t i = 0; i < w->n; i++)
        if (w->said[i].now)
            w->said[kept++] = w->said[i];
    w->n = kept;
}

/* ---- what failed */

void watch_fail(struct watch *w, const struct msg_fail *fail, int64_t now_ms)
{
    uint32_t i = 0; /* the scorer's number; SCORERS: an actor failed */
    char line[LINE], more[32] = "";

    while (i < w->conf.n_scorer && i < SCORERS &&
           !hash_same(&w->conf.scorer[i].hash, &fail->scorer))
        i++;
    if (i == w->conf.n_scorer)
        i = SCORERS;
    if (now_ms - w->failed_ms[i] < WATCH_FAILS_MS) {
        w->hidden[i]++;
        return;
    }
    w->failed_ms[i] = now_ms;
    /* a worker that fails on everything would fill the terminal: the rest is counted */
    if (w->hidden[i])
        snprintf(more, sizeof more, " (%u more before)", w->hidden[i]);
    w->hidden[i] = 0;
    if (i < SCORERS)
        snprintf(line, sizeof line, "scorer `%s` failed at %s: %s; it is asked again%s",
                 w->conf.scorer[i].name, fail->who, fail->reason, more);
    else
        snprintf(line, sizeof line, "task %llu sample %u failed at %s: %s; another tries it%s",
                 (unsigned long long)fail->task, fail->sample, fail->who, fail->reason, more);
    w->conf.say(w->conf.self, line);
}
