/* Who it is: HELLO of each role, and the draws that all lines share. */

#include "tests/fuzz/stage.h"

#include <string.h>

enum { SCORERS = 6, CLAIMS = 6 };

static const struct scorer table[SCORERS] = {
    {.id = 0,
     .hash = {{1}},
     .name = "rule",
     .kind = SCORER_RULE,
     .unit = UNIT_ROLLOUT,
     .pure = true,
     .spec = "{}",
     .timeout_ms = 2000},
    {.id = 1,
     .hash = {{2}},
     .name = "mine",
     .kind = SCORER_WORKER,
     .unit = UNIT_ROLLOUT,
     .needs_text = true,
     .spec = ""},
    {.id = 2,
     .hash = {{3}},
     .name = "group",
     .kind = SCORER_RULE,
     .unit = UNIT_GROUP,
     .spec = ""},
    {.id = 3,
     .hash = {{4}},
     .name = "pair",
     .kind = SCORER_RULE,
     .unit = UNIT_PAIR,
     .spec = ""},
    {.id = 4,
     .hash = {{5}},
     .name = "ref",
     .kind = SCORER_REFERENCE,
     .unit = UNIT_ROLLOUT,
     .per_token = true,
     .spec = "",
     .timeout_ms = 1},
    {.id = 5,
     .hash = {{2}},
     .name = "mine",
     .kind = SCORER_JUDGE,
     .unit = UNIT_GROUP,
     .spec = ""}, /* another scorer under a known hash */
};

struct version stage_version(uint64_t number)
{
    return (struct version){.number = number, .hash = {{9, (uint8_t)number}}};
}

/* One of those that it was told; mostly of the last few. */
uint32_t stage_held(struct stage *s, uint32_t ever)
{
    const uint32_t kept = ever < STAGE_HELD ? ever : STAGE_HELD;
    const uint32_t back = stage_byte(s) & 1 ? stage_draw(s, kept) : stage_draw(s, 4);

    return (ever + 3 * STAGE_HELD - 1 - back) % STAGE_HELD;
}

/* Mostly `right`; at times beside it, small, or large. */
uint64_t stage_near(struct stage *s, uint64_t right)
{
    static const uint64_t odd[] = {0,
                                   1,
                                   1023,
                                   1024,
                                   65535,
                                   UINT32_MAX,
                                   INT64_MAX,
                                   UINT64_MAX,
                                   1ull << 62,
                                   (1ull << 62) - 1,
                                   (1ull << 62) + 1,
                                   1ull << 32};
    const uint32_t how = stage_byte(s);

    if (how < 200)
        return right;
    if (how < 215)
        return right + 1;
    if (how < 230)
        return right - 1;
    if (how < 248)
        return stage_draw(s, 24);
    return odd[stage_draw(s, sizeof odd / sizeof *odd)];
}

struct version stage_some_version(struct stage *s)
{
    const uint32_t how = stage_byte(s);
    struct version v = stage_version(stage_near(s, s->version));

    if (how < 30)
        memset(&v.hash, 0, sizeof v.hash);
    else if (how < 40)
        v.hash.byte[7] ^= 1;
    return v;
}

struct settled stage_some_settled(struct stage *s, struct stage_peer *peer,
                                  struct range range[4])
{
    struct settled out = {.epoch = s->epoch, .range = range};

    if (stage_byte(s) < 60)
        s->watermark = stage_near(s, s->watermark + (peer->arrived > 0));
    out.watermark = s->watermark;
    for (uint32_t n = stage_draw(s, 4); out.n_range < n; out.n_range++)
        range[out.n_range] = (struct range){
            .task = stage_near(
                s, peer->arrived ? peer->sample[stage_held(s, (uint32_t)peer->arrived)] : 0),
            .first = stage_draw(s, 3),
            .count = 1 + stage_draw(s, 5)};
    return out;
}

const char *stage_some_name(struct stage *s)
{
    static const char *const name[] = {
        "host:1",
        "",
        "mallory",
        "\xc3\xa4\xc3\xb6\xc3\xbc\xe2\x82\xac",
        "\"\\\x01\x1b[31m",
        ("0123456789012345678901234567890123456789012345678901234"
         "567890\xe2\x82\xac\xe2\x82\xac")};

    return name[stage_draw(s, sizeof name / sizeof *name)];
}

static void learner_hello(struct stage *s, struct stage_peer *peer, struct msg *msg)
{
    static struct range range[4];
    static struct scorer scorer[4];
    static struct artifact artifact = {
        .hash = {{9}}, .bytes = 100, .kind = 1, .name = "policy"};
    const uint32_t how = stage_byte(s);

    if (how < 25)
        s->epoch++;
    else if (how < 28)
        s->epoch = stage_near(s, s->epoch);
    else if (how < 30)
        s->run.byte[0] = (uint8_t)(7 + stage_draw(s, 2));
    if (how % 5 == 0) /* a start with less behind it */
        s->watermark = stage_near(s, s->watermark ? s->watermark - 1 : 0);
    msg->head.epoch = s->epoch;
    msg->hello.settled = stage_some_settled(s, peer, range);
    msg->hello.newest = stage_some_version(s);
    if (stage_byte(s) < 8)
        s->table = 1 + stage_draw(s, 8);
    msg->hello.table = (uint32_t)s->table;
    msg->hello.n_scorer = s->table < 3 ? 1 : (uint32_t)(s->table % 4);
    for (uint32_t i = 0; i < msg->hello.n_scorer; i++)
        scorer[i] = table[(s->table * 5 + i) % SCORERS];
    msg->hello.scorer = scorer;
    msg->hello.artifact = &artifact;
    msg->hello.n_artifact = 1;
    msg->hello.vocabulary = stage_byte(s) < 128 ? STAGE_VOCABULARY : 0;
    msg->hello.body_max = 4096;
}

static void actor_hello(struct stage *s, struct stage_peer *peer, struct msg *msg)
{
    static struct claim claim[CLAIMS];
    static struct version image;

    for (uint32_t n = stage_draw(s, CLAIMS); msg->hello.n_claim < n; msg->hello.n_claim++) {
        const struct stage_lease *lease = &peer->lease[stage_held(s, peer->leases)];

        claim[msg->hello.n_claim] = (struct claim){.task = stage_near(s, lease->task),
                                                   .sample = lease->first + stage_draw(s, 3),
                                                   .state = 1 + stage_draw(s, 2),
                                                   .hash = {{(uint8_t)stage_byte(s)}}};
    }
    image = stage_some_version(s);
    msg->hello.claim = claim;
    msg->hello.image = &image;
    msg->hello.n_image = 1;
}

void stage_hello(struct stage *s, struct stage_peer *peer)
{
    static const struct msg_ability offer[3] = {
        {SCORER_RULE, ""}, {SCORER_WORKER, "mine"}, {SCORER_REFERENCE, ""}};
    const uint32_t how = stage_byte(s);
    struct msg msg = {.head.type = MSG_HELLO,
                      .hello = {.peer = peer->id,
                                .incarnation = peer->incarnation,
                                .role = peer->role,
                                .major_min = 1,
                                .major_max = 1,
                                .name = stage_some_name(s),
                                .build = stage_some_name(s),
                                .host = "",
                                .slots = 1 + stage_draw(s, 8)}};

    if (how > 250)
        msg.hello.role = stage_draw(s, ROLES + 1);
    else if (how > 244)
        msg.hello.incarnation = ++peer->incarnation;
    else if (how > 240)
        msg.hello.peer = s->peer[stage_draw(s, STAGE_PEERS)].id;
    if (msg.hello.role == ROLE_LEARNER)
        learner_hello(s, peer, &msg);
    if (msg.hello.role == ROLE_ACTOR)
        actor_hello(s, peer, &msg);
    if (msg.hello.role == ROLE_REWARDER) {
        msg.hello.offer = offer;
        msg.hello.n_offer = 1 + stage_draw(s, 3);
    }
    stage_say(s, peer, &msg, how > 230 ? 1 + how % 3 : 0);
}
