/* How it works: a child that dies soon after its start is a quick death; each one in a row
 * doubles the pause before the next start, and after REPLICA_QUICK_DEATHS of them the fleet
 * is given up: what fails at once will fail again. A process that somebody killed is started
 * again at once, however often; a worker of the user's is never given up, for its author may
 * be mending it this minute.
 *
 * What the child said last is the end of its log file, read behind the place where its own
 * words began: the file is appended to by each child under that number in turn. */
#include "deploy/replica.h"

#include "base/log.h"
#include "base/mem.h"
#include "base/printable.h"
#include "net/child.h"

#include <assert.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { TAIL = 4096, DOUBLINGS = 8, LISTED = 256 };

struct replica *replica_add(struct replicas *replicas, void *owner, enum plan_role role,
                            int number)
{
    struct replica *p = mem_new(1, sizeof *p);

    assert(replicas->n < REPLICAS);
    p->owner = owner;
    p->role = role;
    p->number = number;
    p->wanted = true;
    replicas->replica[replicas->n++] = p;
    return p;
}

struct replica *replica_find(const struct replicas *replicas, enum plan_role role, int number)
{
    for (int i = 0; i < replicas->n; i++)
        if (replicas->replica[i]->role == role && replicas->replica[i]->number == number)
            return replicas->replica[i];
    return NULL;
}

int replica_count(const struct replicas *replicas, enum plan_role role)
{
    int n = 0;

    for (int i = 0; i < replicas->n; i++)
        n += replicas->replica[i]->role == role && replicas->replica[i]->wanted;
    return n;
}

bool replica_living(const struct replicas *replicas, enum plan_role role)
{
    for (int i = 0; i < replicas->n; i++)
        if (replicas->replica[i]->role == role && replicas->replica[i]->child)
            return true;
    return false;
}

void replica_stop(const struct replicas *replicas, enum plan_role role, int signal)
{
    for (int i = 0; i < replicas->n; i++)
        if (replicas->replica[i]->role == role && replicas->replica[i]->child)
            child_signal(replicas->replica[i]->child, signal);
}

/* The answer to `status` has a size: a person is shown LISTED processes and told of the
 * rest. */
char *replica_list(const struct replicas *replicas)
{
    json_t *list = json_array();
    int left = 0;
    char *text;

    for (int i = 0; i < replicas->n; i++) {
        const struct replica *p = replicas->replica[i];
        if (!p->wanted && !p->child)
            continue;
        if (json_array_size(list) >= LISTED)
            left++;
        else
            json_array_append_new(list, json_pack("{s:s,s:i,s:b,s:i,s:I}", "role",
                                                  plan_roles[p->role], "number", p->number,
                                                  "wanted", p->wanted, "pid",
                                                  p->child ? child_pid(p->child) : 0,
                                                  "restarts", (json_int_t)p->restarts));
    }
    if (left)
        json_array_append_new(list, json_pack("{s:i}", "left_out", left));
    text = json_dumps(list, JSON_COMPACT);
    json_decref(list);
    return text;
}

void replica_begin(struct replica *p, const char *log, int64_t now_ms)
{
    struct stat st;

    p->started_ms = now_ms;
    p->again_ms = 0;
    p->log_from = log && !stat(log, &st) ? st.st_size : 0;
}

void replica_words(char out[REPLICA_WORDS], const char *log, off_t from)
{
    const int fd = open(log, O_RDONLY | O_CLOEXEC);
    struct stat st = {.st_size = 0};
    char tail[TAIL];
    ssize_t n = 0, begin;

    *out = 0;
    if (fd < 0)
        return;
    if (!fstat(fd, &st) && st.st_size > from)
        n = pread(fd, tail, TAIL, st.st_size - from > TAIL ? st.st_size - TAIL : from);
    close(fd);
    while (n > 0 && strchr(" \r\n\t", tail[n - 1]))
        n--;
    for (begin = n; begin > 0 && tail[begin - 1] != '\n';)
        begin--;
    n -= begin;
    if (n >= REPLICA_WORDS)
        n = REPLICA_WORDS - 1;
    memcpy(out, tail + begin, (size_t)n); /* as they are: the log makes values printable */
    out[n] = 0;
}

/* How it ended, in words. */
static void cause_of(struct replica *p, const struct replica_death *death)
{
    if (death->signal == SIGKILL)
        snprintf(p->cause, sizeof p->cause, "%s",
                 death->memory ? "ended by the kernel: memory ran out"
                               : "killed by another process (signal 9)");
    else if (death->signal)
        snprintf(p->cause, sizeof p->cause, "signal %d", death->signal);
    else
        snprintf(p->cause, sizeof p->cause, "exit status %d", death->status);
}

/* A line with all that is known: who, how it ended, where its words are, and the last of
 * them. */
static void tell(struct replica *p, const char *log, const struct replica_death *death)
{
    const char *const how = death->signal ? "signal" : "status", *const role =
                                                                     plan_roles[p->role];
    const int end = death->signal ? death->signal : death->status;
    char words[REPLICA_WORDS] = "";

    if (log)
        replica_words(words, log, p->log_from);
    printable(p->last, sizeof p->last, words, strlen(words), PRINTABLE_CUT);
    cause_of(p, death);
    if (!log)
        log = "none"; /* it shares our terminal */
    /* One format for each: what a value is, base/say.h quotes as a whole. */
    if (death->signal == SIGKILL)
        log_warn("died", "role=%s number=%d signal=9 reason=\"%s\" log=%s last=\"%s\"", role,
                 p->number, p->cause, log, words);
    else if (*words)
        log_warn("died", "role=%s number=%d %s=%d log=%s last=\"%s\"", role, p->number, how,
                 end, log, words);
    else
        log_warn("died", "role=%s number=%d %s=%d log=%s", role, p->number, how, end, log);
}

json_t *replica_json(const struct replica *p, const char *name, int64_t now_ms)
{
    return json_pack("{s:s,s:s,s:i,s:s,s:I,s:s,s:s,s:I}", "name", name, "role",
                     plan_roles[p->role], "pid", p->child ? child_pid(p->child) : 0, "state",
                     p->child    ? "up"
                     : p->wanted ? "again"
                                 : "down",
                     "restarts", (json_int_t)p->restarts, "cause", p->cause, "last", p->last,
                     "age_s", (json_int_t)((now_ms - p->started_ms) / 1000));
}

/* Doubled with each quick death, up to REPLICA_AGAIN_MS. */
static int64_t pause_ms(int quick)
{
    const int64_t ms = 200L << (quick < DOUBLINGS ? quick : DOUBLINGS);

    return ms < REPLICA_AGAIN_MS ? ms : REPLICA_AGAIN_MS;
}

bool replica_died(struct replica *p, const char *log, const struct replica_death *death,
                  int64_t now_ms)
{
    const bool killed = death->signal != 0;

    tell(p, log, death);
    p->died_ms = now_ms;
    p->quick = now_ms - p->started_ms < REPLICA_QUICK_MS ? p->quick + 1 : 0;
    p->restarts++;
    if (p->role == PLAN_WORKER || (death->patient && p->quick && !killed)) {
        p->again_ms = now_ms + pause_ms(p->quick);
        log_info("again", "role=%s number=%d in_s=%.1f", plan_roles[p->role], p->number,
                 (double)(p->again_ms - now_ms) / 1e3);
        return true;
    }
    if (p->quick >= REPLICA_QUICK_DEATHS && !killed) {
        log_error("giving-up", "role=%s number=%d reason=\"ended %d times within seconds%s%s\"",
                  plan_roles[p->role], p->number, p->quick, log ? "; see " : "",
                  log ? log : "");
        return false;
    }
    p->again_ms = now_ms + (killed || !p->quick ? 0 : pause_ms(p->quick));
    return true;
}
