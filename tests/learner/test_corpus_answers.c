/* Records of the direct methods as token ids: TRL's rules for prompts, lengths and unpairing.
 */
#include "learner/corpus/corpus.h"
#include "learner/corpus/corpus_answers.h"
#include "learner/corpus/corpus_pack.h"
#include "lm/file/model_files.h"
#include "tests/support/test.h"

#include <stdlib.h>
#include <string.h>

static struct model_files *files;

static struct corpus_rule rule_of(int max_length)
{
    return (struct corpus_rule){
        .encode = {files->tokenizer, files->chat, files->chat_error, NULL},
        .eos = "<|im_end|>",
        .text_field = "text",
        .vocab = files->shape.vocab,
        .strict = true,
        .max_length = max_length,
    };
}

static struct dataset *set_of(const char *const *line, size_t n)
{
    struct dataset *set = dataset_new(NULL, 0);
    const int file = dataset_name_file(set, "rows.jsonl");

    for (size_t i = 0; i < n; i++) {
        json_t *row = json_loads(line[i], 0, NULL);

        assert_non_null(row);
        assert_ok(dataset_push(set, row, file, (long)i + 1));
        json_decref(row);
    }
    return set;
}

typedef enum err reader(struct corpus **, const struct dataset *, const struct corpus_rule *,
                        const char *);

static struct corpus *read_rows(reader *read, const char *const *line, size_t n,
                                const struct corpus_rule *rule)
{
    struct dataset *set = set_of(line, n);
    struct corpus *corpus;

    assert_ok(read(&corpus, set, rule, "training"));
    dataset_free(set);
    return corpus;
}

/* The text of a sequence, with what is learnt in brackets. */
static char *shown(const struct corpus *c, size_t seq)
{
    static char out[4096];
    size_t n = 0;
    int last = 0;

    for (size_t i = c->seq[seq]; i <= c->seq[seq + 1]; i++) {
        const int learn = i < c->seq[seq + 1] && c->learn[i] == 1;
        size_t bytes = 0;
        const char *piece =
            i < c->seq[seq + 1] ? tokenizer_piece(files->tokenizer, c->token[i], &bytes) : "";
        if (learn != last)
            out[n++] = learn ? '[' : ']';
        last = learn;
        memcpy(out + n, piece, bytes);
        n += bytes;
    }
    out[n] = 0;
    return out;
}

static const char *const two[] = {
    "{\"prompt\": \"the cat\", \"chosen\": \" sat on\", \"rejected\": \" in the hen\"}",
    "{\"chosen\": \"why is it?\", \"rejected\": \"why then\", \"weight\": 2, \"tie\": true}",
};

static void a_prompt_is_kept_once(void **state)
{
    struct corpus_rule rule = rule_of(0);
    struct corpus *whole = read_rows(corpus_answers_pairs, two, 2, &rule), *once;
    struct micro_batch packed = {.room = 0};
    const uint32_t record[] = {1, 0};
    (void)state;

    assert_null(whole->shared_prefix);
    assert_string_equal(shown(whole, 0), "the cat[ sat on<|im_end|>]");
    assert_string_equal(shown(whole, 1), "the cat[ in the hen<|im_end|>]");
    assert_string_equal(shown(whole, 3), "why[ then<|im_end|>]");
    rule.share = true;
    once = read_rows(corpus_answers_pairs, two, 2, &rule);
    assert_string_equal(shown(once, 0), "the cat[ sat on<|im_end|>]");
    assert_string_equal(shown(once, 1), "[ in the hen<|im_end|>]");
    assert_non_null(once->shared_prefix);
    assert_int_equal(once->length[0] + once->shared_prefix[0], whole->length[0]);
    assert_ok(corpus_pack(once, record, 2, 0, &packed));
    assert_int_equal(packed.batch.n_seq, 4);
    assert_int_equal(packed.batch.n_prefix[0], 0);
    assert_int_equal(packed.batch.n_prefix[1], once->shared_prefix[1]);
    assert_int_equal(packed.batch.n_prefix[3], once->shared_prefix[0]);
    assert_int_equal(packed.tokens, whole->length[0] + whole->length[1]);
    assert_true(packed.in.seq_weight[0] == 2 && packed.in.seq_weight[2] == 1);
    assert_true(packed.in.seq_soft[0] == .5f && !packed.in.seq_margin && !packed.in.target);
    micro_batch_free(&packed);
    corpus_free(whole);
    corpus_free(once);
}

/* Where an answer's letters merge with the prompt's, both answers begin before that token. */
static void both_answers_begin_at_the_smaller_place(void **state)
{
    static const char *const line[] = {
        "{\"prompt\": \"on th\", \"chosen\": \"e cat\", \"rejected\": \" hen\"}",
        "{\"prompt\": \"on th\", \"chosen\": \" hen\", \"rejected\": \"e cat\"}"};
    const struct corpus_rule rule = rule_of(0);
    struct corpus *c = read_rows(corpus_answers_pairs, line, 2, &rule);
    (void)state;

    assert_string_equal(shown(c, 0), "on[ the cat<|im_end|>]");
    assert_string_equal(shown(c, 1), "on[ th hen<|im_end|>]");
    assert_string_equal(shown(c, 2), "on[ th hen<|im_end|>]");
    assert_string_equal(shown(c, 3), "on[ the cat<|im_end|>]");
    corpus_free(c);
}

/* Cut on the right; out when the prompt fills the length. */
static void lengths_are_trls(void **state)
{
    struct corpus_rule rule = rule_of(0);
    struct corpus *c = read_rows(corpus_answers_pairs, two, 1, &rule);
    const size_t prompt = c->length[0];
    struct dataset *set;
    (void)state;

    corpus_free(c);
    for (int most = 1; most <= (int)prompt; most++) {
        struct corpus *cut = NULL;
        enum err err;
        rule = rule_of(most);
        rule.share = most % 2;
        set = set_of(two, 1);
        err = corpus_answers_pairs(&cut, set, &rule, "training");
        dataset_free(set);
        if (err) { /* nothing left */
            assert_null(cut);
            continue;
        }
        assert_int_equal(cut->n, 1);
        assert_true(cut->seq[1] <= (size_t)most);
        assert_true(cut->seq[2] - cut->seq[1] +
                        (cut->shared_prefix ? cut->shared_prefix[0] : 0) <=
                    (size_t)most);
        assert_true(cut->learn[cut->seq[1] - 1] == 1 && cut->learn[cut->seq[2] - 1] == 1);
        corpus_free(cut);
    }
}

/* TRL learns all that follows the prompt; our own key what the assistant says, on both sides
 * alike, with all that the template writes behind it. */
static void an_answer_of_several_turns_is_learnt_whole(void **state)
{
    static const char *const line[] = {
        "{\"prompt\": [{\"role\": \"system\", \"content\": \"Hi\"}, {\"role\": \"user\", "
        "\"content\": \"why\"}], \"chosen\": [{\"role\": \"assistant\", \"content\": "
        "\"call\"}, "
        "{\"role\": \"tool\", \"content\": \"305\"}, {\"role\": \"assistant\", \"content\": "
        "\"it is\"}], \"rejected\": [{\"role\": \"assistant\", \"content\": \"no\"}]}"};
    struct corpus_rule rule = rule_of(0);
    struct corpus *c = read_rows(corpus_answers_pairs, line, 1, &rule);
    (void)state;

    assert_non_null(strstr(shown(c, 0), "[call<|im_end|>\n<|im_start|>tool\n305"));
    assert_string_equal(strchr(shown(c, 1), '['), "[no<|im_end|>\n]");
    corpus_free(c);
    rule.assistant_only = true;
    c = read_rows(corpus_answers_pairs, line, 1, &rule);
    assert_string_equal(strchr(shown(c, 0), '['),
                        "[call<|im_end|>\n]<|im_start|>tool\n305<|im_end|>\n"
                        "<|im_start|>assistant\n[it is<|im_end|>\n]");
    assert_string_equal(strchr(shown(c, 1), '['), "[no<|im_end|>\n]");
    corpus_free(c);
}

/* A token lies across the border between opening and words: to a template without marks it is
 * the opening's, where its first byte is; marks are read as transformers reads them. */
static void a_token_across_a_border_has_one_side(void **state)
{
    static const char *const line[] = {
        "{\"prompt\": [{\"role\": \"user\", \"content\": \"on\"}], \"chosen\": [{\"role\": "
        "\"assistant\", \"content\": \"e cat\"}], \"rejected\": [{\"role\": "
        "\"assistant\", \"content\": \"en hen\"}]}"};
    static const struct {
        const char *text, *chosen;
    } row[] = {{"{% for m in messages %}{{ (' th' if m.role == 'assistant') ~ m.content }}"
                "{% endfor %}{{ ' th' if add_generation_prompt }}",
                "on the[ cat]"},
               {"{% for m in messages %}{% if m.role == 'user' %}{{ m.content }}{% else %} th"
                "{% generation %}{{ m.content }}{% endgeneration %}{% endif %}{% endfor %}"
                "{{ ' th' if add_generation_prompt }}",
                "on[ the cat]"}};
    (void)state;

    for (size_t i = 0; i < 2; i++) {
        struct corpus_rule rule = rule_of(0);
        struct corpus *c;
        struct chat *chat;

        assert_ok(chat_open(&chat, row[i].text, NULL));
        rule.encode.chat = chat;
        rule.assistant_only = true;
        c = read_rows(corpus_answers_pairs, line, 1, &rule);
        assert_string_equal(shown(c, 0), row[i].chosen);
        corpus_free(c);
        chat_free(chat);
    }
}

static size_t prompt_of(const struct corpus *c, size_t record)
{
    size_t n = 0;

    while (!c->learn[c->seq[record] + n])
        n++;
    return n;
}

/* All chosen, then all rejected; answers rotate inside blocks of three. */
static void pairs_come_apart_as_trl_takes_them(void **state)
{
    static const char *const line[] = {
        "{\"prompt\": \"a\", \"chosen\": \" cat\", \"rejected\": \" hen\"}",
        "{\"prompt\": \"in\", \"completion\": \" 12\", \"label\": false, \"weight\": 0.5}",
        "{\"prompt\": \"on\", \"chosen\": \" sat\", \"rejected\": \" thin\"}",
    };
    static const char *const want[] = {"a[ cat<|im_end|>]", "in[ 12<|im_end|>]",
                                       "on[ sat<|im_end|>]", "a[ hen<|im_end|>]",
                                       "on[ thin<|im_end|>]"};
    static const int labels[] = {1, 0, 1, 0, 0};
    static const uint32_t partner[] = {2, 0, 1, 4, 3};
    struct corpus_rule rule = rule_of(0);
    struct micro_batch packed = {.room = 0};
    const uint32_t record[] = {4, 3};
    struct corpus *c;
    (void)state;

    rule.block = 3;
    c = read_rows(corpus_answers_labelled, line, 3, &rule);
    assert_int_equal(c->n, 5);
    for (size_t i = 0; i < 5; i++) {
        assert_string_equal(shown(c, i), want[i]);
        assert_int_equal(c->label[i], labels[i]);
        assert_int_equal(c->partner[i], partner[i]);
    }
    assert_true(c->weight[1] == .5f && c->weight[0] == 1);
    assert_ok(corpus_pack_mismatched(c, record, 2, &packed));
    assert_int_equal(packed.batch.n_seq, 2);
    for (int i = 0; i < packed.seq[1]; i++) { /* "on", then " hen" */
        const size_t on = prompt_of(c, 4), a = prompt_of(c, 3), at = (size_t)i;
        assert_int_equal(packed.token[i], at < on ? c->token[c->seq[4] + at]
                                                  : c->token[c->seq[3] + a + at - on]);
        assert_int_equal(packed.learn[i], at >= on);
    }
    assert_int_equal((size_t)packed.seq[1] - prompt_of(c, 4), c->length[3] - prompt_of(c, 3));
    micro_batch_free(&packed);
    corpus_free(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_prompt_is_kept_once),
        cmocka_unit_test(both_answers_begin_at_the_smaller_place),
        cmocka_unit_test(lengths_are_trls),
        cmocka_unit_test(an_answer_of_several_turns_is_learnt_whole),
        cmocka_unit_test(a_token_across_a_border_has_one_side),
        cmocka_unit_test(pairs_come_apart_as_trl_takes_them),
    };
    int status;

    if (model_files_open(&files, GOLDEN, MODEL_FILES_META))
        return 1;
    status = cmocka_run_group_tests_name("corpus_answers", tests, NULL, NULL);
    model_files_free(files);
    return status;
}
