/* Made by the thread that serves HTTP, filled by the one that computes (engine.c). An ask whose
 * max_new is 0 has answers without tokens, which are done from the start; what remains of it is
 * the scoring of its prompts. */

#include "serve/job.h"

#include "base/mem.h"

#include <sodium.h>
#include <stdlib.h>

struct job *job_new(struct ask_request *ask, int64_t wall_ms)
{
    struct job *job = mem_new(1, sizeof *job);
    unsigned char random[JOB_ID / 2];
    int answers;

    job->ask = *ask;
    *ask = (struct ask_request){.chat = false};
    answers = job->ask.prompts * job->ask.n;
    job->choice = mem_new((size_t)answers, sizeof *job->choice);
    job->left = job->ask.sampling.max_new ? answers : 0;
    job->created_s = wall_ms / 1000;
    job->socket = -1;
    randombytes_buf(random, sizeof random);
    sodium_bin2hex(job->id, sizeof job->id, random, sizeof random);
    for (int i = 0; i < answers && !job->left; i++)
        choice_end(&job->choice[i], &job->ask, FINISH_LENGTH);
    if (!job_scores(job))
        return job;
    job->prompt = mem_new((size_t)job->ask.prompts, sizeof *job->prompt);
    for (int i = 0; i < job->ask.prompts; i++) {
        const size_t n = (size_t)job->ask.prompt[i].n;

        job->prompt[i].logprob = mem_new(n, sizeof(float));
        job->prompt[i].top = mem_new(n * (size_t)job->ask.top + 1, sizeof(struct sample_top));
    }
    return job;
}

void job_free(struct job *job)
{
    if (!job)
        return;
    for (int i = 0; i < job->ask.prompts * job->ask.n; i++)
        choice_free(&job->choice[i]);
    for (int i = 0; i < job->ask.prompts && job->prompt; i++) {
        free(job->prompt[i].logprob);
        free(job->prompt[i].top);
    }
    free(job->choice);
    free(job->prompt);
    free(job->failed);
    ask_free(&job->ask);
    free(job);
}

bool job_scores(const struct job *job)
{
    return job->ask.echo && job->ask.logprobs;
}

/* Stop strings would need the engine's look at them; who asks for one token rarely has any. */
bool job_at_once(const struct job *job)
{
    const struct sampling *s = &job->ask.sampling;

    return job_scores(job) && s->max_new == 1 && !s->stop_text_count;
}

bool job_done(const struct job *job)
{
    return !job->left && (!job_scores(job) || job->scored == job->ask.prompts);
}

int job_completion_tokens(const struct job *job)
{
    int n = 0;

    for (int i = 0; i < job->ask.prompts * job->ask.n; i++)
        n += job->choice[i].n;
    return n;
}

int job_prompt_tokens(const struct job *job)
{
    int n = 0;

    for (int i = 0; i < job->ask.prompts; i++)
        n += job->ask.prompt[i].n;
    return n;
}
