/* member: what every worker of a fleet is besides its work: a loop, a connection to the broker,
 * the pulling of artifacts, keys, signals, and a clean way to leave.
 *
 * A process describes itself in a table of functions; member wires them to proto and net, which
 * know nothing of one another. SIGTERM, SIGINT, SIGHUP, DRAIN and the end of the supervisor's
 * pipe all mean: take no new work, finish, say BYE, end within MEMBER_DRAIN_MS; said again: at
 * once. REFUSE ends the process, but for those after which HELLO may be said again. Who hears a
 * message otherwise sets a handler of its own (peer_on) after member_open. */

#ifndef MEMBER_MEMBER_H
#define MEMBER_MEMBER_H

#include "base/conf.h"
#include "member/credit.h"
#include "net/loop.h"
#include "net/worker.h"
#include "proto/fetch.h"

enum { MEMBER_DRAIN_MS = 8000, MEMBER_HURRY_MS = 500, MEMBER_BYE_MS = 1000 };

/* The first field of a process's own options; member_keys are its rows. */
struct member_options {
    char *broker, *key, *ticket_file, *name, *log_level, *health_file;
    int threads, wait, parent_fd, nice;
};
extern const struct conf_key member_keys[];

struct member_conf {
    enum role role;
    const char *isa; /* of its kernels, and how many threads they have: for people */
    int threads;
    const char
        *serve; /* tcp://host:port where others may take artifacts; NULL or "": nowhere */
    /* peer_conf and fetch_conf; got may be NULL for who pulls nothing */
    void (*hello)(void *self, struct msg_hello *out);
    void (*hb)(void *self, struct msg_hb *out);
    enum err (*got)(void *self, const struct artifact *what, struct shared_memory *shared,
                    int64_t now_ms);
    enum err (*rebuild)(void *self, struct fetch_rebuild *job); /* NULL: images are pulled */
    enum err (*tick)(void *self, int64_t now_ms);               /* each PEER_TICK_MS */
    /* A worker: nothing is in hand, so BYE may be said. Member then sees to DRAIN, to BYE and to
     * the end; NULL for who leaves in its own way, by the two that follow. */
    bool (*idle)(const void *self);
    void (*drain)(void *self, int64_t deadline_ms);     /* no new work; NULL with `idle` */
    bool (*finished)(const void *self, int64_t now_ms); /* may it end? NULL with `idle` */
    void *self;
};

struct member;

/* --help and --version, then options from the command line over the defaults. `options` starts
 * zeroed; tables = {member_keys, own rows, NULL}. *done: help or version was printed. */
enum err member_options(const struct conf_key *const *tables, void *options,
                        const char *program, int argc, char **argv, bool *done) MUST_CHECK;

/* Loads the key, makes loop, context, peer and fetch; nothing runs yet. `options` is borrowed.
 * Errors: what is wrong with the key, the endpoint or the system. */
enum err member_open(struct member **out, const struct member_options *options,
                     const struct member_conf *conf) MUST_CHECK;
void member_close(struct member *member); /* NULL is fine */

struct loop *member_loop(struct member *member);
struct peer *member_peer(struct member *member);
struct fetch *member_fetch(struct member *member);
const char *member_name(const struct member *member); /* "host:pid" unless named */
/* It leaves: it takes no new work. */
bool member_draining(const struct member *member);
/* Says BYE, once; again later if the pipe is full. Errors: ERR_RANGE for a reason that is too
 * long. */
enum err member_bye(struct member *member, const char *reason, int64_t now_ms) MUST_CHECK;
/* Need nothing be waited for any more? BYE_OK has come, or nobody is there to say it, or a
 * second has passed since BYE. */
bool member_gone(const struct member *member, int64_t now_ms);
/* A heartbeat at once if `room` is noticeably more than the broker knows of. */
void member_room(struct member *member, const struct credit *credit, uint32_t room,
                 uint32_t step, int64_t now_ms);

/* For a further connection of the same process: role, keys, name, id and incarnation are
 * filled in. Borrowed. */
struct peer_conf member_peer_conf(const struct member *member);
void *member_context(struct member *member); /* ZeroMQ's */

/* The rest of a worker with a compute thread: opens the member, starts the thread, introduces
 * them to one another by `meet`, runs, closes. */
struct member_work {
    struct member_conf conf;
    struct worker_conf worker;
    void (*meet)(void *self, struct member *member, struct worker *worker);
    void *self; /* meet's */
};
enum err member_work(const struct member_options *options,
                     const struct member_work *work) MUST_CHECK;

/* What main() of such a process does: log, options, run(options), the last word. Returns the
 * exit status. `name`: "actor" of drover-actor. options begins with struct member_options,
 * zeroed. */
int member_main(const char *name, const struct conf_key *const *tables, void *options,
                enum err (*run)(const void *options), int argc, char **argv);

/* Until finished, or an error. */
enum err member_run(struct member *member) MUST_CHECK;

#endif
