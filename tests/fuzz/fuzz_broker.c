/* The broker among peers of every role that lie: learners, actors, rewarders, a supervisor, a
 * command line.
 *
 * The input is what happens: each step is a byte that says what, and the bytes that this draws.
 * DROVER_FUZZ_REPORT=1 prints at the end how many messages of which kind were heard. */

#include "base/log.h"
#include "tests/fuzz/stage.h"

#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

static void report(void)
{
    printf("messages %llu (%llu twisted), decoded %llu, strikes %llu, answers %llu, stages "
           "%llu, tickets of earlier openings %llu, beyond the present one %llu\n",
           (unsigned long long)stage_seen.messages, (unsigned long long)stage_seen.mended,
           (unsigned long long)stage_seen.decoded, (unsigned long long)stage_seen.struck,
           (unsigned long long)stage_seen.sent, (unsigned long long)stage_seen.stages,
           (unsigned long long)stage_seen.stale, (unsigned long long)stage_seen.beyond);
    for (int role = ROLE_LEARNER; role < ROLES; role++)
        for (int type = MSG_HELLO; type < MSG_TYPES; type++)
            if (stage_seen.heard[role][type] || stage_seen.told[role][type])
                printf("  role %d %-9s said %llu, told %llu\n", role,
                       msg_name((enum msg_type)type),
                       (unsigned long long)stage_seen.heard[role][type],
                       (unsigned long long)stage_seen.told[role][type]);
}

static void pass(struct stage *s)
{
    static const int64_t ms[] = {50, 100, 100, 250, 1000, 1000, 2100, 31000, 61000, 700000};

    stage_pass(s, ms[stage_draw(s, sizeof ms / sizeof *ms)]);
}

/* The first learner speaks most: what others say is about its tasks. */
static struct stage_peer *somebody(struct stage *s)
{
    static const uint8_t who[] = {0, 0, 0, 0, 0,  1, 1, 1, 2, 2, 3, 3, 3, 4, 5,  6,
                                  6, 7, 8, 9, 10, 0, 0, 1, 3, 0, 1, 3, 2, 7, 11, 0};

    return &s->peer[who[stage_draw(s, sizeof who)]];
}

static void step(struct stage *s)
{
    static const enum err answers[] = {OK, ERR_STATE, ERR_IO};
    struct stage_peer *peer = somebody(s);
    const uint32_t how = stage_byte(s);

    if (how < 16)
        pass(s);
    else if (how < 18)
        stage_gone(s, peer, how & 1);
    else if (how < 23)
        peer->answer = answers[stage_draw(s, 3)];
    else if (how < 27)
        peer->answer = OK;
    else if (how < 28)
        broker_stats(s->broker, NULL, 0, s->now_ms);
    else if (how < 40 || !peer->member)
        stage_hello(s, peer);
    else
        stage_line(s, peer);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    static bool begun;
    static struct stage stage;

    if (!begun) {
        begun = true;
        if (log_level("off") && log_level("error"))
            abort();
        if (getenv("DROVER_FUZZ_REPORT"))
            atexit(report);
    }
    stage_open(&stage, bytes, n);
    if (stage_byte(&stage) % 8 == 0)
        stage_crowd(&stage);
    while (!stage_over(&stage))
        step(&stage);
    stage_calm(&stage);
    stage_close(&stage);
    return 0;
}
