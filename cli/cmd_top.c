/* drover top, status: what a fleet does now.
 *
 * How it works: one subscription (snapshot.c) and two ways to show it. top draws each
 * snapshot (top_screen.c says what) with ncurses and asks the keyboard five times a second; where
 * standard output is no terminal, and for status, the first snapshot is printed as lines. A
 * broker that says nothing for PATIENCE_MS is told of: a screen that stands still looks like
 * a fleet that does. */
#include "base/mem.h"
#include "cli/command.h"
#include "cli/snapshot.h"
#include "cli/top_screen.h"

#include <langinfo.h>
#include <locale.h>
#include <ncurses.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { PATIENCE_MS = 4000, STEP_MS = 200 };

static char lines[SNAPSHOT_LINES][SNAPSHOT_WIDTH];
static struct top_line drawn[TOP_SCREEN_LINES];

/* On the terminal's own background, whatever that is. */
static void colours(void)
{
    static const short of[TOP_COLOURS] = {
        [TOP_GOOD] = COLOR_GREEN, [TOP_WARN] = COLOR_YELLOW, [TOP_BAD] = COLOR_RED};

    if (!has_colors())
        return;
    start_color();
    use_default_colors();
    for (short i = TOP_GOOD; i < TOP_COLOURS; i++)
        init_pair(i, of[i], -1);
}

/* Where there are no colours what is wrong is bold. */
static attr_t look(enum top_colour colour)
{
    if (colour == TOP_TITLE)
        return A_REVERSE;
    if (colour == TOP_PLAIN)
        return A_NORMAL;
    return has_colors() ? COLOR_PAIR(colour) : colour == TOP_GOOD ? A_NORMAL : A_BOLD;
}

/* The screen as it is now: after a snapshot, a key, or another size of the terminal. */
static void draw(const struct msg_stats *s, struct top_view *view)
{
    int n;

    view->height = LINES;
    view->width = COLS;
    n = top_screen(s, view, drawn);
    erase();
    for (int i = 0; i < n; i++) {
        /* The keys' line is the last one, also where the table is short. */
        const int y = i == n - 1 ? LINES - 1 : i;

        attrset((int)look(drawn[i].colour));
        mvaddstr(y, 0, drawn[i].text); /* it ends at the edge */
    }
    attrset(A_NORMAL);
    refresh();
}

/* One line instead of a fleet. */
static void draw_words(const char *words)
{
    erase();
    mvaddnstr(0, 0, words, COLS - 1);
    mvaddnstr(LINES - 1, 0, "q quits", COLS - 1);
    refresh();
}

/* ncurses' numbers are not this program's: letters are the same in both. */
static int meaning(int key)
{
    switch (key) {
    case KEY_UP:
        return TOP_UP;
    case KEY_DOWN:
        return TOP_DOWN;
    case KEY_PPAGE:
        return TOP_PAGE_UP;
    case KEY_NPAGE:
        return TOP_PAGE_DOWN;
    case KEY_HOME:
        return TOP_HOME;
    case KEY_END:
        return TOP_END;
    default:
        return key;
    }
}

/* All keys that have come; false: to end. */
static bool obey(struct top_view *view, bool *again)
{
    int key;

    while ((key = getch()) != ERR) {
        if (key == 'q')
            return false;
        *again |= key == KEY_RESIZE || top_screen_key(view, meaning(key));
    }
    return true;
}

/* Keys are not waited for, and not written into the screen. */
static void begin(void)
{
    initscr();
    cbreak();
    noecho();
    keypad(stdscr, TRUE);
    curs_set(0);
    nodelay(stdscr, TRUE);
    colours();
    draw_words("waiting for the first snapshot");
}

/* May the terminal be written blocks to? Its locale says so; numbers stay as they are. */
static bool blocks(void)
{
    return setlocale(LC_CTYPE, "") && !strcmp(nl_langinfo(CODESET), "UTF-8");
}

/* Until q. Errors end curses first, or their words would be lost with the screen. */
static enum err watch(struct snapshots **stats, struct endpoint *fleet)
{
    const struct msg_stats *s = NULL;
    struct curves *curves = mem_new(1, sizeof *curves);
    struct top_view view = {.sort = 'h', .ascii = !blocks(), .curves = curves};
    int silent_ms = 0;
    bool got, again = false;
    enum err err = OK;

    begin();
    while (!err && obey(&view, &again)) {
        got = false;
        if (*stats)
            err = snapshot_next(*stats, &s, STEP_MS, &got);
        else
            napms(STEP_MS);
        silent_ms = got ? 0 : silent_ms + STEP_MS;
        if (!err && got && s)
            curves_take(curves, s);
        if (!err && s && silent_ms < PATIENCE_MS && (got || again))
            draw(s, &view);
        again = false;
        if (silent_ms < PATIENCE_MS)
            continue;
        draw_words(
            "no snapshot for 4 s: the broker is gone, stopped, or the line to it is cut");
        s = NULL;
        silent_ms = 0;
        if (snapshot_again(stats, fleet)) /* another key or address; or it is told why not */
            draw_words(err_text());
    }
    endwin();
    free(curves);
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
        err = screen ? watch(&stats, &fleet) : once(stats);
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
