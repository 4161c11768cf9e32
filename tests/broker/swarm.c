/* swarm: what the broker costs with many peers, beside a relay that does the least.
 *
 *     swarm [broker=PROGRAM] [actors=1000] [slots=8] [rate=0] [window=1024] [tokens=1024]
 *           [sleep=100] [seconds=10]
 *
 * Without `broker` the relay. rate: tasks a second; 0: as fast as the window has room; -1: none
 * at all. tokens: of an answer, 8 bytes each. One line comes out: answers a second, processor time
 * of the broker (or relay) in all and of each answer, time from OPEN to LEASE at the 50th and
 * 99th percentile. It fails if no answer came, or somebody had to say HELLO again: with few actors
 * that is a test. CURVE is on. All peers live in this process. */

#include "tests/broker/swarm.h"

#include "base/clock.h"
#include "base/fs.h"
#include "base/log.h"
#include "base/mem.h"
#include "proto/registrar.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
#include <zmq.h>

/* WARM_MS: at most, twice. */
enum { TURN_MS = 2, WARM_MS = 3000, COME_MS = 120000, CHILD_WAIT_MS = 20000 };

static char folder[] = "/tmp/swarm-XXXXXX", keys[64], ports[64];
static pid_t owner, child;

void swarm_die(const char *why)
{
    fprintf(stderr, "swarm: %s\n", why);
    exit(EXIT_FAILURE);
}

void swarm_must(enum err err)
{
    if (err)
        swarm_die(err_text());
}

/* However this process ends. */
static void end_child(void)
{
    if (getpid() != owner)
        return;
    if (child > 0) {
        kill(child, SIGKILL);
        waitpid(child, NULL, 0);
    }
    if (fs_remove(folder))
        fprintf(stderr, "swarm: %s\n", err_text());
}

/* Processor time of the child so far, ms. */
static double child_cpu_ms(void)
{
    char path[64], text[1024] = "";
    unsigned long user = 0, system = 0;
    const char *at;
    FILE *file;

    snprintf(path, sizeof path, "/proc/%d/stat", child);
    file = fopen(path, "r");
    if (!file)
        swarm_die("the broker is gone");
    if (!fgets(text, sizeof text, file))
        swarm_die("no stat");
    fclose(file);
    at = strrchr(text, ')');
    if (!at || sscanf(at + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user,
                      &system) != 2)
        swarm_die("an odd stat");
    return (double)(user + system) * 1000 / (double)sysconf(_SC_CLK_TCK);
}

static void load(struct curve_keys *out, const char *name)
{
    char *path = mem_print("%s/%s.key", keys, name);

    swarm_must(strcmp(name, "broker") ? curve_load(out, path) : curve_load_broker(out, path));
    free(path);
}

/* All actors share a key. */
static void make_keys(struct swarm *s)
{
    static const struct registrar_want want[] = {{.name = "learner", .role = ROLE_LEARNER},
                                                 {.name = "actor", .role = ROLE_ACTOR}};
    const int64_t now_s = clock_wall_ms() / 1000;

    swarm_must(registrar_create(keys, now_s));
    for (int i = 0; i < 2; i++)
        swarm_must(registrar_add(keys, &want[i], NULL, now_s));
    load(&s->broker_key, "broker");
    load(&s->learner_key, "learner");
    load(&s->actor_key, "actor");
}

static void start_broker(struct swarm *s)
{
    const int64_t end_ms = clock_mono_ms() + CHILD_WAIT_MS;
    FILE *file = NULL;

    child = fork();
    if (child == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        char *key_text = mem_print("--keys=%s", keys),
             *to = mem_print("--ports-file=%s", ports);

        execl(s->conf.broker, s->conf.broker, "--bind=tcp://127.0.0.1:0", key_text, to,
              "--key-messages=0", "--key-bytes=0", "--key-connections=0", "--log-level=error",
              (char *)NULL);
        _exit(127);
    }
    while (!file && clock_mono_ms() < end_ms) {
        zmq_poll(NULL, 0, 20);
        file = fopen(ports, "r");
    }
    if (!file || fscanf(file, "control %127s", s->endpoint) != 1)
        swarm_die("the broker does not come up");
    fclose(file);
}

static void start_relay(struct swarm *s)
{
    int ends[2];

    if (pipe(ends))
        swarm_die("pipe");
    child = fork();
    if (child == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        close(ends[0]);
        swarm_relay((struct curve_keys[]){s->broker_key, s->learner_key, s->actor_key},
                    ends[1]);
    }
    close(ends[1]);
    if (read(ends[0], s->endpoint, sizeof s->endpoint - 1) <= 0)
        swarm_die("the relay does not come up");
    close(ends[0]);
}

/* What has come by the peer's connection. Its descriptor tells of an edge, and whatever is sent
 * may swallow that: so it is asked after each send as well, by swarm_turn and below. */
void swarm_read(struct peer *peer)
{
    int events = ZMQ_POLLIN;
    size_t n = sizeof events;

    while (events & ZMQ_POLLIN) {
        swarm_must(peer_readable(peer, clock_mono_ms()));
        if (zmq_getsockopt(peer_socket(peer), ZMQ_EVENTS, &events, &n))
            swarm_die("no events");
    }
}

/* A part of them each turn, so that heartbeats are spread over the second. */
static void tick(struct swarm *s, int64_t now_ms)
{
    const int n = s->conf.actors * TURN_MS / PEER_TICK_MS + 1;

    swarm_must(peer_tick(s->learner, now_ms));
    swarm_read(s->learner);
    for (int i = 0; i < n && i < s->conf.actors; i++) {
        struct peer *peer = s->actor[s->ticked++ % s->conf.actors].peer;

        if (!peer)
            continue;
        swarm_must(peer_tick(peer, now_ms));
        swarm_read(peer);
    }
}

/* net/loop asks each socket each turn: right for the few of a process, not for a thousand. */
static void run_for(struct swarm *s, int ms)
{
    const int64_t end_ms = clock_mono_ms() + ms;
    struct epoll_event event[256];
    int64_t now_ms;

    while ((now_ms = clock_mono_ms()) < end_ms) {
        const int n = epoll_wait(s->epoll, event, 256, 1);

        for (int i = 0; i < n; i++)
            swarm_read(event[i].data.ptr);
        if (now_ms - s->turned_ms < TURN_MS)
            continue;
        s->turned_ms = now_ms;
        swarm_turn(s, now_ms);
        tick(s, now_ms);
    }
}

static void add(struct swarm *s, struct peer *peer)
{
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = peer};
    int fd = -1;
    size_t n = sizeof fd;

    if (zmq_getsockopt(peer_socket(peer), ZMQ_FD, &fd, &n) ||
        epoll_ctl(s->epoll, EPOLL_CTL_ADD, fd, &event))
        swarm_die("epoll");
}

static int welcome(const struct swarm *s)
{
    int n = peer_welcome(s->learner);

    for (int i = 0; i < s->conf.actors; i++)
        n += peer_welcome(s->actor[i].peer);
    return n;
}

static void come(struct swarm *s)
{
    const int64_t end_ms = clock_mono_ms() + COME_MS;
    const int warm_ms = 1000 * s->conf.seconds < WARM_MS ? 1000 * s->conf.seconds : WARM_MS;

    s->epoll = epoll_create1(0);
    s->context = zmq_ctx_new();
    zmq_ctx_set(s->context, ZMQ_MAX_SOCKETS, 8192);
    swarm_learner(s);
    add(s, s->learner);
    run_for(s, 200);
    for (int i = 0; i < s->conf.actors; i++) {
        swarm_actor(s, i);
        add(s, s->actor[i].peer);
    }
    while (welcome(s) < s->conf.actors + 1 && clock_mono_ms() < end_ms)
        run_for(s, 200);
    if (welcome(s) < s->conf.actors + 1)
        swarm_die("not all peers are welcome");
    run_for(s, warm_ms);
    s->opens = s->conf.rate >= 0;
    s->conf.rate = s->conf.rate < 0 ? 0 : s->conf.rate;
    run_for(s, warm_ms);
}

static int ascending(const void *a, const void *b)
{
    const uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

    return (x > y) - (x < y);
}

static uint32_t at(const struct swarm *s, double share)
{
    return s->n_took ? s->took_us[(uint32_t)(share * (s->n_took - 1))] : 0;
}

static uint64_t hellos_of(const struct swarm *s)
{
    uint64_t n = peer_stats(s->learner)->hellos;

    for (int i = 0; i < s->conf.actors; i++)
        n += peer_stats(s->actor[i].peer)->hellos;
    return n;
}

static void measure(struct swarm *s)
{
    const double cpu = child_cpu_ms();
    const int64_t start_ms = clock_mono_ms();
    const uint64_t before = s->settled_told;
    const uint64_t hellos = hellos_of(s);
    double seconds, used;
    uint64_t n;

    s->settled_heard = s->beats_heard = s->ranges_heard = 0;
    s->measures = true;
    run_for(s, s->conf.seconds * 1000);
    s->measures = false;
    seconds = (double)(clock_mono_ms() - start_ms) / 1000;
    used = child_cpu_ms() - cpu;
    n = s->settled_told - before;
    qsort(s->took_us, s->n_took, sizeof *s->took_us, ascending);
    printf("%s actors=%d rate=%d window=%d tokens=%d answers_s=%.0f cpu_share=%.3f "
           "cpu_us_an_answer=%.1f lease_p50_ms=%.2f lease_p99_ms=%.2f settled_s=%.0f "
           "beats_s=%.0f ranges_beat=%.1f hellos_again=%llu\n",
           *s->conf.broker ? "broker" : "relay", s->conf.actors, s->conf.rate, s->conf.window,
           s->conf.tokens, (double)n / seconds, used / 1000 / seconds,
           n ? used * 1000 / (double)n : 0, at(s, .5) / 1000., at(s, .99) / 1000.,
           (double)s->settled_heard / seconds, (double)s->beats_heard / seconds,
           (double)s->ranges_heard / (double)(s->beats_heard ? s->beats_heard : 1),
           (unsigned long long)(hellos_of(s) - hellos));
    fflush(stdout);
    if (s->opens && !n)
        swarm_die("no answer came");
    if (hellos_of(s) != hellos)
        swarm_die("somebody said HELLO again");
}

static void options(struct swarm_conf *conf, int argc, char **argv)
{
    static const char *const names[] = {"actors", "slots", "rate",   "window",
                                        "tokens", "sleep", "seconds"};
    int *const values[] = {&conf->actors, &conf->slots,    &conf->rate,   &conf->window,
                           &conf->tokens, &conf->sleep_ms, &conf->seconds};

    for (int i = 1; i < argc; i++) {
        const char *value = strchr(argv[i], '=');
        const size_t n = value ? (size_t)(value - argv[i]) : 0;
        bool known = false;

        if (n == 6 && !strncmp(argv[i], "broker", n)) {
            conf->broker = value + 1;
            continue;
        }
        for (size_t k = 0; k < sizeof names / sizeof *names; k++)
            if (n == strlen(names[k]) && !strncmp(argv[i], names[k], n)) {
                *values[k] = (int)strtol(value + 1, NULL, 10);
                known = true;
            }
        if (!known)
            swarm_die(argv[i]);
    }
}

int main(int argc, char **argv)
{
    static struct swarm s = {.conf = {.broker = "",
                                      .actors = 1000,
                                      .slots = 8,
                                      .window = 1024,
                                      .tokens = 1024,
                                      .sleep_ms = 100,
                                      .seconds = 10}};
    struct rlimit limit;

    options(&s.conf, argc, argv);
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
    swarm_must(log_level("error"));
    s.actor = mem_new((size_t)s.conf.actors, sizeof *s.actor);
    s.due = mem_new(SWARM_RING, sizeof *s.due);
    s.done = mem_new(SWARM_RING, 1);
    s.range = mem_new(SWARM_RING, sizeof *s.range);
    s.opened_ns = mem_new(SWARM_RING, sizeof *s.opened_ns);
    s.took_us = mem_new(SWARM_TIMES, sizeof *s.took_us);
    if (!mkdtemp(folder))
        swarm_die("no folder");
    owner = getpid();
    atexit(end_child);
    snprintf(keys, sizeof keys, "%s/keys", folder);
    snprintf(ports, sizeof ports, "%s/ports", folder);
    make_keys(&s);
    if (*s.conf.broker)
        start_broker(&s);
    else
        start_relay(&s);
    come(&s);
    measure(&s);
    return EXIT_SUCCESS;
}
