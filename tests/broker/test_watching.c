/* What STATS says of a fleet as an operator asks it: which machine, who came and went, what holds
 * the run up, how long it will take. */
#include "tests/broker/fixture.h"

#include "base/clock.h"
#include "broker/members.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { L = FIXTURE_LEARNER, A = FIXTURE_ACTOR, B = FIXTURE_ACTOR + 1, S = 6 };
static struct broker_fixture fixture;

static int setup(void **state)
{
    fixture_open(&fixture);
    return (void)state, 0;
}

static int teardown(void **state)
{
    fixture_close(&fixture);
    return (void)state, 0;
}

static void come(uint32_t at, enum role role, const char *host)
{
    struct msg msg = fixture_hello(at, role);

    msg.hello.host = host;
    msg.hello.build = "9.9";
    msg.hello.isa = "avx512";
    msg.hello.threads = 12;
    fixture_say_hello(&fixture, at, &msg);
}

/* An actor's heartbeat: which version it holds, and what has come to it. */
static void beat(uint32_t at, uint64_t version, uint64_t wire, uint64_t rate, uint64_t second)
{
    const struct version image = fixture_version(version);
    struct msg msg = {.head.type = MSG_HB,
                      .hb = {.progress = second,
                             .credit = 8,
                             .idle_ms = 1000 * second,
                             .image = &image,
                             .n_image = version > 0,
                             .wire_bytes = wire,
                             .wire_rate = rate,
                             .note = "waits",
                             .metrics = ""}};

    assert_ok(fixture_say(&fixture, at, &msg));
}

/* The learner's: it has nothing to do, and is at this iteration of 100. */
static void learner(uint64_t version, uint64_t step, uint64_t second)
{
    struct msg msg = {.head.type = MSG_HB,
                      .hb = {.newest = fixture_version(version),
                             .settled.epoch = 1,
                             .credit_bytes = 1 << 20,
                             .idle_ms = 1000 * second,
                             .step = step,
                             .steps_total = 100,
                             .note = "",
                             .metrics = ""}};

    assert_ok(fixture_say(&fixture, L, &msg));
}

static void publish(uint64_t version, uint64_t bytes)
{
    struct msg msg = {.head.type = MSG_PUBLISH,
                      .publish = {.version = fixture_version(version),
                                  .kind = ARTIFACT_IMAGE,
                                  .bytes = bytes}};

    assert_ok(fixture_say(&fixture, L, &msg));
}

static const char *wait_of(const struct msg_stats *s, const char *words)
{
    for (uint32_t i = 0; i < s->n_wait; i++)
        if (strstr(s->wait[i].name, words))
            return s->wait[i].name;
    return NULL;
}

static const struct msg_stats_peer *peer_at(const struct msg_stats *s, const char *host)
{
    for (uint32_t i = 0; i < s->n_peer; i++)
        if (!strcmp(s->peer[i].host, host))
            return &s->peer[i];
    fail_msg("nobody is at %s", host);
    return NULL;
}

static void a_process_is_told_with_its_machine(void **state)
{
    const struct msg_stats_peer *p;

    (void)state;
    fixture.address[A] = "10.0.0.7";
    come(A, ROLE_ACTOR, "far");
    beat(A, 0, 5000, 700, 1);
    fixture_pass(&fixture, 3000);
    beat(A, 0, 6000, 700, 4);
    p = peer_at(fixture_stats(&fixture), "far");
    assert_string_equal(p->address, "10.0.0.7");
    assert_string_equal(p->build, "9.9");
    assert_string_equal(p->isa, "avx512");
    assert_int_equal(p->threads, 12);
    assert_int_equal(p->wire_bytes, 6000);
    assert_int_equal(p->wire_rate, 700);
    assert_int_equal(p->uptime_ms, 3000);
    assert_int_equal(p->note_ms, 3000); /* the same note since then */
}

static void who_came_and_went_is_told_with_its_cause(void **state)
{
    const struct msg_stats *s;

    (void)state;
    come(A, ROLE_ACTOR, "far");
    come(B, ROLE_REWARDER, "near");
    come(S, ROLE_OPERATOR, "desk"); /* a person's command: no event */
    fixture_pass(&fixture, 1500);
    members_cause(fixture.member[A], "silent");
    members_cause(fixture.member[A], "never mind"); /* the first words count */
    fixture_gone(&fixture, A, true);
    s = fixture_stats(&fixture);
    assert_int_equal(s->n_event, 3);
    assert_true(s->event[0].died && !s->event[0].joined);
    assert_string_equal(s->event[0].cause, "silent");
    assert_string_equal(s->event[0].host, "far");
    assert_int_equal(s->event[0].age_ms, 0);
    assert_true(s->event[1].joined);
    assert_int_equal(s->event[1].role, ROLE_REWARDER);
    assert_int_equal(s->event[2].age_ms, 1500);
    for (int i = 0; i < 200; i++) { /* it stays bounded, and the latest are there */
        come(A, ROLE_ACTOR, "far");
        fixture_gone(&fixture, A, false);
    }
    s = fixture_stats(&fixture);
    assert_int_equal(s->n_event, 64);
    assert_false(s->event[0].joined || s->event[0].died);
    assert_true(s->event[63].joined);
}

static void a_machine_is_told_with_all_its_processes(void **state)
{
    struct msg hb = {.head.type = MSG_HB, .hb = {.note = "", .metrics = "{\"load\":3}"}};
    const struct msg_stats *s;

    (void)state;
    come(B, ROLE_ACTOR, "near");
    come(A, ROLE_ACTOR, "far");
    come(A + 2, ROLE_ACTOR, "far");
    come(S, ROLE_SUPERVISOR, "far");
    assert_ok(fixture_say(&fixture, S, &hb));
    beat(A, 0, 10, 3, 1);
    beat(A + 2, 0, 20, 4, 1);
    s = fixture_stats(&fixture);
    assert_int_equal(s->n_host, 2);
    assert_string_equal(s->host[0].name, "far");
    assert_int_equal(s->host[0].processes, 3);
    assert_int_equal(s->host[0].actors, 2);
    assert_int_equal(s->host[0].wire_bytes, 30);
    assert_int_equal(s->host[0].wire_rate, 7);
    assert_string_equal(s->host[0].metrics, "{\"load\":3}");
    assert_string_equal(s->host[1].name, "near");
    assert_string_equal(s->host[1].metrics, "");
}

/* One host's slow link is told as such; it is the bottleneck only once nobody can work for it, and
 * more actors are never what is advised then. */
static void a_link_that_holds_is_named(void **state)
{
    const struct msg_stats *s;

    (void)state;
    fixture_learner(&fixture, 1, NULL, 0);
    come(A, ROLE_ACTOR, "far");
    come(B, ROLE_ACTOR, "near");
    beat(B, 1, 100, 900000, 1);
    beat(A, 0, 5000000, 600000, 1); /* of older ones: they do not count */
    publish(1, 30000000);
    fixture_pass(&fixture, 1000);
    beat(A, 0, 5000000 + 600000, 600000, 2); /* 29.4 MB are left */
    s = fixture_stats(&fixture);
    assert_non_null(wait_of(s, "weights to far at 0.6 MB/s, 49 s left: it does not hold the "
                               "others"));
    assert_string_not_equal(s->holds, "link");
    publish(2, 30000000); /* now nobody has what is wanted */
    fixture_open_task(&fixture, 0, 4, 2);
    for (uint64_t i = 0; i < 30; i++) {
        learner(2, 2, i);
        beat(A, 1, 5700100 + 600000 * i, 600000, 3 + i);
        beat(B, 1, 100 + 900000 * i, 900000, 3 + i);
        fixture_pass(&fixture, 1000);
    }
    s = fixture_stats(&fixture);
    assert_string_equal(s->holds, "link");
    assert_non_null(strstr(s->bottleneck, "the link to far: 0.6 MB/s"));
    assert_non_null(strstr(s->advice, "more actors would wait, too"));
    assert_int_equal(s->actors_wanted, 2);
    assert_null(wait_of(s, "does not hold the others"));
    assert_non_null(wait_of(s, "weights to far at 0.6 MB/s"));
    for (uint32_t i = 0; i < s->n_wait; i++)
        if (s->wait[i].name == wait_of(s, "weights to far"))
            assert_in_range(s->wait[i].age_ms, 28000, 31000);
    beat(A, 2, 35700100, 600000, 40); /* they are there */
    beat(B, 2, 30700100, 900000, 40);
    fixture_pass(&fixture, 1000);
    assert_null(wait_of(fixture_stats(&fixture), "weights to"));
}

/* Iterations of a second, each of a new version that takes 50 ms: nobody has ever the newest, and the
 * link that they come by is none to be blamed. */
static void a_quick_link_is_not_blamed(void **state)
{
    (void)state;
    fixture_learner(&fixture, 1, NULL, 0);
    come(A, ROLE_ACTOR, "far");
    for (uint64_t i = 1; i < 30; i++) {
        publish(i, 3000000);
        fixture_open_task(&fixture, i - 1, 4, i);
        learner(i, i, i);
        beat(A, 0, 0, 61000000, i);
        fixture_pass(&fixture, 1000);
        fixture_forget(&fixture);
    }
    assert_string_equal(fixture_stats(&fixture)->holds, "weights");
}

static void nobody_there_is_named(void **state)
{
    const struct msg_stats *s;

    (void)state;
    assert_string_equal(fixture_stats(&fixture)->holds, "learner");
    fixture_learner(&fixture, 1, NULL, 0);
    fixture_open_task(&fixture, 0, 4, 0);
    s = fixture_stats(&fixture);
    assert_string_equal(s->holds, "actors");
    assert_int_equal(s->actors_wanted, 1); /* so that who scales from zero begins */
    assert_string_equal(s->advice, "add an actor");
}

static void how_long_is_left_is_told(void **state)
{
    const struct msg_stats *s;

    (void)state;
    fixture_learner(&fixture, 1, NULL, 0);
    for (uint64_t i = 0; i < 40; i++) { /* 2 s an iteration */
        learner(0, i / 2, i);
        fixture_pass(&fixture, 1000);
    }
    s = fixture_stats(&fixture);
    assert_int_equal(s->steps_total, 100);
    assert_in_range(s->left_ms, 78000 * 2, 82000 * 2);
    assert_true(s->learner_idle > .99);
    learner(0, 100, 41);
    fixture_pass(&fixture, 1000);
    assert_int_equal(fixture_stats(&fixture)->left_ms, 0);
}

/* The last minute forgets: idle then, busy now. */
static void the_last_minute_is_the_last(void **state)
{
    struct msg busy = {.head.type = MSG_HB, .hb = {.note = "", .metrics = ""}};

    (void)state;
    come(A, ROLE_ACTOR, "far");
    for (uint64_t i = 1; i <= 60; i++) {
        beat(A, 0, 0, 0, i);
        fixture_pass(&fixture, 1000);
    }
    assert_true(fixture_stats(&fixture)->actor_idle > .99);
    busy.hb.idle_ms = 60000;
    for (uint64_t i = 1; i <= 30; i++) {
        busy.hb.busy_ms = 1000 * i;
        assert_ok(fixture_say(&fixture, A, &busy));
        fixture_pass(&fixture, 1000);
    }
    assert_in_range((uint64_t)(100 * fixture_stats(&fixture)->actor_idle), 47, 53);
    for (uint64_t i = 31; i <= 65; i++) {
        busy.hb.busy_ms = 1000 * i;
        assert_ok(fixture_say(&fixture, A, &busy));
        fixture_pass(&fixture, 1000);
    }
    assert_true(fixture_stats(&fixture)->actor_idle < .01);
}

/* A heartbeat of who worked for so long, and did not for the rest. */
static void has_worked(uint32_t at, uint64_t busy_ms, uint64_t second, uint64_t step)
{
    const struct version image = fixture_version(1);
    struct msg msg = {.head.type = MSG_HB,
                      .hb = {.progress = second,
                             .busy_ms = busy_ms,
                             .step = step,
                             .idle_ms = 1000 * second - busy_ms,
                             .image = &image,
                             .n_image = at != L,
                             .newest = fixture_version(1),
                             .settled.epoch = 1,
                             .credit_bytes = 1 << 20,
                             .note = "",
                             .metrics = ""}};

    assert_ok(fixture_say(&fixture, at, &msg));
}

/* Each works for 20 s while the other waits: neither more nor fewer actors would help. */
static void who_takes_turns_is_not_scaled(void **state)
{
    uint64_t busy[2] = {0, 0};

    (void)state;
    fixture_learner(&fixture, 1, NULL, 0);
    come(A, ROLE_ACTOR, "far");
    come(B, ROLE_ACTOR, "near");
    for (uint64_t i = 1; i <= 180; i++) {
        busy[i / 20 % 2] += 1000;
        has_worked(L, busy[1], i, 0);
        has_worked(A, busy[0], i, 0);
        has_worked(B, busy[0], i, 0);
        fixture_pass(&fixture, 1000);
        fixture_forget(&fixture);
        if (i <= 60)
            continue;
        assert_string_equal(fixture_stats(&fixture)->holds, "turns");
        assert_int_equal(fixture_stats(&fixture)->actors_wanted, 2);
        assert_string_equal(fixture_stats(&fixture)->advice, "");
    }
}

/* Turns longer than a minute: whole iterations are looked at, in whichever half of one. */
static void nor_who_takes_long_turns(void **state)
{
    enum { TURN = 90 };
    uint64_t busy[2] = {0, 0};

    (void)state;
    fixture_learner(&fixture, 1, NULL, 0);
    come(A, ROLE_ACTOR, "far");
    come(B, ROLE_ACTOR, "near");
    for (uint64_t i = 1; i <= 8 * TURN; i++) {
        busy[(i - 1) / TURN % 2] += 1000;
        has_worked(L, busy[1], i, (i - 1) / TURN / 2);
        has_worked(A, busy[0], i, 0);
        has_worked(B, busy[0], i, 0);
        fixture_pass(&fixture, 1000);
        fixture_forget(&fixture);
        if (i <= 2 * TURN + 2)
            continue;
        assert_string_equal(fixture_stats(&fixture)->holds, "turns");
        assert_int_equal(fixture_stats(&fixture)->actors_wanted, 2);
        assert_string_equal(fixture_stats(&fixture)->advice, "");
    }
}

/* Nearly all of each iteration the learner waits: that is so while it trains as well. */
static void a_short_turn_is_not_the_run(void **state)
{
    enum { TURN = 100, LAST = 5 };
    uint64_t busy[2] = {0, 0};

    (void)state;
    fixture_learner(&fixture, 1, NULL, 0);
    come(A, ROLE_ACTOR, "far");
    for (uint64_t i = 1; i <= 4 * TURN; i++) {
        busy[(i - 1) % TURN >= TURN - LAST] += 1000;
        has_worked(L, busy[1], i, (i - 1) / TURN);
        has_worked(A, busy[0], i, 0);
        fixture_pass(&fixture, 1000);
        fixture_forget(&fixture);
        if (i > TURN + 2)
            assert_int_equal(fixture_stats(&fixture)->actors_wanted, 4);
    }
}

/* Actors that have nothing to do beside a learner that works on: one is kept. */
static void one_actor_is_kept(void **state)
{
    (void)state;
    fixture_learner(&fixture, 1, NULL, 0);
    come(A, ROLE_ACTOR, "far");
    come(B, ROLE_ACTOR, "near");
    for (uint64_t i = 1; i <= 70; i++) {
        has_worked(L, 1000 * i, i, 0);
        has_worked(A, 0, i, 0);
        has_worked(B, 0, i, 0);
        fixture_pass(&fixture, 1000);
    }
    assert_string_equal(fixture_stats(&fixture)->holds, "learner");
    assert_int_equal(fixture_stats(&fixture)->actors_wanted, 1);
    assert_string_equal(fixture_stats(&fixture)->advice, "remove 1 actor");
}

/* ---- a thousand */

static size_t published;

static enum err lose(void *self, void *link, enum msg_type type, struct frames *frames)
{
    return (void)self, (void)link, (void)type, (void)frames, OK;
}

static void lose_refusal(void *self, void *link, enum refuse_code code, const char *words)
{
    (void)self, (void)link, (void)code;
    fail_msg("refused: %s", words);
}

static void lose_release(void *self, void *link)
{
    (void)self, (void)link;
}

static void measure(void *self, struct msg *msg)
{
    struct frames frames;

    (void)self;
    frames_init(&frames);
    assert_ok(codec_encode(&frames, msg));
    published = frames_bytes(&frames);
    frames_fini(&frames);
}

static void a_thousand_cost_little(void **state)
{
    enum { MANY = 1000, TIMES = 20 };
    const struct broker_sink sink = {
        .send = lose, .refuse = lose_refusal, .release = lose_release, .publish = measure};
    const struct broker_birth birth = {1, 1, "", "", false};
    int64_t best_us = INT64_MAX;
    struct broker *broker;
    char host[16], name[16];

    (void)state;
    broker_new(&broker, &fixture.limits, &sink, &birth, 1000);
    for (uint32_t i = 0; i < MANY; i++) {
        struct msg msg = fixture_hello(1, ROLE_ACTOR);

        memcpy(msg.hello.peer.byte, &i, sizeof i);
        msg.hello.peer.byte[8] = 1;
        snprintf(host, sizeof host, "host-%u", i * 7919 % 300);
        snprintf(name, sizeof name, "actor-%u", i);
        msg.hello.host = host;
        msg.hello.name = name;
        assert_non_null(broker_hello(broker, NULL, NULL, &msg, 1000));
    }
    for (int i = 0; i < TIMES; i++) {
        const int64_t from = clock_mono_ns();

        broker_stats(broker, NULL, 0, 2000);
        if ((clock_mono_ns() - from) / 1000 < best_us)
            best_us = (clock_mono_ns() - from) / 1000;
    }
    print_message("STATS of %d peers: %lld us, %zu bytes, with encoding\n", MANY,
                  (long long)best_us, published);
    assert_in_range(best_us, 1, 50000); /* some ms: a walk of each by each would be seconds */
    assert_in_range(published, 1000, 1 << 20);
    broker_free(broker);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_process_is_told_with_its_machine, setup, teardown),
        cmocka_unit_test_setup_teardown(who_came_and_went_is_told_with_its_cause, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_machine_is_told_with_all_its_processes, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_link_that_holds_is_named, setup, teardown),
        cmocka_unit_test_setup_teardown(a_quick_link_is_not_blamed, setup, teardown),
        cmocka_unit_test_setup_teardown(nobody_there_is_named, setup, teardown),
        cmocka_unit_test_setup_teardown(how_long_is_left_is_told, setup, teardown),
        cmocka_unit_test_setup_teardown(the_last_minute_is_the_last, setup, teardown),
        cmocka_unit_test_setup_teardown(who_takes_turns_is_not_scaled, setup, teardown),
        cmocka_unit_test_setup_teardown(nor_who_takes_long_turns, setup, teardown),
        cmocka_unit_test_setup_teardown(a_short_turn_is_not_the_run, setup, teardown),
        cmocka_unit_test_setup_teardown(one_actor_is_kept, setup, teardown),
        cmocka_unit_test_setup_teardown(a_thousand_cost_little, setup, teardown),
    };
    return cmocka_run_group_tests_name("watching", tests, NULL, NULL);
}
