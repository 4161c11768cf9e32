/* drover top, status: what a fleet does now.
 *
 * How it works: one subscription (snapshot.c) and two ways to show it. top draws each
 * snapshot with ncurses and asks the keyboard five times a second whether to end; where
 * standard output is no terminal, and for status, the first snapshot is printed as lines. A
 * broker that says nothing for PATIENCE_MS is told of: a screen that stands still looks like
 * a fleet that does. */
#include "cli/command.h"
#include "cli/snapshot.h"

#include <ncurses.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { PATIENCE_MS = 5000 };

static char lines[SNAPSHOT_LINES][SNAPSHOT_WIDTH];

/* The screen as it is now; lines beyond its height are left out, the keys' line is the last. */
static void draw(int n)
{
    erase();
    for (int i = 0; i < n && i < LINES - 1; i++)
        mvaddnstr(i, 0, lines[i], COLS - 1);
    mvaddnstr(LINES - 1, 0, "q quits", COLS - 1);
    refresh();
}

/* Until q. Errors end curses first, or their words would be lost with the screen. */
static enum err watch(struct snapshots *stats)
{
    const struct msg_stats *s;
    int silent_ms = 0;
    bool got;
    enum err err = OK;

    initscr();
    cbreak();
    noecho();
    curs_set(0);
    nodelay(stdscr, TRUE);
    draw(snprintf(lines[0], SNAPSHOT_WIDTH, "waiting for the first snapshot") > 0);
    while (!err && getch() != 'q') {
        err = snapshot_next(stats, &s, 200, &got);
        silent_ms = got ? 0 : silent_ms + 200;
        if (!err && got)
            draw(snapshot_lines(s, lines));
        if (silent_ms == PATIENCE_MS) {
            snprintf(lines[0], SNAPSHOT_WIDTH, "no snapshot for %d s: is the broker gone?",
                     PATIENCE_MS / 1000);
            draw(1);
        }
    }
    endwin();
    return err;
}

/* The first snapshot, or why there was none. */
static enum err once(struct snapshots *stats)
{
    const struct msg_stats *s;
    bool got;
    enum err err = snapshot_next(stats, &s, PATIENCE_MS, &got);

    if (!err && !got)
        return err_set(ERR_IO, "no snapshot within %d s: is it the dashboard port of a broker?",
                       PATIENCE_MS / 1000);
    if (err)
        return err;
    for (int i = 0, n = snapshot_lines(s, lines); i < n; i++)
        puts(lines[i]);
    return OK;
}

static enum err run(const struct command *command, int argc, char **argv, int *status)
{
    struct endpoint_options options = {0};
    struct snapshots *stats = NULL;
    struct endpoint fleet;
    const bool screen = !strcmp(command->name, "top") && isatty(STDOUT_FILENO);
    enum err err = command_conf(endpoint_keys, &options, argc, argv);

    (void)status;
    if (!err)
        err = endpoint_find(&fleet, &options);
    if (!err)
        err = snapshot_open(&stats, &fleet);
    if (!err)
        err = screen ? watch(stats) : once(stats);
    snapshot_close(stats);
    command_conf_free(endpoint_keys, &options);
    return err;
}

const struct command cmd_top = {
    .name = "top",
    .group = "the fleet",
    .usage = "[run=DIR | broker=tcp://HOST:PORT key=FILE]",
    .help = "watch a fleet: who is busy, what waits, how fast",
    .run = run,
    .keys = endpoint_keys,
};
const struct command cmd_top_once = {
    .name = "status",
    .group = "the fleet",
    .usage = "[run=DIR | broker=tcp://HOST:PORT key=FILE]",
    .help = "the same once, as lines",
    .run = run,
    .keys = endpoint_keys,
};
