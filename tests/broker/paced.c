#include "tests/broker/paced.h"

#include "base/mem.h"
#include "broker/state.h"
#include "proto/arena.h"
#include "proto/codec.h"
#include "proto/digest.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { STOP = 1023, HOUR_MS = 3600000 };

static const struct id the_run = {.byte = {7}};

struct paced_letter { /* to a host, or the learner (NULL) */
    struct paced_host *to;
    struct frames frames;
};

struct paced_run {
    struct broker *broker;
    struct broker_member *learner;
    struct arena *arena;
    int64_t now_ms;
    struct paced_letter *letter;
    uint32_t letters, room;
    uint64_t next_task, version, arrived, in_iteration;
    bool *has; /* answers of the iteration, at the learner */
    uint64_t first_task;
};

static struct version version_of(uint64_t number)
{
    return (struct version){.number = number,
                            .hash = {{3, (uint8_t)number, (uint8_t)(number >> 8)}}};
}

/* From 1 to `most`, falling like an exponential: some are long. */
static uint32_t length_of(const struct paced *p, uint64_t task, uint32_t sample)
{
    uint64_t x = (task * 1024 + sample + 1) * 0x9e3779b97f4a7c15u;
    double u, length;

    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u; /* splitmix64 */
    x ^= x >> 27;
    u = ((double)(x >> 11) + .5) / 9007199254740992.;
    length = 1 - p->mean * log(u);
    return length > p->most ? p->most : (uint32_t)length;
}

static enum err on_send(void *self, void *link, enum msg_type type, struct frames *frames)
{
    struct paced *p = self;
    struct paced_run *run = p->run;

    (void)type;
    if (run->letters == run->room) {
        run->room = run->room ? 2 * run->room : 256;
        run->letter = mem_grow(run->letter, run->room, sizeof *run->letter);
    }
    run->letter[run->letters].to = link == &run->learner ? NULL : link;
    return frames_share(&run->letter[run->letters++].frames, frames);
}

static void on_strike(void *self, void *link, const char *words)
{
    (void)self, (void)link, (void)words;
}

static void on_refuse(void *self, void *link, enum refuse_code code, const char *words)
{
    (void)self, (void)link, (void)code, (void)words;
}

static void on_release(void *self, void *link)
{
    (void)self, (void)link;
}

static void on_publish(void *self, struct msg *msg)
{
    (void)self, (void)msg;
}

static void say(struct paced *p, struct broker_member *from, struct msg *msg)
{
    msg->head.run = the_run;
    msg->head.epoch = 1;
    if (broker_take(p->run->broker, from, msg, p->run->now_ms))
        abort(); /* an honest peer is believed */
}

/* ---- hosts */

static bool runs(const struct paced_host *h, int64_t now_ms)
{
    if (now_ms >= h->stop_ms && now_ms < h->go_ms)
        return false;
    return !h->every_ms || now_ms % h->every_ms < h->runs_ms;
}

static uint32_t running(const struct paced_host *h)
{
    uint32_t n = 0;

    for (uint32_t i = 0; i < h->works; i++)
        n += !h->work[i].written;
    return n;
}

static void say_hb(struct paced *p, struct paced_host *h)
{
    uint64_t lease[PACED_WORKS];
    uint32_t unbegun[PACED_WORKS], n = 0;
    const uint32_t most = h->slots + h->slots / 2 + 1;
    const struct version image = version_of(h->version);
    struct msg msg = {.head.type = MSG_HB};

    for (uint32_t i = 0; i < h->works; i++) {
        uint32_t k = 0;

        while (k < n && lease[k] != h->work[i].lease)
            k++;
        if (k == n) {
            lease[n] = h->work[i].lease;
            unbegun[n++] = 0;
        }
        unbegun[k] += h->work[i].done <= 0;
    }
    msg.hb = (struct msg_hb){.progress = h->progress,
                             .lease_seen = h->seen,
                             .credit = running(h) < most ? most - running(h) : 0,
                             .lease = lease,
                             .n_lease = n,
                             .unbegun = unbegun,
                             .n_unbegun = n,
                             .image = &image,
                             .n_image = 1,
                             .note = "",
                             .wants_own = "",
                             .metrics = ""};
    h->said_ms = p->run->now_ms;
    h->freed = 0;
    say(p, h->member, &msg);
}

static void write_answer(struct paced *p, struct paced_host *h, struct paced_work *work)
{
    static int32_t token[4096];
    static float logprob[4096];
    const struct span span = {.version = version_of(p->run->version)};
    struct msg msg = {.head.type = MSG_ROLLOUT};

    for (uint32_t i = 0; i < work->length; i++) {
        token[i] = (int32_t)((work->task * 31 + work->sample + i) % STOP);
        logprob[i] = -1;
    }
    if (work->length < p->most)
        token[work->length - 1] = STOP;
    msg.rollout.lease = work->lease;
    msg.rollout.rollout =
        (struct rollout){.task = work->task,
                         .sample = work->sample,
                         .end = work->length < p->most ? ROLLOUT_STOP : ROLLOUT_LENGTH,
                         .token = token,
                         .logprob = logprob,
                         .n_token = work->length,
                         .span = &span,
                         .n_span = 1,
                         .text = ""};
    msg.rollout.rollout.hash = digest_rollout(&msg.rollout.rollout);
    work->written = true;
    h->tokens += work->length;
    h->freed++;
    p->generated++;
    say(p, h->member, &msg);
}

static void hear_lease(struct paced *p, struct paced_host *h, const struct msg_lease *in)
{
    if (in->lease > h->seen)
        h->seen = in->lease;
    if (in->task.version.number != h->version)
        abort(); /* leased without its weights */
    for (uint32_t s = in->first; s < in->first + in->count; s++) {
        struct paced_work *work = NULL;

        for (uint32_t i = 0; i < h->works; i++)
            if (h->work[i].task == in->task.id && h->work[i].sample == s)
                work = &h->work[i];
        if (!work) {
            if (h->works == PACED_WORKS)
                abort(); /* more than its credit */
            work = &h->work[h->works++];
            *work = (struct paced_work){
                .task = in->task.id, .sample = s, .length = length_of(p, in->task.id, s)};
        }
        work->lease = in->lease;
    }
}

static void hear_revoke(struct paced_host *h, const struct msg_revoke *in)
{
    uint32_t kept = 0;

    for (uint32_t i = 0; i < h->works; i++) {
        const struct paced_work *work = &h->work[i];

        if (work->lease != in->lease[0] || work->written ||
            work->sample < (in->n_from ? in->from[0] : 0) || (work->done > 0 && !in->over))
            h->work[kept++] = *work;
    }
    h->freed += h->works - kept;
    h->works = kept;
}

/* What is settled it forgets. */
static void hear_settled(struct paced_host *h, const struct settled *settled)
{
    uint32_t kept = 0;

    for (uint32_t i = 0; i < h->works; i++) {
        const struct paced_work *work = &h->work[i];
        bool gone = work->task < settled->watermark;

        for (uint32_t k = 0; k < settled->n_range; k++)
            gone |= settled->range[k].task == work->task &&
                    work->sample - settled->range[k].first < settled->range[k].count;
        if (!gone)
            h->work[kept++] = *work;
        else
            h->freed += !work->written;
    }
    h->works = kept;
}

static void hear(struct paced *p, struct paced_host *h, const struct msg *msg)
{
    if (msg->head.type == MSG_LEASE)
        hear_lease(p, h, &msg->lease);
    if (msg->head.type == MSG_REVOKE)
        hear_revoke(h, &msg->revoke);
    if (msg->head.type == MSG_SETTLED)
        hear_settled(h, &msg->settled.settled);
    if (msg->head.type == MSG_HB)
        hear_settled(h, &msg->hb.settled);
}

static void step_host(struct paced *p, struct paced_host *h)
{
    const int64_t now_ms = p->run->now_ms;
    uint32_t active = 0;

    if (h->newest != p->run->version) {
        h->newest = p->run->version;
        h->newest_ms = now_ms + h->link_ms;
    }
    if (h->version != h->newest && now_ms >= h->newest_ms) {
        h->version = h->newest;
        say_hb(p, h);
    }
    for (uint32_t i = 0; i < h->works && active < h->slots; i++) {
        struct paced_work *work = &h->work[i];

        if (work->written)
            continue;
        active++;
        work->done += h->speed * PACED_STEP_MS;
        h->progress++;
        if (work->done >= work->length)
            write_answer(p, h, work);
    }
    if (now_ms - h->said_ms >= 1000 || h->freed > h->slots / 4)
        say_hb(p, h);
}

/* ---- the learner */

static void open_iteration(struct paced *p)
{
    struct paced_run *run = p->run;
    const int32_t prompt[2] = {1, 2}, stop = STOP;

    run->first_task = run->next_task;
    run->arrived = 0;
    run->in_iteration = (uint64_t)p->tasks * PACED_SAMPLES;
    memset(run->has, 0, run->in_iteration * sizeof *run->has);
    for (uint32_t i = 0; i < p->tasks; i++) {
        struct msg msg = {.head.type = MSG_OPEN};

        msg.open.task = (struct task){.id = run->next_task++,
                                      .samples = PACED_SAMPLES,
                                      .prompt = prompt,
                                      .n_prompt = 2,
                                      .decoding = {.temperature = 1,
                                                   .top_p = 1,
                                                   .max_new = p->most,
                                                   .stop = &stop,
                                                   .n_stop = 1},
                                      .version = version_of(run->version),
                                      .table = 1,
                                      .prompt_text = "",
                                      .meta = ""};
        say(p, run->learner, &msg);
    }
}

static void say_learner_hb(struct paced *p, uint64_t seen)
{
    struct msg msg = {.head.type = MSG_HB};

    msg.hb = (struct msg_hb){.credit_bytes = 1 << 30,
                             .lease_seen = seen,
                             .newest = version_of(p->run->version),
                             .smallest_live = p->run->version,
                             .settled = {.epoch = 1, .watermark = p->run->first_task},
                             .note = "",
                             .wants_own = "",
                             .metrics = ""};
    say(p, p->run->learner, &msg);
}

/* All answers are there: they are trained, and the next version is out. */
static void end_iteration(struct paced *p)
{
    struct paced_run *run = p->run;
    struct msg publish = {.head.type = MSG_PUBLISH};

    run->first_task = run->next_task;
    run->version++;
    publish.publish = (struct msg_publish){.version = version_of(run->version),
                                           .smallest_live = run->version,
                                           .kind = ARTIFACT_IMAGE};
    say_learner_hb(p, 1u << 20);
    say(p, run->learner, &publish);
}

static void hear_sample(struct paced *p, const struct msg_sample *in)
{
    struct paced_run *run = p->run;
    const uint64_t at =
        (in->rollout.task - run->first_task) * PACED_SAMPLES + in->rollout.sample;

    if (in->rollout.task < run->first_task || run->has[at])
        return;
    run->has[at] = true;
    run->arrived++;
}

static void deliver(struct paced *p)
{
    struct paced_run *run = p->run;
    struct msg msg;

    for (uint32_t i = 0; i < run->letters; i++) {
        struct paced_host *to = run->letter[i].to;

        if (codec_decode(&msg, &run->letter[i].frames, run->arena))
            abort();
        if (to)
            hear(p, to, &msg);
        else if (msg.head.type == MSG_SAMPLE)
            hear_sample(p, &msg.sample);
        frames_fini(&run->letter[i].frames);
        arena_reset(run->arena);
    }
    run->letters = 0;
}

/* ---- all of it */

static void come(struct paced *p, uint32_t at, enum role role)
{
    struct paced_run *run = p->run;
    struct msg msg = {.head = {.type = MSG_HELLO, .run = the_run, .epoch = 1},
                      .hello = {.peer = {.byte = {(uint8_t)(at + 1)}},
                                .incarnation = 5,
                                .role = role,
                                .major_min = 1,
                                .major_max = 1,
                                .name = "paced",
                                .build = "",
                                .host = ""}};

    if (role == ROLE_LEARNER) {
        msg.hello.settled.epoch = 1;
        msg.hello.newest = version_of(run->version);
        msg.hello.table = 1;
        msg.hello.vocabulary = STOP + 1;
        run->learner = broker_hello(run->broker, NULL, &run->learner, &msg, run->now_ms);
        return;
    }
    msg.hello.slots = p->host[at].slots;
    p->host[at].member = broker_hello(run->broker, NULL, &p->host[at], &msg, run->now_ms);
    say_hb(p, &p->host[at]);
}

static void step(struct paced *p)
{
    struct paced_run *run = p->run;

    run->now_ms += PACED_STEP_MS;
    if (run->now_ms % 100 == 0)
        broker_tick(run->broker, run->now_ms);
    if (run->now_ms % 1000 == 0)
        say_learner_hb(p, 1u << 20);
    deliver(p);
    for (uint32_t i = 0; i < p->hosts; i++)
        if (runs(&p->host[i], run->now_ms))
            step_host(p, &p->host[i]);
    deliver(p);
}

bool paced_play(struct paced *p)
{
    static const struct broker_birth birth = {
        .incarnation = 1, .first_number = 1, .bulk = "", .bulk_key = ""};
    const struct broker_sink sink = {.self = p,
                                     .send = on_send,
                                     .refuse = on_refuse,
                                     .release = on_release,
                                     .strike = on_strike,
                                     .publish = on_publish};
    struct paced_run run = {.now_ms = 1000};
    bool good = true;

    p->run = &run;
    run.has = mem_new((size_t)p->tasks * PACED_SAMPLES, sizeof *run.has);
    arena_new(&run.arena, CODEC_ARENA);
    broker_new(&run.broker, &broker_default, &sink, &birth, run.now_ms);
    come(p, PACED_HOSTS, ROLE_LEARNER);
    for (uint32_t i = 0; i < p->hosts; i++)
        come(p, i, ROLE_ACTOR);
    while (run.now_ms < 3000)
        step(p);
    for (uint32_t k = 0; k < p->iterations && good; k++) {
        const int64_t from_ms = run.now_ms;

        open_iteration(p);
        while (good && run.arrived < run.in_iteration) {
            step(p);
            good = run.now_ms - from_ms < HOUR_MS;
        }
        p->took_ms[k] = run.now_ms - from_ms;
        end_iteration(p);
    }
    p->moved = run.broker->counters.moved;
    p->copied = run.broker->counters.copied;
    deliver(p);
    broker_free(run.broker);
    arena_free(run.arena);
    free(run.letter);
    free(run.has);
    return good;
}

double paced_mean_ms(const struct paced *p, uint32_t first)
{
    double sum = 0;

    for (uint32_t k = first; k < p->iterations; k++)
        sum += (double)p->took_ms[k];
    return sum / (p->iterations - first);
}
