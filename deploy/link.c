/* How it works: one ssh session a link, kept open. Its command is a few lines of sh that unpack
 * the bundle if the machine does not have it (its name is its hash) and become `drover join`
 * from it; what that needs comes over the same session (attach.h), so there is one connection to
 * make, one to lose, and no file of ours is written on the way. ssh asks nobody anything
 * (BatchMode) and lets in no machine that it does not know (StrictHostKeyChecking): its words are
 * translated into what to do.
 *
 * The pipe to ssh is written as far as it goes, each tick; what it says is read by lines, and
 * lines that are not the protocol's are somebody's last words. When ssh ends, link_tick begins
 * again after a pause; a supervisor that had lived for a while and died is started again at once.
 * What must hold: at most one session a link, and none is begun once the link has ended. */
#include "deploy/link.h"

#include "base/log.h"
#include "base/mem.h"
#include "deploy/bundle.h"
#include "deploy/link_talk.h"
#include "net/child.h"
#include "net/loop.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#ifndef F_SETPIPE_SZ
#define F_SETPIPE_SZ 1031 /* Linux's own, which POSIX headers keep to themselves */
#endif

enum {
    PIPE = 1 << 20,
    PAUSE_MS = 1000,
    PAUSE_MAX_MS = 15000,
    BEGIN_MS = 60000, /* of silence before anything runs there */
    END_MS = 30000    /* until a supervisor has ended */
};

/* Three times the bundle's name. tar as it is everywhere; a folder appears when it is whole. */
static const char script[] =
    "d=${XDG_CACHE_HOME:-$HOME/.cache}/drover; echo machine $(uname -m); "
    "if [ -x $d/%s/drover ]; then echo have; else echo need; read -r n; mkdir -p $d && "
    "t=$(mktemp -d $d/new.XXXXXX) && "
    "{ head -c $n | gzip -dc | tar xf - -C $t && mv $t $d/%s || rm -rf $t; }; fi; exec "
    "$d/%s/drover join letter=true";

/* What ssh says, and what helps. */
static const struct {
    const char *says, *words;
} causes[] = {
    {"REMOTE HOST IDENTIFICATION HAS CHANGED",
     "its host key is not the one that is known: was it installed anew? Compare, then "
     "`ssh-keygen -R HOST`"},
    {"Host key verification failed", "its host key is not known here: `ssh %s` once by hand, "
                                     "compare the fingerprint, answer yes"},
    {"host key is known for", "its host key is not known here: `ssh %s` once by hand, compare "
                              "the fingerprint, answer yes"},
    {"Permission denied", "no key of ours logs in there without a password: `ssh-copy-id %s`"},
    {"Could not resolve hostname", "ssh does not know that name: %s"},
    {"Connection refused", "nobody listens at its ssh port"},
    {"timed out", "ssh gets no answer: is it up?"},
    {"No route to host", "there is no way to it: is it up?"},
};

struct ssh_link *link_new(const struct link_fleet *fleet, const struct hosts_entry *entry)
{
    struct ssh_link *l = mem_new(1, sizeof *l);

    l->fleet = fleet;
    l->ssh = mem_text(entry->ssh);
    snprintf(l->name, sizeof l->name, "%s", entry->name);
    l->entry = json_incref(entry->entry);
    l->wanted = true;
    l->in = l->out = l->file = -1;
    return l;
}

/* ---- the session */

/* ssh's lines end with a carriage return besides. A line that does not end is cut. */
static enum err readable(void *self, int64_t now_ms)
{
    struct ssh_link *l = self;
    const ssize_t got = read(l->out, l->line + l->n, LINK_LINE - 1 - l->n);
    char *end;

    (void)now_ms;
    if (got <= 0) {
        if (got == 0 || (errno != EAGAIN && errno != EINTR))
            loop_unfd(l->fleet->loop, l->out);
        return OK;
    }
    l->n += (size_t)got;
    l->line[l->n] = 0;
    while ((end = strchr(l->line, '\n')) || l->n == LINK_LINE - 1) {
        const size_t n = end ? (size_t)(end - l->line) : l->n;

        l->line[n] = 0;
        if (n && l->line[n - 1] == '\r')
            l->line[n - 1] = 0;
        link_talk_hear(l, l->line);
        l->n -= end ? n + 1 : n;
        memmove(l->line, l->line + (end ? n + 1 : n), l->n);
        l->line[l->n] = 0;
    }
    link_talk_pump(l);
    return OK;
}

static void close_all(struct ssh_link *l)
{
    if (l->out >= 0) {
        loop_unfd(l->fleet->loop, l->out);
        close(l->out);
    }
    if (l->in >= 0)
        close(l->in);
    if (l->file >= 0)
        close(l->file);
    free(l->piece);
    free(l->text);
    l->in = l->out = l->file = -1;
    l->piece = l->text = NULL;
    l->piece_n = l->piece_at = l->left = l->n = 0;
}

/* What happened, in words: ssh's own are looked up. */
static void explain(struct ssh_link *l)
{
    char words[LINK_WORDS];

    for (size_t i = 0; i < sizeof causes / sizeof *causes && !l->failed; i++)
        if (strstr(l->words, causes[i].says)) {
            const char *at = strstr(causes[i].words, "%s");

            if (at)
                snprintf(words, sizeof words, "%.*s%s%s", (int)(at - causes[i].words),
                         causes[i].words, l->ssh, at + 2);
            else
                snprintf(words, sizeof words, "%s", causes[i].words);
            snprintf(l->words, sizeof l->words, "%s", words);
            return;
        }
}

/* The pause doubles until a session has lasted. Who says so of a machine is the machine: one
 * where everything ends at once is not begun again at once. */
static void pause_it(struct ssh_link *l, int64_t now_ms)
{
    const bool lived = l->up_ms && now_ms - l->up_ms >= PAUSE_MAX_MS;
    const int doublings = lived ? 0 : l->tries < 5 ? l->tries : 5;
    const int64_t pause = (int64_t)PAUSE_MS << doublings;

    l->tries = lived ? 0 : l->tries + 1;
    l->again_ms = now_ms;
    if (!l->died || !lived)
        l->again_ms += pause < PAUSE_MAX_MS ? pause : PAUSE_MAX_MS;
}

/* A cause is said when it is new. */
static enum err ended(void *self, struct child *child, int status, int signal, int64_t now_ms)
{
    struct ssh_link *l = self;
    const bool was_up = l->state == LINK_UP;

    (void)child, (void)signal;
    if (l->out >= 0)
        for (int i = 0; i < 64 && !readable(l, now_ms) && l->n; i++)
            continue; /* its last words may still be in the pipe */
    l->child = NULL;
    close_all(l);
    if (l->state == LINK_ENDED)
        return OK;
    explain(l);
    if (!*l->words)
        snprintf(l->words, sizeof l->words, "the connection is gone");
    if (!l->died && (strcmp(l->words, l->said) || was_up)) {
        snprintf(l->said, sizeof l->said, "%s", l->words);
        log_warn("host", "name=%s state=%s status=%d reason=\"%s\" next=\"it is tried again\"",
                 l->name, was_up ? "lost" : "failed", status, l->words);
    }
    pause_it(l, now_ms);
    l->state = l->state == LINK_ENDING ? LINK_ENDING : LINK_WAIT;
    return OK;
}

static enum err pipes(struct ssh_link *l, int there[2])
{
    int to[2], from[2];

    if (pipe(to))
        return err_set(ERR_IO, "cannot make a pipe: %s", strerror(errno));
    if (pipe(from)) {
        close(to[0]);
        close(to[1]);
        return err_set(ERR_IO, "cannot make a pipe: %s", strerror(errno));
    }
    there[0] = to[0];
    there[1] = from[1];
    l->in = to[1];
    l->out = from[0];
    for (int i = 0; i < 2; i++) {
        fcntl(there[i], F_SETFD, FD_CLOEXEC);
        fcntl(i ? l->in : l->out, F_SETFD, FD_CLOEXEC);
        fcntl(i ? l->in : l->out, F_SETFL, O_NONBLOCK);
    }
    fcntl(l->in, F_SETPIPE_SZ, PIPE); /* a tick's worth; a smaller one only takes longer */
    return OK;
}

/* Options of ours stand before the person's file: what keeps ssh from asking, and from trusting a
 * stranger, is not for a configuration to take back. Its keep-alive finds a machine that has lost
 * its cable within fifteen seconds. */
static enum err begin(struct ssh_link *l, int64_t now_ms)
{
    const char *bundle = l->fleet->bundle->name;
    char *command = mem_print("exec sh -c '");
    char *lines = mem_print(script, bundle, bundle, bundle);
    char *all = mem_print("%s%s'", command, lines);
    const char *argv[] = {"ssh",  "-T",
                          "-o",   "BatchMode=yes",
                          "-o",   "StrictHostKeyChecking=yes",
                          "-o",   "ConnectTimeout=10",
                          "-o",   "ServerAliveInterval=5",
                          "-o",   "ServerAliveCountMax=3",
                          "-o",   "ControlPath=none",
                          "-F",   l->fleet->ssh_config,
                          l->ssh, all,
                          NULL};
    const bool own = !l->fleet->ssh_config || !*l->fleet->ssh_config;
    int there[2] = {-1, -1};
    enum err err = pipes(l, there);

    if (own) { /* no -F: the words behind it move up */
        argv[14] = l->ssh;
        argv[15] = all;
        argv[16] = NULL;
    }
    if (!err) {
        struct child_conf conf = {.argv = argv,
                                  .in = there[0],
                                  .out = there[1],
                                  .err = there[1],
                                  .session = true,
                                  .ended = ended,
                                  .self = l};

        err = child_start(&l->child, l->fleet->loop, &conf);
        close(there[0]);
        close(there[1]);
    }
    if (!err)
        err = loop_fd(l->fleet->loop, l->out, readable, l);
    free(command);
    free(lines);
    free(all);
    l->began_ms = now_ms;
    l->failed = l->lettered = l->ticketed = l->changing = l->died = false;
    l->up_ms = 0;
    l->words[0] = 0;
    return err;
}

/* An ending stays an ending: the letter of such a session says `down` (link_talk.c). */
static void dial(struct ssh_link *l, int64_t now_ms)
{
    const enum link_state state = l->state == LINK_ENDING ? LINK_ENDING : LINK_DIAL;

    if (begin(l, now_ms)) {
        log_warn("host", "name=%s reason=\"%s\"", l->name, err_text());
        if (!l->child)
            close_all(l);
        l->again_ms = now_ms + PAUSE_MAX_MS;
        return;
    }
    l->state = state;
}

/* An ending is told over a session that is up; a machine that is not reached by then is named:
 * its supervisor ends by itself once it has missed its broker for long enough. */
static void end_step(struct ssh_link *l, int64_t now_ms)
{
    if (!l->ending_ms) {
        l->ending_ms = now_ms + END_MS;
        if (l->child && (l->state == LINK_UP || l->state == LINK_JOIN)) {
            link_talk_put(l, "down");
            l->state = LINK_ENDING;
        } else if (!l->child && !l->pid) {
            l->state = LINK_ENDED; /* nothing was ever started there */
        }
    }
    if (now_ms < l->ending_ms || l->state == LINK_ENDED)
        return;
    log_warn("host", "name=%s state=left reason=\"it was not reached to be told the end: %s\"",
             l->name, *l->words ? l->words : "no answer");
    l->state = LINK_ENDED;
    if (l->child)
        child_signal(l->child, SIGTERM);
}

/* Silence before the letter has come through is a fault of the way there, and is tried again; what
 * comes later (a supervisor that drains before it changes) takes its time. */
void link_tick(struct ssh_link *l, int64_t now_ms)
{
    l->now_ms = now_ms;
    if (l->state == LINK_ENDED)
        return;
    if (!l->wanted)
        end_step(l, now_ms);
    if (!l->child && l->state != LINK_ENDED && now_ms >= l->again_ms &&
        l->fleet->bundle->file) /* the session's first words name it */
        dial(l, now_ms);
    if (l->child && l->state < LINK_JOIN && now_ms - l->began_ms > BEGIN_MS && l->file < 0) {
        snprintf(l->words, sizeof l->words, "it says nothing");
        l->began_ms = now_ms;
        child_signal(l->child, SIGTERM);
    }
    link_talk_pump(l);
}

void link_change(struct ssh_link *l, const struct hosts_entry *entry)
{
    json_decref(l->entry);
    l->entry = json_incref(entry->entry);
    l->again_ms = 0;
    l->tries = 0;
    if (l->child)
        child_signal(l->child, SIGTERM); /* the session; the next one brings the new entry */
}

void link_end(struct ssh_link *l)
{
    l->wanted = false;
}

void link_free(struct ssh_link *l)
{
    if (!l)
        return;
    if (l->child) {
        child_signal(l->child, SIGTERM);
        child_forget(l->child);
    }
    close_all(l);
    free(l->ssh);
    json_decref(l->entry);
    free(l);
}
