/* What a peer could say now: built from what it was told, so that most of it is right and
 * reaches deep, with numbers that are at times a neighbour's, an old one's, or nobody's. */

#include "base/mem.h"
#include "proto/digest.h"
#include "tests/fuzz/stage.h"
#include "tests/proto/every.h"

#include <math.h>
#include <string.h>

/* ---- heartbeats */

static void heartbeat(struct stage *s, struct stage_peer *peer, struct msg *msg)
{
    static struct range range[4];
    static uint64_t lease[STAGE_HELD];
    static struct version image[2];
    struct msg_hb *hb = &msg->hb;

    *hb = (struct msg_hb){.progress = peer->progress += stage_draw(s, 2),
                          .tokens = stage_near(s, peer->progress * 10),
                          .busy_ms = stage_near(s, peer->progress * 5),
                          .idle_ms = stage_near(s, peer->progress),
                          .credit = (uint32_t)stage_near(s, stage_draw(s, 8)),
                          .lease_seen = stage_near(s, peer->seen),
                          .note = stage_some_name(s),
                          .wants_own = "",
                          .metrics = ""};
    for (uint32_t i = 0; i < STAGE_HELD && i < peer->leases; i++)
        if (stage_byte(s) & 3)
            lease[hb->n_lease++] = peer->lease[i].lease;
    hb->lease = lease;
    image[0] = stage_some_version(s);
    image[1] = stage_version(0);
    hb->image = image;
    hb->n_image = stage_draw(s, 3);
    if (peer->role != ROLE_LEARNER)
        return;
    hb->lease_seen = stage_near(s, peer->arrived);
    hb->credit_bytes = stage_near(s, 1 << 20);
    hb->settled = stage_some_settled(s, peer, range);
    hb->newest = stage_some_version(s);
    hb->smallest_live = stage_near(s, 0);
    hb->done = stage_byte(s) > 250;
    hb->metrics = stage_byte(s) > 250 ? "{\"loss\": 1}" : "";
}

/* ---- the learner's lines */

static void open_task(struct stage *s, struct stage_peer *peer, struct msg *msg)
{
    static int32_t prompt[3] = {1, 2, 3}, stop = STAGE_STOP;
    static const char *text = "end";

    prompt[2] = (int32_t)stage_draw(s, 3);
    msg->open.task = (struct task){.id = stage_near(s, peer->open_to),
                                   .seed = 1,
                                   .samples = 1 + stage_draw(s, 5),
                                   .prompt = prompt,
                                   .n_prompt = 3,
                                   .decoding = {.temperature = (float)stage_draw(s, 2),
                                                .top_p = 1,
                                                .max_new = STAGE_TOKENS,
                                                .stop = &stop,
                                                .n_stop = 1,
                                                .stop_text = &text,
                                                .n_stop_text = stage_byte(s) > 200},
                                   .version = stage_some_version(s),
                                   .table = (uint32_t)stage_near(s, s->table),
                                   .prompt_text = "a prompt",
                                   .meta = "{}"};
    if (stage_byte(s) > 253)
        msg->open.task.decoding.max_new = 1 << 18;
    if (stage_byte(s) > 253)
        msg->open.task.samples = 1024;
    if (msg->open.task.id == peer->open_to)
        peer->open_to++;
}

static void learner_line(struct stage *s, struct stage_peer *peer, struct msg *msg)
{
    static struct range range[4];
    static uint64_t task[2];
    static const char *const reason[] = {"poison", "stale", "end", ""};

    switch (stage_draw(s, 8)) {
    default:
        msg->head.type = MSG_OPEN;
        open_task(s, peer, msg);
        break;
    case 4:
        msg->head.type = MSG_SETTLED;
        msg->settled.settled = stage_some_settled(s, peer, range);
        break;
    case 5:
        msg->head.type = MSG_PUBLISH;
        s->version = stage_near(s, s->version + 1);
        msg->publish = (struct msg_publish){.version = stage_some_version(s),
                                            .kind = ARTIFACT_IMAGE,
                                            .bytes = 100,
                                            .smallest_live = stage_near(s, 0)};
        break;
    case 6:
        msg->head.type = MSG_CANCEL;
        task[0] = stage_near(s, peer->open_to ? peer->open_to - 1 : 0);
        task[1] = stage_near(s, 0);
        msg->cancel = (struct msg_cancel){
            .task = task, .n_task = stage_draw(s, 3), .reason = reason[stage_draw(s, 4)]};
        break;
    case 7:
        msg->head.type = MSG_HB;
        heartbeat(s, peer, msg);
        break;
    }
}

/* ---- the actor's */

static void rollout(struct stage *s, struct stage_peer *peer, struct msg *msg)
{
    static int32_t token[STAGE_TOKENS + 1];
    static float logprob[STAGE_TOKENS + 1];
    static struct span span[2];
    static uint8_t mask;
    const struct stage_lease *lease = &peer->lease[stage_held(s, peer->leases)];
    const uint32_t how = stage_byte(s);
    struct rollout *r = &msg->rollout.rollout;

    *r = (struct rollout){.task = stage_near(s, lease->task),
                          .sample =
                              lease->first + (lease->count ? stage_draw(s, lease->count) : 0),
                          .n_token = 1 + stage_draw(s, STAGE_TOKENS),
                          .end = ROLLOUT_STOP,
                          .token = token,
                          .logprob = logprob,
                          .span = span,
                          .n_span = 1,
                          .text = how & 1 ? "an answer" : ""};
    msg->rollout.lease = lease->lease;
    for (uint32_t i = 0; i < r->n_token; i++) {
        token[i] = 2 + (int32_t)stage_draw(s, how > 250 ? 100000 : STAGE_VOCABULARY - 2);
        logprob[i] = -(float)stage_draw(s, 4);
    }
    if (r->n_token < STAGE_TOKENS)
        token[r->n_token - 1] = STAGE_STOP;
    else
        r->end = ROLLOUT_LENGTH;
    span[0] = (struct span){.version = lease->version};
    if (!lease->version.hash.byte[0])
        span[0].version = stage_version(s->version);
    if (how > 225)
        span[0].version = stage_some_version(s);
    if (how > 240 && r->n_token > 1) {
        span[1] = (struct span){.start = 1, .version = stage_some_version(s)};
        r->n_span = 2;
    }
    if (how > 245)
        r->end = stage_draw(s, 4);
    if (how > 247) {
        r->mask = &mask;
        r->n_mask = 1;
    }
    r->hash = digest_rollout(r);
    r->hash.byte[3] ^= how == 230;
}

static void actor_line(struct stage *s, struct stage_peer *peer, struct msg *msg)
{
    const struct stage_lease *lease = &peer->lease[stage_held(s, peer->leases)];

    switch (stage_draw(s, 5)) {
    case 0:
        msg->head.type = MSG_HB;
        heartbeat(s, peer, msg);
        break;
    case 1:
        if (stage_byte(s) < 100) {
            msg->head.type = MSG_FAIL;
            msg->fail = (struct msg_fail){.task = stage_near(s, lease->task),
                                          .sample = lease->first,
                                          .lease = lease->lease,
                                          .reason = stage_some_name(s),
                                          .who = ""};
            break;
        }
        /* fall through */
    default:
        msg->head.type = MSG_ROLLOUT;
        rollout(s, peer, msg);
    }
}

/* ---- the rewarder's */

static void score(struct stage *s, struct stage_peer *peer, struct msg *msg)
{
    static struct hash hash[STAGE_ITEMS];
    static uint32_t each[STAGE_ITEMS];
    static float value[STAGE_ITEMS * (STAGE_TOKENS + 2)];
    const struct stage_peer *of =
        stage_byte(s) < 240 ? peer : &s->peer[stage_draw(s, STAGE_PEERS)];
    const struct stage_ask *ask = &of->ask[stage_held(s, of->asks)];
    const uint32_t how = stage_byte(s);
    struct score *out = &msg->score.score;

    msg->score.ticket = stage_near(s, ask->ticket);
    *out = (struct score){.scorer = ask->scorer,
                          .rollout = hash,
                          .each = each,
                          .value = value,
                          .diagnostics = how & 1 ? "{\"why\": 1}" : ""};
    for (uint32_t i = 0; i < ask->items; i++) {
        hash[i] = ask->rollout[how > 245 ? 0 : i];
        each[i] = ask->scorer.byte[0] == 5 ? ask->tokens[i] % (STAGE_TOKENS + 1) : 1;
        if (how > 235)
            each[i] = stage_draw(s, 3);
        for (uint32_t k = 0; k < each[i]; k++)
            value[out->n_value++] = how == 234 ? INFINITY : (float)stage_draw(s, 9);
        out->n_rollout++;
        if (how > 225 && stage_byte(s) > 200)
            break;
    }
}

static void rewarder_line(struct stage *s, struct stage_peer *peer, struct msg *msg)
{
    const struct stage_ask *ask = &peer->ask[stage_held(s, peer->asks)];

    switch (stage_draw(s, 6)) {
    case 0:
        msg->head.type = MSG_HB;
        heartbeat(s, peer, msg);
        break;
    case 1:
        msg->head.type = MSG_FAIL;
        msg->fail = (struct msg_fail){.ticket = stage_near(s, ask->ticket),
                                      .scorer = ask->scorer,
                                      .reason = stage_some_name(s),
                                      .who = ""};
        break;
    default:
        msg->head.type = MSG_SCORE;
        score(s, peer, msg);
    }
}

/* ---- everybody's */

static void order(struct stage *s, struct stage_peer *peer, struct msg *msg)
{
    static const char *const orders[] = {"scale", "status", "down", "nonsense"};

    if (peer->role == ROLE_OPERATOR) {
        msg->head.type = MSG_ADMIN;
        msg->admin = (struct msg_admin){.request = stage_byte(s),
                                        .order = orders[stage_draw(s, 4)],
                                        .role = stage_draw(s, ROLES),
                                        .count = (uint32_t)stage_near(s, 2),
                                        .arguments = ""};
    } else {
        msg->head.type = MSG_ADMIN_OK;
        msg->admin_ok = (struct msg_admin_ok){.request = stage_byte(s),
                                              .asker = s->peer[stage_draw(s, STAGE_PEERS)].id,
                                              .ok = true,
                                              .words = stage_some_name(s),
                                              .result = ""};
    }
}

void stage_line(struct stage *s, struct stage_peer *peer)
{
    const uint32_t how = stage_byte(s);
    struct msg msg = {.head.type = MSG_HB};

    if (how > 252) {
        msg = every_message((enum msg_type)(MSG_HELLO + stage_draw(s, MSG_TYPES - 1)));
        if (msg.head.type == MSG_HELLO)
            msg.hello.peer = peer->id;
    } else if (how > 246) {
        msg.head.type = MSG_BYE;
        msg.bye.reason = stage_some_name(s);
    } else if (peer->role == ROLE_LEARNER) {
        learner_line(s, peer, &msg);
    } else if (peer->role == ROLE_ACTOR) {
        actor_line(s, peer, &msg);
    } else if (peer->role == ROLE_REWARDER) {
        rewarder_line(s, peer, &msg);
    } else if (how > 60) {
        order(s, peer, &msg);
    } else {
        heartbeat(s, peer, &msg);
    }
    stage_say(s, peer, &msg, how < 40 ? 1 + how % 4 : 0);
}
