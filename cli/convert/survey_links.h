#ifndef CLI_CONVERT_SURVEY_LINKS_H
#define CLI_CONVERT_SURVEY_LINKS_H

#include <stddef.h>

struct survey;

/*
 * Which of its images one Dockerfile gets from another one here: `links`, `guesses`, `shadows` and `is_base`. To be called for one number
 * after the other; links never form a circle. A base that has the project or a variable for its owner ("${NAMESPACE}/base") is
 * made here; one of another owner ("acme/base"), or whose variable has no value, may be.
 */
void survey_set_links(struct survey *survey, size_t number);

#endif
