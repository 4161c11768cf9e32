/* The main thread is the member's loop: it hears which version is the newest, chooses (newest.c) and
 * pulls. What makes one image of another (rebuild.c) takes a while and runs in libuv's pool. What came
 * lies in the box, under its lock, until the computing thread takes it; a newer one replaces it there.
 *
 * The first card that comes decides what is followed: its tokenizer and shape are what clients have
 * been told by then. A run of another model is not followed, with a word. Nor does a broker that
 * refuses us end anything, once there is a version: HELLO is said again, and perhaps heard.
 *
 * A signal tells the computing thread to end; when it has, BYE is said. */

#include "follow/follow.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/say.h"
#include "follow/newest.h"
#include "follow/rebuild.h"
#include "lm/file/model_files.h"
#include "lm/kernel/cores.h"
#include "lm/model/packed.h"
#include "member/member.h"
#include "proto/limit.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { AWAY_MS = 5000, LOOK_MS = 100, WAIT_SAID_MS = 1000 };

struct follow {
    struct follow_conf conf;
    struct member_options options;
    /* the loop's */
    struct member *member;
    struct id run;
    struct artifact card;
    struct shape shape; /* written before anything is made of it, then only read */
    bool have_card, other, away, refused, closing, noted_no_room;
    struct newest newest;
    struct fetch_rebuild *making; /* in the pool */
    int64_t welcome_ms;           /* when the broker was last there; 0: never */
    /* the computing thread's to read */
    volatile sig_atomic_t end; /* how often it was told to */
    /* the box */
    pthread_mutex_t lock;
    pthread_cond_t news;
    struct model_files *files;
    struct follow_version version; /* image NULL: none */
    const char *state;             /* a literal */
    bool done;                     /* the computing thread's work */
};

static void set_state(struct follow *f, const char *state)
{
    pthread_mutex_lock(&f->lock);
    f->state = state;
    pthread_mutex_unlock(&f->lock);
}

static bool is_held(const struct follow *f)
{
    static const struct hash none;

    return !hash_same(&f->newest.held.hash, &none);
}

static unsigned long long held(const struct follow *f)
{
    return (unsigned long long)f->newest.held.number;
}

/* ---- what is asked for */

static enum err want(struct follow *f, const struct artifact *what)
{
    const enum err err = fetch_want(member_fetch(f->member), what);

    if (err == ERR_NOMEM && !f->noted_no_room) {
        log_warn("version", "state=no-room reason=\"%s\" next=\"version %llu goes on\"",
                 err_text(), held(f));
        f->noted_no_room = true;
    }
    return err == ERR_IO ? err : OK; /* enough on their way, or no room: the next tick */
}

static enum err ask(struct follow *f, int64_t now_ms)
{
    struct fetch *const fetch = member_fetch(f->member);
    struct newest *const n = &f->newest;
    struct artifact image = {.kind = ARTIFACT_IMAGE, .name = "policy image"};
    enum newest_step step;

    if (!f->have_card)
        return f->card.bytes && !fetch_wants(fetch, &f->card.hash) ? want(f, &f->card) : OK;
    do {
        step = newest_next(n, fetch_wants(fetch, &n->wanted.hash),
                           fetch_share(fetch, &n->wanted.hash),
                           fetch_by_way(fetch, &n->wanted.hash), now_ms);
        if (step == NEWEST_DROP) {
            log_info("version", "state=given-up number=%llu newest=%llu next=\"the newest\"",
                     (unsigned long long)n->wanted.number, (unsigned long long)n->heard.number);
            fetch_drop(fetch, &n->wanted.hash);
            newest_dropped(n);
        }
    } while (step == NEWEST_DROP);
    if (step == NEWEST_BEHIND)
        log_warn("version",
                 "state=behind newest=%llu reason=\"%s\" next=\"version %llu goes on\"",
                 (unsigned long long)n->heard.number, fetch_note(fetch), held(f));
    if (step != NEWEST_ASK || f->other)
        return OK;
    image.bytes = packed_size(&f->shape);
    image.hash = n->wanted.hash;
    return want(f, &image);
}

/* ---- what is heard */

/* The first card stays the one that is followed. */
static void take_card(struct follow *f, const struct artifact *artifact, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        if (artifact[i].kind != ARTIFACT_CARD || strcmp(artifact[i].name, "policy") != 0)
            continue;
        if (!f->have_card) {
            f->card = artifact[i];
            f->card.name = "policy";
        }
        if (f->other == !hash_same(&f->card.hash, &artifact[i].hash))
            continue;
        f->other = !f->other;
        if (f->other)
            log_warn(
                "fleet",
                "state=other reason=\"it trains another model now\" next=\"version %llu of "
                "the old one goes on; start again to follow the new one\"",
                held(f));
    }
}

static enum err on_welcome(void *self, const struct msg *msg, int64_t now_ms)
{
    struct follow *f = self;
    const struct msg_welcome *w = &msg->welcome;
    struct fetch *const fetch = member_fetch(f->member);
    const enum err err = fetch_endpoint(fetch, w->bulk, w->bulk_key, now_ms);

    if (err || !w->run)
        return err;
    if (memcmp(f->run.byte, msg->head.run.byte, sizeof f->run.byte) != 0) {
        f->run = msg->head.run;
        fetch_drop_all(fetch);
        newest_forget(&f->newest);
    }
    fetch_run(fetch, &f->run);
    take_card(f, w->artifact, w->n_artifact);
    set_state(f, f->other ? "other" : w->done ? "over" : "here");
    if (!f->other)
        newest_hear(&f->newest, &w->newest, w->smallest_live);
    return ask(f, now_ms);
}

static enum err on_hb(void *self, const struct msg *msg, int64_t now_ms)
{
    struct follow *f = self;

    if (f->other)
        return OK;
    if (msg->hb.done)
        set_state(f, "over");
    newest_hear(&f->newest, &msg->hb.newest, msg->hb.smallest_live);
    return ask(f, now_ms);
}

static enum err on_publish(void *self, const struct msg *msg, int64_t now_ms)
{
    struct follow *f = self;

    if (f->other)
        return OK;
    newest_hear(&f->newest, &msg->publish.version, msg->publish.smallest_live);
    return ask(f, now_ms);
}

static void hb(void *self, struct msg_hb *out)
{
    struct follow *f = self;

    out->progress = fetch_pieces(member_fetch(f->member));
    out->rss_bytes = mem_peak();
    out->image = &f->newest.held;
    out->n_image = is_held(f);
    out->note = fetch_note(member_fetch(f->member));
}

/* ---- what comes */

static enum err got_card(struct follow *f, struct shared_memory *text)
{
    struct model_files *files = NULL;
    enum err err = model_files_from_meta(&files, shared_memory_bytes(text),
                                         shared_memory_size(text), "the policy's card");

    shared_memory_free(text);
    if (!err && packed_size(&files->shape) > LIMIT_ARTIFACT)
        err = err_set(ERR_STATE, "the policy's card: its weights are more than 32 GiB");
    if (err) {
        model_files_free(files);
        return err_set(ERR_STATE, "%s", err_text());
    }
    f->shape = files->shape;
    f->have_card = true;
    pthread_mutex_lock(&f->lock);
    f->files = files;
    pthread_cond_signal(&f->news);
    pthread_mutex_unlock(&f->lock);
    return OK;
}

static enum err got(void *self, const struct artifact *what, struct shared_memory *shared,
                    int64_t now_ms)
{
    struct follow *f = self;
    struct shared_memory *old = shared;
    enum err err = OK;

    if (!f->have_card && hash_same(&what->hash, &f->card.hash)) {
        err = got_card(f, shared);
    } else {
        if (newest_got(&f->newest, &what->hash, now_ms)) {
            char name[HASH_TEXT];

            log_info("version", "state=here number=%llu hash=%s", held(f),
                     hash_text(name, &what->hash));
            f->noted_no_room = false;
            pthread_mutex_lock(&f->lock);
            old = f->version.image;
            f->version = (struct follow_version){f->newest.held, shared};
            pthread_cond_signal(&f->news);
            pthread_mutex_unlock(&f->lock);
        }
        shared_memory_free(old);
    }
    return err ? err : ask(f, now_ms);
}

/* ---- images made of others, in the pool */

static enum err make(void *self)
{
    struct follow *f = self;

    rebuild_do(f->making, &f->shape); /* nothing is wanted before the card is here */
    return OK;
}

/* Also when the loop is being taken down, and with it all that waited for this. */
static enum err made(void *self, enum err result, const char *words, int64_t now_ms)
{
    struct follow *f = self;
    struct fetch_rebuild *job = f->making;

    (void)result, (void)words; /* the job has its own */
    f->making = NULL;
    if (!f->closing)
        return fetch_rebuilt(member_fetch(f->member), job, now_ms);
    fetch_ways_rebuild_free(job);
    return OK;
}

static enum err rebuild(void *self, struct fetch_rebuild *job)
{
    struct follow *f = self;
    enum err err;

    if (f->making)
        return err_set(ERR_STATE, "another image is being made");
    f->making = job;
    err = loop_work(member_loop(f->member), make, made, f);
    if (!err)
        return OK;
    f->making = NULL;
    return ERR_STATE;
}

/* ---- time */

/* Said when it begins and when it ends. */
static void look_for_broker(struct follow *f, int64_t now_ms)
{
    if (peer_welcome(member_peer(f->member))) {
        if (f->away || f->refused)
            log_info("fleet", "state=here version=%llu", held(f));
        f->away = f->refused = false;
        f->welcome_ms = now_ms;
    } else if (f->welcome_ms && !f->away && !f->refused && now_ms - f->welcome_ms >= AWAY_MS) {
        f->away = true;
        set_state(f, "away");
        log_warn("fleet", "state=away next=\"version %llu goes on until it is back\"", held(f));
    }
}

static bool is_done(struct follow *f)
{
    bool done;

    pthread_mutex_lock(&f->lock);
    done = f->done;
    pthread_mutex_unlock(&f->lock);
    return done;
}

static enum err tick(void *self, int64_t now_ms)
{
    struct follow *f = self;

    look_for_broker(f, now_ms);
    return is_done(f) ? member_bye(f->member, "stops following", now_ms) : ask(f, now_ms);
}

/* However long what is being answered takes: how long it may, the computing thread knows. */
static void leave(void *self, int64_t deadline_ms)
{
    struct follow *f = self;

    (void)deadline_ms;
    f->end = f->end < 2 ? f->end + 1 : f->end;
}

static bool finished(const void *self, int64_t now_ms)
{
    const struct follow *f = self;

    return is_done((struct follow *)self) && member_gone(f->member, now_ms);
}

/* As long as there is nothing to go on with it ends the process, like any worker's. */
static enum err on_refuse(void *self, const struct msg *msg, int64_t now_ms)
{
    struct follow *f = self;
    const uint32_t code = msg->refuse.code;

    (void)now_ms;
    if (code == REFUSE_BUSY || code == REFUSE_STRIKES)
        return OK;
    if (!is_held(f))
        return err_set(ERR_STATE, "the broker refuses this follower: %s", msg->refuse.words);
    set_state(f, "refused");
    if (!f->refused)
        log_warn("fleet", "state=refused reason=\"%s\" next=\"version %llu goes on\"",
                 msg->refuse.words, held(f));
    f->refused = true;
    return OK;
}

/* ---- the process */

static enum err compute(void *self, struct worker *worker)
{
    struct follow *f = self;
    enum err err;

    (void)worker;
    cores_thread();
    err = f->conf.compute(f->conf.self, f);
    pthread_mutex_lock(&f->lock);
    f->done = true;
    pthread_mutex_unlock(&f->lock);
    return err;
}

static void listen(struct follow *f)
{
    struct peer *const peer = member_peer(f->member);

    peer_on(peer, MSG_WELCOME, on_welcome, f);
    peer_on(peer, MSG_HB, on_hb, f);
    peer_on(peer, MSG_PUBLISH, on_publish, f);
    peer_on(peer, MSG_REFUSE, on_refuse, f);
}

enum err follow_run(const struct follow_conf *conf)
{
    struct follow f = {.conf = *conf, .state = "away"};
    const struct member_conf member = {.role = ROLE_FOLLOWER,
                                       .hb = hb,
                                       .got = got,
                                       .rebuild = rebuild,
                                       .tick = tick,
                                       .drain = leave,
                                       .finished = finished,
                                       .self = &f};
    const struct worker_conf worker = {.depth = 1, .main = compute, .self = &f};
    struct worker *thread = NULL;
    enum err err;

    f.options = (struct member_options){.broker = conf->broker,
                                        .key = conf->key,
                                        .ticket_file = conf->ticket_file,
                                        .name = "",
                                        .health_file = "",
                                        .parent_fd = -1};
    pthread_mutex_init(&f.lock, NULL);
    pthread_cond_init(&f.news, NULL);
    err = member_open(&f.member, &f.options, &member);
    if (!err) {
        listen(&f);
        err = worker_start(&thread, member_loop(f.member), &worker);
    }
    if (!err)
        err = member_run(f.member);
    f.end = 2; /* whatever ended the loop */
    worker_stop(thread);
    f.closing = true;
    member_close(f.member);
    model_files_free(f.files);
    shared_memory_free(f.version.image);
    pthread_cond_destroy(&f.news);
    pthread_mutex_destroy(&f.lock);
    return err;
}

/* ---- the owner's side */

static void wait_a_little(struct follow *f)
{
    const int64_t until_ms = clock_wall_ms() + LOOK_MS;
    const struct timespec until = {.tv_sec = (time_t)(until_ms / 1000),
                                   .tv_nsec = (long)(until_ms % 1000) * 1000000};

    pthread_cond_timedwait(&f->news, &f->lock, &until);
}

enum err follow_first(struct follow *f, struct model_files **files,
                      struct follow_version *first)
{
    const int64_t begun_ms = clock_mono_ms();
    bool said = false;
    enum err err = OK;

    pthread_mutex_lock(&f->lock);
    while (!f->version.image && !f->end) {
        wait_a_little(f);
        if (!said && clock_mono_ms() - begun_ms >= WAIT_SAID_MS) {
            say(stderr, "waits for a version of the policy of %s\n", f->options.broker);
            said = true;
        }
    }
    if (!f->version.image)
        err = err_set(ERR_STATE, "ended before there was a version of the policy");
    *files = err ? NULL : f->files;
    *first = f->version;
    if (!err) {
        f->files = NULL;
        f->version.image = NULL;
    }
    pthread_mutex_unlock(&f->lock);
    return err;
}

const volatile sig_atomic_t *follow_end(const struct follow *f)
{
    return &f->end;
}

bool follow_take(struct follow *f, struct follow_version *out)
{
    bool is_some;

    pthread_mutex_lock(&f->lock);
    is_some = f->version.image != NULL;
    *out = f->version;
    f->version.image = NULL;
    pthread_mutex_unlock(&f->lock);
    return is_some;
}

const char *follow_state(struct follow *f)
{
    const char *state;

    pthread_mutex_lock(&f->lock);
    state = f->state;
    pthread_mutex_unlock(&f->lock);
    return state;
}
