/* Two threads and a box between them. The loop's puts pairs into it and takes out what is to be said;
 * the computing one the other way. Neither waits for the other: the loop looks into the box at each
 * tick, the computing thread when it likes.
 *
 * What is in the box is bounded by the windows of the protocol, whatever others say: pairs beyond them
 * are passed over, and come again after a HELLO, like everything here that was lost on its way. A
 * WELCOME begins anew: all that is not answered is said once more, and a pair of before it is not
 * acknowledged, since it is given again, and the broker counts. */

#include "follow/pairs.h"

#include "base/log.h"
#include "base/mem.h"
#include "lm/kernel/cores.h"
#include "member/member.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum { AWAY_MS = 5000, ROOM = 4 * WINDOW_EXPORTS };

/* A judgement that is not answered, as far as the box knows. */
struct held {
    struct msg_judgement said;
    char annotator[MAX_NAME + 1];
    bool sent; /* since the last WELCOME */
    enum judged_answer answer;
};

struct pairs {
    struct pairs_conf conf;
    struct member_options options;
    /* the loop's */
    struct member *member;
    bool entered;       /* a broker has let us in, once */
    bool full;          /* pairs were passed over, which was said */
    int64_t welcome_ms; /* when a broker was there last, or this began */
    /* the computing thread's to read */
    volatile sig_atomic_t end; /* how often it was told to */
    /* the box */
    pthread_mutex_t lock;
    struct pairs_state state;
    struct pairs_pair *came[ROOM];
    size_t n_came;
    struct id kept[ROOM]; /* of pairs that came since the last WELCOME */
    size_t n_kept;
    struct id held_run;
    struct held held[WINDOW_JUDGEMENTS];
    size_t n_held;
    bool done; /* the computing thread's work */
};

static bool same(const struct id *a, const struct id *b)
{
    return !memcmp(a->byte, b->byte, ID_BYTES);
}

static void become(struct pairs *p, const char *word, const char *why)
{
    pthread_mutex_lock(&p->lock);
    p->state.word = word;
    snprintf(p->state.why, sizeof p->state.why, "%s", why);
    pthread_mutex_unlock(&p->lock);
}

/* ---- what is heard */

static void hear_version(struct pairs *p, uint64_t newest)
{
    pthread_mutex_lock(&p->lock);
    p->state.newest = newest;
    pthread_mutex_unlock(&p->lock);
}

static enum err on_welcome(void *self, const struct msg *msg, int64_t now_ms)
{
    struct pairs *p = self;

    (void)now_ms;
    p->entered = true;
    if (!msg->welcome.run)
        return OK;
    pthread_mutex_lock(&p->lock);
    p->state.known = true;
    p->state.run = msg->head.run;
    p->state.newest = msg->welcome.newest.number;
    p->state.comings++;
    p->n_kept = 0;
    for (size_t i = 0; i < p->n_held; i++)
        p->held[i].sent = false;
    pthread_mutex_unlock(&p->lock);
    become(p, msg->welcome.done ? "over" : "here", "");
    return OK;
}

static enum err on_hb(void *self, const struct msg *msg, int64_t now_ms)
{
    struct pairs *p = self;

    (void)now_ms;
    hear_version(p, msg->hb.newest.number);
    if (msg->hb.done)
        become(p, "over", "");
    return OK;
}

static enum err on_publish(void *self, const struct msg *msg, int64_t now_ms)
{
    (void)now_ms;
    hear_version(self, msg->publish.version.number);
    return OK;
}

static struct pairs_pair *copy_of(const struct msg *msg, uint64_t coming)
{
    struct pairs_pair *pair = mem_new(1, sizeof *pair);

    pair->coming = coming;
    pair->run = msg->head.run;
    pair->said = msg->export;
    pair->said.prompt = mem_text(msg->export.prompt);
    pair->said.a.text = mem_text(msg->export.a.text);
    pair->said.b.text = mem_text(msg->export.b.text);
    return pair;
}

void pairs_free(struct pairs_pair *pair)
{
    if (!pair)
        return;
    free((char *)(uintptr_t)pair->said.prompt);
    free((char *)(uintptr_t)pair->said.a.text);
    free((char *)(uintptr_t)pair->said.b.text);
    free(pair);
}

/* One that waits in the box already is the same one again. */
static bool put(struct pairs *p, const struct msg *msg)
{
    bool room;

    pthread_mutex_lock(&p->lock);
    for (size_t i = 0; i < p->n_came; i++)
        if (same(&p->came[i]->said.pair, &msg->export.pair)) {
            p->came[i]->coming = p->state.comings;
            pthread_mutex_unlock(&p->lock);
            return true;
        }
    room = p->n_came < ROOM;
    if (room)
        p->came[p->n_came++] = copy_of(msg, p->state.comings);
    pthread_mutex_unlock(&p->lock);
    return room;
}

static enum err on_export(void *self, const struct msg *msg, int64_t now_ms)
{
    struct pairs *p = self;

    (void)now_ms;
    if (put(p, msg)) {
        p->full = false;
    } else if (!p->full) {
        p->full = true;
        log_warn(
            "pairs",
            "state=passed-over reason=\"more than %d came at once\" next=\"they come again\"",
            ROOM);
    }
    return OK;
}

/* The computing thread takes it out of the list when its store has heard it: until then it is only not
 * said again. An answer to what is not in the list was given before, and is passed over. */
static enum err on_judged(void *self, const struct msg *msg, int64_t now_ms)
{
    struct pairs *p = self;

    (void)now_ms;
    pthread_mutex_lock(&p->lock);
    for (uint32_t i = 0; i < msg->judged.n_id; i++)
        for (size_t j = 0; j < p->n_held; j++)
            if (same(&p->held[j].said.id, &msg->judged.id[i]))
                p->held[j].answer = (enum judged_answer)msg->judged.answer[i];
    pthread_mutex_unlock(&p->lock);
    return OK;
}

/* BUSY passes: the other annotator may leave. Of the rest, what is refused at the first HELLO is the
 * person's to put right; later on it ends nothing. */
static enum err on_refuse(void *self, const struct msg *msg, int64_t now_ms)
{
    struct pairs *p = self;
    const uint32_t code = msg->refuse.code;

    (void)now_ms;
    if (code == REFUSE_STRIKES)
        return OK;
    if (code != REFUSE_BUSY && !p->entered)
        return err_set(ERR_STATE, "the broker refuses this annotator: %s", msg->refuse.words);
    become(p, code == REFUSE_BUSY ? "busy" : "refused", msg->refuse.words);
    return OK;
}

/* ---- what is said */

/* Under the lock. ERR_STATE: the pipe is full, or there is no WELCOME: the next tick. */
static enum err say_kept(struct pairs *p, struct peer *peer)
{
    struct msg msg = {.head.type = MSG_EXPORT_OK};
    enum err err;

    if (!p->n_kept)
        return OK;
    msg.export_ok = (struct msg_export_ok){p->kept, (uint32_t)p->n_kept};
    err = peer_send(peer, &msg);
    if (!err)
        p->n_kept = 0;
    return err;
}

/* In their order, and no further than the pipe takes: what comes behind may take back what is before. */
static enum err say_held(struct pairs *p, struct peer *peer)
{
    enum err err = OK;

    for (size_t i = 0; i < p->n_held && !err && same(&p->held_run, &p->state.run); i++) {
        struct msg msg = {.head.type = MSG_JUDGEMENT};

        if (p->held[i].sent || p->held[i].answer)
            continue;
        msg.judgement = p->held[i].said;
        msg.judgement.annotator = p->held[i].annotator;
        err = peer_send(peer, &msg);
        p->held[i].sent = !err;
    }
    return err;
}

static enum err say_all(struct pairs *p)
{
    struct peer *const peer = member_peer(p->member);
    enum err err;

    if (!peer_welcome(peer))
        return OK;
    pthread_mutex_lock(&p->lock);
    err = p->state.known ? say_kept(p, peer) : OK;
    if (!err && p->state.known)
        err = say_held(p, peer);
    pthread_mutex_unlock(&p->lock);
    return err == ERR_STATE ? OK : err;
}

/* ---- time */

/* A broker that restarts is no news: said when it lasts. What a broker has said of us stays until it
 * says otherwise; of a run that is over none is missed. */
static void look_for_broker(struct pairs *p, int64_t now_ms)
{
    if (peer_welcome(member_peer(p->member)) || !p->welcome_ms)
        p->welcome_ms = now_ms;
    else if (now_ms - p->welcome_ms >= AWAY_MS && strcmp(p->state.word, "over") != 0)
        become(p, "away", "no broker answers");
}

static bool is_done(struct pairs *p)
{
    bool done;

    pthread_mutex_lock(&p->lock);
    done = p->done;
    pthread_mutex_unlock(&p->lock);
    return done;
}

static enum err tick(void *self, int64_t now_ms)
{
    struct pairs *p = self;

    look_for_broker(p, now_ms);
    return is_done(p) ? member_bye(p->member, "asks nobody any more", now_ms) : say_all(p);
}

static void hb(void *self, struct msg_hb *out)
{
    (void)self;
    out->rss_bytes = mem_peak();
}

static void leave(void *self, int64_t deadline_ms)
{
    struct pairs *p = self;

    (void)deadline_ms;
    p->end = p->end < 2 ? p->end + 1 : p->end;
}

static bool finished(const void *self, int64_t now_ms)
{
    const struct pairs *p = self;

    return is_done((struct pairs *)(uintptr_t)self) && member_gone(p->member, now_ms);
}

/* ---- the process */

/* Behind it nothing is said any more but BYE. */
static enum err compute(void *self, struct worker *worker)
{
    struct pairs *p = self;
    enum err err;

    (void)worker;
    cores_thread();
    err = p->conf.compute(p->conf.self, p);
    pthread_mutex_lock(&p->lock);
    p->done = true;
    pthread_mutex_unlock(&p->lock);
    return err;
}

static void listen(struct pairs *p)
{
    struct peer *const peer = member_peer(p->member);

    peer_on(peer, MSG_WELCOME, on_welcome, p);
    peer_on(peer, MSG_HB, on_hb, p);
    peer_on(peer, MSG_PUBLISH, on_publish, p);
    peer_on(peer, MSG_REFUSE, on_refuse, p);
    peer_on(peer, MSG_EXPORT, on_export, p);
    peer_on(peer, MSG_JUDGED, on_judged, p);
}

static enum err run(struct pairs *p)
{
    const struct member_conf member = {.role = ROLE_ANNOTATOR,
                                       .hb = hb,
                                       .tick = tick,
                                       .drain = leave,
                                       .finished = finished,
                                       .self = p};
    const struct worker_conf worker = {.depth = 1, .main = compute, .self = p};
    struct worker *thread = NULL;
    enum err err = member_open(&p->member, &p->options, &member);

    if (!err) {
        listen(p);
        err = worker_start(&thread, member_loop(p->member), &worker);
    }
    if (!err)
        err = member_run(p->member);
    p->end = 2; /* whatever ended the loop */
    worker_stop(thread);
    member_close(p->member);
    return err;
}

enum err pairs_run(const struct pairs_conf *conf)
{
    struct pairs *p = mem_new(1, sizeof *p);
    enum err err;

    p->conf = *conf;
    p->state.word = "joining";
    p->options = (struct member_options){.broker = conf->broker,
                                         .key = conf->key,
                                         .ticket_file = conf->ticket_file,
                                         .name = "",
                                         .health_file = "",
                                         .parent_fd = -1};
    pthread_mutex_init(&p->lock, NULL);
    err = run(p);
    for (size_t i = 0; i < p->n_came; i++)
        pairs_free(p->came[i]);
    pthread_mutex_destroy(&p->lock);
    free(p);
    return err;
}

/* ---- the owner's side */

const volatile sig_atomic_t *pairs_end(const struct pairs *p)
{
    return &p->end;
}

struct pairs_pair *pairs_take(struct pairs *p)
{
    struct pairs_pair *first = NULL;

    pthread_mutex_lock(&p->lock);
    if (p->n_came) {
        first = p->came[0];
        memmove(p->came, p->came + 1, --p->n_came * sizeof *p->came);
    }
    pthread_mutex_unlock(&p->lock);
    return first;
}

void pairs_kept(struct pairs *p, const struct pairs_pair *pair)
{
    pthread_mutex_lock(&p->lock);
    if (pair->coming == p->state.comings && p->n_kept < ROOM)
        p->kept[p->n_kept++] = pair->said.pair;
    pthread_mutex_unlock(&p->lock);
}

/* What was known of one that was there before stays known. */
static struct held held_of(const struct pairs *p, const struct msg_judgement *said)
{
    struct held new = {.said = *said};

    for (size_t i = 0; i < p->n_held; i++)
        if (same(&p->held[i].said.id, &said->id))
            new = p->held[i];
    snprintf(new.annotator, sizeof new.annotator, "%s", said->annotator);
    return new;
}

void pairs_say(struct pairs *p, const struct id *run, const struct msg_judgement *said,
               size_t n)
{
    struct held new[WINDOW_JUDGEMENTS];

    pthread_mutex_lock(&p->lock);
    for (size_t i = 0; i < n; i++)
        new[i] = held_of(p, &said[i]);
    if (n)
        memcpy(p->held, new, n * sizeof *new);
    p->n_held = n;
    p->held_run = *run;
    pthread_mutex_unlock(&p->lock);
}

size_t pairs_answered(struct pairs *p, struct id *id, enum judged_answer *answer)
{
    size_t n = 0;

    pthread_mutex_lock(&p->lock);
    for (size_t i = 0; i < p->n_held; i++) {
        if (!p->held[i].answer)
            continue;
        id[n] = p->held[i].said.id;
        answer[n++] = p->held[i].answer;
    }
    pthread_mutex_unlock(&p->lock);
    return n;
}

void pairs_look(struct pairs *p, struct pairs_state *out)
{
    pthread_mutex_lock(&p->lock);
    *out = p->state;
    pthread_mutex_unlock(&p->lock);
}
