#ifndef CLI_DOC_USAGE_H
#define CLI_DOC_USAGE_H

#include "base/buf.h"

struct command;
struct option;
struct topic;

/* Help as text, from the tables of commands, options, topics and of the manifest's keys. */

void help_summary(struct buf *out, const struct command *commands);
void help_command(struct buf *out, const struct command *command);
void help_topic(struct buf *out, const struct topic *topic);
void help_options(struct buf *out);  /* all of them */
void help_manifest(struct buf *out); /* every key */

/* "-j, --jobs=N" */
void help_option_name(struct buf *out, const struct option *option);

#endif
