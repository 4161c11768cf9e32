/* How it works: a supervisor as any (supervisor.h), whose crew has the broker and perhaps a
 * learner as well; other machines are links (link.h). prepare takes the folder and the ports, which
 * outlive every broker; from then on everything happens in tick, on_signal and what crew and links
 * report.
 *
 * The end is a state: `finish` begins it once, whoever wants it (the learner's own exit, an order,
 * a signal); then the learner saves, the workers here and the other machines end at the same time,
 * and last the broker, after we have said BYE to it, which tells supervisors that came by
 * themselves. */
#include "deploy/head.h"

#include "base/clock.h"
#include "base/fs.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/outlet.h"
#include "deploy/endpoint.h"
#include "deploy/links.h"
#include "deploy/ports.h"
#include "deploy/run_folder.h"
#include "deploy/standing.h"
#include "deploy/supervisor.h"
#include "proto/peer.h"
#include "proto/registrar.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { KILL_MS = 10000 };

struct fleet_head {
    const struct plan *plan;
    const struct standing *standing; /* NULL: a run */
    struct endpoint fleet;
    struct supervisor here;
    struct registrar *keys; /* who is let in while we run */
    struct links *links;
    struct ports ports;
    char host[PLAN_NAME];
    int lock;
    int asked;    /* how often a signal asked for the end */
    bool refused; /* the learner's own words ended it */
    int status;
};

/* ---- before anything runs */

/* Ports first: a port in use is found while nothing has to be taken back. */
static enum err prepare(struct fleet_head *h)
{
    char *logs = mem_print("%s/logs", h->plan->output_dir);
    char *lines = mem_print("%s/run.log", h->plan->output_dir);
    enum err err = ports_open(&h->ports, h->plan->host, h->plan->port);

    if (!err)
        err = fs_mkdir(logs);
    if (!err)
        err = run_folder_lock(&h->lock, h->plan->output_dir);
    if (!err)
        outlet_keep(lines);
    free(logs);
    free(lines);
    if (err)
        return err;
    h->refused = true; /* until something runs, what we leave in the folder is of no use */
    err = endpoint_make(&h->fleet, h->plan->output_dir, h->plan->keys, &h->ports);
    h->refused = err != OK;
    plan_host_name(h->host, h->plan);
    setenv("DROVER_HOST", h->host, 1); /* our workers are on the same machine */
    return err;
}

/* ---- the end */

/* From here on nothing is started any more. */
static void finish(struct fleet_head *h, int status)
{
    crew_end(&h->here.crew);
    peer_leave(h->here.peer);
    if (status > h->status)
        h->status = status;
}

/* A run that never began (status other than 0) leaves nothing behind in its folder. */
static void decided(void *self, int status, int64_t now_ms)
{
    struct fleet_head *h = self;

    (void)now_ms;
    h->refused = status != EXIT_SUCCESS;
    finish(h, status);
}

static void gave_up(void *self, int64_t now_ms)
{
    struct fleet_head *h = self;

    (void)now_ms;
    crew_signal(&h->here.crew, PLAN_LEARNER, SIGTERM);
    finish(h, EXIT_FAILURE);
}

static enum err key(void *self, enum plan_role role, const char *name, char path[4096])
{
    const struct fleet_head *h = self;

    return endpoint_key(&h->fleet, role, name, path);
}

static enum err down(void *self, int64_t now_ms)
{
    struct fleet_head *h = self;

    (void)now_ms;
    finish(h, EXIT_SUCCESS);
    crew_signal(&h->here.crew, PLAN_LEARNER, SIGTERM);
    return OK;
}

/* BYE before the broker goes: supervisors that we did not start end with it. */
static void end_step(struct fleet_head *h, int64_t now_ms)
{
    if (replica_living(&h->here.crew.replicas, PLAN_LEARNER))
        return;
    links_end(h->links);
    if (!links_ended(h->links) || crew_working(&h->here.crew))
        return;
    if (supervisor_leaves(&h->here, "the fleet ends", now_ms))
        crew_signal(&h->here.crew, PLAN_BROKER,
                    now_ms >= h->here.bye_ms + KILL_MS || h->asked > 2 ? SIGKILL : SIGTERM);
    if (crew_ended(&h->here.crew))
        loop_stop(h->here.loop);
}

/* ---- the loop */

static enum err tick(void *self, int64_t now_ms)
{
    struct fleet_head *h = self;
    const enum err err = supervisor_tick(&h->here, now_ms);

    links_tick(h->links, now_ms);
    if (h->here.crew.ending)
        end_step(h, now_ms);
    return err;
}

/* Once: the learner saves and ends. Twice: it leaves the iteration it is at. Thrice: all is
 * killed; the journal has what was settled. */
static enum err on_signal(void *self, int64_t now_ms)
{
    struct fleet_head *h = self;

    finish(h, EXIT_SUCCESS);
    if (++h->asked == 1)
        log_info("ending",
                 "next=\"%s, then the fleet ends; a second signal hurries it, a third "
                 "one kills\"",
                 h->plan->method ? "the learner saves" : "workers hand over what they have");
    crew_signal(&h->here.crew, PLAN_LEARNER, h->asked > 2 ? SIGKILL : SIGTERM);
    crew_hurry(&h->here.crew, now_ms);
    if (h->asked > 2)
        links_leave(h->links);
    return OK;
}

/* A person's Ctrl-C, besides: what a script has behind this command shall not take an unfinished run
 * for a finished one. A fleet that stands has no other end, and a learner that is gone has decided. */
static enum err on_interrupt(void *self, int64_t now_ms)
{
    struct fleet_head *h = self;

    (void)now_ms;
    if (replica_living(&h->here.crew.replicas, PLAN_LEARNER))
        h->status = 128 + SIGINT;
    return OK;
}

/* The terminal's stop is for all, and so is what follows it. */
static enum err on_stop(void *self, int64_t now_ms)
{
    struct fleet_head *h = self;
    static const enum plan_role order[] = {PLAN_LEARNER, PLAN_ACTOR, PLAN_REWARDER, PLAN_WORKER,
                                           PLAN_BROKER};

    (void)now_ms;
    for (int i = 0; i < 5; i++)
        crew_signal(&h->here.crew, order[i], SIGSTOP);
    raise(SIGSTOP);
    for (int i = 4; i >= 0; i--)
        crew_signal(&h->here.crew, order[i], SIGCONT);
    return OK;
}

static const char *note(void *self)
{
    return links_note(((struct fleet_head *)self)->links);
}

static const char *trouble(void *self)
{
    return links_trouble(((struct fleet_head *)self)->links);
}

static void rotated(void *self)
{
    links_rotated(((struct fleet_head *)self)->links);
}

/* Nothing is read from the order itself but whether it is in earnest. */
static enum err apply(void *self, bool plan, char words[ORDERS_WORDS], int64_t now_ms)
{
    struct fleet_head *h = self;

    return standing_apply(h->standing, &h->here.crew, h->links, plan, words, ORDERS_WORDS,
                          now_ms);
}

static enum err open_all(struct fleet_head *h)
{
    enum err err;

    registrar_admit_new(&h->keys, h->fleet.folder);
    err =
        supervisor_open(&h->here, &(struct supervisor_conf){.plan = h->plan,
                                                            .fleet = &h->fleet,
                                                            .ports = &h->ports,
                                                            .name = "supervisor",
                                                            .host = h->host,
                                                            .keys = h->keys,
                                                            .crew = {decided, gave_up, key, h},
                                                            .down = down,
                                                            .apply = h->standing ? apply : NULL,
                                                            .note = note,
                                                            .trouble = trouble,
                                                            .rotated = rotated,
                                                            .tick = tick,
                                                            .signal = on_signal,
                                                            .self = h});
    if (!err)
        err = links_open(&h->links, &(struct links_conf){.plan = h->plan,
                                                         .fleet = &h->fleet,
                                                         .port = h->ports.port,
                                                         .loop = h->here.loop});
    if (!err)
        err = loop_signal(h->here.loop, SIGINT, on_interrupt, h);
    return err ? err : loop_signal(h->here.loop, SIGTSTP, on_stop, h);
}

/* After an error of our own as well as at the end: whatever is there is taken down. */
static void close_all(struct fleet_head *h)
{
    links_close(h->links);
    supervisor_close(&h->here);
    registrar_admit_free(h->keys);
    ports_close(&h->ports);
    if (h->refused)
        run_folder_clean(h->plan->output_dir, !*h->plan->keys);
    if (h->lock > 0)
        close(h->lock);
    curve_wipe(&h->fleet.keys);
}

/* Of a fleet that others may join, where. */
static void tell_others(const struct fleet_head *h)
{
    const struct plan *plan = h->plan;
    char host[PLAN_HOST] = "";
    int port = 0;

    if (!plan_reached(host, &port, plan) && *host)
        endpoint_tell(&h->fleet, host, port ? port : h->ports.port);
    else if (plan->port || strcmp(plan->host, "127.0.0.1") != 0)
        endpoint_tell(&h->fleet, plan->host, h->ports.port);
}

enum err head_run(const struct plan *plan, const struct standing *standing, int *status)
{
    struct fleet_head *h = mem_new(1, sizeof *h);
    enum err err;

    h->plan = plan;
    h->standing = standing;
    outlet_outlive();
    err = prepare(h);
    if (!err)
        err = open_all(h);
    if (!err)
        err = crew_start(&h->here.crew, clock_mono_ms());
    if (!err)
        tell_others(h);
    if (!err)
        err = loop_run(h->here.loop);
    *status = h->status;
    close_all(h);
    free(h);
    return err;
}
