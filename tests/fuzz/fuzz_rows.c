/* fuzz_rows: any bytes as a file of records: lines, a document, packed or not, CSV with commas and
 * with tabs; rows that are OpenAssistant's messages become trees (data/threads), and those what a
 * trainer learns from. The file has no name, so its form is told by its bytes alone. */
#define _GNU_SOURCE /* memfd_create */

#include "data/csv.h"
#include "data/format.h"
#include "data/rows.h"
#include "data/threads.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

enum { ROWS = 1000 }; /* a run may say more than anybody waits for */

/* A reader that goes on for ever, or after what it calls an end, is a fault. */
static void stop(const char *what)
{
    fprintf(stderr, "fuzz_rows: %s\n", what);
    abort();
}

/* What a trainer makes of it: words, where it makes nothing. */
static void learnt(const json_t *row, enum format format)
{
    struct format_rule rule = format_usual();
    json_t *records = json_array();

    rule.format = format;
    if (format_rows(records, row, &rule) && !*err_text())
        stop("an error without words");
    json_decref(records);
}

static void trees(struct threads *threads, size_t taken)
{
    size_t trees = 0;
    json_t *tree;
    long line;

    while ((tree = threads_next(threads, &line))) {
        if (++trees > taken)
            stop("more trees than messages");
        learnt(tree, FORMAT_OASST);
        json_decref(tree);
    }
    if (trees + threads_astray(threads) > taken)
        stop("more messages than came");
}

static void rows(const char *path)
{
    struct threads *threads = threads_new();
    struct rows *file;
    size_t taken = 0;
    enum err err = rows_open(&file, path);

    for (int i = 0; !err && i < ROWS; i++) {
        json_t *row = NULL;

        err = rows_next(file, &row);
        if (!err && !row)
            break;
        if (!err && threads_message(row) && !threads_take(threads, row, rows_line(file)))
            taken++;
        if (!err)
            learnt(row, FORMAT_AUTO);
        json_decref(row);
        if (err == ERR_PARSE) /* the next goes on behind it */
            err = OK;
    }
    rows_close(file);
    trees(threads, taken);
    threads_free(threads);
}

static void table(const char *path, char separator)
{
    struct csv *file;
    enum err err = csv_open(&file, path, separator);

    for (int i = 0; !err && i < ROWS; i++) {
        json_t *row = NULL;

        err = csv_next(file, &row);
        if (!err && !row)
            break;
        json_decref(row);
        if (err == ERR_PARSE)
            err = OK;
    }
    csv_close(file);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    const int fd = memfd_create("rows", MFD_CLOEXEC);
    char path[64];

    if (fd < 0 || write(fd, bytes, n) != (ssize_t)n)
        stop("no memory for the file");
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    rows(path);
    table(path, ',');
    table(path, '\t');
    close(fd);
    return 0;
}
