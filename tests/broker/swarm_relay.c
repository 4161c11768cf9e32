/* The least that could stand in the broker's place: a ROUTER that answers HELLO, gives each OPEN of
 * the learner to the next actor and each ROLLOUT to the learner, frames untouched, and sends
 * everybody a heartbeat a second, a tenth of them each tenth of it, as the broker does. It hears heartbeats and SETTLED and forgets them. */

#include "tests/broker/swarm.h"

#include "base/hash.h"
#include "base/mem.h"
#include "net/loop.h"
#include "proto/arena.h"
#include "proto/bind.h"
#include "proto/codec.h"
#include "proto/wire.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { ROUTES = 4096, QUEUE = 65536, DRAIN = 64, PHASES = 10, PHASE_MS = 100 };

struct relay {
    void *socket;
    struct arena *arena;
    struct wire_route learner, route[ROUTES]; /* actors in order of arrival */
    int n, next;
    struct msg_head head; /* as the learner has it */
};

static struct relay relay;

static void pass_on(const struct wire_route *to, struct frames *frames)
{
    /* Who does not read loses it: a relay keeps nothing. */
    if (wire_send(relay.socket, to, frames))
        return;
}

static void hello(const struct wire_route *from, const struct frames *frames)
{
    struct msg msg, out = {.head.type = MSG_WELCOME};
    struct frames welcome;

    arena_reset(relay.arena);
    swarm_must(codec_decode(&msg, frames, relay.arena));
    if (msg.hello.role == ROLE_LEARNER) {
        relay.learner = *from;
        relay.head = msg.head;
    } else if (relay.n < ROUTES) {
        relay.route[relay.n++] = *from;
    }
    out.head.run = relay.head.run;
    out.head.epoch = relay.head.epoch;
    out.welcome.run = true;
    out.welcome.bulk = "tcp://127.0.0.1:1"; /* nobody here asks for anything */
    out.welcome.bulk_key = "";
    frames_init(&welcome);
    swarm_must(codec_encode(&welcome, &out));
    pass_on(from, &welcome);
    frames_fini(&welcome);
}

static void take(const struct wire_route *from, struct frames *frames)
{
    struct codec_head head;

    swarm_must(codec_peek(&head, frames));
    if (head.head.type == MSG_HELLO)
        hello(from, frames);
    else if (head.head.type == MSG_OPEN && relay.n)
        pass_on(&relay.route[relay.next++ % relay.n], frames);
    else if (head.head.type == MSG_ROLLOUT)
        pass_on(&relay.learner, frames);
}

static enum err readable(void *self, int64_t now_ms)
{
    bool got = true;

    (void)self, (void)now_ms;
    for (int i = 0; got && i < DRAIN; i++) {
        struct wire_route from = {0};
        struct frames frames;

        swarm_must(wire_receive(relay.socket, &from, &frames, NULL, &got));
        if (got)
            take(&from, &frames);
        frames_fini(&frames);
    }
    return OK;
}

static enum err beat(void *self, int64_t now_ms)
{
    static int phase;
    struct msg msg = {.head.type = MSG_HB};
    struct frames frames, copy;

    phase = (phase + 1) % PHASES;
    (void)self, (void)now_ms;
    msg.head.run = relay.head.run;
    msg.head.epoch = relay.head.epoch;
    msg.hb.note = msg.hb.metrics = msg.hb.wants_own = "";
    frames_init(&frames);
    swarm_must(codec_encode(&frames, &msg));
    for (int i = phase; i <= relay.n; i += PHASES) {
        swarm_must(frames_share(&copy, &frames));
        pass_on(i == relay.n ? &relay.learner : &relay.route[i], &copy);
        frames_fini(&copy);
    }
    frames_fini(&frames);
    return OK;
}

_Noreturn void swarm_relay(const struct curve_keys keys[3], int fd)
{
    void *context = zmq_ctx_new();
    char endpoint[BIND_ENDPOINT];
    struct bind_conf conf = {.endpoint = "tcp://127.0.0.1:0",
                             .listen_fd = -1,
                             .keys = keys,
                             .queue = QUEUE,
                             .frame_max = WIRE_FRAME_MAX};
    struct curve_zap *zap;
    struct loop *loop;

    arena_new(&relay.arena, CODEC_ARENA);
    swarm_must(loop_new(&loop));
    swarm_must(curve_zap_open(&zap, context));
    swarm_must(curve_zap_allow(zap, keys[1].public_key));
    swarm_must(curve_zap_allow(zap, keys[2].public_key));
    relay.socket = zmq_socket(context, ZMQ_ROUTER);
    swarm_must(bind_socket(relay.socket, &conf, endpoint));
    swarm_must(loop_socket(loop, relay.socket, readable, NULL));
    swarm_must(loop_socket(loop, curve_zap_socket(zap), curve_zap_readable, zap));
    swarm_must(loop_every(loop, PHASE_MS, beat, NULL));
    if (write(fd, endpoint, strlen(endpoint) + 1) < 0)
        _exit(1);
    close(fd);
    swarm_must(loop_run(loop));
    _exit(0);
}
