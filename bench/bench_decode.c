/* bench_decode: tokens a second of generation and scoring on a random model of SmolLM2-135M's
 * shape (the weights' values do not matter to the time): what has a peer in decode_torch.py and llama_peer.py.
 *
 *     bench_decode [layers, default 30] [new tokens, default 64] [a precision] [rounds, 1 to 5]
 *
 * Decode: n samples of one 128-token prompt at a time, prefill included and also shown apart.
 * Scoring: 8 sequences of 256 tokens. Medians of the rounds (phase.h). */

#include "bench/phase.h"

#include "lm/kernel/isa.h"

#include <omp.h>
#include <stdio.h>
#include <stdlib.h>

enum { PROMPT = 128, SEQS = 8, SEQ = 256 };

static enum err run(const struct subject *subject, int fresh, int rounds)
{
    struct phase p[2];
    enum err err = OK;

    printf("%s, %d threads\n", isa_current()->name, omp_get_max_threads());
    /* 1, 8, 32: a chat, an actor's usual slots, as many as fill the register tiles. */
    for (int batch = 1; !err && batch <= 32; batch = batch == 1 ? 8 : batch * 4) {
        err =
            phase_decode(p, subject, &(struct phase_plan){batch, PROMPT, fresh, rounds, false});
        if (!err)
            printf("decode batch %2d: %7.1f tokens/s; prefill of %d tokens %.1f ms\n", batch,
                   p[1].tokens / phase_seconds(&p[1]), PROMPT, phase_seconds(&p[0]) * 1e3);
        fflush(stdout);
    }
    if (!err)
        err = phase_score(p, subject, &(struct phase_plan){SEQS, SEQ, 0, rounds, false});
    if (!err)
        printf("score %d x %d: %7.1f tokens/s\n", SEQS, SEQ, p[0].tokens / phase_seconds(p));
    return err;
}

int main(int argc, char **argv)
{
    const int layers = argc > 1 ? (int)strtol(argv[1], NULL, 10) : 30;
    const int rounds = argc > 4 ? (int)strtol(argv[4], NULL, 10) : ROUNDS;
    enum precision compute;
    struct subject subject;
    enum err err = precision_named(&compute, argc > 3 ? argv[3] : NULL);

    if (!err && (rounds < 1 || rounds > ROUNDS))
        err = err_set(ERR_RANGE, "rounds: 1 to %d", ROUNDS);
    if (!err)
        err = subject_open(&subject, "smollm2-135m", layers, compute);
    if (!err) {
        err = run(&subject, argc > 2 ? (int)strtol(argv[2], NULL, 10) : 64, rounds);
        subject_close(&subject);
    }
    if (err)
        fprintf(stderr, "%s\n", err_text());
    return err != OK;
}
