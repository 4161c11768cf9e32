/* How it works: lines and a file. What is to be said waits in `text` (lines) and behind it the bundle,
 * and is written as far as the pipe takes it, at each tick and after each thing heard. What is
 * heard are lines whose first word says what they are (attach.h); what is none of those is
 * somebody's last words, and is kept. Nothing said there moves more than this link, and what costs
 * something here (a letter, the bundle, a ticket, a line of the log) is had once a session. */
#include "deploy/link_talk.h"

#include "base/log.h"
#include "base/mem.h"
#include "base/printable.h"
#include "deploy/bundle.h"
#include "deploy/link_state.h"
#include "net/child.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { PIECE = 1 << 20 };

/* ---- what is sent */

void link_talk_put(struct ssh_link *l, const char *line)
{
    char *text = mem_print("%s%s\n", l->text ? l->text : "", line);

    if (l->text)
        memset(l->text, 0, strlen(l->text)); /* a ticket may have been in it */
    free(l->text);
    l->text = text;
}

static void put_letter(struct ssh_link *l)
{
    json_t *letter = json_copy(l->fleet->letter);
    char *text;

    json_object_set_new(letter, "host", json_string(l->name));
    json_object_set(letter, "entry", l->entry);
    if (!l->wanted)
        json_object_set_new(letter, "down", json_true());
    text = json_dumps(letter, JSON_COMPACT);
    if (text)
        link_talk_put(l, text);
    free(text);
    json_decref(letter);
    l->state = LINK_JOIN;
}

static void put_bundle(struct ssh_link *l)
{
    char size[32];

    l->file = open(l->fleet->bundle->file, O_RDONLY | O_CLOEXEC);
    if (l->file < 0) {
        snprintf(l->words, sizeof l->words, "%s: %s", l->fleet->bundle->file, strerror(errno));
        child_signal(l->child, SIGTERM);
        return;
    }
    l->left = l->fleet->bundle->bytes;
    l->state = LINK_COPY;
    snprintf(size, sizeof size, "%llu", (unsigned long long)l->left);
    link_talk_put(l, size);
    log_info("host", "name=%s state=copying mb=%.1f", l->name, (double)l->left / 1e6);
}

/* A line a quarter: on a slow link the copy takes minutes. */
static void tell_progress(const struct ssh_link *l, size_t n)
{
    const size_t all = l->fleet->bundle->bytes, sent = all - l->left;

    if (sent && (sent + n) * 4 / all > sent * 4 / all)
        log_info("host", "name=%s state=copying mb=%.1f of=%.1f", l->name, (double)sent / 1e6,
                 (double)all / 1e6);
}

/* The bundle's next piece; the letter is behind its last one. */
static bool next_piece(struct ssh_link *l)
{
    ssize_t n;

    if (!l->piece)
        l->piece = mem_new(PIECE, 1);
    n = read(l->file, l->piece, l->left < PIECE ? l->left : PIECE);
    if (n > 0) {
        l->piece_n = (size_t)n;
        l->piece_at = 0;
        tell_progress(l, (size_t)n);
        l->left -= (size_t)n;
        return true;
    }
    close(l->file);
    l->file = -1;
    free(l->piece);
    l->piece = NULL;
    l->piece_n = l->piece_at = 0;
    put_letter(l);
    return false;
}

/* As much as the pipe takes now. Its other end may be gone: ssh's own end will say so. */
void link_talk_pump(struct ssh_link *l)
{
    for (;;) {
        ssize_t n;

        if (l->in < 0)
            return;
        if (l->text) {
            n = write(l->in, l->text, strlen(l->text));
            if (n <= 0)
                return;
            memmove(l->text, l->text + n, strlen(l->text + n) + 1);
            if (!*l->text) {
                free(l->text);
                l->text = NULL;
            }
        } else if (l->piece_at < l->piece_n) {
            n = write(l->in, l->piece + l->piece_at, l->piece_n - l->piece_at);
            if (n <= 0)
                return;
            l->piece_at += (size_t)n;
        } else if (l->file < 0 || !next_piece(l)) {
            if (!l->text)
                return;
        }
    }
}

/* ---- what is heard */

static void give_ticket(struct ssh_link *l)
{
    char *line = NULL;

    if (l->fleet->ticket(l->fleet->self, l->name, &line)) {
        snprintf(l->words, sizeof l->words, "no ticket for it: %s", err_text());
        child_signal(l->child, SIGTERM);
        return;
    }
    link_talk_put(l, line);
    memset(line, 0, strlen(line));
    free(line);
}

/* Whatever was wrong before is over, and may be said anew. */
static void up(struct ssh_link *l, const char *how, const char *pid)
{
    if (l->up_ms)
        return;
    l->up_ms = l->now_ms;
    l->state = LINK_UP;
    l->said[0] = l->words[0] = 0;
    l->pid = strtol(pid, NULL, 10);
    log_info("host", "name=%s state=up how=%s pid=%ld", l->name, how, l->pid);
}

/* Told before anything is copied: thirty megabytes that cannot run there are not sent. */
static void on_machine(struct ssh_link *l, const char *words)
{
    if (!strcmp(words, l->fleet->bundle->machine))
        return;
    snprintf(l->words, sizeof l->words, "its processor is %.40s, the programs here are for %s",
             words, l->fleet->bundle->machine);
    l->failed = true;
    child_signal(l->child, SIGTERM);
}

static void on_have(struct ssh_link *l, const char *words)
{
    (void)words;
    if (l->lettered)
        return;
    l->lettered = true;
    put_letter(l);
}

static void on_need(struct ssh_link *l, const char *words)
{
    (void)words;
    if (l->lettered)
        return;
    l->lettered = true;
    put_bundle(l);
}

static void on_ticket(struct ssh_link *l, const char *words)
{
    (void)words;
    if (!l->lettered || l->ticketed)
        return;
    l->ticketed = true;
    give_ticket(l);
}

static void on_up(struct ssh_link *l, const char *words)
{
    up(l, "started", words);
}

static void on_already(struct ssh_link *l, const char *words)
{
    up(l, "found", words);
}

static void on_changing(struct ssh_link *l, const char *words)
{
    if (l->changing)
        return;
    l->changing = true;
    log_info("host", "name=%s state=changing pid=%s", l->name, words);
}

/* Its session has no more to say; one that is kept open there would keep us from ending. */
static void over(struct ssh_link *l, const char *words)
{
    l->state = LINK_ENDED;
    log_info("host", "name=%s state=%s", l->name, words);
    if (l->child)
        child_signal(l->child, SIGTERM);
}

static void on_ended(struct ssh_link *l, const char *words)
{
    (void)words;
    if (!l->wanted && l->state != LINK_ENDED) /* else nobody told it to */
        over(l, "ended");
}

/* Somebody told it down by its name: it is not ours any more, until the file is applied again. */
static void on_left(struct ssh_link *l, const char *words)
{
    (void)words;
    if (l->state == LINK_ENDED)
        return;
    l->wanted = false;
    over(l, "left next=\"`drover up` starts it again\"");
}

static void on_died(struct ssh_link *l, const char *words)
{
    if (l->died)
        return;
    l->died = true;
    l->state = LINK_JOIN;
    snprintf(l->news, sizeof l->news, "its supervisor died: %.250s", words);
    l->news_ms = l->now_ms;
    log_warn("host", "name=%s state=died reason=\"%s\" next=\"it is started again\"", l->name,
             words);
}

static void on_no(struct ssh_link *l, const char *words)
{
    l->failed = true;
    printable(l->words, sizeof l->words, words, strlen(words), PRINTABLE_CUT);
}

static const struct {
    const char *word;
    void (*fn)(struct ssh_link *l, const char *words);
} heard[] = {{"machine", on_machine}, {"have", on_have},
             {"need", on_need},       {"ticket?", on_ticket},
             {"up", on_up},           {"already", on_already},
             {"ended", on_ended},     {"changing", on_changing},
             {"died", on_died},       {"no", on_no},
             {"left", on_left}};

/* The first word says what a line is; what is none of ours is kept as the last words. */
void link_talk_hear(struct ssh_link *l, const char *line)
{
    const size_t n = strcspn(line, " ");

    for (size_t i = 0; i < sizeof heard / sizeof *heard; i++)
        if (strlen(heard[i].word) == n && !strncmp(line, heard[i].word, n)) {
            heard[i].fn(l, line[n] ? line + n + 1 : "");
            return;
        }
    if (*line && !l->failed)
        printable(l->words, sizeof l->words, line, strlen(line), PRINTABLE_CUT);
}
