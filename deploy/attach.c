/* How it works: in order, each step blocking: the letter; the folder; is a supervisor there (who
 * holds the folder's lock)? With the same file it is left alone, with another it is told to end
 * and waited for. Without a key, or with one of another fleet, a ticket is asked for and
 * exchanged. Then the supervisor is started, a process of its own, and from then on two things are
 * looked at in turn, some times a second: does the lock have its holder, and has the head said
 * something or hung up.
 *
 * Where the broker is, is found from here: the head may have said how it is reached; else the
 * address from which ssh came is tried, then the head's name. */
#include "deploy/attach.h"

#include "base/clock.h"
#include "base/fs.h"
#include "base/mem.h"
#include "base/say.h"
#include "deploy/detach.h"
#include "deploy/reach.h"
#include "deploy/replica.h"
#include "deploy/run_folder.h"
#include "proto/invite.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    LINE = 64 << 10,
    LOOK_MS = 200,
    BEGIN_MS = 10000, /* until a supervisor has its folder */
    END_MS = 25000,   /* until it has ended in order, */
    KILLED_MS = 5000, /* and, killed, at all */
    REACH_MS = 3000,
    ACCEPT_MS = 10000,
    AGAIN_MS = 500
};

struct attached {
    char *folder;
    char fleet[80];
    struct host_file file;
    int port;
    char advertise[256], head[256];
    char line[LINE]; /* what the head said, as far as it came */
    size_t n;
    bool hung_up, down;
};

/* Flushed at once: the other end decides by these lines, and the pipe between is no terminal. */
static void tell(const char *word, const char *words)
{
    say(stdout, "%s %s\n", word, words);
    fflush(stdout);
}

/* The next line of the head's, or NULL: it did not come within wait_ms, or it hung up. */
static char *next_line(struct attached *a, int wait_ms)
{
    const int64_t until = clock_mono_ms() + wait_ms;
    struct pollfd in = {.fd = 0, .events = POLLIN};

    for (;;) {
        char *end = memchr(a->line, '\n', a->n);
        const int64_t left = until - clock_mono_ms();
        ssize_t n;

        if (end) {
            char *out;
            *end = 0;
            out = mem_text(a->line);
            a->n -= (size_t)(end + 1 - a->line);
            memmove(a->line, end + 1, a->n);
            return out;
        }
        if (a->n == LINE - 1)
            a->hung_up = true; /* nothing that we know is so long */
        if (a->hung_up || poll(&in, 1, left > 0 ? (int)left : 0) < 1)
            return NULL;
        n = read(0, a->line + a->n, LINE - 1 - a->n);
        a->hung_up = n == 0 || (n < 0 && errno != EINTR);
        a->n += n > 0 ? (size_t)n : 0;
    }
}

/* What the head does not say is empty, so that an older head's letter is still one. */
static char *text_at(const json_t *tree, const char *key)
{
    const char *text = json_string_value(json_object_get(tree, key));

    return mem_text(text ? text : "");
}

/* Everything in it is checked where it is used: names become folders by host_file_folder alone,
 * the entry is read by the supervisor as any file of a person's is. */
static enum err read_letter(struct attached *a)
{
    char *line = next_line(a, BEGIN_MS), *text;
    json_t *tree = line ? json_loads(line, 0, NULL) : NULL;

    free(line);
    if (!tree)
        return err_set(ERR_PARSE, "no letter came");
    a->file.host = text_at(tree, "host");
    a->file.broker_key = text_at(tree, "broker_key");
    a->file.broker = mem_text("");
    a->file.entry = json_incref(json_object_get(tree, "entry"));
    a->file.linger_s = (int)json_integer_value(json_object_get(tree, "linger_s"));
    a->port = (int)json_integer_value(json_object_get(tree, "port"));
    snprintf(a->fleet, sizeof a->fleet, "%s", text = text_at(tree, "fleet"));
    free(text);
    snprintf(a->advertise, sizeof a->advertise, "%s", text = text_at(tree, "advertise"));
    free(text);
    snprintf(a->head, sizeof a->head, "%s", text = text_at(tree, "head"));
    free(text);
    a->down = json_is_true(json_object_get(tree, "down"));
    json_decref(tree);
    return json_is_object(a->file.entry) ? OK : err_set(ERR_PARSE, "a letter without an entry");
}

/* An address of version 6 gets brackets. */
static void address(char out[300], const char *host, int port)
{
    snprintf(out, 300, strchr(host, ':') && *host != '[' ? "tcp://[%s]:%d" : "tcp://%s:%d",
             host, port);
}

/* The first that answers; the reasons of all when none does. */
static enum err find_broker(struct attached *a)
{
    const char *ssh = getenv("SSH_CONNECTION");
    char from[256] = "", at[300], words[400] = "";
    const char *const hosts[] = {a->advertise, from, a->head};

    if (ssh)
        snprintf(from, sizeof from, "%.*s", (int)strcspn(ssh, " "), ssh);
    for (int i = *a->advertise ? 0 : 1; i < (*a->advertise ? 1 : 3); i++) {
        if (!*hosts[i])
            continue;
        address(at, hosts[i], a->port);
        if (!reach_tcp(at, REACH_MS)) {
            free(a->file.broker);
            a->file.broker = mem_text(at);
            return OK;
        }
        snprintf(words + strlen(words), sizeof words - strlen(words), "%s%.180s",
                 *words ? "; " : "", err_text());
    }
    return err_set(
        ERR_IO,
        "the broker cannot be reached from here: %s; `advertise: HOST` in the fleet's "
        "file names another address",
        words);
}

/* Until the lock is free. A supervisor that does not end in time is killed; one that stays even
 * so waits for its disk. */
static enum err end_it(struct attached *a, long pid)
{
    const int64_t until = clock_mono_ms() + END_MS;
    int status;

    kill((pid_t)pid, SIGTERM);
    while (run_folder_holder(a->folder) == pid) {
        waitpid((pid_t)pid, &status, WNOHANG);
        if (clock_mono_ms() >= until + KILLED_MS)
            return err_set(ERR_STATE, "its process %ld was killed and does not end", pid);
        if (clock_mono_ms() >= until)
            kill((pid_t)pid, SIGKILL);
        poll(NULL, 0, LOOK_MS);
    }
    waitpid((pid_t)pid, &status, WNOHANG);
    return OK;
}

/* ---- keys
 *
 * By its name alone one sees whose it is: workers' keys lie beside it. */
static char *key_path(const char *folder)
{
    return mem_print("%s/keys/supervisor.key", folder);
}

/* While a fleet's keys are rotated either is the fleet's. */
bool attach_keyed(const char *folder, const char *broker_key)
{
    char *path = key_path(folder);
    struct curve_keys keys;
    const bool there = !curve_load(&keys, path) && (!strcmp(keys.server_key, broker_key) ||
                                                    !strcmp(keys.next_key, broker_key));

    curve_wipe(&keys);
    free(path);
    return there;
}

/* Keys of another fleet, or of an earlier start of this one, say nothing to this broker. */
enum err attach_by_ticket(struct host_file *file, const char *folder,
                          const struct invite *invite)
{
    char *all = mem_print("%s/keys", folder), *path = key_path(folder);
    char at[INVITE_ADDRESS], broker[INVITE_ADDRESSES];
    const struct invite_guest guest = {
        .name = file->host, .host = file->host, .wait_ms = ACCEPT_MS};
    const int64_t until = clock_mono_ms() + ACCEPT_MS;
    struct curve_keys keys;
    enum err err;

    /* A broker sees a ticket that was made this moment within a second, and refuses it before. */
    while ((err = invite_accept(&keys, at, invite, &guest)) == ERR_IO &&
           clock_mono_ms() < until)
        poll(NULL, 0, AGAIN_MS);
    if (!err)
        err = fs_remove(all);
    if (!err)
        err = fs_mkdir(all);
    if (!err) {
        err = curve_save(path, &keys);
        free(file->broker);
        invite_addresses(broker, invite, at);
        file->broker = mem_text(broker);
        free(file->broker_key);
        file->broker_key = mem_text(keys.server_key);
        curve_wipe(&keys);
    }
    free(all);
    free(path);
    return err;
}

/* The address is the one that was found from here. */
static enum err get_key(struct attached *a)
{
    struct invite invite;
    char *line;
    enum err err;

    if (attach_keyed(a->folder, a->file.broker_key))
        return OK;
    tell("ticket?", "");
    line = next_line(a, BEGIN_MS);
    if (!line)
        return err_set(ERR_STATE, "no ticket came");
    err = invite_read(&invite, line);
    memset(line, 0, strlen(line));
    free(line);
    if (err)
        return err;
    snprintf(invite.broker[0], sizeof invite.broker[0], "%s", a->file.broker);
    invite.n_broker = 1;
    err = attach_by_ticket(&a->file, a->folder, &invite);
    invite_wipe(&invite);
    return err;
}

/* ---- the supervisor
 *
 * Its log is appended to by each supervisor in turn: the last line is the last one's. */
static void last_words(char out[REPLICA_WORDS], const char *folder)
{
    char *log = mem_print("%s/supervisor.log", folder);

    replica_words(out, log, 0);
    free(log);
}

enum err attach_start(long *pid, const char *folder)
{
    char *log = mem_print("%s/supervisor.log", folder), *where = mem_print("folder=%s", folder);
    char drover[] = "drover", join[] = "join", *words[] = {drover, join, where, NULL};
    const enum err err = detach_start(pid, words, folder, log);

    free(where);
    free(log);
    return err ? err_add("supervisor") : OK;
}

/* How it ended, as far as one can know: of a child of ours the kernel says it. */
static void say_death(const struct attached *a, long pid)
{
    char words[REPLICA_WORDS], text[2 * REPLICA_WORDS];
    int status = 0;

    last_words(words, a->folder);
    if (waitpid((pid_t)pid, &status, WNOHANG) == pid && WIFSIGNALED(status))
        snprintf(text, sizeof text, "signal %d; last: %s", WTERMSIG(status), words);
    else
        snprintf(text, sizeof text, "it is gone; last: %s", words);
    tell("died", text);
}

/* What stood for this fleet alone goes; logs stay for who wants to read them. */
static void clean(const struct attached *a)
{
    static const char *const ours[] = {"keys", "host.json", ".fleet"};

    for (int i = 0; i < 3; i++) {
        char *path = mem_print("%s/%s", a->folder, ours[i]);
        if (fs_remove(path))
            tell("note", err_text());
        free(path);
    }
}

/* Twice a tick of a supervisor: a death is said within a moment, and looking costs two system
 * calls. */
static int watch(struct attached *a, long pid)
{
    for (;;) {
        char *line = next_line(a, LOOK_MS);
        const bool down = line && !strcmp(line, "down");

        free(line);
        if (down) {
            if (end_it(a, pid)) {
                tell("no", err_text());
                return EXIT_FAILURE;
            }
            clean(a);
            tell("ended", "");
            return EXIT_SUCCESS;
        }
        if (a->hung_up)
            return EXIT_SUCCESS;
        if (run_folder_holder(a->folder) == pid)
            continue;
        if (host_file_there(a->folder)) {
            say_death(a, pid);
            return 3;
        }
        clean(a);
        tell("left", "");
        return EXIT_SUCCESS;
    }
}

/* With the file as it is to be, the one that is there stays; its process, or 0. */
static enum err standing(struct attached *a, long *out)
{
    const long pid = run_folder_holder(a->folder);
    char words[32];

    *out = 0;
    if (!pid)
        return OK;
    snprintf(words, sizeof words, "%ld", pid);
    if (attach_keyed(a->folder, a->file.broker_key) && host_file_same(&a->file, a->folder)) {
        tell("already", words);
        *out = pid;
        return OK;
    }
    tell("changing", words);
    return end_it(a, pid);
}

/* Each step leaves the host as it was if the next one fails: a supervisor that runs is ended only
 * once there is a broker to go to with the new entry. */
static enum err begin(struct attached *a, long *pid)
{
    char words[32];
    enum err err = read_letter(a);

    if (!err)
        err = host_file_folder(&a->folder, a->fleet, a->file.host);
    if (!err && a->down) { /* it comes to end what is there, and finds it or not */
        *pid = run_folder_holder(a->folder);
        return *pid ? end_it(a, *pid) : OK;
    }
    if (!err)
        err = find_broker(a);
    if (err)
        return err;
    err = standing(a, pid);
    if (err || *pid)
        return err;
    err = get_key(a);
    if (!err)
        err = host_file_write(&a->file, a->folder);
    if (!err)
        err = attach_start(pid, a->folder);
    if (!err) {
        snprintf(words, sizeof words, "%ld", *pid);
        tell("up", words);
    }
    return err;
}

/* What fails is said on standard output, where the head listens; nobody reads this machine's
 * standard error. */
enum err attach_run(int *status)
{
    struct attached *a = mem_new(1, sizeof *a);
    long pid = 0;

    if (begin(a, &pid)) {
        tell("no", err_text());
        *status = EXIT_FAILURE;
    } else if (a->down) {
        clean(a);
        tell("ended", "");
        *status = EXIT_SUCCESS;
    } else {
        *status = watch(a, pid);
    }
    host_file_free(&a->file);
    free(a->folder);
    free(a);
    return OK;
}
