/* How it works: a child that dies soon after its start is a quick death; each one in a row
 * doubles the pause before the next start. What the child said last is the end of its log file,
 * read behind the place where its own words began; bytes that are no plain text become '?'. */
#include "deploy/process.h"

#include "base/log.h"
#include "base/mem.h"
#include "net/child.h"

#include <assert.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { TAIL = 4096, DOUBLINGS = 8, LISTED = 256 };

enum err process_check(const char *key, uint32_t n, bool force)
{
    const long cores = sysconf(_SC_NPROCESSORS_ONLN);
    const long many =
        cores * PROCESS_A_CORE > PROCESS_FREE ? cores * PROCESS_A_CORE : PROCESS_FREE;

    if (n > PROCESS_MAX)
        return err_set(ERR_RANGE, "%s: %u are more than the %d that one machine may run", key,
                       n, PROCESS_MAX);
    if (!force && n > (uint32_t)many)
        return err_set(
            ERR_RANGE,
            "%s: %u on %ld cores, each with its own memory: above %ld say force=true "
            "if that is meant",
            key, n, cores, many);
    return OK;
}

struct process *process_add(struct processes *places, struct supervisor *owner,
                            enum launch_kind kind, int number)
{
    struct process *p = mem_new(1, sizeof *p);

    assert(places->n < PROCESSES);
    p->owner = owner;
    p->kind = kind;
    p->number = number;
    p->wanted = true;
    places->process[places->n++] = p;
    return p;
}

struct process *process_find(const struct processes *places, enum launch_kind kind, int number)
{
    for (int i = 0; i < places->n; i++)
        if (places->process[i]->kind == kind && places->process[i]->number == number)
            return places->process[i];
    return NULL;
}

int process_count(const struct processes *places, enum launch_kind kind)
{
    int n = 0;

    for (int i = 0; i < places->n; i++)
        n += places->process[i]->kind == kind && places->process[i]->wanted;
    return n;
}

bool process_living(const struct processes *places, enum launch_kind kind)
{
    for (int i = 0; i < places->n; i++)
        if (places->process[i]->kind == kind && places->process[i]->child)
            return true;
    return false;
}

void process_stop(const struct processes *places, enum launch_kind kind, int signal)
{
    for (int i = 0; i < places->n; i++)
        if (places->process[i]->kind == kind && places->process[i]->child)
            child_signal(places->process[i]->child, signal);
}

char *process_list(const struct processes *places)
{
    json_t *list = json_array();
    int left = 0;
    char *text;

    for (int i = 0; i < places->n; i++) {
        const struct process *p = places->process[i];
        if (!p->wanted && !p->child)
            continue;
        if (json_array_size(list) >= LISTED)
            left++;
        else
            json_array_append_new(list, json_pack("{s:s,s:i,s:b,s:i,s:I}", "role",
                                                  launch_names[p->kind], "number", p->number,
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

void process_begin(struct process *p, const char *log, int64_t now_ms)
{
    struct stat st;

    p->started_ms = now_ms;
    p->again_ms = 0;
    p->log_from = log && !stat(log, &st) ? st.st_size : 0;
}

void process_words(char out[PROCESS_WORDS], const char *log, off_t from)
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
    if (n - begin >= PROCESS_WORDS)
        n = begin + PROCESS_WORDS - 1;
    for (ssize_t i = begin; i < n; i++)
        *out++ = tail[i] < ' ' || tail[i] > '~' || tail[i] == '"' ? '?' : tail[i];
    *out = 0;
}

static void tell(const struct process *p, const char *log, int status, int signal)
{
    const char *const how = signal ? "signal" : "status", *const role = launch_names[p->kind];
    const int end = signal ? signal : status;
    char words[PROCESS_WORDS] = "";

    if (log)
        process_words(words, log, p->log_from);
    if (!log)
        log = "none"; /* it shares our terminal */
    /* One format for each: what a value is, base/say.h quotes as a whole. */
    if (signal == SIGKILL)
        log_warn("died",
                 "role=%s number=%d signal=9 reason=\"killed, perhaps for lack of memory\" "
                 "log=%s last=\"%s\"",
                 role, p->number, log, words);
    else if (*words)
        log_warn("died", "role=%s number=%d %s=%d log=%s last=\"%s\"", role, p->number, how,
                 end, log, words);
    else
        log_warn("died", "role=%s number=%d %s=%d log=%s", role, p->number, how, end, log);
}

/* Doubled with each quick death, up to PROCESS_AGAIN_MS. */
static int64_t pause_ms(int quick)
{
    const int64_t ms = 200L << (quick < DOUBLINGS ? quick : DOUBLINGS);

    return ms < PROCESS_AGAIN_MS ? ms : PROCESS_AGAIN_MS;
}

bool process_died(struct process *p, const char *log, int status, int signal, int64_t now_ms)
{
    tell(p, log, status, signal);
    p->quick = now_ms - p->started_ms < PROCESS_QUICK_MS ? p->quick + 1 : 0;
    p->restarts++;
    if (p->kind == LAUNCH_WORKER) {
        p->again_ms = now_ms + pause_ms(p->quick);
        log_info("again", "role=worker number=%d in_s=%.1f", p->number,
                 (double)(p->again_ms - now_ms) / 1e3);
        return true;
    }
    if (p->quick >= PROCESS_QUICK_DEATHS && !signal) {
        log_error("giving-up", "role=%s number=%d reason=\"ended %d times within seconds%s%s\"",
                  launch_names[p->kind], p->number, p->quick, log ? "; see " : "",
                  log ? log : "");
        return false;
    }
    p->again_ms = now_ms + (signal || !p->quick ? 0 : pause_ms(p->quick));
    return true;
}
