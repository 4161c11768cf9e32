/* fuzz_repo: any bytes as a hub's listing, as a data set's card over the files that it names, and as
 * a name of a repository. */
#include "base/repo.h"
#include "data/card.h"
#include "data/glob.h"
#include "hfhub/listing.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

/* No name and no path that is taken may lead out of where it is put. */
static void check_name(const char *text)
{
    char name[REPO_NAME], revision[REPO_NAME];

    if (!repo_parts(text, name, revision))
        return;
    if (strstr(name, "..") || *name == '/' || *name == '.' || strchr(name, ':') ||
        strstr(revision, "..") || *revision == '/')
        abort();
}

static void check_listing(const char *text, size_t n)
{
    struct repo repo = {.kind = REPO_DATASET};

    if (listing_read(&repo, text, n, "fuzz"))
        return;
    for (size_t i = 0; i < repo.n; i++)
        if (*repo.file[i].path == '/' || !strncmp(repo.file[i].path, "../", 3) ||
            strstr(repo.file[i].path, "/../") || strchr(repo.file[i].blob, '/'))
            abort();
    listing_free(&repo);
}

static void check_card(const char *text, size_t n)
{
    static const char *const path[] = {"README.md",
                                       "data/a-00000-of-00002.parquet",
                                       "data/a-00001-of-00002.parquet",
                                       "en/train.jsonl",
                                       "test/1.csv",
                                       "valid-2.json.gz"};
    struct card_question q = {.name = "fuzz", .path = path, .n = 6, .split = "train"};
    struct card_answer answer;
    json_t *card;

    if (card_read(&card, text, n, "fuzz"))
        return;
    q.card = card;
    for (int asked = 0; asked < 2; asked++) {
        q.config = asked ? "en" : NULL;
        if (card_files(&answer, &q))
            continue;
        for (size_t i = 0; i < answer.n; i++)
            if (answer.at[i] >= q.n)
                abort();
        card_answer_free(&answer);
    }
    json_decref(card);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    char *text = malloc(n + 1);

    if (!text)
        return 0;
    memcpy(text, bytes, n);
    text[n] = 0;
    check_name(text);
    check_listing(text, n);
    check_card(text, n);
    if (n < 300)
        (void)glob_match(text, "data/train-00000-of-00001.parquet");
    free(text);
    return 0;
}
