#ifndef CLI_CONVERT_SURVEY_LINKS_H
#define CLI_CONVERT_SURVEY_LINKS_H

#include <stddef.h>

struct survey;

/*
 * Determines which of its images a Dockerfile gets from another one here: `links`, `guesses`, `shadows` and `is_base`.
 * Call it for all indices in turn; links never form a cycle. A base whose owner is the project or a variable
 * ("${NAMESPACE}/base") is made here; one of another owner ("acme/base"), or whose variable has no value, may be.
 */
void survey_set_links(struct survey *survey, size_t number);

#endif
