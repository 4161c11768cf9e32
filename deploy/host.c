/* How it works: a supervisor as any (supervisor.h), without broker, learner and other machines.
 * Nobody above it must live: who started it may go (a session of its own, its log a file), the
 * broker may be away (the peer dials on, workers wait as they do anywhere), the head may be killed.
 * It ends by `down`, by a signal, when its key is taken from it, or when no broker has been heard
 * for as long as its file says (linger_s). */
#include "deploy/host.h"

#include "base/clock.h"
#include "base/fs.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/outlet.h"
#include "deploy/endpoint.h"
#include "deploy/host_file.h"
#include "deploy/host_keys.h"
#include "deploy/run_folder.h"
#include "deploy/supervisor.h"
#include "proto/peer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Handshakes that ended at this key, some five seconds apart: a broker may read its keys a moment
 * later than they were written, and never twenty seconds. */
enum { DENIED = 5 };

struct host {
    const char *folder;
    struct host_file file;
    struct plan plan;
    struct endpoint fleet;
    struct supervisor here;
    struct host_keys keys;
    char name[PLAN_NAME];
    int lock;
    int64_t begun_ms;
};

static char *key_path(const char *folder)
{
    return mem_print("%s/keys/supervisor.key", folder);
}

static enum err down(void *self, int64_t now_ms)
{
    struct host *h = self;

    (void)now_ms;
    crew_end(&h->here.crew);
    peer_leave(h->here.peer);
    return OK;
}

/* By an order: it was meant, and whoever watches shall not start it again. */
static enum err leave(void *self, int64_t now_ms)
{
    struct host *h = self;

    host_file_remove(h->folder);
    return down(h, now_ms);
}

/* Once it drains, twice it hurries: as at the head. It may be a person's, at a terminal of that
 * machine, or the system's that shuts down. */
static enum err on_signal(void *self, int64_t now_ms)
{
    struct host *h = self;

    log_info("ending", "host=%s next=\"workers hand over what they have\"", h->name);
    crew_hurry(&h->here.crew, now_ms);
    return down(h, now_ms);
}

/* BYE is said once the workers are gone: what they had is handed over by then. */
static void end_step(struct host *h, int64_t now_ms)
{
    if (crew_ended(&h->here.crew) && supervisor_leaves(&h->here, "this host ends", now_ms))
        loop_stop(h->here.loop);
}

/* Counted from the last word of any broker: one that was never heard at all counts from the
 * start. Nothing is lost by going: what its workers held is made again elsewhere. */
static void linger(struct host *h, int64_t now_ms)
{
    const int64_t heard =
        peer_answered(h->here.peer) ? peer_heard_ms(h->here.peer) : h->begun_ms;

    if (!h->file.linger_s || h->here.crew.ending ||
        now_ms - heard < h->file.linger_s * INT64_C(1000))
        return;
    log_warn("ending", "host=%s reason=\"no broker at %s for %d s\"", h->name, h->file.broker,
             h->file.linger_s);
    if (down(h, now_ms))
        err_set(OK, "%s", "");
}

/* Nobody starts us again, and our workers, whose keys are others, go with us. The next ticket is
 * exchanged for another key: this one opens nothing. */
static enum err revoked(struct host *h, const char *words, int64_t now_ms)
{
    char *ours = key_path(h->folder);

    log_warn("ending", "host=%s reason=\"%s\"", h->name, words);
    if (fs_remove(ours))
        log_warn("key", "reason=\"%s\"", err_text());
    free(ours);
    return leave(h, now_ms);
}

static enum err tick(void *self, int64_t now_ms)
{
    struct host *h = self;
    enum err err = supervisor_tick(&h->here, now_ms);

    linger(h, now_ms);
    /* Revoked while we were away: then no word of the broker's comes through. */
    if (!err && !h->here.crew.ending && peer_stats(h->here.peer)->denied >= DENIED)
        err = revoked(h, "the broker does not let this key in: it was revoked or has expired",
                      now_ms);
    if (h->here.crew.ending)
        end_step(h, now_ms);
    return err;
}

/* We ourselves, when we are started again, and what we start next come in by these. */
static void rotated(void *self)
{
    struct host *h = self;
    char *ours = key_path(h->folder);

    if (curve_replace(ours, &h->fleet.keys))
        log_warn("key",
                 "reason=\"%s\" next=\"the broker's next key is known to this process alone: "
                 "join by a new ticket if it is started again\"",
                 err_text());
    else
        log_info("key", "file=%s next=\"the broker's keys as it says them are in it\"", ours);
    free(ours);
}

/* What a broker refuses now it may take later, but for a key that was revoked. */
static enum err on_refuse(void *self, const struct msg *msg, int64_t now_ms)
{
    struct host *h = self;

    if (msg->refuse.code == REFUSE_KEY)
        return revoked(h, msg->refuse.words, now_ms);
    log_warn("refused", "reason=\"%s\"", msg->refuse.words);
    return msg->refuse.code == REFUSE_ROLE ? down(h, now_ms) : OK;
}

static enum err key(void *self, enum plan_role role, const char *name, char path[4096])
{
    struct host *h = self;

    return host_keys_path(&h->keys, role, name, path, clock_mono_ms());
}

/* Never: a host's crew is patient, and has no learner. */
static void gave_up(void *self, int64_t now_ms)
{
    (void)down(self, now_ms);
}

static void decided(void *self, int status, int64_t now_ms)
{
    (void)status, (void)down(self, now_ms);
}

/* The folder, our file and our key. */
static enum err prepare(struct host *h)
{
    char *logs = mem_print("%s/logs", h->folder), *ours;
    enum err err = run_folder_lock(&h->lock, h->folder);

    if (!err)
        err = fs_mkdir(logs);
    free(logs);
    if (!err)
        err = host_file_read(&h->file, h->folder);
    if (!err)
        err = plan_read_host(&h->plan, h->file.entry, h->folder);
    if (err)
        return err;
    snprintf(h->name, sizeof h->name, "%s", h->file.host);
    setenv("DROVER_HOST", h->name, 1); /* our workers are on the same machine */
    ours = key_path(h->folder);
    err = curve_load(&h->fleet.keys, ours);
    free(ours);
    h->fleet.secure = true;
    snprintf(h->fleet.control, sizeof h->fleet.control, "%s", h->file.broker);
    return err;
}

static enum err open_all(struct host *h)
{
    enum err err;

    h->begun_ms = clock_mono_ms();
    err =
        supervisor_open(&h->here, &(struct supervisor_conf){.plan = &h->plan,
                                                            .fleet = &h->fleet,
                                                            .name = h->name,
                                                            .host = h->name,
                                                            .crew = {decided, gave_up, key, h},
                                                            .down = leave,
                                                            .rotated = rotated,
                                                            .tick = tick,
                                                            .signal = on_signal,
                                                            .self = h});
    if (err)
        return err;
    h->keys.folder = h->folder;
    h->keys.host = h->name;
    h->keys.peer = h->here.peer;
    h->keys.own = &h->fleet.keys;
    peer_on(h->here.peer, MSG_ADMIN_OK, host_keys_on_admin_ok, &h->keys);
    peer_on(h->here.peer, MSG_REFUSE, on_refuse, h);
    return crew_start(&h->here.crew, h->begun_ms);
}

static void close_all(struct host *h)
{
    supervisor_close(&h->here);
    host_keys_wipe(&h->keys);
    curve_wipe(&h->fleet.keys);
    plan_free(&h->plan);
    host_file_free(&h->file);
    if (h->lock > 0)
        close(h->lock);
    free(h);
}

enum err host_run(const char *folder, int *status)
{
    struct host *h = mem_new(1, sizeof *h);
    enum err err;

    *status = EXIT_SUCCESS;
    h->folder = folder;
    outlet_outlive();
    err = prepare(h);
    if (!err)
        err = open_all(h);
    if (!err) {
        log_info("ready", "host=%s broker=%s folder=%s", h->name, h->file.broker, folder);
        err = loop_run(h->here.loop);
    }
    if (!err)
        log_info("ended", "host=%s", h->name);
    close_all(h);
    return err;
}
