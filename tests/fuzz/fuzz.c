/* fuzz: feeds a libFuzzer target with seeds and mutations of them, for compilers that have no
 * libFuzzer of their own.
 *
 *     fuzz_gguf [--seconds S] [--seed N] [--case I] FILE-OR-FOLDER...
 *
 * Case I of seed N is a pure function of the corpus: a crash names it, and --case runs it
 * alone. Without --seconds, $DROVER_FUZZ_SECONDS or 3. */

#include "base/clock.h"
#include "base/fs.h"
#include "base/mem.h"
#include "base/rng.h"

#include <dirent.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);
void __sanitizer_set_death_callback(void (*callback)(void)) __attribute__((weak));

enum { LONGEST = 1 << 20, CHANGES = 8 };

struct input {
    char *bytes;
    size_t n;
};

static struct {
    struct input *input;
    size_t n;
} corpus;
static volatile uint64_t running;
static uint64_t seed = 1;

static void tell(void)
{
    char line[80];
    const int n = snprintf(line, sizeof line, "\nfuzz: --seed %" PRIu64 " --case %" PRIu64 "\n",
                           seed, running);

    if (write(2, line, (size_t)n) < 0)
        _exit(1);
}

static void on_signal(int number)
{
    tell();
    signal(number, SIG_DFL);
    raise(number);
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

/* Files in name order, so that a case is the same on every machine. */
static void load(const char *path)
{
    struct dirent **entry;
    struct input input;

    if (fs_is_dir(path)) {
        const int n = scandir(path, &entry, NULL, by_name);
        for (int i = 0; i < n; i++) {
            char *inner = mem_print("%s/%s", path, entry[i]->d_name);
            if (entry[i]->d_name[0] != '.')
                load(inner);
            free(inner);
            free(entry[i]);
        }
        if (n >= 0)
            free(entry);
        return;
    }
    if (fs_read(&input.bytes, &input.n, path, LONGEST)) {
        fprintf(stderr, "fuzz: %s\n", err_text());
        exit(2);
    }
    corpus.input = mem_grow(corpus.input, corpus.n + 1, sizeof input);
    corpus.input[corpus.n++] = input;
}

static uint64_t interesting(uint32_t which)
{
    static const uint64_t values[] = {
        0,          1,
        2,          7,
        8,          9,
        31,         32,
        63,         64,
        127,        128,
        255,        256,
        4095,       4096,
        32767,      65535,
        65536,      INT32_MAX,
        UINT32_MAX, 1ull << 32,
        INT64_MAX,  1ull << 63,
        UINT64_MAX, UINT64_MAX - 31,
    };

    return values[which % (sizeof values / sizeof *values)];
}

/* Where to change: mostly in the front, where headers are. */
static size_t place(uint32_t word, size_t n)
{
    const size_t front = word & 1 ? n : n < 4096 ? n : 4096;

    return (word >> 1) % (front ? front : 1);
}

static void change(uint8_t *bytes, size_t *n, const uint32_t w[4])
{
    const size_t at = place(w[1], *n);
    const uint64_t value = interesting(w[2]);
    const size_t width = (size_t)1 << (w[3] % 4), left = *n - at, take = w[2] % 64;

    if (!*n)
        return;
    switch (w[0] % 8) {
    case 0:
    case 1:
        bytes[at] ^= (uint8_t)(1u << (w[2] % 8));
        break;
    case 2:
        bytes[at] = (uint8_t)w[2];
        break;
    case 3:
    case 4:
        memcpy(bytes + at, &value, width < left ? width : left);
        break;
    case 5:
        *n = at;
        break;
    case 6: /* take out */
        memmove(bytes + at, bytes + at + (take < left ? take : left),
                left - (take < left ? take : left));
        *n -= take < left ? take : left;
        break;
    default: /* put in a copy of what stands elsewhere */
        if (take <= left && *n + take <= LONGEST) {
            memmove(bytes + at + take, bytes + at, left);
            *n += take;
        }
    }
}

static void run_case(uint64_t number)
{
    static uint8_t work[LONGEST];
    uint32_t w[4];
    const struct input *input;
    uint8_t *exact;
    size_t n, changes;

    rng_words(w, seed, RNG_TEST, number, 0, 0);
    input = &corpus.input[w[0] % corpus.n];
    n = input->n;
    memcpy(work, input->bytes, n);
    changes = number < corpus.n ? 0 : 1 + w[1] % CHANGES;
    if (!changes) {
        input = &corpus.input[number];
        n = input->n;
        memcpy(work, input->bytes, n);
    }
    for (size_t i = 0; i < changes; i++) {
        rng_words(w, seed, RNG_TEST, number, (uint32_t)i, 1);
        change(work, &n, w);
    }
    exact = mem_new(n, 1); /* so that a byte too far is seen */
    memcpy(exact, work, n);
    running = number;
    LLVMFuzzerTestOneInput(exact, n);
    free(exact);
}

static double seconds = 3;
static int64_t only = -1;

static void read_arguments(int argc, char **argv)
{
    const char *given = getenv("DROVER_FUZZ_SECONDS");

    if (given)
        seconds = strtod(given, NULL);
    for (int a = 1; a < argc; a++) {
        if (!strcmp(argv[a], "--seconds") && a + 1 < argc)
            seconds = strtod(argv[++a], NULL);
        else if (!strcmp(argv[a], "--seed") && a + 1 < argc)
            seed = strtoull(argv[++a], NULL, 10);
        else if (!strcmp(argv[a], "--case") && a + 1 < argc)
            only = strtoll(argv[++a], NULL, 10);
        else
            load(argv[a]);
    }
}

int main(int argc, char **argv)
{
    uint64_t i = 0;
    int64_t end;

    read_arguments(argc, argv);
    if (!corpus.n) {
        fprintf(stderr, "fuzz: no seeds given\n");
        return 2;
    }
    if (__sanitizer_set_death_callback)
        __sanitizer_set_death_callback(tell);
    else
        signal(SIGSEGV, on_signal);
    signal(SIGABRT, on_signal);
    if (only >= 0)
        run_case((uint64_t)only);
    end = clock_mono_ms() + (int64_t)(seconds * 1000);
    for (; only < 0 && (i < corpus.n || clock_mono_ms() < end); i++)
        run_case(i);
    printf("fuzz: %" PRIu64 " cases of seed %" PRIu64 ", %zu seeds, %zu MB at most\n", i, seed,
           corpus.n, mem_peak() >> 20);
    for (size_t k = 0; k < corpus.n; k++)
        free(corpus.input[k].bytes);
    free(corpus.input);
    return 0;
}
