/* How: a row a model, best first: its name, its interval as a line with the rating as a dot, rank
 * and rating as words. The axis is the rating's, with ticks at round numbers. One file without
 * script, link or font of its own: colours follow the reader's light or dark page. Names are
 * others': they become printable, are cut to what has room, and escaped. */

#include "ratings/leaderboard.h"

#include "base/printable.h"
#include "base/strbuf.h"

#include <math.h>
#include <stdlib.h>

enum {
    WIDTH = 900,
    LEFT = 260,  /* where the axis begins */
    RIGHT = 700, /* and ends */
    TOP = 64,
    STEP = 26, /* a row */
    TICKS = 6,
    NAME_BYTES = 120,
    NAME_SEEN = 34, /* characters that have room */
};

struct axis {
    double low, high, step;
};

/* The smallest of 1, 2, 5 times a power of ten that makes no more than TICKS. */
static double round_step(double span)
{
    const double rough = span / TICKS, power = pow(10, floor(log10(rough)));

    return rough <= power       ? power
           : rough <= 2 * power ? 2 * power
           : rough <= 5 * power ? 5 * power
                                : 10 * power;
}

/* All that is drawn has room. */
static struct axis axis_of(const struct leaderboard *b)
{
    struct axis axis = {INFINITY, -INFINITY, 0};

    for (int i = 0; i < b->votes->models; i++) {
        const struct leaderboard_row *r = &b->row[i];
        const bool wide = isfinite(r->rating_low) && isfinite(r->rating_high);
        axis.low = fmin(axis.low, wide ? r->rating_low : r->rating);
        axis.high = fmax(axis.high, wide ? r->rating_high : r->rating);
    }
    axis.step = round_step(fmax(axis.high - axis.low, 1));
    axis.low = axis.step * floor(axis.low / axis.step);
    axis.high = axis.step * ceil(fmax(axis.high, axis.low + axis.step / 2) / axis.step);
    return axis;
}

static double x_of(const struct axis *axis, double rating)
{
    return LEFT + (RIGHT - LEFT) * (rating - axis->low) / (axis->high - axis->low);
}

/* Cut between characters, which continuation bytes are not. */
static void put_name(struct strbuf *to, const char *name)
{
    char text[NAME_BYTES * 4];
    int seen = 0;

    printable_copy(text, sizeof text, name);
    for (const char *at = text; *at; at++) {
        if (((unsigned char)*at & 0xC0) != 0x80 && ++seen > NAME_SEEN) {
            strbuf_print(to, "…");
            return;
        }
        strbuf_put_markup(to, at, 1);
    }
}

/* The title is what a screen reader says of the picture. */
static void put_head(struct strbuf *to, const struct leaderboard *b, int height)
{
    strbuf_print(to,
                 "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\" "
                 "viewBox=\"0 0 %d %d\" role=\"img\">\n",
                 WIDTH, height, WIDTH, height);
    strbuf_print(to, "<title>%d models by %s, %d votes and rankings</title>\n",
                 b->votes->models, leaderboard_models[b->conf.model],
                 (int)(b->votes->n + b->votes->rankings));
    strbuf_print(
        to, "<style>\n"
            "svg { background: #fff; font: 13px sans-serif; }\n"
            "text { fill: #222; } .soft { fill: #666; } .grid { stroke: #ddd; }\n"
            ".line { stroke: #2a6f97; stroke-width: 2.5; } .dot { fill: #14496b; }\n"
            "@media (prefers-color-scheme: dark) {\n"
            "svg { background: #181a1b; } text { fill: #e8e6e3; } .soft { fill: #a8a39b; }\n"
            ".grid { stroke: #3a3d3e; } .line { stroke: #61a5c2; } .dot { fill: #a9d6e5; }\n"
            "}\n</style>\n");
}

/* A grid line and a number at each step; above them what the picture is of. */
static void put_axis(struct strbuf *to, const struct leaderboard *b, const struct axis *axis)
{
    const int bottom = TOP + STEP * b->votes->models;
    const long ticks = lround((axis->high - axis->low) / axis->step);

    strbuf_print(to, "<text x=\"16\" y=\"28\" font-size=\"16\">Ratings: %s%s</text>\n",
                 leaderboard_models[b->conf.model], b->conf.arena ? ", as arena-rank" : "");
    strbuf_print(to,
                 "<text class=\"soft\" x=\"%d\" y=\"28\" text-anchor=\"end\">%zu votes%s%.3g%s"
                 "</text>\n",
                 WIDTH - 16, b->votes->n + b->votes->rankings,
                 b->conf.model == FITTED_ELO ? "; order-dependent, k " : "; intervals: ",
                 b->conf.model == FITTED_ELO ? b->conf.k : 100 * b->conf.level,
                 b->conf.model == FITTED_ELO ? "" : " %");
    for (long i = 0; i <= ticks; i++) {
        const double at = axis->low + (double)i * axis->step, x = x_of(axis, at);
        strbuf_print(
            to,
            "<line class=\"grid\" x1=\"%.1f\" y1=\"%d\" x2=\"%.1f\" y2=\"%d\"/>"
            "<text class=\"soft\" x=\"%.1f\" y=\"%d\" text-anchor=\"middle\">%g</text>\n",
            x, TOP - 8, x, bottom, x, bottom + 18, at);
    }
}

/* Without an interval, of Elo or of one cluster, the dot stands alone. */
static void put_row(struct strbuf *to, const struct leaderboard *b, int i,
                    const struct axis *axis)
{
    const struct leaderboard_row *r = &b->row[i];
    const double y = TOP + STEP * (i + 0.5);
    const bool wide = isfinite(r->rating_low) && isfinite(r->rating_high);

    strbuf_print(to, "<text x=\"%d\" y=\"%.1f\" text-anchor=\"end\">", LEFT - 14, y + 4);
    put_name(to, b->votes->model[r->model]);
    strbuf_print(to, "</text>");
    if (wide)
        strbuf_print(to,
                     "<line class=\"line\" x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\"/>",
                     x_of(axis, r->rating_low), y, x_of(axis, r->rating_high), y);
    strbuf_print(to, "<circle class=\"dot\" cx=\"%.1f\" cy=\"%.1f\" r=\"4\"/>",
                 x_of(axis, r->rating), y);
    strbuf_print(to, "<text x=\"%d\" y=\"%.1f\">%.0f", RIGHT + 20, y + 4, r->rating);
    if (wide)
        strbuf_print(to, "<tspan class=\"soft\"> ±%.0f</tspan>", r->rating_high - r->rating);
    strbuf_print(to, "</text><text class=\"soft\" x=\"%d\" y=\"%.1f\" text-anchor=\"end\">",
                 WIDTH - 16, y + 4);
    if (r->rank_low && r->rank_low != r->rank_high)
        strbuf_print(to, "rank %d–%d", r->rank_low, r->rank_high);
    else
        strbuf_print(to, "rank %d", r->rank_low ? r->rank_low : i + 1);
    strbuf_print(to, "</text>\n");
}

/* As high as there are models: nobody is left out of a picture that says it is of all. */
char *leaderboard_svg(const struct leaderboard *b)
{
    const int height = TOP + STEP * b->votes->models + 36;
    struct strbuf to = {.n = 0};
    struct axis axis;

    if (b->why)
        return NULL;
    axis = axis_of(b);
    put_head(&to, b, height);
    put_axis(&to, b, &axis);
    for (int i = 0; i < b->votes->models; i++)
        put_row(&to, b, i, &axis);
    strbuf_print(&to, "</svg>\n");
    return to.text;
}
