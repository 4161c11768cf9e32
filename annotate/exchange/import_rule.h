/* import_rule: how files are to be read, and what became of them. */

#ifndef ANNOTATE_EXCHANGE_IMPORT_RULE_H
#define ANNOTATE_EXCHANGE_IMPORT_RULE_H

#include <stdbool.h>
#include <stddef.h>

struct import_rule {
    const char *format;    /* NULL or "auto": told by the columns; a name of data/format.h;
                               label_studio, argilla, arena, csv */
    bool verdicts;         /* judgements too; off: items alone, to be judged anew */
    bool lenient;          /* bad rows are counted and left out */
    const char *annotator; /* whose the verdicts are where a row does not say; NULL: "import" */
    const char *prompt;    /* label_studio, argilla: the field; NULL: prompt, instruction,
                               question, input or text, the first that is there */
    const char *candidates; /* label_studio, argilla: fields, "a,b"; NULL: all that remain */
    const char *question;   /* label_studio, argilla: its name; NULL: any that says which */
};

struct import_count {
    size_t rows, items, judgements; /* read; added */
    size_t again;                   /* items or judgements that were there */
    size_t unjudged; /* annotations without a verdict: skipped, cancelled, discarded, drafts */
    size_t alone;    /* unpaired answers without one to be compared with */
    size_t bad;
    char first[320]; /* of the first bad one, why */
};

#endif
