#include "tests/broker/crew.h"
#include "tests/support/test.h"

#include "base/clock.h"
#include "base/fs.h"
#include "base/log.h"
#include "base/mem.h"

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

int crew_open(void **state)
{
    struct crew *crew = mem_new(1, sizeof *crew);

    crew->context = zmq_ctx_new();
    snprintf(crew->folder, sizeof crew->folder, "/tmp/drover-crew-XXXXXX");
    assert_non_null(mkdtemp(crew->folder));
    snprintf(crew->key, sizeof crew->key, "%s/key", crew->folder);
    snprintf(crew->ports, sizeof crew->ports, "%s/ports", crew->folder);
    crew->broker = -1;
    for (int i = 0; i < CREW_PORTS; i++)
        crew->listener[i] = -1;
    crew->pipe[0] = crew->pipe[1] = -1;
    crew->weights = mem_new(WEIGHTS, 1);
    for (uint32_t i = 0; i < WEIGHTS; i++)
        crew->weights[i] = (uint8_t)(i * 2654435761u >> 24);
    crew->image = (struct artifact){.hash = hash_of(crew->weights, WEIGHTS),
                                    .bytes = WEIGHTS,
                                    .kind = ARTIFACT_IMAGE,
                                    .name = "policy"};
    *state = crew;
    return log_level("error") != OK;
}

int crew_close(void **state)
{
    struct crew *crew = *state;

    peer_close(crew->learner.peer);
    peer_close(crew->learner.bulk);
    peer_close(crew->actor.peer);
    if (crew->actor.fetch)
        fetch_free(crew->actor.fetch);
    peer_close(crew->rewarder.peer);
    if (crew->learner.store)
        blob_store_free(crew->learner.store);
    zmq_ctx_term(crew->context);
    if (crew->broker > 0) {
        kill(crew->broker, SIGKILL);
        waitpid(crew->broker, NULL, 0);
    }
    for (int i = 0; i < CREW_PORTS; i++)
        if (crew->listener[i] >= 0)
            close(crew->listener[i]);
    for (int i = 0; i < 2; i++)
        if (crew->pipe[i] >= 0)
            close(crew->pipe[i]);
    assert_ok(fs_remove(crew->folder));
    free(crew->weights);
    free(crew);
    return 0;
}

void crew_secure(struct crew *crew)
{
    assert_ok(curve_new(&crew->keys));
    assert_ok(curve_save(crew->key, &crew->keys));
    crew->secure = true;
}

void crew_listen(struct crew *crew)
{
    for (int i = 0; i < CREW_PORTS; i++) {
        struct sockaddr_in at = {.sin_family = AF_INET,
                                 .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};

        crew->listener[i] = socket(AF_INET, SOCK_STREAM, 0);
        assert_int_equal(0, fcntl(crew->listener[i], F_SETFD, FD_CLOEXEC));
        assert_int_equal(0, bind(crew->listener[i], (struct sockaddr *)&at, sizeof at));
        assert_int_equal(0, listen(crew->listener[i], 16));
    }
    assert_int_equal(0, pipe(crew->pipe));
    assert_int_equal(0, fcntl(crew->pipe[0], F_SETFD, FD_CLOEXEC));
    assert_int_equal(0, fcntl(crew->pipe[1], F_SETFD, FD_CLOEXEC));
}

static void become_broker(const struct crew *crew)
{
    char *key = mem_print("--key=%s", crew->secure ? crew->key : "");
    char *ports = mem_print("--ports-file=%s", crew->ports);

    /* Above all of ours first, so that none of them is overwritten. */
    for (int i = 0; i < CREW_PORTS && crew->listener[i] >= 0; i++)
        dup2(fcntl(crew->listener[i], F_DUPFD, 100), 3 + i);
    if (crew->pipe[0] < 0)
        execl(BROKER, BROKER, "--bind=tcp://127.0.0.1:0", key, ports, "--log-level=error",
              (char *)NULL);
    dup2(fcntl(crew->pipe[0], F_DUPFD, 100), 3 + CREW_PORTS);
    for (int fd = 4 + CREW_PORTS; fd < 256; fd++)
        close(fd);
    execl(BROKER, BROKER, "--listen-fd=3,4,5", "--parent-fd=6", key, ports, "--log-level=error",
          (char *)NULL);
    _exit(127);
}

void crew_start(struct crew *crew)
{
    char *text = NULL;
    size_t n;
    const int64_t end_ms = clock_mono_ms() + 20000;

    unlink(crew->ports);
    crew->broker = fork();
    assert_true(crew->broker >= 0);
    if (!crew->broker)
        become_broker(crew);
    while (!fs_exists(crew->ports) && clock_mono_ms() < end_ms)
        crew_turn(crew);
    assert_ok(fs_read(&text, &n, crew->ports, 1024));
    assert_int_equal(3, sscanf(text, "control %127s bulk %127s dashboard %127s", crew->control,
                               crew->bulk, crew->dashboard));
    free(text);
}

int crew_wait(struct crew *crew, int within_ms)
{
    const int64_t end_ms = clock_mono_ms() + within_ms;
    int status = 0;

    while (waitpid(crew->broker, &status, WNOHANG) == 0) {
        if (clock_mono_ms() > end_ms)
            return -1;
        crew_turn(crew);
    }
    crew->broker = -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void serve(struct crew *crew)
{
    struct learner *l = &crew->learner;
    struct msg msg;

    while (l->bulk && blob_store_next(l->store, &msg) && !peer_send(l->bulk, &msg))
        blob_store_sent(l->store);
}

void crew_turn(struct crew *crew)
{
    struct peer *all[] = {crew->learner.peer, crew->learner.bulk, crew->actor.peer,
                          crew->rewarder.peer};

    zmq_poll(NULL, 0, 2);
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        if (all[i]) {
            assert_ok(peer_readable(all[i], clock_mono_ms()));
            assert_ok(peer_tick(all[i], clock_mono_ms()));
        }
    if (crew->actor.fetch) {
        assert_ok(fetch_readable(crew->actor.fetch, clock_mono_ms()));
        assert_ok(fetch_tick(crew->actor.fetch, clock_mono_ms()));
    }
    serve(crew);
}

uint32_t crew_delivered(const struct crew *crew)
{
    uint32_t n = 0;

    for (int t = 0; t < CREW_TASKS; t++)
        for (int s = 0; s < CREW_SAMPLES; s++)
            n += crew->learner.got[t][s] > 0;
    return n;
}

uint32_t crew_made(const struct crew *crew)
{
    uint32_t n = 0;

    for (int t = 0; t < CREW_TASKS; t++)
        for (int s = 0; s < CREW_SAMPLES; s++)
            n += crew->actor.made[t][s];
    return n;
}
