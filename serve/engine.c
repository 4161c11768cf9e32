/* A turn of the compute thread: under the lock it looks for requests whose clients are gone and
 * gives free slots to waiting answers; then, without the lock, it scores
 * a piece of one prompt and decodes one token of every slot. Tokens and ends come back through the
 * generator's events, which take the lock for the moment of writing them down.
 *
 * A request's answers are jobs of the generator with the request as their owner: task = number of
 * the prompt, sample = number of the answer, which with the seed is all that a draw depends on.
 * So many requests have a task 0; what is dropped is dropped by owner. Whoever waits is woken by
 * its beginning and each token if it streams, else at the end.
 *
 * Weights may change while it runs (edition.h). A request is given the newest edition when the first
 * of its answers gets a slot, or the first of its prompts is scored, and keeps it; a step is made of
 * each edition that is in use, over the slots of its own requests. So none waits for another's end.
 *
 * Gone clients: a connection that waits is not read by the HTTP library, so the socket is looked
 * at from here, four times a second: a peer that closed its end frees its slots. */

#include "serve/engine.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "serve/prompt_score.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

enum { LOOK_MS = 250 };

struct engine {
    pthread_mutex_t lock;
    pthread_cond_t come; /* work, for a thread that has none */
    const struct ask_model *model;
    struct edition *newest;
    struct generate *generate;
    struct prompt_score *score;
    struct job *first; /* inside, in the order in which they came */
    int jobs, queue, slots;
    bool ending;
    int64_t looked_ms;
};

enum err engine_new(struct engine **out, const struct ask_model *model,
                    const struct edition_conf *first, int slots, int queue)
{
    const struct shape *shape = &model->loaded->files->shape;
    struct engine *e = mem_new(1, sizeof *e);
    enum err err;

    *out = NULL;
    e->model = model;
    e->slots = slots;
    e->queue = queue;
    edition_add(&e->newest, first);
    pthread_mutex_init(&e->lock, NULL);
    pthread_cond_init(&e->come, NULL);
    /* All that serving will need, now: a request cannot fail for want of memory for the model. */
    err = generate_new(&e->generate, shape, slots, model->length,
                       model->loaded->encode.tokenizer);
    if (!err)
        generate_ahead(e->generate, model->ahead);
    if (!err)
        err = prompt_score_new(&e->score, shape, model->length);
    if (err)
        engine_free(e);
    else
        *out = e;
    return err;
}

void engine_free(struct engine *e)
{
    if (!e)
        return;
    generate_free(e->generate);
    prompt_score_free(e->score);
    edition_sweep(&e->newest, true);
    pthread_cond_destroy(&e->come);
    pthread_mutex_destroy(&e->lock);
    free(e);
}

void engine_lock(struct engine *e)
{
    pthread_mutex_lock(&e->lock);
}

void engine_unlock(struct engine *e)
{
    pthread_mutex_unlock(&e->lock);
}

void engine_renew(struct engine *e, const struct edition_conf *newer)
{
    engine_lock(e);
    edition_add(&e->newest, newer);
    edition_sweep(&e->newest, false);
    engine_unlock(e);
}

int engine_editions(struct engine *e)
{
    int n;

    engine_lock(e);
    n = edition_count(e->newest);
    engine_unlock(e);
    return n;
}

void engine_edition(struct engine *e, char name[EDITION_NAME])
{
    engine_lock(e);
    memcpy(name, e->newest->name, EDITION_NAME);
    engine_unlock(e);
}

bool engine_ending(const struct engine *e)
{
    return e->ending;
}

bool engine_take(struct engine *e, struct job *job)
{
    struct job **at = &e->first;

    if (e->ending || e->jobs >= e->queue)
        return false;
    while (*at)
        at = &(*at)->next;
    *at = job;
    job->next = NULL;
    job->inside = true;
    e->jobs++;
    pthread_cond_signal(&e->come);
    return true;
}

/* The compute thread may be in the middle of a step with it: its next turn frees it. */
void engine_leave(struct engine *e, struct job *job)
{
    (void)e;
    if (job->inside)
        job->gone = true;
    else
        job_free(job);
}

static void wake(struct job *job)
{
    if (!job->waiting || job->gone)
        return;
    job->waiting = false;
    job->wake(job);
}

/* From here on one edition answers it. With the lock. */
static void begin(struct engine *e, struct job *job)
{
    if (job->begun)
        return;
    job->begun = true;
    job->edition = e->newest;
    job->edition->jobs++;
    memcpy(job->version, job->edition->name, sizeof job->version);
    if (job->ask.stream)
        wake(job); /* whose head says which */
}

/* One line a request, where the weights change. */
static void tell(const struct job *job)
{
    if (*job->version && !job->failed)
        log_info("answered", "request=%s version=%s tokens=%d", job->id, job->version,
                 job_completion_tokens(job));
    else if (*job->version)
        log_info("failed", "request=%s version=%s reason=\"%s\"", job->id, job->version,
                 job->failed);
}

/* Out of the list; its slots are free. Compute thread, with the lock, between steps. */
static void release(struct engine *e, struct job *job)
{
    struct job **at = &e->first;

    if (!job->failed && !job->gone)
        begin(e, job); /* no token was wanted of it */
    if (job->edition)
        job->edition->jobs--;
    job->edition = NULL;
    tell(job);
    while (*at != job)
        at = &(*at)->next;
    *at = job->next;
    e->jobs--;
    job->inside = false;
    generate_drop(e->generate, job);
    edition_sweep(&e->newest, false);
    if (job->gone)
        job_free(job);
    else
        wake(job);
}

static void fail(struct engine *e, struct job *job, const char *words)
{
    if (!job->failed)
        job->failed = mem_text(words);
    release(e, job);
}

/* ---- what the generator tells, within a step */

static struct choice *choice_of(struct job *job, uint64_t task, int sample)
{
    return &job->choice[(int)task * job->ask.n + sample];
}

static void on_token(void *self, const struct generate_token *token)
{
    struct engine *e = self;
    struct job *job = token->owner;

    engine_lock(e);
    choice_add(choice_of(job, token->task, token->sample), &job->ask,
               e->model->loaded->encode.tokenizer, token);
    if (job->ask.stream)
        wake(job);
    engine_unlock(e);
}

static void on_done(void *self, const struct generate_done *done)
{
    struct engine *e = self;
    struct job *job = done->owner;

    engine_lock(e);
    choice_end(choice_of(job, done->task, done->sample), &job->ask, done->finish);
    job->left--;
    if (job->ask.stream)
        wake(job);
    engine_unlock(e);
}

/* ---- a turn */

/* A socket whose other end was closed reads as ended; one without news has nothing to read. */
static bool hung_up(int socket)
{
    char byte;
    const ssize_t n = socket < 0 ? 1 : recv(socket, &byte, 1, MSG_PEEK | MSG_DONTWAIT);

    return n == 0 || (n < 0 && errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR);
}

static void look(struct engine *e, int64_t now_ms)
{
    struct job *next;
    const bool peek = now_ms - e->looked_ms >= LOOK_MS;

    for (struct job *job = e->first; job; job = next) {
        next = job->next;
        if (job->gone || job_done(job))
            release(e, job);
        else if (peek && hung_up(job->socket))
            fail(e, job, "the client went away");
    }
    if (peek)
        e->looked_ms = now_ms;
}

/* Those that need a slot. */
static int answers_of(const struct job *job)
{
    return job->ask.sampling.max_new && !job_at_once(job) ? job->ask.prompts * job->ask.n : 0;
}

/* Slots that the job has now. */
static int held(const struct job *job)
{
    return job->admitted - (answers_of(job) - job->left);
}

/* What the generator is told of prompt i. */
static struct generate_job job_of(const struct engine *e, struct job *job, int i)
{
    struct generate_job one = {.seed = job->ask.seed,
                               .task = (uint64_t)i,
                               .prompt = job->ask.prompt[i].ids,
                               .n_prompt = job->ask.prompt[i].n,
                               .sampling = job->ask.sampling,
                               .top = job->ask.top,
                               .owner = job,
                               .model = job->edition->model};

    one.sampling.max_new = ask_most(&job->ask, e->model, i);
    return one;
}

/* The answers of `job` that have no slot yet, as far as there is room, and it has not `most`. */
static enum err admit(struct engine *e, struct job *job, int most)
{
    enum err err = OK;

    while (!err && job->admitted < answers_of(job) && held(job) < most &&
           generate_room(e->generate)) {
        const int sample = job->admitted % job->ask.n;
        const int left = job->ask.n - sample, room = generate_room(e->generate);
        struct generate_job one;
        int n = left < room ? left : room;

        begin(e, job);
        one = job_of(e, job, job->admitted / job->ask.n);

        n = n < most - held(job) ? n : most - held(job);
        one.sample = sample;
        one.n = n;
        job->admitted += n;
        err = generate_admit(e->generate, &one);
    }
    return err;
}

/* First each its share, in the order of coming, then what is left to whoever came first: so one
 * request of a thousand answers has all slots while it is alone, and another waits for one of
 * these answers to end, not for all. */
static void admit_all(struct engine *e)
{
    struct job *next;
    int wanting = 0;

    for (struct job *job = e->first; job; job = job->next)
        wanting += answers_of(job) && job->left;
    for (int round = 0; round < 2 && wanting; round++) {
        const int share = e->slots / wanting > 1 ? e->slots / wanting : 1;

        for (struct job *job = e->first; job && generate_room(e->generate); job = next) {
            next = job->next;
            if (admit(e, job, round ? e->slots : share))
                fail(e, job, err_text()); /* what ask_read let through the engine did not */
        }
    }
}

/* The request whose prompts are scored next: one that is in the middle of a prompt, which has the
 * cache, else the one that has had the fewest. They take turns with decoding. */
static struct job *to_score(const struct engine *e)
{
    struct job *found = NULL;

    for (struct job *job = e->first; job; job = job->next) {
        if (!job_scores(job) || job->scored == job->ask.prompts)
            continue;
        if (job->scored_at)
            return job;
        if (!found || job->scored < found->scored)
            found = job;
    }
    return found;
}

/* One token behind prompt i, for each of its answers. */
static enum err draw(struct engine *e, struct job *job, int i)
{
    const struct generate_job one = job_of(e, job, i);
    const struct sampling *sampling = &job->ask.sampling;
    struct sample_top best[SAMPLE_TOPS];
    struct generate_token token;
    enum err err = OK;

    for (int k = 0; k < job->ask.n && !err; k++) {
        enum finish finish = FINISH_LENGTH;

        err = prompt_score_draw(e->score, &one, k, &token, best);
        if (err)
            break;
        for (int s = 0; s < sampling->n_stop; s++)
            if (sampling->stop[s] == token.token)
                finish = FINISH_STOP;
        engine_lock(e);
        choice_add(choice_of(job, (uint64_t)i, k), &job->ask,
                   e->model->loaded->encode.tokenizer, &token);
        choice_end(choice_of(job, (uint64_t)i, k), &job->ask, finish);
        job->left--;
        engine_unlock(e);
    }
    return err;
}

/* Without the lock: nobody else writes what is written here, and who reads it waits until its
 * prompt is counted as scored. */
static void score(struct engine *e, struct job *job)
{
    const int i = job->scored, n = job->ask.prompt[i].n;
    const int vocab = e->model->loaded->files->shape.vocab;
    struct job_prompt *to = &job->prompt[i];
    enum err err = prompt_score_piece(e->score, job->edition->model, job->ask.prompt[i].ids, n,
                                      &job->scored_at, to->logprob, to->top, job->ask.top);

    if (!err && job->scored_at == n && job_at_once(job))
        err = draw(e, job, i);
    engine_lock(e);
    job->tops = job->ask.top < vocab ? job->ask.top : vocab;
    if (job->scored_at == n) {
        job->scored++;
        job->scored_at = 0;
    }
    if (err)
        fail(e, job, err_text());
    else if (job->ask.stream)
        wake(job);
    engine_unlock(e);
}

/* A step that failed has no tokens for anybody: whoever had a slot is told why. */
static void step_of(struct engine *e, const struct edition *edition)
{
    const struct generate_events events = {on_done, on_token, e};
    struct job *next;

    if (!generate_step(e->generate, edition->model, &events, NULL))
        return;
    log_error("serve", "failed=\"%s\"", err_text());
    engine_lock(e);
    for (struct job *job = e->first; job; job = next) {
        next = job->next;
        if (job->edition == edition && generate_owned(e->generate, job))
            fail(e, job, err_text());
    }
    engine_unlock(e);
}

/* One token of every slot. The list is this thread's to change. A failed step may sweep away the
 * edition itself, but no older one: `older` is read first. */
static void step(struct engine *e)
{
    struct edition *older;

    for (const struct edition *one = e->newest; one; one = older) {
        older = one->older;
        step_of(e, one);
    }
}

static void wait_for_work(struct engine *e)
{
    const int64_t until_ms = clock_wall_ms() + LOOK_MS;
    const struct timespec until = {.tv_sec = (time_t)(until_ms / 1000),
                                   .tv_nsec = (long)(until_ms % 1000) * 1000000};

    pthread_cond_timedwait(&e->come, &e->lock, &until);
}

void engine_run(struct engine *e, const volatile sig_atomic_t *end, int64_t drain_ms,
                void (*tick)(void *self, int64_t now_ms), void *self)
{
    int64_t until_ms = INT64_MAX, ticked_ms = 0;
    bool more = true;

    while (more) {
        struct job *job;
        const int64_t now_ms = clock_mono_ms();
        bool idle;

        if (now_ms - ticked_ms >= LOOK_MS) {
            tick(self, now_ms);
            ticked_ms = now_ms;
        }
        engine_lock(e);
        if (*end && !e->ending) {
            e->ending = true;
            until_ms = now_ms + drain_ms;
        }
        if (*end > 1)
            until_ms = now_ms;
        look(e, now_ms);
        while (now_ms >= until_ms && e->first)
            fail(e, e->first, "the server ends");
        admit_all(e);
        job = to_score(e);
        if (job)
            begin(e, job);
        idle = !job && generate_room(e->generate) == e->slots;
        more = !e->ending || e->first;
        if (idle && more)
            wait_for_work(e);
        engine_unlock(e);
        if (job)
            score(e, job);
        if (!idle)
            step(e);
    }
}
