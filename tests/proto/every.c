#include "tests/proto/every.h"
#include "tests/proto/every_stats.h"

#include "proto/digest.h"

static const struct hash H1 = {{1,  2,  3,  4,  5,  6,  7,  8,  9,  10, 11,
                                12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22,
                                23, 24, 25, 26, 27, 28, 29, 30, 31, 32}};
static const struct hash H2 = {{0xff, 0xee, 0xdd, 0xcc, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
                                1,    1,    1,    1,    1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 7}};
static const struct id ID = {{0xa0, 0xa1, 0xa2, 0xa3, 0xa4, 0xa5, 0xa6, 0xa7, 0xa8, 0xa9, 0xaa,
                              0xab, 0xac, 0xad, 0xae, 0xaf}};
static const int32_t prompt[] = {1, 4093, 300, 0, 2};
static const int32_t token[] = {17, 49151, 5, 2, 70000, 9, 8, 7, 6, 2};
static const float logprob[] = {-0.5f, -1.25f, -3e-6f, 0.0f, -17.0f,
                                -2.0f, -1.0f,  -0.1f,  -5.f, -0.75f};
static const uint8_t mask[] = {0xff, 0x01};
static const int32_t stop[] = {2, 7};
static const int32_t tail[] = {198};
static const char *stop_text[] = {"\n\n", "Human:", "\xc3\xa9"};
static const uint32_t few[] = {2, 0, 262144};
static const uint32_t golden[] = {0xdeadbeef, 0};
static const uint64_t numbers[] = {3, UINT64_C(1) << 60, 5};
static const struct range range[] = {{70, 0, 4}, {71, 2, 1}, {UINT64_C(1) << 33, 1023, 1}};
static const float value[] = {0.25f, -8.0f, 1e10f};
static const uint32_t each[] = {1, 2};
static struct version version(uint64_t number)
{
    return (struct version){number, H1};
}

static struct settled settled(void)
{
    return (struct settled){4, 70, range, 3};
}

static const struct scorer *scorers(void)
{
    static struct scorer s[2];

    s[0] = (struct scorer){.id = 1,
                           .hash = H1,
                           .name = "rm",
                           .kind = SCORER_REWARD_MODEL,
                           .unit = UNIT_ROLLOUT,
                           .pure = true,
                           .needs_text = true,
                           .per_token = true,
                           .card = H2,
                           .image = H1,
                           .spec = "{\"weight\": 1}",
                           .timeout_ms = 20000};
    s[1] = (struct scorer){.id = 2,
                           .hash = H2,
                           .name = "r\xc3\xa9gle",
                           .kind = SCORER_RULE,
                           .unit = UNIT_PAIR,
                           .spec = ""};
    return s;
}

/* Of a run; and what is offered, in which one leads from one image to another. */
static const struct artifact *artifacts(void)
{
    static struct artifact a[3];

    a[0] = (struct artifact){H1, UINT64_C(540000000), ARTIFACT_IMAGE, "policy", {{0}}, {{0}}};
    a[1] = (struct artifact){H2, 12345, ARTIFACT_CARD, "policy:card", {{0}}, {{0}}};
    a[2] = (struct artifact){H2, 220000000, ARTIFACT_PATCH, "policy patch", H1, H2};
    return a;
}

static const struct claim *claims(void)
{
    static struct claim c[3];

    c[0] = (struct claim){70, 3, CLAIM_DONE, H1};
    c[1] = (struct claim){71, 0, CLAIM_RUNNING, {{0}}};
    c[2] = (struct claim){UINT64_C(1) << 40, 1023, CLAIM_FREE, H2};
    return c;
}

static const struct version *versions(void)
{
    static struct version v[2];

    v[0] = version(11);
    v[1] = (struct version){12, H2};
    return v;
}

static struct task task(void)
{
    static const uint32_t lengths[] = {3, 7};
    static const uint8_t shares[] = {255, 0, 1, 2, 127, 128, 254, 9, 8, 7};

    return (struct task){
        .id = 99,
        .seed = 42,
        .samples = 4,
        .prompt = prompt,
        .n_prompt = 5,
        .decoding = {.temperature = 0.7f,
                     .top_p = 0.9f,
                     .min_p = 0.05f,
                     .top_k = 50,
                     .max_new = 64,
                     .stop = stop,
                     .n_stop = 2,
                     .stop_text = stop_text,
                     .n_stop_text = 3},
        .version = version(6),
        .table = 1,
        .tail = tail,
        .n_tail = 1,
        .prompt_text = "What is 2+2?",
        .meta = "{\"answer\": \"4\"}",
        .earlier = {lengths, 2, token, 10, shares},
    };
}

static struct rollout rollout(void)
{
    static struct span span[2];

    span[0] = (struct span){0, version(6)};
    span[1] = (struct span){4, {7, H2}};
    return (struct rollout){
        .task = 99,
        .sample = 3,
        .hash = H2,
        .end = ROLLOUT_STOP,
        .token = token,
        .logprob = logprob,
        .n_token = 10,
        .mask = mask,
        .n_mask = 2,
        .span = span,
        .n_span = 2,
        .text = "It is four \xe2\x82\xac.",
    };
}

static struct score score(void)
{
    static struct hash names[2];

    names[0] = H2;
    names[1] = H1;
    return (struct score){.scorer = H1,
                          .rollout = names,
                          .each = each,
                          .n_rollout = 2,
                          .value = value,
                          .n_value = 3,
                          .diagnostics = "{\"parsed\": true}"};
}

static struct msg hello(struct msg m)
{
    static const struct msg_ability offer[] = {{SCORER_REWARD_MODEL, "any"},
                                               {SCORER_WORKER, "mine"}};
    m.hello = (struct msg_hello){
        .peer = ID,
        .incarnation = 77,
        .role = ROLE_ACTOR,
        .major_min = 1,
        .major_max = 2,
        .features = 5,
        .name = "host:123",
        .build = "0.1.0",
        .settled = settled(),
        .newest = version(8),
        .table = 2,
        .scorer = scorers(),
        .n_scorer = 2,
        .artifact = artifacts(),
        .n_artifact = 2,
        .body_max = 9999,
        .claim = claims(),
        .n_claim = 3,
        .image = versions(),
        .n_image = 2,
        .own = ID,
        .vocabulary = 50257,
        .offer = offer,
        .n_offer = 2,
        .slots = 16,
        .host = "node7",
        .serve = "tcp://*:5557",
        .head = true,
        .isa = "avx512",
        .threads = 12,
        .numerics = 12,
        .golden = golden,
        .n_golden = 2,
        .run_name = "nightly",
        .begun = true,
        .waited_ms = 61000,
    };
    return m;
}

static struct msg welcome(struct msg m)
{
    m.welcome = (struct msg_welcome){
        .incarnation = 78,
        .run = true,
        .done = true,
        .settled = settled(),
        .newest = version(8),
        .smallest_live = 6,
        .table = 2,
        .scorer = scorers(),
        .n_scorer = 2,
        .artifact = artifacts(),
        .n_artifact = 2,
        .body_max = 9999,
        .credit_max = 64,
        .bulk = "tcp://127.0.0.1:5556",
        .bulk_key = "rq:rM>}U?@Lns47E1%kR.o@n%FcmmsL/@{H8]yf7",
        .open_to = 100,
        .unsettled = claims(),
        .n_unsettled = 3,
        .verdict = claims(),
        .n_verdict = 2,
        .wanted = versions(),
        .n_wanted = 2,
    };
    return m;
}

static struct msg hb(struct msg m)
{
    static const struct msg_wait wait[] = {{"no actor", 7000, "", false, "add an actor"},
                                           {"mine is paused", 2500, "mine", true, ""}};
    m.hb = (struct msg_hb){
        .progress = 1234,
        .tokens = 999,
        .busy_ms = 5000,
        .idle_ms = 12,
        .rss_bytes = 1 << 30,
        .queued = 3,
        .lag_ms = 2,
        .lease_seen = 41,
        .credit = 7,
        .credit_bytes = 1 << 20,
        .lease = numbers,
        .n_lease = 3,
        .settled = settled(),
        .newest = version(8),
        .image = versions(),
        .n_image = 2,
        .smallest_live = 6,
        .open_to = 100,
        .done = true,
        .step = 5,
        .metrics = "{\"loss\": 0.5}",
        .note = "no task",
        .wants_own = "task 3 sample 1: every actor refused it",
        .wait = wait,
        .n_wait = 2,
        .wanted = versions(),
        .n_wanted = 2,
        .unbegun = few,
        .n_unbegun = 3,
        .wire_bytes = UINT64_C(7) << 30,
        .wire_rate = 12500000,
        .steps_total = 500,
        .golden = golden,
        .n_golden = 2,
        .trouble = "the disk is full",
        .next_key = "rq:rM>}U?@Lns47E1%kR.o@n%FcmmsL/@{H8]yf7",
        .annotator = 3,
        .drafted = 1000,
        .accepted = 612,
    };
    return m;
}

static struct msg ask(struct msg m)
{
    static struct msg_item item[2];

    item[0] = (struct msg_item){
        .task = 99,
        .sample = 3,
        .end = ROLLOUT_STOP,
        .hash = H2,
        .prompt = prompt,
        .n_prompt = 5,
        .token = token,
        .n_token = 10,
        .tail = tail,
        .n_tail = 1,
        .prompt_text = "What is 2+2?",
        .text = "4",
        .meta = "{}",
    };
    item[1] = item[0];
    item[1].token = token + 3;
    item[1].n_token = 4;
    item[1].n_prompt = 0;
    m.ask = (struct msg_ask){.ticket = 31,
                             .scorer = H1,
                             .table = 2,
                             .unit = UNIT_ROLLOUT,
                             .temperature = 0.7f,
                             .item = item,
                             .n_item = 2};
    return m;
}

static struct writer writer(void)
{
    return (struct writer){ID, H1, "10.0.0.7", "ant:77", "0.5"};
}

static struct msg work(struct msg m)
{
    switch (m.head.type) {
    case MSG_OPEN:
        m.open.task = task();
        break;
    case MSG_CANCEL:
        m.cancel = (struct msg_cancel){numbers, 3, "stale"};
        break;
    case MSG_LEASE:
        m.lease = (struct msg_lease){41, 42, 1, 3, true, task()};
        break;
    case MSG_REVOKE:
        m.revoke = (struct msg_revoke){numbers, 2, few, 2, true};
        break;
    case MSG_WANT:
        m.want = (struct msg_want){claims(), 3};
        break;
    case MSG_ROLLOUT:
        m.rollout = (struct msg_rollout){41, rollout()};
        break;
    case MSG_FAIL:
        m.fail = (struct msg_fail){99, 41, 31, 2, H1, "prompt too long", "node7:5"};
        break;
    case MSG_SCORE:
        m.score = (struct msg_score){31, score()};
        break;
    case MSG_DROPPED:
        m.dropped = (struct msg_dropped){99, 2, DROP_POISON, 5, "crashed"};
        break;
    case MSG_REFUSED:
        m.refused = (struct msg_refused){99, 2, H1, H2, writer(), "another text"};
        break;
    case MSG_SETTLED:
        m.settled.settled = settled();
        break;
    case MSG_PUBLISH:
        m.publish =
            (struct msg_publish){version(9), H2, ARTIFACT_IMAGE, 540000000, 7, 0xc0ffee};
        break;
    default:
        break;
    }
    return m;
}

static struct msg sample(struct msg m)
{
    static struct score scores[2];
    static struct writer writers[2];

    scores[0] = scores[1] = score();
    scores[1].scorer = H2;
    m.sample = (struct msg_sample){1, rollout(), scores, 2, writer(), writers, 2};
    writers[0] = writers[1] = writer();
    return m;
}

static struct msg people(struct msg m)
{
    static const uint32_t answers[] = {JUDGED_KEPT};

    switch (m.head.type) {
    case MSG_EXPORT:
        m.export = (struct msg_export){.task = 99,
                                       .iteration = 7,
                                       .version = version(6),
                                       .max_age = 4,
                                       .chat = true,
                                       .prompt = "What is 2+2?",
                                       .a = {1, H1, "It is four \xe2\x82\xac."},
                                       .b = {3, H2, "5"}};
        m.export.pair = digest_pair(&m.head.run, &m.export);
        break;
    case MSG_EXPORT_OK:
        m.export_ok = (struct msg_export_ok){&ID, 1};
        break;
    case MSG_JUDGEMENT:
        m.judgement = (struct msg_judgement){ID, ID, H1, H2, VERDICT_TIE, {{0}}, "5ea1"};
        break;
    case MSG_JUDGED:
        m.judged = (struct msg_judged){&ID, answers, 1};
        break;
    default:
        break;
    }
    return m;
}

static struct msg bulk(struct msg m)
{
    switch (m.head.type) {
    case MSG_OFFER:
        m.offer = (struct msg_offer){artifacts(), 3};
        break;
    case MSG_WREQ:
        m.wreq = (struct msg_wreq){7, H1, CHUNK_BYTES, 3, 8, mask, 2, H2};
        break;
    case MSG_WCHUNK:
        m.wchunk =
            (struct msg_wchunk){7, H1, CHUNK_DIGEST_PIECES, 1, 5000000, H2.byte, 32, mask, 2};
        break;
    case MSG_WNONE:
        m.wnone = (struct msg_wnone){7, H1, "nobody has it"};
        break;
    case MSG_PARENT:
        m.parent = (struct msg_parent){H1, "tcp://10.0.0.7:5557",
                                       "rq:rM>}U?@Lns47E1%kR.o@n%FcmmsL/@{H8]yf7"};
        break;
    case MSG_GUESTS:
        m.guests = (struct msg_guests){&H2, 1};
        break;
    case MSG_REFUSE:
        m.refuse = (struct msg_refuse){REFUSE_FENCED, "epoch 3 is over"};
        break;
    case MSG_ADMIN:
        m.admin = (struct msg_admin){6, ID, "scale", ROLE_ACTOR, 5, "{}", "b", H1, "10.0.0.7"};
        break;
    case MSG_ADMIN_OK:
        m.admin_ok = (struct msg_admin_ok){6, ID, true, true, "5 actors", "{\"actors\": 5}"};
        break;
    case MSG_DRAIN:
        m.drain.deadline_ms = 10000;
        break;
    case MSG_BYE:
        m.bye.reason = "drained";
        break;
    default:
        break;
    }
    return m;
}

struct msg every_message(enum msg_type type)
{
    const struct msg m = {.head = {type, {{9, 9, 9}}, 4}};

    switch (type) {
    case MSG_HELLO:
        return hello(m);
    case MSG_WELCOME:
        return welcome(m);
    case MSG_HB:
        return hb(m);
    case MSG_ASK:
        return ask(m);
    case MSG_SAMPLE:
        return sample(m);
    case MSG_STATS:
        return every_stats(m);
    default:
        return bulk(people(work(m)));
    }
}
