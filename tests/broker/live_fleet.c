#include "tests/broker/live_fleet.h"
#include "tests/support/test.h"

#include "base/clock.h"
#include "base/fs.h"
#include "base/log.h"
#include "base/mem.h"
#include "proto/registrar.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include <zmq.h>

enum { WEIGHTS = (5 << 19) + 77, PEERS = 5 };

int live_open(void **state)
{
    struct live_fleet *fleet = mem_new(1, sizeof *fleet);

    fleet->context = zmq_ctx_new();
    snprintf(fleet->folder, sizeof fleet->folder, "/tmp/drover-fleet-XXXXXX");
    assert_non_null(mkdtemp(fleet->folder));
    snprintf(fleet->key, sizeof fleet->key, "%s/key", fleet->folder);
    snprintf(fleet->ports, sizeof fleet->ports, "%s/ports", fleet->folder);
    fleet->broker = -1;
    for (int i = 0; i < LIVE_PORTS; i++)
        fleet->listener[i] = -1;
    fleet->pipe[0] = fleet->pipe[1] = -1;
    fleet->weights = mem_new(WEIGHTS, 1);
    for (uint32_t i = 0; i < WEIGHTS; i++)
        fleet->weights[i] = (uint8_t)(i * 2654435761u >> 24);
    fleet->image = (struct artifact){.hash = hash_of(fleet->weights, WEIGHTS),
                                     .bytes = WEIGHTS,
                                     .kind = ARTIFACT_IMAGE,
                                     .name = "policy"};
    *state = fleet;
    return log_level("error") != OK;
}

int live_close(void **state)
{
    struct live_fleet *fleet = *state;

    peer_close(fleet->learner.peer);
    peer_close(fleet->learner.bulk);
    peer_close(fleet->actor.peer);
    if (fleet->actor.fetch)
        fetch_free(fleet->actor.fetch);
    peer_close(fleet->rewarder.peer);
    if (fleet->learner.store)
        blob_store_free(fleet->learner.store);
    zmq_ctx_term(fleet->context);
    if (fleet->broker > 0) {
        kill(fleet->broker, SIGKILL);
        waitpid(fleet->broker, NULL, 0);
    }
    for (int i = 0; i < LIVE_PORTS; i++)
        if (fleet->listener[i] >= 0)
            close(fleet->listener[i]);
    for (int i = 0; i < 2; i++)
        if (fleet->pipe[i] >= 0)
            close(fleet->pipe[i]);
    assert_ok(fs_remove(fleet->folder));
    free(fleet->weights);
    free(fleet);
    return 0;
}

void live_secure(struct live_fleet *fleet)
{
    static const struct registrar_want want[] = {{.name = "learner", .role = ROLE_LEARNER},
                                                 {.name = "actor", .role = ROLE_ACTOR},
                                                 {.name = "rewarder", .role = ROLE_REWARDER},
                                                 {.name = "watcher", .role = ROLE_WATCHER}};

    assert_ok(registrar_create(fleet->key, clock_wall_ms() / 1000));
    for (int i = 0; i < LIVE_KEYS; i++) {
        char *path = mem_print("%s/%s.key", fleet->key, want[i].name);
        assert_ok(registrar_add(fleet->key, &want[i], NULL, clock_wall_ms() / 1000));
        assert_ok(curve_load(&fleet->keys[i], path));
        free(path);
    }
    fleet->secure = true;
}

void live_listen(struct live_fleet *fleet)
{
    for (int i = 0; i < LIVE_PORTS; i++) {
        struct sockaddr_in at = {.sin_family = AF_INET,
                                 .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};

        fleet->listener[i] = socket(AF_INET, SOCK_STREAM, 0);
        assert_int_equal(0, fcntl(fleet->listener[i], F_SETFD, FD_CLOEXEC));
        assert_int_equal(0, bind(fleet->listener[i], (struct sockaddr *)&at, sizeof at));
        assert_int_equal(0, listen(fleet->listener[i], 16));
    }
    assert_int_equal(0, pipe(fleet->pipe));
    assert_int_equal(0, fcntl(fleet->pipe[0], F_SETFD, FD_CLOEXEC));
    assert_int_equal(0, fcntl(fleet->pipe[1], F_SETFD, FD_CLOEXEC));
}

static void become_broker(const struct live_fleet *fleet)
{
    char *key = mem_print("--keys=%s", fleet->secure ? fleet->key : "");
    char *ports = mem_print("--ports-file=%s", fleet->ports);

    /* Above all of ours first, so that none of them is overwritten. */
    for (int i = 0; i < LIVE_PORTS && fleet->listener[i] >= 0; i++)
        dup2(fcntl(fleet->listener[i], F_DUPFD, 100), 3 + i);
    if (fleet->pipe[0] < 0)
        execl(BROKER, BROKER, "--bind=tcp://127.0.0.1:0", key, ports, "--log-level=error",
              (char *)NULL);
    dup2(fcntl(fleet->pipe[0], F_DUPFD, 100), 3 + LIVE_PORTS);
    for (int fd = 4 + LIVE_PORTS; fd < 256; fd++)
        close(fd);
    execl(BROKER, BROKER, "--listen-fd=3,4,5", "--parent-fd=6", key, ports, "--log-level=error",
          (char *)NULL);
    _exit(127);
}

void live_start(struct live_fleet *fleet)
{
    char *text = NULL;
    size_t n;
    const int64_t end_ms = clock_mono_ms() + 20000;

    unlink(fleet->ports);
    fleet->broker = fork();
    assert_true(fleet->broker >= 0);
    if (!fleet->broker)
        become_broker(fleet);
    while (!fs_exists(fleet->ports) && clock_mono_ms() < end_ms)
        live_turn(fleet);
    assert_ok(fs_read(&text, &n, fleet->ports, 1024));
    assert_int_equal(3, sscanf(text, "control %127s bulk %127s dashboard %127s", fleet->control,
                               fleet->bulk, fleet->dashboard));
    free(text);
}

int live_wait(struct live_fleet *fleet, int within_ms)
{
    const int64_t end_ms = clock_mono_ms() + within_ms;
    int status = 0;

    while (waitpid(fleet->broker, &status, WNOHANG) == 0) {
        if (clock_mono_ms() > end_ms)
            return -1;
        live_turn(fleet);
    }
    fleet->broker = -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void serve(struct live_fleet *fleet)
{
    struct live_learner *l = &fleet->learner;
    struct msg msg;

    while (l->bulk && blob_store_next(l->store, &msg) && !peer_send(l->bulk, &msg))
        blob_store_sent(l->store);
}

void live_turn(struct live_fleet *fleet)
{
    struct peer *all[] = {fleet->learner.peer, fleet->learner.bulk, fleet->actor.peer,
                          fleet->rewarder.peer};

    zmq_poll(NULL, 0, 2);
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        if (all[i]) {
            assert_ok(peer_readable(all[i], clock_mono_ms()));
            assert_ok(peer_tick(all[i], clock_mono_ms()));
        }
    if (fleet->actor.fetch) {
        assert_ok(fetch_readable(fleet->actor.fetch, clock_mono_ms()));
        assert_ok(fetch_tick(fleet->actor.fetch, clock_mono_ms()));
    }
    serve(fleet);
}

uint32_t live_delivered(const struct live_fleet *fleet)
{
    uint32_t n = 0;

    for (int t = 0; t < LIVE_TASKS; t++)
        for (int s = 0; s < LIVE_SAMPLES; s++)
            n += fleet->learner.got[t][s] > 0;
    return n;
}

uint32_t live_made(const struct live_fleet *fleet)
{
    uint32_t n = 0;

    for (int t = 0; t < LIVE_TASKS; t++)
        for (int s = 0; s < LIVE_SAMPLES; s++)
            n += fleet->actor.made[t][s];
    return n;
}
