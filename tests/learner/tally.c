#include "tests/learner/tally.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

void tally_put(struct tally *tally, const char *name, double value, bool good)
{
    struct tally_row *row = tally->row;

    while (row < tally->row + tally->rows && strcmp(row->name, name) != 0)
        row++;
    if (row == tally->row + tally->rows) {
        assert(tally->rows < TALLY_ROWS);
        tally->rows++;
        *row = (struct tally_row){.name = name};
    }
    assert(row->n < TALLY_SEEDS);
    row->value[row->n++] = value;
    row->good += good;
}

/* Half the width of the 95 % interval of a mean; 0 of one figure. */
static double half(const double *value, int n, double mean)
{
    static const double t[TALLY_SEEDS] = {
        0,     12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228,
        2.201, 2.179,  2.160, 2.145, 2.131, 2.120, 2.110, 2.101, 2.093, 2.086}; /* n - 1 */
    double square = 0;

    for (int i = 0; i < n; i++)
        square += (value[i] - mean) * (value[i] - mean);
    return n > 1 ? t[n - 1] * sqrt(square / (n - 1) / n) : 0;
}

static void tell(const char *name, const double *value, int n)
{
    double mean = 0, width;

    printf("%-44s", name);
    for (int i = 0; i < n; i++) {
        printf(" %6.3f", value[i]);
        mean += value[i] / n;
    }
    width = half(value, n, mean);
    if (n > 1)
        printf("  mean %.3f [%.3f, %.3f]", mean, mean - width, mean + width);
}

int tally_tell(const struct tally *tally)
{
    int wrong = 0;

    for (const struct tally_row *row = tally->row; row < tally->row + tally->rows; row++) {
        const bool bad = row->good * 5 < row->n * 4;
        tell(row->name, row->value, row->n);
        printf("  %d of %d%s\n", row->good, row->n, bad ? " WRONG" : "");
        wrong += bad;
    }
    return wrong;
}

static const struct tally_row *find(const struct tally *tally, const char *name)
{
    for (int i = 0; i < tally->rows; i++)
        if (!strcmp(tally->row[i].name, name))
            return &tally->row[i];
    return NULL;
}

void tally_between(const struct tally *tally, const char *a, const char *b)
{
    const struct tally_row *const x = find(tally, a), *const y = find(tally, b);
    double d[TALLY_SEEDS];
    char name[96];

    if (!x || !y || x->n != y->n)
        return;
    for (int i = 0; i < x->n; i++)
        d[i] = x->value[i] - y->value[i];
    snprintf(name, sizeof name, "%s - %s", a, b);
    tell(name, d, x->n);
    printf("\n");
}
